//! Eviction policies beside each other: which part of requests, and of bytes, finds what it asks for.
//!
//! `cargo run --release -p cache --example eviction`
//!
//! The traces are made up, and the same in every run: popularity after Zipf, sizes from 1 KiB to 1 MiB, most of
//! them small; with scans through what nobody asks for again; and with half of all requests for what is asked
//! for once. All policies weigh by bytes; a mark of use is one bit. Nothing is stored here, only counted.

use std::collections::{HashMap, HashSet, VecDeque};

/// How many different objects are asked for again and again.
const OBJECTS: u64 = 20_000;

/// Requests of a trace.
const REQUESTS: u32 = 400_000;

/// Bytes that a cache may take, as parts of all bytes that there are.
const PARTS: [u64; 3] = [50, 10, 4];

/// The small queue of S3-FIFO, as a part of the cache.
const SMALL_PART: u64 = 10;

/// A multiplicative congruential generator (Lehmer's): the same numbers in every run.
struct Dice(u64);

impl Dice {
    /// From 0 to less than 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        #[expect(clippy::cast_precision_loss, reason = "31 bits fit")]
        let part = self.0 as f64 / f64::from(0x7fff_ffff);
        part
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        self.0 % limit
    }
}

/// Bytes of an object: always the same, from 1 KiB to 1 MiB, smaller ones more often.
fn size(object: u64) -> u64 {
    let mixed = object.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    1024 << (mixed % 11).min(mixed / 11 % 11)
}

/// Objects by popularity after Zipf, with exponent 1.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new() -> Self {
        let mut sum = 0.0;
        let mut cumulated = Vec::new();
        for rank in 1..=OBJECTS {
            #[expect(clippy::cast_precision_loss, reason = "small numbers fit")]
            let rank = rank as f64;
            sum += 1.0 / rank;
            cumulated.push(sum);
        }
        Self(cumulated.iter().map(|part| part / sum).collect())
    }

    fn pick(&self, dice: &mut Dice) -> u64 {
        let roll = dice.roll();
        u64::try_from(self.0.partition_point(|part| *part < roll)).unwrap_or_default()
    }
}

/// What is asked for, one after the other.
fn trace(name: &str) -> Vec<u64> {
    let (zipf, mut dice, mut once) = (Zipf::new(), Dice(20_261_123), OBJECTS);
    let mut objects = Vec::new();
    for request in 0..REQUESTS {
        let is_once = match name {
            "scan" => request % 20_000 >= 16_000,
            "one-hit" => dice.below(2) == 0,
            _ => false,
        };
        if is_once {
            once += 1;
        }
        objects.push(if is_once { once } else { zipf.pick(&mut dice) });
    }
    objects
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Hit,
    /// A miss, written to the disk.
    Stored,
    /// A miss that went past the disk.
    Passed,
}

/// A policy: told of each request, it says what becomes of it.
trait Policy {
    fn ask(&mut self, object: u64) -> Outcome;
    fn new(limit: u64) -> Self
    where
        Self: Sized;
}

/// The least recently used goes first.
struct Lru {
    limit: u64,
    bytes: u64,
    clock: u64,
    last: HashMap<u64, u64>,
    order: VecDeque<(u64, u64)>,
}

impl Policy for Lru {
    fn new(limit: u64) -> Self {
        Self { limit, bytes: 0, clock: 0, last: HashMap::new(), order: VecDeque::new() }
    }

    fn ask(&mut self, object: u64) -> Outcome {
        self.clock += 1;
        let is_hit = self.last.insert(object, self.clock).is_some();
        self.order.push_back((self.clock, object));
        if !is_hit {
            self.bytes += size(object);
        }
        while self.bytes > self.limit {
            let Some((at, oldest)) = self.order.pop_front() else { break };
            if self.last.get(&oldest) == Some(&at) {
                self.last.remove(&oldest);
                self.bytes -= size(oldest);
            }
        }
        if is_hit { Outcome::Hit } else { Outcome::Stored }
    }
}

/// One queue; who was used goes round once more, if `SPARES`.
struct Fifo<const SPARES: bool> {
    limit: u64,
    bytes: u64,
    used: HashMap<u64, bool>,
    queue: VecDeque<u64>,
}

impl<const SPARES: bool> Policy for Fifo<SPARES> {
    fn new(limit: u64) -> Self {
        Self { limit, bytes: 0, used: HashMap::new(), queue: VecDeque::new() }
    }

    fn ask(&mut self, object: u64) -> Outcome {
        if let Some(used) = self.used.get_mut(&object) {
            *used = true;
            return Outcome::Hit;
        }
        while self.bytes + size(object) > self.limit {
            let Some(next) = self.queue.pop_front() else { break };
            if SPARES && self.used.insert(next, false) == Some(true) {
                self.queue.push_back(next);
            } else {
                self.used.remove(&next);
                self.bytes -= size(next);
            }
        }
        self.bytes += size(object);
        self.used.insert(object, false);
        self.queue.push_back(object);
        Outcome::Stored
    }
}

/// Two queues: what is new has to be used once in the small one to come into the main one, or to come back
/// soon after it had to go.
/// Where `ADMITS_AGAIN`, what would push something out is stored only if it was asked for not long before.
struct S3Fifo<const ADMITS_AGAIN: bool> {
    limit: u64,
    /// Bytes in the small queue, and in the main one.
    bytes: [u64; 2],
    queues: [VecDeque<u64>; 2],
    used: HashMap<u64, bool>,
    ghosts: (HashSet<u64>, VecDeque<u64>),
}

