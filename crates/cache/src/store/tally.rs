//! What has happened in the store since it was opened, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::quota::Quota;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Responses that were stored.
    pub(crate) stored: Count,
    /// Responses for which others would have had to go, and that were new.
    pub(crate) unadmitted: Count,
    /// Stored responses that had to go for others.
    pub(crate) evicted: Count,
    /// Stored responses that were purged.
    pub(crate) purged: Count,
    /// Bodies whose checksums were looked at and found right.
    pub(crate) proven: Count,
    /// Bodies whose checksums were wrong: torn, rotten or swapped. They are deleted.
    pub(crate) damaged: Count,
    /// Bodies that somebody changed, replaced or deleted by hand.
    pub(crate) changed: Count,
    /// Faults of the disk, such as that it is full.
    pub(crate) faults: Count,
}

/// How the store is, and what has happened in it since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Bytes of disk that bodies take, with those that are being written.
    pub used: u64,
    /// Bytes of disk that the index of them takes, and what is set aside for its growth.
    pub index: u64,
    /// Bytes of disk that both may take.
    pub size: u64,
    /// Responses that were stored.
    pub stored: u64,
    /// Responses that were not stored since others would have had to go, and nobody had asked for them before.
    pub unadmitted: u64,
    /// Stored responses that had to go for others.
    pub evicted: u64,
    /// Stored responses that were purged.
    pub purged: u64,
    /// Bodies that were in doubt, and whose checksums were right.
    pub proven: u64,
    /// Bodies whose checksums were wrong: torn, rotten or swapped. They are deleted.
    pub damaged: u64,
    /// Bodies that somebody changed, replaced or deleted by hand.
    pub changed: u64,
    /// Faults of the disk, such as that it is full.
    pub faults: u64,
}

impl Tally {
    /// All of them, with what is taken of `quota`.
    pub(crate) fn read(&self, quota: &Quota) -> Statistics {
        Statistics {
            used: quota.used(),
            index: quota.taken().saturating_sub(quota.used()),
            size: quota.limit(),
            stored: self.stored.get(),
            unadmitted: self.unadmitted.get(),
            evicted: self.evicted.get(),
            purged: self.purged.get(),
            proven: self.proven.get(),
            damaged: self.damaged.get(),
            changed: self.changed.get(),
            faults: self.faults.get(),
        }
    }
}

impl Count {
    /// One more.
    pub(crate) fn note(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
