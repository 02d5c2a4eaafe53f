//! The cache is killed, again and again, at moments that nobody chose: what it serves afterwards is whole and
//! of one version, and what it had before it still has.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;

use crate::support::PATIENCE;
use crate::support::origin::{Origin, Reply, response};
use crate::support::process::Role;

/// How often it is killed.
const ROUNDS: u32 = 200;

/// It is killed after at most so many answers.
const ANSWERS: u64 = 24;

/// Clients at the same time.
const CLIENTS: u64 = 4;

/// Files that change, and files that don't.
const CHANGING: usize = 20;
const STABLE: usize = 8;

/// Bytes of a block, each of which tells where it belongs.
const BLOCK: usize = 64;

/// Who the request is from that is counted; those of the crowd are not.
const CHECKING: &str = "checking";

/// An origin whose files have versions.
struct Town {
    origin: Origin,
    versions: Arc<Vec<AtomicU32>>,
    dir: tempfile::TempDir,
}

/// A multiplicative congruential generator (Lehmer's): the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        self.0 % limit
    }
}

/// How many blocks a file has: from a few to some ten thousand, and another number in each version.
fn blocks(file: usize, version: u32) -> usize {
    let sizes = [1, 20, 900, 1100, 5000, 20_000];
    sizes[file % sizes.len()] + usize::try_from(version % 7).unwrap()
}

fn content(file: usize, version: u32) -> Vec<u8> {
    let count = blocks(file, version);
    (0..count).flat_map(|index| block(file, version, index, count)).collect()
}

fn block(file: usize, version: u32, index: usize, count: usize) -> Vec<u8> {
    let text = format!("/{file} version {version}, block {index} of {count} ");
    let mut block = text.into_bytes();
    block.resize(BLOCK - 1, b'.');
    block.push(b'\n');
    block
}

impl Town {
    fn new() -> Self {
        let versions: Arc<Vec<AtomicU32>> =
            Arc::new((0..CHANGING + STABLE).map(|_| AtomicU32::new(1)).collect());
        let current = Arc::clone(&versions);
        let origin = Origin::start(move |asked| {
            let file: usize = asked.line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
            let version = current[file].load(Ordering::SeqCst);
            let tag = format!("\"{version}\"");
            let field = format!("ETag: {tag}");
            if asked.field("if-none-match") == Some(&*tag) {
                return Reply::Keep(format!("HTTP/1.1 304 Not Modified\r\n{field}\r\n\r\n").into_bytes());
            }
            Reply::Keep(response("200 OK", &[&field], &content(file, version)))
        });
        Self { origin, versions, dir: tempfile::tempdir().unwrap() }
    }

    fn cache(&self) -> Role {
        let url = self.origin.url("/");
        Role::start("cache", &["--origin", &url, "--dir", self.dir.path().to_str().unwrap()])
    }

    /// Asks for `file`, whose version is not changed meanwhile; gives whether the stored copy answered.
    fn check(&self, cache: &Role, file: usize) -> bool {
        let before = self.origin.asked().len();
        let answer =
            fetch(cache.address, file, CHECKING).unwrap_or_else(|| panic!("/{file}: no whole answer"));
        let version = version_of(file, &answer);
        assert_eq!(version, self.versions[file].load(Ordering::SeqCst), "/{file}: an old version");
        let mut asked = self.origin.asked().split_off(before);
        // What a killed cache still asked for may come to be read only now.
        asked.retain(|asked| asked.field("from") == Some(CHECKING));
        assert_eq!(asked.len(), 1, "/{file} is validated, or fetched");
        asked[0].field("if-none-match") == Some(&*format!("\"{version}\""))
    }

