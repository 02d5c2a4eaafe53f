//! The process dies, or the disk loses what was written: what is found afterwards is whole, or not there.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::SystemTime;

use message::{Fields, StatusCode};

use super::*;
use crate::store::quota::weight;

/// Set for the process that is to die: the directory it works in.
const VICTIM: &str = "SOCKETS_TEST_VICTIM";

/// Bodies that the victim stores: from empty to a few blocks.
const BODIES: usize = 12;

/// Bytes of disk that it may take, which is less than it stores.
const SIZE: u64 = 512 * 1024;

fn key(number: usize) -> CacheKey {
    CacheKey::parse(&format!("http://a/{number}/x")).unwrap()
}

fn content(number: usize, version: usize) -> Vec<u8> {
    let size = [0, 1, 4096, 65_536, 65_537, 150_000][number % 6];
    let text = format!("body {number} of version {version}; ").into_bytes();
    text.into_iter().cycle().take(size).collect()
}

fn head(version: usize) -> StoredResponse {
    let mut fields = Fields::new();
    fields.set(message::header::ETAG, HeaderValue::try_from(format!("\"{version}\"")).unwrap());
    let at = SystemTime::UNIX_EPOCH;
    let (selecting, rules) = (crate::policy::vary::Selecting::default(), Rules::default());
    StoredResponse::new(StatusCode::OK, fields, selecting, at, at, &rules)
}

fn open(dir: &Path, size: u64) -> Arc<Store> {
    Arc::new(Store::open(&Config { size, ..Config::new(dir) }).unwrap())
}

async fn put(store: &Arc<Store>, number: usize, version: usize) {
    let content = Bytes::from(content(number, version));
    store.put(key(number), content, head(version), || true).await.unwrap();
}

/// What is stored under a key, once it is certain that it is right; `None` if nothing is.
async fn stored(store: &Arc<Store>, number: usize) -> Option<usize> {
    let variants = store.lookup(&key(number)).await;
    let entry = variants.first()?;
    let mut body = store.content(entry, SystemTime::UNIX_EPOCH).unwrap()?.into_stream();
    let mut bytes = Vec::new();
    while let Some(segment) = body.next().await {
        match segment.unwrap() {
            Segment::Bytes(more) => bytes.extend_from_slice(&more),
            Segment::File(slice) => bytes.extend_from_slice(&slice.read_at(0, usize::MAX).unwrap()),
        }
    }
    let etag = entry.response.fields.text(&message::header::ETAG).unwrap().trim_matches('"').to_owned();
    let version = etag.parse().unwrap();
    assert!(bytes == content(number, version), "body {number}: not that of version {version}");
    Some(version)
}

/// Every file below the cache's directory but its own.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            found.push(entry.path());
        } else if entry.file_name() != ".sockets" {
            found.extend(files(&entry.path()));
        }
    }
    found
}

fn size_of(files: &[PathBuf]) -> u64 {
    files.iter().map(|file| weight(fs::metadata(file).unwrap().len())).sum()
}

/// Not a test of its own: what the process does that is to die.
#[tokio::test]
async fn victim() {
    let Some(dir) = std::env::var_os(VICTIM) else { return };
    let store = open(Path::new(&dir), SIZE);
    for version in 0..4 {
        for number in 0..BODIES {
            put(&store, number, version).await;
            if number % 5 == 4 {
                store.remove(key(number - 2)).await;
            }
            // One by one they are recorded, and all at once.
            if version % 2 == 0 {
                store.flush().await;
            }
        }
    }
    store.close().await;
    std::process::exit(0);
}

/// Runs the victim until it dies at a moment that is reached for that many times; whether it came to that.
fn dies(dir: &Path, moment: Moment, times: usize) -> bool {
    let mut victim = Process::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "store::crash_tests::victim", "--test-threads", "1"]);
    victim.env(VICTIM, dir).env("SOCKETS_TEST_DIES", format!("{moment:?} {times}"));
    let ended = victim.output().unwrap();
    match ended.status.code() {
        Some(0) => false,
        None => true,
        Some(_) => panic!("{}", String::from_utf8_lossy(&ended.stdout)),
    }
}

