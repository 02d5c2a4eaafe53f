//! The cache in bad company: an origin that drops, stalls, lies about lengths and ranges and changes versions;
//! clients who leave; kills at any moment; and somebody who meddles with the files. Not one wrong byte is ever
//! delivered in an answer that looks whole, and when all behave again, everything can be had.
//!
//! `cargo test -p sockets --test soak` takes a few rounds. `SOAK_MINUTES=20` in the environment goes on for so long.

#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the other end of the wire is the test itself, with plain blocking sockets"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its supports too")]

#[path = "soak/client.rs"]
mod client;
#[path = "soak/files.rs"]
mod files;
#[path = "soak/knave.rs"]
mod knave;
#[expect(dead_code, reason = "one test needs but a part of what all the others do")]
mod support;
#[path = "soak/vandal.rs"]
mod vandal;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{Client, Tally};
use crate::files::{Dice, Files};
use crate::knave::Knave;
use crate::support::process::Role;
use crate::support::until;
use crate::vandal::Ending;

/// Rounds of an ordinary run; each ends with the end of the cache.
const ROUNDS: u32 = 8;

/// Clients at the same time.
const CLIENTS: u64 = 6;

/// Requests of all clients in a round.
const REQUESTS: u64 = 240;

/// How a round's cache is set up: all in memory or nothing, room for all or for little.
const MANNERS: [&[&str]; 4] = [
    &[],
    &["--memory", "0"],
    &["--memory", "0", "--size", "4MiB"],
    &["--stale-if-error", "1h", "--size", "4MiB"],
];

/// Whether there is another round after that many.
fn goes_on(rounds: u32, begun: Instant) -> bool {
    match std::env::var("SOAK_MINUTES").ok().and_then(|minutes| minutes.parse().ok()) {
        Some(minutes) => begun.elapsed() < Duration::from_secs(60) * minutes,
        None => rounds < ROUNDS,
    }
}

#[test]
fn nothing_wrong_ever_looks_whole_and_in_the_end_everything_is_there() {
    let (files, begun, dir) = (Arc::new(Files::new()), Instant::now(), tempfile::tempdir().unwrap());
    let knave = Knave::start(Arc::clone(&files));
    let (mut dice, mut rounds, mut tally) = (Dice::new(1), 0, Tally::default());
    while goes_on(rounds, begun) {
        let manner = MANNERS[usize::try_from(rounds).unwrap() % MANNERS.len()];
        let cache = start(&knave, dir.path(), manner);
        tally.add(&a_round(&cache, &files, dir.path(), &mut dice, rounds));
        let ending = end(cache, &mut dice);
        for _ in 0..dice.below(6) {
            vandal::meddle_while_nobody_looks(dir.path(), ending, &mut dice);
        }
        rounds += 1;
    }
    knave.behaves();
    let cache = start(&knave, dir.path(), &[]);
    let mut client = Client::new(cache.address, Arc::clone(&files), Dice::new(0));
    for file in 0..files.count() {
        client.gets_current(file);
    }
    println!("{rounds} rounds: {tally}");
    assert!(tally.whole > 0 && tally.parts > 0, "nothing was tried: {tally}");
}

fn start(knave: &Knave, dir: &std::path::Path, manner: &[&str]) -> Role {
    let (origin, dir) = (knave.url(), dir.to_str().unwrap());
    Role::start("cache", &[&["--origin", &origin, "--dir", dir], manner].concat())
}

/// All clients at once, until they have asked so often, or the cache is killed.
fn a_round(cache: &Role, files: &Arc<Files>, dir: &std::path::Path, dice: &mut Dice, round: u32) -> Tally {
    let left = Arc::new(AtomicU64::new(REQUESTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let seed = u64::from(round) * CLIENTS + number + 7;
            let mut client = Client::new(cache.address, Arc::clone(files), Dice::new(seed));
            let left = Arc::clone(&left);
            thread::spawn(move || {
                while left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok()
                {
                    client.asks();
                }
                client.tally
            })
        })
        .collect();
    let asked_until = |rest: u64| {
        until("they have asked so often", || (left.load(Ordering::SeqCst) <= rest).then_some(()));
    };
    for part in 1..=dice.below(4) {
        asked_until(REQUESTS - part * REQUESTS / 5);
        vandal::meddle_while_it_runs(dir, dice);
    }
    // Half of the kills come while they ask.
    let mut tally = Tally::default();
    if dice.below(2) == 0 {
        asked_until(dice.below(REQUESTS / 5));
        cache.process.signal(Signal::KILL);
        left.store(0, Ordering::SeqCst);
    }
    clients.into_iter().for_each(|client| tally.add(&client.join().unwrap()));
    tally
}

/// In good order, or not.
fn end(cache: Role, dice: &mut Dice) -> Ending {
    cache.process.signal(if dice.below(3) == 0 { Signal::TERM } else { Signal::KILL });
    let ended = cache.process.end();
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    if ended.status == 0 { Ending::Clean } else { Ending::Killed }
}