    /// Clients who fetch all but every fourth file, and change it now and then, until there is no cache; and what
    /// tells of each answer that they get.
    fn crowd(&self, cache: &Role, round: u32) -> (Vec<JoinHandle<()>>, Receiver<()>) {
        let is_over = Arc::new(AtomicBool::new(false));
        let (tell, answers) = channel();
        let clients = (0..CLIENTS).map(|client| {
            let (versions, is_over, address) =
                (Arc::clone(&self.versions), Arc::clone(&is_over), cache.address);
            let (mut dice, tell) = (Dice(u64::from(round) * CLIENTS + client + 1), tell.clone());
            thread::spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    let file = usize::try_from(dice.below(CHANGING.try_into().unwrap())).unwrap();
                    if is_left_alone(file, round) {
                        continue;
                    }
                    if dice.below(4) == 0 {
                        versions[file].fetch_add(1, Ordering::SeqCst);
                    }
                    // Which one is open: what another one is being sent may be shared (RFC 9111 §4).
                    match fetch(address, file, "crowd") {
                        Some(answer) => {
                            assert!(version_of(file, &answer) > 0);
                            let _ = tell.send(()); // nobody counts any more once the cache is killed
                        }
                        None => is_over.store(true, Ordering::SeqCst),
                    }
                }
            })
        });
        (clients.collect(), answers)
    }
}

/// Whether nobody asks for `file` in that round.
fn is_left_alone(file: usize, round: u32) -> bool {
    file >= CHANGING || file % 4 == usize::try_from(round % 4).unwrap()
}

/// The content of a file; `None` if there is no answer, or if it is visibly cut short.
fn fetch(address: SocketAddr, file: usize, from: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{file} HTTP/1.1\r\nHost: a\r\nFrom: {from}\r\nConnection: close\r\n\r\n").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
    // A cache without an origin, or with a broken store, would answer something else.
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let length: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let body = bytes.split_off(end + 4);
    (body.len() == length).then_some(body)
}

/// The version that `content` is of: every block of it.
fn version_of(file: usize, content: &[u8]) -> u32 {
    let first = std::str::from_utf8(&content[..BLOCK.min(content.len())]).unwrap();
    let version =
        first.strip_prefix(&format!("/{file} version ")).unwrap_or_else(|| panic!("/{file}: {first:?}"));
    let version: u32 = version.split(',').next().unwrap().parse().unwrap();
    let count = blocks(file, version);
    assert_eq!(content.len(), count * BLOCK, "/{file}: not the length of version {version}");
    for (index, found) in content.chunks(BLOCK).enumerate() {
        let found = found.escape_ascii().to_string();
        assert_eq!(found, block(file, version, index, count).escape_ascii().to_string(), "/{file}: mixed up");
    }
    version
}

#[test]
fn nothing_that_a_killed_cache_left_is_served_torn_and_nothing_stored_before_is_lost() {
    let town = Town::new();
    let mut dice = Dice(20_260_801);
    // Stopped in good order, everything is on the disk.
    let cache = town.cache();
    for file in CHANGING..CHANGING + STABLE {
        assert!(!town.check(&cache, file), "nothing is stored yet");
        assert!(town.check(&cache, file), "/{file} is stored");
    }
    cache.process.signal(Signal::TERM);
    assert_eq!(cache.process.end().status, 0);

    let mut on_disk: BTreeSet<usize> = (CHANGING..CHANGING + STABLE).collect();
    let mut survivors = 0;
    for round in 0..ROUNDS {
        let cache = town.cache();
        let leftovers = fs::read_dir(town.dir.path().join(".sockets/tmp")).unwrap().count();
        assert_eq!(leftovers, 0, "round {round}: what was not finished is removed");
        let hits: BTreeSet<usize> = (0..CHANGING + STABLE).filter(|file| town.check(&cache, *file)).collect();
        let lost: Vec<_> = on_disk.difference(&hits).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} had been stored before");
        survivors += hits.len() - STABLE;
        // What a process found on the disk, and nobody touched before it was killed, is to be found again.
        on_disk = hits.into_iter().filter(|file| is_left_alone(*file, round)).collect();

        let (crowd, answers) = town.crowd(&cache, round);
        // With one answer come, the others are somewhere between their requests and the store.
        for _ in 0..=dice.below(ANSWERS) {
            answers.recv_timeout(PATIENCE).unwrap();
        }
        cache.process.signal(Signal::KILL);
        assert_eq!(cache.process.end().status, -9, "round {round}: it ended before it was killed");
        for client in crowd {
            client.join().unwrap();
        }
    }
    // Else all of this would be true of a cache that stores nothing.
    assert!(survivors > 0, "nothing of what changes was ever found again");
    println!("{survivors} of {} changing files were found again", ROUNDS * u32::try_from(CHANGING).unwrap());
}