impl<const ADMITS_AGAIN: bool> S3Fifo<ADMITS_AGAIN> {
    fn evict(&mut self) -> bool {
        let from = usize::from(self.bytes[0] < self.limit / SMALL_PART || self.queues[0].is_empty());
        let from = if self.queues[from].is_empty() { 1 - from } else { from };
        let Some(next) = self.queues[from].pop_front() else { return false };
        self.bytes[from] -= size(next);
        if self.used.insert(next, false) == Some(true) {
            self.queues[1].push_back(next);
            self.bytes[1] += size(next);
            return true;
        }
        self.used.remove(&next);
        if from == 0 {
            self.remember(next);
        }
        true
    }

    fn remember(&mut self, object: u64) {
        if self.ghosts.0.insert(object) {
            self.ghosts.1.push_back(object);
        }
        while self.ghosts.1.len() > self.used.len().max(64) {
            let gone = self.ghosts.1.pop_front();
            gone.map(|gone| self.ghosts.0.remove(&gone));
        }
    }
}

impl<const ADMITS_AGAIN: bool> Policy for S3Fifo<ADMITS_AGAIN> {
    fn new(limit: u64) -> Self {
        let (used, ghosts) = (HashMap::new(), (HashSet::new(), VecDeque::new()));
        Self { limit, bytes: [0; 2], queues: Default::default(), used, ghosts }
    }

    fn ask(&mut self, object: u64) -> Outcome {
        if let Some(used) = self.used.get_mut(&object) {
            *used = true;
            return Outcome::Hit;
        }
        let bytes = self.bytes[0] + self.bytes[1] + size(object);
        if ADMITS_AGAIN && bytes > self.limit && !self.ghosts.0.contains(&object) {
            self.remember(object);
            return Outcome::Passed;
        }
        while self.bytes[0] + self.bytes[1] + size(object) > self.limit && self.evict() {}
        let to = usize::from(self.ghosts.0.remove(&object));
        self.queues[to].push_back(object);
        self.bytes[to] += size(object);
        self.used.insert(object, false);
        Outcome::Stored
    }
}

/// One queue and a hand that goes from old to new and takes the first that was not used.
struct Sieve {
    limit: u64,
    bytes: u64,
    used: HashMap<u64, bool>,
    /// Old to new; `hand` is a place in it.
    queue: VecDeque<u64>,
    hand: usize,
}

impl Policy for Sieve {
    fn new(limit: u64) -> Self {
        Self { limit, bytes: 0, used: HashMap::new(), queue: VecDeque::new(), hand: 0 }
    }

    fn ask(&mut self, object: u64) -> Outcome {
        if let Some(used) = self.used.get_mut(&object) {
            *used = true;
            return Outcome::Hit;
        }
        while self.bytes + size(object) > self.limit && !self.queue.is_empty() {
            self.hand = if self.hand < self.queue.len() { self.hand } else { 0 };
            let next = self.queue[self.hand];
            if self.used.insert(next, false) == Some(true) {
                self.hand += 1;
            } else {
                self.queue.remove(self.hand);
                self.used.remove(&next);
                self.bytes -= size(next);
            }
        }
        self.bytes += size(object);
        self.used.insert(object, false);
        self.queue.push_back(object);
        Outcome::Stored
    }
}

/// Per thousand: of requests and of bytes, what were hits; and bytes that were written, beside all that were asked
/// for.
fn ratios<P: Policy>(trace: &[u64], limit: u64) -> [u64; 3] {
    let (mut policy, mut hits, mut bytes, mut written, mut all) = (P::new(limit), 0, 0, 0, 0);
    for object in trace {
        all += size(*object);
        match policy.ask(*object) {
            Outcome::Hit => {
                hits += 1;
                bytes += size(*object);
            }
            Outcome::Stored => written += size(*object),
            Outcome::Passed => {}
        }
    }
    [hits * 1000 / u64::from(REQUESTS), bytes * 1000 / all, written * 1000 / all]
}

fn main() {
    let all: u64 = (0..OBJECTS).map(size).sum();
    println!(
        "| trace | cache | LRU | FIFO | FIFO with reinsertion | SIEVE | S3-FIFO | S3-FIFO, admission |\n|---|---|---|---|---|---|---|---|"
    );
    for name in ["Zipf", "scan", "one-hit"] {
        let trace = trace(name);
        for part in PARTS {
            let limit = all / part;
            let columns = [
                ratios::<Lru>(&trace, limit),
                ratios::<Fifo<false>>(&trace, limit),
                ratios::<Fifo<true>>(&trace, limit),
                ratios::<Sieve>(&trace, limit),
                ratios::<S3Fifo<false>>(&trace, limit),
                ratios::<S3Fifo<true>>(&trace, limit),
            ];
            let told =
                |ratios: &[u64; 3]| ratios.map(|part| format!("{}.{}", part / 10, part % 10)).join(" / ");
            let columns: Vec<String> = columns.iter().map(told).collect();
            println!("| {name} | 1/{part} | {} |", columns.join(" | "));
        }
    }
}
