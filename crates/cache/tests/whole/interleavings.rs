//! Random interleavings of requests for all kinds of parts, an origin's faults and its changes: every byte that
//! a client gets is compared with what the origin had.
//!
//! A history that fails says its seed. `SOCKETS_SEED=7` plays history 7 alone, `SOCKETS_HISTORIES=5000` so many.
//! The same seed makes the same requests, faults and changes at the same times of the stepped clock; only how
//! long the disk takes for a step is left to the machine.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use lab::{Fault, Link};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::dice::Dice;
use crate::fickle::{Fickle, LENGTH_MAX, Thing, Validator};
use crate::visit::{Visit, Visited, Want};
use crate::world::{ORIGIN, World};

const HISTORIES: u64 = 500;
const STEPS: usize = 30;
const THINGS: usize = 3;
const THREADS: usize = 2;

/// How long a history may take on a busy machine.
const REAL_PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer may take to come to its end, by the stepped clock: more is never.
const NEVER: Duration = Duration::from_secs(4 * 3600);

struct History {
    world: World,
    origin: Fickle,
    dice: Dice,
    /// What was current when nothing was arriving: the oldest that may still be.
    arriving: [usize; THINGS],
    visits: Vec<JoinHandle<Visited>>,
    /// Whether the origin may change what it has, and misbehave.
    changes: bool,
    malice: u64,
    seen: BTreeMap<&'static str, u64>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let world = World::with(|config| {
            config.size = [1 << 30, 1 << 30, 4_000_000][dice.pick(3)];
            config.memory = 100_000 * dice.roll(3);
            config.finish_under = 50_000 * (1 + dice.roll(20));
        });
        let thing = |dice: &mut Dice| Thing {
            length: [20_000, 300_000, 1_500_000, LENGTH_MAX - 100][dice.pick(4)],
            validator: [Validator::Strong, Validator::Strong, Validator::Weak, Validator::None][dice.pick(4)],
            is_fresh: dice.roll(2) == 0,
            version: 0,
        };
        let things = (0..THINGS).map(|_| thing(&mut dice)).collect();
        let origin = Fickle::new(Dice::of(seed ^ 0xF1C), things);
        world.network.serve(ORIGIN, origin.clone());
        let (changes, malice) = (dice.roll(3) > 0, [0, 15, 50][dice.pick(3)]);
        origin.set_malice(malice);
        let (arriving, visits, seen) = ([0; THINGS], Vec::new(), BTreeMap::new());
        let mut history = Self { world, origin, dice, arriving, visits, changes, malice, seen };
        history.set_link(Fault::None);
        history
    }

    fn set_link(&mut self, fault: Fault) {
        let rate = [None, Some(1_000_000), Some(8_000_000)][self.dice.pick(3)];
        let latency = Duration::from_millis([0, 20][self.dice.pick(2)]);
        self.world.network.set_link(ORIGIN, Link { latency, bytes_per_second: rate, fault });
    }

    fn want(&mut self, length: u64) -> Want {
        let dice = &mut self.dice;
        let (one, other) = (dice.roll(length), dice.roll(length));
        match dice.roll(12) {
            0..=4 => Want::Whole,
            5 => Want::Part(one, one + dice.roll(70_000)),
            6 => Want::Part(one.min(other), one.max(other)),
            7 => Want::From(one),
            8 => Want::Last(1 + dice.roll(length)),
            9 => Want::From(length + dice.roll(20)),
            _ => Want::Several(
                (0..2 + dice.roll(3))
                    .map(|_| {
                        let first = dice.roll(length + 1000);
                        (first, first + dice.roll(100_000))
                    })
                    .collect(),
            ),
        }
    }

    /// A client of some pace, who may leave, while the next steps are played.
    fn ask(&mut self) {
        let at = self.dice.pick(THINGS);
        if self.world.cache.fetches() == 0 {
            self.arriving = [0, 1, 2].map(|at| self.origin.thing(at).version);
        }
        let thing = self.origin.thing(at);
        let want = self.want(thing.length.try_into().unwrap());
        let is_conditional = thing.validator == Validator::Strong && self.dice.roll(4) == 0;
        let only_if = is_conditional.then(|| thing.version.saturating_sub(self.dice.pick(2)));
        let (range, tag) = (want.to_value(), only_if.map(Thing::tag));
        let mut lines = Vec::new();
        lines.extend(range.as_deref().map(|range| ("range", range)));
        lines.extend(tag.as_deref().filter(|_| range.is_some()).map(|tag| ("if-range", tag)));
        let visit = Visit {
            cache: Arc::clone(&self.world.cache),
            origin: self.origin.clone(),
            request: self.world.request("GET", &format!("/{at}"), &lines, ""),
            at,
            want,
            only_if,
            oldest: if thing.is_fresh { 0 } else { self.arriving[at] },
            pause: Duration::from_millis([0, 0, 5, 80][self.dice.pick(4)]),
            patience: if self.dice.roll(5) == 0 { 1 + self.dice.roll(1_000_000) } else { u64::MAX },
        };
        self.visits.push(tokio::spawn(visit.play()));
    }

    async fn step(mut self) -> Self {
        match self.dice.roll(20) {
            0..=11 => self.ask(),
            12 if self.changes => {
                let at = self.dice.pick(THINGS);
                self.origin.change(at);
            }
            13 => {
                let fault = match self.dice.roll(3) {
                    0 if self.malice > 0 => Fault::Refuse,
                    _ => Fault::None,
                };
                self.set_link(fault);
            }
            14 => self.finish().await,
            15 => {
                self.finish().await;
                self.world = self.world.settled().await.restart().await;
            }
            _ => {
                let milliseconds = self.dice.roll(1500);
                self.world.clock.advance(Duration::from_millis(milliseconds)).await;
            }
        }
        assert!(self.world.cache.disk_used() <= self.world.config.size);
        self
    }

    /// Waits for all who ask.
    async fn finish(&mut self) {
        for visit in std::mem::take(&mut self.visits) {
            let Ok(visited) = timeout(NEVER, visit).await else { panic!("an answer never ends") };
            let visited = visited.unwrap();
            let is_peace = !self.changes && self.malice == 0;
            assert!(!is_peace || !matches!(visited, Visited::BrokenOff | Visited::Failed), "{visited:?}");
            *self.seen.entry(word(visited)).or_default() += 1;
        }
    }

    /// All is well again, and everything can be had.
    async fn make_peace(mut self) -> BTreeMap<&'static str, u64> {
        self.finish().await;
        self.origin.set_malice(0);
        self.world = self.world.settled().await;
        self.world.passes(1000).await; // what was fresh is not any more
        for at in 0..THINGS {
            let thing = self.origin.thing(at);
            let path = format!("/{at}");
            let Ok(answer) = timeout(NEVER, self.world.get(&path)).await else {
                panic!("{path} never comes, with {} fetches", self.world.cache.fetches())
            };
            assert_eq!(answer.status, 200);
            assert!(answer.body.unwrap() == thing.body(thing.version), "/{at}");
        }
        self.seen
    }
}

