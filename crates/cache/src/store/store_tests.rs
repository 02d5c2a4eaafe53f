use std::fs;
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use message::{Fields, HeaderValue, StatusCode, header};
use tempfile::TempDir;

use super::*;
use crate::policy::rules::Rules;
use crate::policy::vary::Selecting;
use crate::store::quota::weight;

fn open(change: impl FnOnce(&mut Config)) -> (TempDir, Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path());
    change(&mut config);
    let store = Store::open(&config).unwrap();
    (dir, Arc::new(store))
}

fn key(path: &str) -> CacheKey {
    CacheKey::parse(&format!("http://a{path}")).unwrap()
}

fn head(etag: &'static str, seconds: u64) -> StoredResponse {
    let mut fields = Fields::new();
    fields.set(header::ETAG, HeaderValue::from_static(etag));
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    StoredResponse::new(StatusCode::OK, fields, Selecting::default(), at, at, &Rules::default())
}

async fn put(store: &Arc<Store>, path: &str, content: &'static str) -> Arc<Entry> {
    let content = Bytes::from_static(content.as_bytes());
    store.put(key(path), content, head("\"1\"", 0), || true).await.unwrap()
}

async fn ids(store: &Arc<Store>, path: &str) -> Vec<u64> {
    store.lookup(&key(path)).await.iter().map(|entry| entry.id).collect()
}

#[tokio::test]
async fn what_can_not_be_recorded_is_not_kept_and_the_next_is() {
    let (dir, store) = open(|_| {});
    store.flush().await; // the first look at the quota is over
    store.index.fail();
    put(&store, "/x", "content").await;
    store.flush().await;
    assert!(ids(&store, "/x").await.is_empty());
    assert!(!dir.path().join("a").exists());
    assert_eq!(store.used(), 0);
    put(&store, "/x", "content").await;
    store.flush().await;
    assert_eq!(ids(&store, "/x").await.len(), 1);
    assert_eq!(store.index.records("http://a/x").unwrap().len(), 1);
}

#[tokio::test]
async fn what_can_not_be_unrecorded_is_gone_all_the_same() {
    let (dir, store) = open(|_| {});
    put(&store, "/x", "content").await;
    store.flush().await;
    store.index.fail();
    store.remove(key("/x")).await;
    store.flush().await;
    assert!(!dir.path().join("a").exists());
    assert!(ids(&store, "/x").await.is_empty(), "its record is without a body");
}

#[tokio::test]
async fn what_is_removed_does_not_come_back_out_of_the_index() {
    let (_dir, store) = open(|config| config.memory = 0);
    put(&store, "/x", "content").await;
    store.flush().await;
    store.remove(key("/x")).await;
    assert!(ids(&store, "/x").await.is_empty(), "the index may have it still");
    store.flush().await;
    assert!(ids(&store, "/x").await.is_empty());
    assert!(store.index.records("http://a/x").unwrap().is_empty());
    assert_eq!(store.used(), 0);
}

