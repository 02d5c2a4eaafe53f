//! A file of more than four gigabytes, through everything: `sockets server`, `sockets cache`, `sockets get`.
//! It arrives whole, and no process needs memory for it.

#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the other end of the wire is the test itself, with plain blocking sockets"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its supports too")]

#[expect(dead_code, reason = "one test needs but a part of what all the others do")]
mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::noise;
use tempfile::TempDir;

use crate::support::process::{Process, Role, sockets};
use crate::support::wire::ask;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// The file, where there is room on the disk for two copies of it and some more.
const LENGTH: u64 = 5 * GIB + 4321;

/// What is tried where there is less: still more than 32 bits can count.
const LENGTH_TIGHT: u64 = 4 * GIB + 64 * MIB + 4321;

/// The most memory that a process may ever have had resident, in KiB.
const RESIDENT_MAX: u64 = 64 * 1024;

/// How long a transfer may take: many times what it takes on a small machine without optimisation.
const LIMIT: Duration = Duration::from_secs(300);

/// The length of a block that is not zero, in bytes.
const MARK: usize = 100_000;

/// Where such blocks are: at the start, in the middle, across what 32 bits can count with a sign and without,
/// behind that, and at the end.
fn marks(length: u64) -> [u64; 6] {
    let mark = u64::try_from(MARK).unwrap();
    [0, length / 2 + 17, 2 * GIB - 5000, 4 * GIB - 5000, 4 * GIB + 32 * MIB + 1, length - mark]
}

/// What is at `mark`: no two are alike.
fn marked(mark: u64) -> Vec<u8> {
    let mut bytes = noise(MARK);
    bytes[..8].copy_from_slice(&mark.to_be_bytes());
    bytes
}

fn make(path: &Path, length: u64) {
    let file = File::create_new(path).unwrap();
    file.set_len(length).unwrap();
    for mark in marks(length) {
        file.write_all_at(&marked(mark), mark).unwrap();
    }
}

/// Checks length and marks, and a sixteenth of what is between them.
fn assert_whole(path: &Path, length: u64) {
    let file = File::open(path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), length, "{}", path.display());
    let mut found = vec![0; MARK];
    for mark in marks(length) {
        file.read_exact_at(&mut found, mark).unwrap();
        assert!(found == marked(mark), "{}: other bytes at {mark}", path.display());
    }
    let (mut sample, zeroes) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let is_unmarked = |at: u64| marks(length).iter().all(|mark| mark.abs_diff(at) > MIB);
    let stride = usize::try_from(MIB).unwrap();
    for at in (0..length - MIB).step_by(stride).filter(|at| is_unmarked(*at)) {
        file.read_exact_at(&mut sample, at).unwrap();
        assert!(sample == zeroes, "{}: not zero after {at}", path.display());
    }
}

/// The most memory that a process has had resident so far, in KiB; `None` when it has ended.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Runs `sockets get`; gives its own peak, in KiB.
fn get(args: &[&str]) -> u64 {
    let begun = Instant::now();
    let process = Process::start(sockets(&["get", "--stall", "60s"]).args(args));
    let mut highest = 0;
    while let Some(now) = peak(process.id()) {
        highest = now;
        assert!(begun.elapsed() < LIMIT, "{args:?}: it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = process.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(highest > 0, "it ended before it could be measured");
    println!("{args:?}: {:?}, {highest} KiB", begun.elapsed());
    highest
}

/// A directory that only this run has, and that holds nothing that a run before, killed, has left; with the
/// lock that says so.
fn home(place: &Path) -> (TempDir, File) {
    let lock = File::create(place.join("big.lock")).unwrap();
    lock.lock().unwrap();
    let _ = fs::remove_dir_all(place.join("big"));
    (tempfile::Builder::new().prefix("big").rand_bytes(0).tempdir_in(place).unwrap(), lock)
}

/// How long the file can be here; `None` where the disk is too full for any.
fn length_here(place: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(place).unwrap();
    let free = disk.f_bavail * disk.f_frsize;
    [LENGTH, LENGTH_TIGHT].into_iter().find(|length| free > 2 * length + 2 * GIB)
}

#[test]
fn five_gigabytes_go_through_server_cache_and_get_in_little_memory() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (home, _lock) = home(place);
    let Some(length) = length_here(place) else {
        println!("not tried: {} has too little room for two files of 4 GiB", place.display());
        return;
    };
    println!("{length} bytes");
    let [files, cached, saved] = ["files", "cached", "saved"].map(|name| home.path().join(name));
    fs::create_dir(&files).unwrap();
    fs::create_dir(&saved).unwrap();
    make(&files.join("big.img"), length);

    let server = Role::start("server", &[&files]);
    let url = server.url("/");
    let cache = Role::start("cache", &["--origin", &url, "--dir", cached.to_str().unwrap()]);
    let first = get(&[&cache.url("/big.img"), "--dir", saved.to_str().unwrap()]);
    let copy = saved.join("big.img");
    assert_whole(&copy, length);
    // Room for nothing else is taken away from others on this disk.
    fs::remove_file(copy).unwrap();
    assert_whole(&cached.join(server.address.to_string()).join("big.img"), length);

    // The same out of the store, and a part of it.
    let second = get(&[&cache.url("/big.img"), "-o", "/dev/null"]);
    for mark in marks(length) {
        let range = format!("Range: bytes={mark}-{}", mark + u64::try_from(MARK).unwrap() - 1);
        let answer = ask(cache.address, "GET /big.img HTTP/1.1", &[&range]);
        assert_eq!(answer.status(), "206 Partial Content");
        assert!(answer.body == marked(mark), "other bytes at {mark}");
    }
    let (server, cache) = (peak(server.process.id()).unwrap(), peak(cache.process.id()).unwrap());
    println!("peak of the server {server} KiB, of the cache {cache} KiB");
    for (name, peak) in [("server", server), ("cache", cache), ("get", first), ("get again", second)] {
        assert!(peak < RESIDENT_MAX, "{name} has had {peak} KiB resident");
    }
}