fn word(visited: Visited) -> &'static str {
    match visited {
        Visited::Whole => "whole",
        Visited::Part => "part",
        Visited::Parts => "parts",
        Visited::BrokenOff => "broken off",
        Visited::Failed => "failed",
        Visited::Unsatisfiable => "unsatisfiable",
        Visited::Left => "left",
        Visited::Nonsense => "nonsense",
    }
}

async fn play(seed: u64) -> BTreeMap<&'static str, u64> {
    let mut history = History::new(seed);
    for _ in 0..STEPS {
        let Ok(next) = timeout(NEVER, history.step()).await else { panic!("a step never ends") };
        history = next;
    }
    history.make_peace().await
}

/// Each history has a runtime and a clock of its own.
fn play_alone(seed: u64) -> BTreeMap<&'static str, u64> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(play(seed)))).unwrap_or_else(|panic| {
        eprintln!("That was history {seed}. SOCKETS_SEED={seed} plays it again.");
        resume_unwind(panic)
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_byte_that_a_client_gets_is_the_one_that_the_origin_had_there() {
    let alone = number("SOCKETS_SEED");
    let count = number("SOCKETS_HISTORIES").unwrap_or(HISTORIES);
    let seeds: Vec<u64> = alone.map_or_else(|| (1..=count).collect(), |seed| vec![seed]);
    let next = Arc::new(AtomicUsize::new(0));
    let (tell, told) = channel();
    for _ in 0..THREADS {
        let (seeds, next, tell) = (seeds.clone(), Arc::clone(&next), tell.clone());
        thread::spawn(move || {
            while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
                tell.send((*seed, None)).unwrap();
                tell.send((*seed, Some(play_alone(*seed)))).unwrap();
            }
        });
    }
    drop(tell);
    let (mut running, mut seen) = (Vec::new(), BTreeMap::<&str, u64>::new());
    loop {
        match told.recv_timeout(REAL_PATIENCE) {
            Ok((seed, None)) => running.push(seed),
            Ok((seed, Some(history))) => {
                running.retain(|other| *other != seed);
                history.into_iter().for_each(|(word, times)| *seen.entry(word).or_default() += times);
            }
            Err(RecvTimeoutError::Timeout) => panic!("one of the histories {running:?} stands still"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    assert!(running.is_empty(), "one of the histories {running:?} failed, as is said above");
    println!("{seen:?}");
    let is_about = |word: &str, least: u64| {
        assert!(seen.get(word).is_some_and(|times| *times >= least), "{word}: {seen:?}");
    };
    if alone.is_none() {
        is_about("whole", count);
        is_about("part", count);
        is_about("parts", count / 2);
        ["left", "failed", "broken off", "unsatisfiable"].iter().for_each(|word| is_about(word, count / 10));
    }
}
