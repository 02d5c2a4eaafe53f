//! What control publishes and clients are served by.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::choose::Schedule;
use crate::member::{Member, Tally};
use crate::policy::{Candidate, Policy, Sequences, by_hash, by_share, by_two};

/// A replica and its part of the clients.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) member: Arc<Member>,
    /// 0 to 1, 1 in all; 0 if it gets nobody.
    pub(crate) share: f64,
}

/// Turns, and how many of them have been taken.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// By slot.
    seats: Box<[Option<Seat>]>,
    /// Those that get clients, the best first.
    ranking: Box<[usize]>,
    /// Whether all of them have everything.
    alike: bool,
    /// `None` if there is nobody to send clients to.
    schedule: Option<Schedule>,
    taken: AtomicU64,
    /// What is owed while there is no schedule: kept for the next one.
    credits: Vec<f64>,
}

/// What matters of a client for where it is sent.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// What it wants.
    pub(crate) path: &'a str,
    /// Which slots are not for it; `None`: it may be sent to all.
    pub(crate) barred: Option<&'a (dyn Fn(usize) -> bool + Sync)>,
}

/// How to choose, and what that needs from one snapshot to the next.
#[derive(Debug)]
pub(crate) struct Chooser {
    pub(crate) policy: Policy,
    /// Whether exchanges go through this process, so that those in flight are known.
    pub(crate) sees_exchanges: bool,
    pub(crate) sequences: Sequences,
    /// Always the same, so that after a start, and at other balancers, paths have the servers that they had.
    pub(crate) hasher: BuildHasherDefault<DefaultHasher>,
}

impl Snapshot {
    /// Nobody to send clients to, since nobody has been tested.
    pub(crate) fn empty() -> Self {
        Self {
            seats: Box::default(),
            ranking: Box::default(),
            alike: true,
            schedule: None,
            taken: AtomicU64::new(0),
            credits: Vec::new(),
        }
    }

    /// What comes after this one when `seats` have become so. Turns are owed on. A client that is
    /// choosing at this very moment may not be counted in them. `ranking` has the slots of those that get clients.
    pub(crate) fn followed_by(&self, seats: Vec<Option<Seat>>, ranking: Vec<usize>, seed: u64) -> Self {
        let taken = self.taken.load(Ordering::Relaxed);
        let owed = self.schedule.as_ref().map(|schedule| schedule.credits_after(taken));
        let mut credits = owed.unwrap_or_else(|| self.credits.clone());
        for (slot, credit) in credits.iter_mut().enumerate() {
            let id = |seat: Option<&Seat>| seat.map(|seat| seat.member.id);
            let after = seats.get(slot).and_then(Option::as_ref);
            if id(after) != id(self.seat(slot)) {
                *credit = 0.0; // what was owed to who stood here before
            }
        }
        let shares: Vec<f64> =
            seats.iter().map(|seat| seat.as_ref().map_or(0.0, |seat| seat.share)).collect();
        let serving = seats.iter().flatten().filter(|seat| seat.share > 0.0);
        let alike = serving.clone().all(|seat| seat.member.replica.carries_all());
        Self {
            schedule: Schedule::new(&shares, &credits, seed),
            seats: seats.into(),
            ranking: ranking.into(),
            alike,
            taken: AtomicU64::new(0),
            credits,
        }
    }

    /// Whom the next client is sent to.
    pub(crate) fn choose(&self, chooser: &Chooser, wish: Wish<'_>) -> Option<usize> {
        let some = self.candidates(wish);
        match chooser.policy {
            Policy::FastestShare if wish.barred.is_none() && self.alike => self.turn(),
            Policy::FastestShare if some.clone().count() == self.ranking.len() => self.turn(),
            Policy::FastestShare => by_share(some, &chooser.sequences),
            Policy::First => some.min_by_key(|candidate| candidate.member.id).map(|first| first.slot),
            Policy::PowerOfTwo => by_two(&some, &chooser.sequences),
            Policy::Hash => by_hash(&some, wish.path, &chooser.hasher, |member| {
                if chooser.sees_exchanges { member.tally.in_flight().into() } else { member.tally.recent() }
            }),
        }
    }

    /// Those that a client may be sent to, the best first.
    pub(crate) fn candidates<'a>(&'a self, wish: Wish<'a>) -> impl Iterator<Item = Candidate<'a>> + Clone {
        let seated = |slot: &usize| self.seat(*slot).map(|seat| (*slot, seat));
        let open = move |slot: usize| wish.barred.is_none_or(|barred| !barred(slot));
        self.ranking.iter().filter_map(seated).filter_map(move |(slot, seat)| {
            let fits = seat.member.replica.carries(wish.path) && open(slot);
            fits.then_some(Candidate { slot, member: &seat.member, share: seat.share })
        })
    }

    fn turn(&self) -> Option<usize> {
        // Only the count matters, and nothing else is ordered by it.
        let client = self.taken.fetch_add(1, Ordering::Relaxed);
        self.schedule.as_ref()?.turn(client)
    }

    pub(crate) fn seat(&self, slot: usize) -> Option<&Seat> {
        self.seats.get(slot)?.as_ref()
    }

    /// What part of the clients a replica gets.
    pub(crate) fn share(&self, slot: usize) -> f64 {
        self.seat(slot).map_or(0.0, |seat| seat.share)
    }

    /// What long ago counts less.
    pub(crate) fn age(&self) {
        self.seats.iter().flatten().map(|seat| &seat.member.tally).map(AsRef::as_ref).for_each(Tally::age);
    }
}
