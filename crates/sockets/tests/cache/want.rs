//! Want of what a cache needs to store: a full disk, a file that may not grow, no descriptor. It costs hits, and
//! never an answer.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use lab::noise;
use tempfile::TempDir;

use crate::cache::town::{did, ok};
use crate::support::origin::{Origin, Reply};
use crate::support::process::{Role, sockets};
use crate::support::until;
use crate::support::wire::{Answer, Head, Wire, request};

/// Objects that clients ask for.
const OBJECTS: usize = 40;

/// A cache that runs under a shell's conditions, before an origin that is sound.
struct Poor {
    origin: Origin,
    cache: Role,
    dir: TempDir,
}

/// From 1 KiB to 4 MiB: three of the largest are all that the small disk has.
fn content(object: usize) -> &'static [u8] {
    static CONTENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let noise = noise(5 << 20);
        (0..OBJECTS).map(|object| noise[object..object + (1024 << (object % 13)) + object].to_vec()).collect()
    });
    &CONTENTS[object]
}

fn reply(asked: &Head) -> Reply {
    let path = asked.line.split(' ').nth(1).unwrap();
    ok(&["Cache-Control: max-age=600"], content(path.trim_start_matches('/').parse().unwrap()))
}

impl Poor {
    /// A cache that is started as `conditions` say: words of a shell before the program, which knows the
    /// cache's directory as `$0`.
    fn new(conditions: &str, args: &[&str]) -> Self {
        let (origin, dir) = (Origin::start(reply), tempfile::tempdir().unwrap());
        let (url, path) = (origin.url("/"), dir.path().to_str().unwrap().to_owned());
        let cache = sockets(
            &[&["cache", "--port", "0", "--bind", "127.0.0.1", "--origin", &url, "--dir", &path], args]
                .concat(),
        );
        let mut shell = Command::new("unshare");
        shell.args(["-rm", "sh", "-c", &format!("{conditions}; exec \"$@\""), &path]);
        shell.arg(cache.get_program()).args(cache.get_args()).env_clear();
        shell.env("PATH", std::env::var_os("PATH").unwrap());
        Self { cache: Role::of(&mut shell), origin, dir }
    }

    /// One whose directory is on a file system of its own.
    fn on_a_disk_of(mebibytes: u32, args: &[&str]) -> Self {
        Self::new(&format!("mount -t tmpfs -o size={mebibytes}m none \"$0\""), args)
    }

    /// The cache's directory as the cache sees it.
    fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.cache.process.id()));
        root.join(self.dir.path().strip_prefix("/").unwrap())
    }

    fn free(&self) -> u64 {
        let state = rustix::fs::statvfs(self.seen()).unwrap();
        state.f_bavail * state.f_frsize
    }

    fn get(&self, object: usize) -> Answer {
        let mut wire = Wire::to(self.cache.address);
        wire.send(request(self.cache.address, &format!("GET /{object} HTTP/1.1"), &[]));
        let answer = wire.answer();
        assert_eq!(answer.status(), "200 OK", "/{object}: {:?}", answer.head);
        assert!(answer.body == content(object), "/{object}: other bytes came: {}", did(&answer));
        answer
    }

    /// So many clients ask for so many objects each, large and small; gives how many of the answers were hits.
    fn crowd(&self, clients: usize, requests: usize) -> usize {
        thread::scope(|scope| {
            let ask = |client: usize| {
                let objects = (0..requests).map(move |count| (client * 7 + count * (client + 1)) % OBJECTS);
                objects.filter(|object| did(&self.get(*object)).starts_with("hit")).count()
            };
            let running: Vec<_> = (0..clients).map(|client| scope.spawn(move || ask(client))).collect();
            running.into_iter().map(|client| client.join().unwrap()).sum()
        })
    }

    /// Waits until it stores.
    fn stores(&self) {
        until("it stores again", || did(&self.get(0)).starts_with("hit").then_some(()));
    }
}

#[test]
fn a_disk_that_is_too_small_costs_hits_and_no_answer() {
    let poor = Poor::on_a_disk_of(12, &[]);
    let hits = poor.crowd(4, 60);
    assert!(hits > 20, "{hits} hits: it stores nothing");
    poor.stores();
    // Nothing half-written stays behind.
    assert_eq!(fs::read_dir(poor.seen().join(".sockets/tmp")).unwrap().count(), 0);
}

#[test]
fn a_disk_that_others_have_filled_is_noticed_and_so_is_that_there_is_room_again() {
    let poor = Poor::on_a_disk_of(12, &[]);
    poor.get(0);
    poor.stores();
    let ballast = poor.seen().join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[b'x'; 4096]).is_ok() {}
    drop(file);
    poor.crowd(4, 30);
    poor.cache.process.says("the cache can't store");
    fs::remove_file(ballast).unwrap();
    poor.stores();
    poor.cache.process.says("the cache stores again");
    let hits = poor.crowd(4, 60);
    assert!(hits > 20, "{hits} hits: it does not store as it did");
}

#[test]
fn what_is_to_be_left_free_is_left_free() {
    let poor = Poor::on_a_disk_of(16, &["--min-free", "8MiB"]);
    for object in (0..OBJECTS).chain(0..OBJECTS) {
        poor.get(object);
        assert!(poor.free() >= 8 << 20, "{} bytes are free after /{object}", poor.free());
    }
    poor.stores();
}

#[test]
fn a_file_that_may_not_grow_costs_hits_and_no_answer() {
    // In blocks of 512 bytes: what is larger than 2 MiB fails in the middle (EFBIG), as on a disk that fails.
    let poor = Poor::new("trap '' XFSZ; ulimit -f 4096", &[]);
    let hits = poor.crowd(4, 40);
    assert!(hits > 10, "{hits} hits: it stores nothing");
    poor.cache.process.says("the cache can't store");
    poor.stores();
}

#[test]
fn want_of_descriptors_costs_hits_and_no_answer() {
    let poor = Poor::new("ulimit -n 100", &[]);
    // Each of these needs a descriptor for its client, one for the origin and one for its file.
    poor.crowd(16, 12);
    poor.stores();
    assert!(!poor.origin.asked().is_empty());
}
