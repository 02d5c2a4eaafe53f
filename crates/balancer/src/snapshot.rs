//! What control publishes and clients are served by.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::choose::Schedule;

/// Turns, and how many of them have been taken.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// `None` if there is nobody to send clients to.
    schedule: Option<Schedule>,
    taken: AtomicU64,
    /// What is owed while there is no schedule: kept for the next one.
    credits: Vec<f64>,
}

impl Snapshot {
    /// Nobody to send clients to, since nobody has been tested.
    pub(crate) fn empty() -> Self {
        Self { schedule: None, taken: AtomicU64::new(0), credits: Vec::new() }
    }

    /// What comes after this one when weights have become `weights`: turns are owed on. A client that is
    /// choosing at this very moment may not be counted in them.
    pub(crate) fn followed_by(&self, weights: &[f64], seed: u64) -> Self {
        let taken = self.taken.load(Ordering::Relaxed);
        let owed = self.schedule.as_ref().map(|schedule| schedule.credits_after(taken));
        let credits = owed.unwrap_or_else(|| self.credits.clone());
        Self { schedule: Schedule::new(weights, &credits, seed), taken: AtomicU64::new(0), credits }
    }

    /// The index of the replica for the next client.
    pub(crate) fn choose(&self) -> Option<usize> {
        // Only the count matters, and nothing else is ordered by it.
        let client = self.taken.fetch_add(1, Ordering::Relaxed);
        self.schedule.as_ref()?.turn(client)
    }

    /// What part of the clients a replica gets.
    pub(crate) fn share(&self, index: usize) -> f64 {
        self.schedule.as_ref().map_or(0.0, |schedule| schedule.share(index))
    }
}
