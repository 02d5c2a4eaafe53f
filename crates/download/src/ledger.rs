//! When the journal is written, and what of the file the disk certainly has.

use std::fs::File;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use message::Spans;
use tokio::task::{JoinHandle, spawn_blocking};

/// How often the journal is written.
pub(crate) const NOTE_EVERY: Duration = Duration::from_secs(1);

/// How often the disk is asked to take what has been written.
const SYNC_EVERY: Duration = Duration::from_secs(15);

/// What of an unfinished file can be relied on.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    noted: Duration,
    synced: Spans,
    sync_begun: Duration,
    syncing: Option<(Spans, JoinHandle<io::Result<()>>)>,
}

impl Ledger {
    /// `synced`: what the disk has from before.
    pub(crate) fn new(synced: Spans) -> Self {
        Self { synced, ..Self::default() }
    }

    /// What the disk certainly has.
    pub(crate) fn synced(&self) -> &Spans {
        &self.synced
    }

    /// Whether it is time to write the journal.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        let due = now.saturating_sub(self.noted) >= NOTE_EVERY;
        if due {
            self.noted = now;
        }
        due
    }

    /// Nothing of the file is there any more.
    pub(crate) fn forget(&mut self) {
        self.synced = Spans::default();
        self.syncing = None;
    }

    /// Asks the disk to take what is `there`, from time to time, on a thread of its own.
    pub(crate) async fn keep_up(
        &mut self,
        there: &Spans,
        file: impl FnOnce() -> Option<File>,
        now: Duration,
    ) {
        if self.syncing.as_ref().is_some_and(|(_, sync)| sync.is_finished())
            && let Some((spans, sync)) = self.syncing.take()
            && matches!(sync.await, Ok(Ok(())))
        {
            self.synced = spans;
        }
        if self.syncing.is_none() && now.saturating_sub(self.sync_begun) >= SYNC_EVERY {
            self.sync_begun = now;
            if let Some(file) = file() {
                self.syncing = Some((there.clone(), spawn_blocking(move || file.sync_data())));
            }
        }
    }
}

/// Which run of the system this is, as Linux tells it; empty if it does not.
pub(crate) fn boot_id() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        read.trim().to_owned()
    })
}