#[tokio::test]
async fn only_the_one_that_was_meant_is_discarded() {
    let (_dir, store) = open(|_| {});
    let old = put(&store, "/x", "old").await;
    let new = put(&store, "/x", "new").await;
    store.discard(key("/x"), &old).await;
    assert_eq!(ids(&store, "/x").await, [new.id]);
    assert!(store.is_there(&new) && !store.is_there(&old));
    store.discard(key("/x"), &new).await;
    assert!(ids(&store, "/x").await.is_empty());
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_not_published() {
    let (dir, store) = open(|_| {});
    let outcome = store.put(key("/x"), Bytes::from_static(b"x"), head("\"1\"", 0), || false).await;
    assert!(matches!(outcome, Err(Unstored::Obsolete)));
    assert!(!dir.path().join("a").exists());
    assert_eq!(fs::read_dir(dir.path().join(".sockets/tmp")).unwrap().count(), 0);
    assert_eq!(store.used(), 0);
}

#[tokio::test]
async fn a_new_head_is_written_when_it_says_something_new_and_now_and_then() {
    let (_dir, store) = open(|_| {});
    let mut entry = put(&store, "/x", "content").await;
    store.flush().await;
    for (etag, seconds, persisted) in
        [("\"1\"", 5, 0), ("\"1\"", 10, 10), ("\"1\"", 19, 10), ("\"2\"", 19, 19), ("\"2\"", 20, 19)]
    {
        entry = store.refresh(&key("/x"), &entry, head(etag, seconds)).await;
        store.flush().await;
        let (_, record) = store.index.records("http://a/x").unwrap().pop().unwrap();
        let written = Record::decode(&record).unwrap().response(&Rules::default()).unwrap().received_at;
        assert_eq!(written, SystemTime::UNIX_EPOCH + Duration::from_secs(persisted), "{etag} {seconds}");
    }
    assert_eq!(ids(&store, "/x").await, [entry.id]);
}

#[tokio::test]
async fn a_new_head_for_what_is_not_stored_any_more_is_not_stored() {
    let (_dir, store) = open(|config| config.memory = 0);
    let entry = put(&store, "/x", "content").await;
    store.flush().await;
    // Not in memory, but in the index.
    let entry = store.refresh(&key("/x"), &entry, head("\"2\"", 20)).await;
    store.flush().await;
    let found = store.lookup(&key("/x")).await;
    assert_eq!(found[0].response.received_at, entry.response.received_at);
    store.remove(key("/x")).await;
    store.refresh(&key("/x"), &entry, head("\"3\"", 40)).await;
    store.flush().await;
    assert!(ids(&store, "/x").await.is_empty());
}

#[tokio::test]
async fn variants_are_bounded_and_the_oldest_goes() {
    let (dir, store) = open(|_| {});
    for number in 0..20_u64 {
        let mut request = Fields::new();
        request.set(header::ACCEPT, HeaderValue::from(number));
        let mut response = head("\"1\"", number);
        let mut vary = Fields::new();
        vary.set(header::VARY, HeaderValue::from_static("accept"));
        response.selecting = Selecting::of(&vary, &request).unwrap();
        store.put(key("/x"), Bytes::from_static(b"x"), response, || true).await.unwrap();
    }
    store.flush().await;
    let variants = store.lookup(&key("/x")).await;
    let mut received: Vec<_> = variants.iter().map(|entry| entry.response.received_at).collect();
    received.sort();
    let expected: Vec<_> = (12..20).map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s)).collect();
    assert_eq!(received, expected);
    assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), usize::from(VARIANTS_MAX));
    assert_eq!(store.used(), 8 * weight(1));
}

#[tokio::test]
async fn a_full_cache_makes_room_and_a_cache_full_of_drafts_does_not() {
    let (_dir, store) = open(|config| config.size = 256 * 4096);
    for number in 0..400 {
        put(&store, &format!("/{number}"), "content").await;
        assert!(store.quota.taken() <= 256 * 4096);
    }
    // The index takes its part, which may become smaller.
    store.flush().await;
    let bodies = 256 * 4096 - (store.quota.taken() - store.used());
    let half = store.begin(Some(bodies / 2)).await.unwrap();
    let other = store.begin(Some(bodies / 2 - 4096)).await.unwrap();
    assert!(matches!(store.begin(Some(bodies / 2)).await, Err(Unstored::NoRoom)));
    drop((half, other));
    assert!(store.begin(Some(1)).await.is_ok());
    assert!(matches!(store.begin(Some(256 * 4096 + 1)).await, Err(Unstored::TooLarge)));
}

/// A draft of `length` bytes in which the bytes from `start` to `end` are `x`.
async fn part(store: &Arc<Store>, length: u64, start: u64, end: u64) -> (Draft, Spans) {
    let mut draft = store.begin(Some(1)).await.unwrap().into_draft(store).await.unwrap();
    draft.file().set_len(length).unwrap();
    draft.file().write_all_at(&vec![b'x'; usize::try_from(end - start).unwrap()], start).unwrap();
    let present = Spans::from_iter(std::iter::once(start..end));
    store.extend(&mut draft, on_disk(&present)).await.unwrap();
    (draft, present)
}

