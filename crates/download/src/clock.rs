//! Wall time during one download.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The wall time that the caller gave when the download began, carried on by tokio's clock: a
/// download can't be led astray by somebody who sets the clock meanwhile, and tests can step it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started_at: SystemTime,
    started: Instant,
}

impl Clock {
    /// A clock that shows `started_at` now.
    pub(crate) fn new(started_at: SystemTime) -> Self {
        Self { started_at, started: Instant::now() }
    }

    /// The wall time; the start's if it is beyond what a [`SystemTime`] holds.
    pub(crate) fn now(&self) -> SystemTime {
        self.started_at.checked_add(self.elapsed()).unwrap_or(self.started_at)
    }

    /// Time since the download began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
