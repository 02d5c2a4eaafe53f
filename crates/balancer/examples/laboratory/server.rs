//! A simulated server: its capacity is shared equally by all transfers that are running.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A transfer that is running: it ends when each transfer has had `until` bytes since the beginning of time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Job {
    until: f64,
    id: u64,
}

impl Eq for Job {}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.until.total_cmp(&other.until).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Processor sharing, exactly: no step is simulated but those at which something begins, ends or changes.
#[derive(Debug)]
pub(crate) struct Server {
    /// Bytes per second, all transfers together.
    capacity: f64,
    /// Whether it refuses.
    pub(crate) dead: bool,
    /// What each running transfer has had since the beginning of time, in bytes.
    served: f64,
    /// When that was so, in seconds.
    at: f64,
    jobs: BinaryHeap<Reverse<Job>>,
    /// Changes whenever the next end does.
    pub(crate) version: u64,
}

impl Server {
    /// Idle.
    pub(crate) fn new(capacity: f64) -> Self {
        Self { capacity, dead: false, served: 0.0, at: 0.0, jobs: BinaryHeap::new(), version: 0 }
    }

    /// Bytes per second.
    pub(crate) fn capacity(&self) -> f64 {
        self.capacity
    }

    /// How many transfers are running.
    pub(crate) fn running(&self) -> usize {
        self.jobs.len()
    }

    /// Begins a transfer.
    pub(crate) fn begin(&mut self, now: f64, id: u64, bytes: f64) {
        self.advance(now);
        self.jobs.push(Reverse(Job { until: self.served + bytes, id }));
        self.version += 1;
    }

    /// Is faster or slower from now on.
    pub(crate) fn change(&mut self, now: f64, capacity: f64) {
        self.advance(now);
        self.capacity = capacity;
        self.version += 1;
    }

    /// Refuses from now on; what is running breaks off.
    pub(crate) fn die(&mut self) {
        self.dead = true;
        self.jobs.clear();
        self.version += 1;
    }

    /// When the next transfer ends if nothing else happens.
    pub(crate) fn next_end(&self) -> Option<f64> {
        let Reverse(first) = self.jobs.peek()?;
        Some(self.at + (first.until - self.served).max(0.0) * self.count() / self.capacity)
    }

    /// Ends the transfer that is next.
    pub(crate) fn end(&mut self, now: f64) -> Option<u64> {
        self.advance(now);
        let Reverse(first) = self.jobs.pop()?;
        self.served = self.served.max(first.until);
        self.version += 1;
        Some(first.id)
    }

    fn advance(&mut self, now: f64) {
        if !self.jobs.is_empty() {
            self.served += (now - self.at) * self.capacity / self.count();
        }
        self.at = now;
    }

    fn count(&self) -> f64 {
        f64::from(u32::try_from(self.jobs.len()).unwrap_or(u32::MAX))
    }
}