#[tokio::test]
async fn section_3_3_a_part_is_kept_weighs_what_it_takes_and_is_found_after_a_restart() {
    let (dir, store) = open(|_| {});
    let (draft, present) = part(&store, 1 << 30, 1_000_000, 1_010_000).await;
    store.keep(key("/x"), draft, head("\"1\"", 0), present.clone(), || true).await.unwrap();
    store.flush().await;
    assert!(!dir.path().join("a").exists(), "nobody takes it for the whole");
    assert_eq!(store.used(), on_disk(&present));
    drop(store);
    let store = Arc::new(Store::open(&Config::new(dir.path())).unwrap());
    assert_eq!(store.used(), on_disk(&present));
    let found = store.lookup(&key("/x")).await;
    assert_eq!((found[0].size(), found[0].present.as_ref()), (1 << 30, Some(&present)));
    assert!(store.content(&found[0], SystemTime::UNIX_EPOCH).unwrap().is_some());
}

#[tokio::test]
async fn a_part_that_is_taken_out_is_kept_again_or_published_or_gone() {
    let (dir, store) = open(|_| {});
    for turn in 0..3 {
        let (draft, present) = part(&store, 20_000, 0, 5000).await;
        let entry = store.keep(key("/x"), draft, head("\"1\"", 0), present.clone(), || true).await.unwrap();
        let mut draft = store.withdraw(key("/x"), &entry).await.unwrap().unwrap();
        assert!(ids(&store, "/x").await.is_empty());
        assert!(store.withdraw(key("/x"), &entry).await.unwrap().is_none(), "only once");
        store.flush().await;
        assert_eq!(store.used(), on_disk(&present));
        match turn {
            0 => drop(draft),
            1 => drop(store.keep(key("/x"), draft, head("\"1\"", 0), present, || true).await.unwrap()),
            _ => {
                store.extend(&mut draft, 20_000).await.unwrap();
                drop(store.publish(key("/x"), draft, head("\"1\"", 0), || true).await.unwrap());
            }
        }
        store.flush().await;
        assert_eq!(ids(&store, "/x").await.len(), turn.min(1));
        assert_eq!(store.used(), [0, 8192, 20_480][turn]);
        store.remove(key("/x")).await;
        store.flush().await;
        assert_eq!(store.used(), 0);
    }
    assert!(!dir.path().join(".sockets/parts").exists(), "empty directories go");
}

/// A response that may not be stored is asked for as often as any other.
#[tokio::test]
async fn that_nothing_is_stored_is_known_without_the_index_until_something_is() {
    let (_dir, store) = open(|_| {});
    assert!(store.resident(&key("/x")).is_none(), "only the index could know");
    assert!(ids(&store, "/x").await.is_empty());
    assert!(store.resident(&key("/x")).is_some_and(|variants| variants.is_empty()));
    let entry = put(&store, "/x", "content").await;
    assert_eq!(ids(&store, "/x").await, [entry.id]);
    store.flush().await;
    store.remove(key("/x")).await;
    store.flush().await;
    assert!(ids(&store, "/x").await.is_empty());
}

#[tokio::test]
async fn a_part_does_not_take_the_place_of_a_whole_that_is_as_new() {
    let (_dir, store) = open(|_| {});
    let whole = put(&store, "/x", "content").await;
    let (draft, present) = part(&store, 20_000, 0, 5000).await;
    let kept = store.keep(key("/x"), draft, head("\"1\"", 0), present, || true).await;
    assert!(matches!(kept, Err(Unstored::Obsolete)));
    assert_eq!(ids(&store, "/x").await, [whole.id]);
    let (draft, present) = part(&store, 20_000, 0, 5000).await;
    let newer = store.keep(key("/x"), draft, head("\"2\"", 1), present, || true).await.unwrap();
    assert_eq!(ids(&store, "/x").await, [newer.id]);
}
