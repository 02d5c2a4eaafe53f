//! A connection's work.

use std::ops::Range;
use std::time::Duration;

use crate::meter::Meter;
use crate::plan::source::SourceId;

/// A connection's work, by number. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TaskId(pub(crate) u64);

/// Bytes that one connection is to bring, in order.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) source: SourceId,
    /// Where the next byte belongs.
    pub(crate) next: u64,
    /// Where its claim ends; it may be made less while it runs.
    pub(crate) end: u64,
    /// Its answer reaches on behind its claim, or will: it may go on there while that is free.
    pub(crate) open: bool,
    /// Where its answer ends, once there is one.
    pub(crate) answer_end: Option<u64>,
    /// Bytes that it has brought.
    pub(crate) delivered: u64,
    /// Some of them were new.
    pub(crate) progress: bool,
    pub(crate) started: Duration,
    pub(crate) meter: Meter,
    /// Since when it has been far behind its peers.
    pub(crate) behind_since: Option<Duration>,
}

impl Task {
    pub(crate) fn new(id: TaskId, source: SourceId, claim: Range<u64>, open: bool, now: Duration) -> Self {
        Self {
            id,
            source,
            next: claim.start,
            end: claim.end,
            open,
            answer_end: None,
            delivered: 0,
            progress: false,
            started: now,
            meter: Meter::new(now),
            behind_since: None,
        }
    }

    /// What it still has to bring.
    pub(crate) fn left(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    /// How long it will need, in seconds.
    pub(crate) fn seconds_left(&self, now: Duration) -> f64 {
        // One that has not been measured yet is taken for as slow as a piece may be.
        let rate = self.meter.rate(now).unwrap_or(UNMEASURED);
        crate::meter::as_float(self.left()) / rate.max(1.0)
    }
}

/// What a connection is taken to deliver before it has been measured, in bytes per second.
const UNMEASURED: f64 = 4.0 * 1024.0 * 1024.0;