#[tokio::test]
async fn wherever_a_process_dies_what_it_leaves_is_whole_or_not_there_and_nothing_is_uncounted() {
    use Moment::{Applied, Begun, Noted, Placed, Recorded, Settled, Written};
    let (mut deaths, mut found) = (0, 0);
    for moment in [Written, Noted, Placed, Begun, Applied, Recorded, Settled] {
        for times in [0, 1, 3, 7, 12, 20, 33] {
            let dir = tempfile::tempdir().unwrap();
            if !dies(dir.path(), moment, times) {
                continue;
            }
            deaths += 1;
            let store = open(dir.path(), SIZE);
            assert!(size_of(&files(dir.path())) <= SIZE, "{moment:?} {times}: the quota is broken");
            for number in 0..BODIES {
                found += usize::from(stored(&store, number).await.is_some());
            }
            // What is there is led to by a record, and what no record leads to is not there.
            store.flush().await;
            assert_eq!(size_of(&files(dir.path())), store.used(), "{moment:?} {times}");
            for number in 0..BODIES {
                put(&store, number, 9).await;
            }
        }
    }
    assert!(deaths > 35 && found > 100, "{deaths} deaths, {found} bodies found afterwards");
}

/// Writes below the index: something else is in the file, but it looks the same from outside.
fn tear(path: &Path, tear: impl FnOnce(&File, u64)) {
    let before = fs::metadata(path).unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    tear(&file, before.len());
    file.set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), before.len());
}

fn body(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("a/{number}/x"))
}

#[tokio::test]
async fn a_torn_body_is_not_used_after_an_end_that_was_not_clean_and_a_sound_one_is_looked_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1 << 30);
    for number in 0..BODIES {
        put(&store, number, 1).await;
    }
    store.flush().await;
    drop(store);
    // A block that never came to the disk; a bit; the end; a body in the place of another.
    tear(&body(dir.path(), 4), |file, size| {
        file.write_all_at(&vec![0; 4096], size / 2 / 4096 * 4096).unwrap();
    });
    tear(&body(dir.path(), 5), |file, _| file.write_all_at(b"?", 70_000).unwrap());
    tear(&body(dir.path(), 3), |file, size| file.write_all_at(b"?", size - 1).unwrap());
    tear(&body(dir.path(), 10), |file, _| file.write_all_at(&content(4, 1), 0).unwrap());
    let store = open(dir.path(), 1 << 30);
    for number in 0..BODIES {
        let is_torn = [3, 4, 5, 10].contains(&number);
        assert_eq!(stored(&store, number).await, (!is_torn).then_some(1), "body {number}");
        assert_eq!(body(dir.path(), number).exists(), !is_torn, "body {number}");
    }
    assert_eq!((store.tally.damaged.get(), store.tally.proven.get()), (4, 8));
    store.close().await;
    drop(store);
    let store = open(dir.path(), 1 << 30);
    for number in 0..BODIES {
        stored(&store, number).await;
    }
    assert_eq!((store.tally.damaged.get(), store.tally.proven.get()), (0, 0), "none is looked at again");
    assert_eq!(store.used(), size_of(&files(dir.path())));
}

#[tokio::test]
async fn after_a_clean_end_nothing_is_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1 << 30);
    put(&store, 4, 1).await;
    store.close().await;
    drop(store);
    let store = open(dir.path(), 1 << 30);
    assert_eq!(stored(&store, 4).await, Some(1));
    assert_eq!(store.tally.proven.get(), 0);
    // What comes after the end that was announced makes it one that is not clean.
    put(&store, 5, 1).await;
    store.close().await;
    put(&store, 0, 1).await;
    store.flush().await;
    drop(store);
    let store = open(dir.path(), 1 << 30);
    assert_eq!((stored(&store, 4).await, stored(&store, 0).await), (Some(1), Some(1)));
    assert_eq!(store.tally.proven.get(), 2);
}

#[tokio::test]
async fn many_who_ask_for_a_body_in_doubt_have_it_proven_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1 << 30);
    put(&store, 5, 1).await;
    store.flush().await;
    drop(store);
    let store = open(dir.path(), 1 << 30);
    let askers: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { stored(&store, 5).await })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), Some(1));
    }
    assert_eq!(store.tally.proven.get(), 1);
}
