//! What can be wrong with the store, and how long it is left alone then.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::index::IndexFault;

/// After a fault of the disk nothing is stored for so long.
const PAUSE: Duration = Duration::from_secs(2);

/// Why a cache can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The directory can't be made or used.
    #[error("{}: {source}; the cache needs a directory that it may write to (--dir)", dir.display())]
    Directory {
        /// The cache's directory.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it.
    #[error("{}: another cache is using this directory; stop it, or give another one (--dir)", dir.display())]
    InUse {
        /// The cache's directory.
        dir: PathBuf,
    },
    /// The index can't be opened or made.
    #[error("{}: the cache's index can't be opened: {reason}", dir.display())]
    Index {
        /// The cache's directory.
        dir: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a response that may be stored is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unstored {
    /// It is larger than the whole quota.
    #[error("it is larger than the cache")]
    TooLarge,
    /// There is no room, and none could be made.
    #[error("the cache is full of bodies that are just being written")]
    NoRoom,
    /// Something else would have to go, and it is asked for for the first time.
    #[error("something else would have to go, and it is asked for for the first time")]
    Unadmitted,
    /// The disk failed a moment ago.
    #[error("the disk failed a moment ago")]
    Paused,
    /// It was invalidated while it arrived.
    #[error("it was invalidated while it arrived")]
    Obsolete,
    /// The system refused something.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl Unstored {
    /// The word for it in the `detail` of `Cache-Status`.
    #[must_use]
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NoRoom => "no-room",
            Self::Unadmitted => "not-admitted",
            Self::Paused | Self::System(_) => "store-failed",
            Self::Obsolete => "invalidated",
        }
    }
}

impl OpenFault {
    pub(crate) fn of_index(fault: &IndexFault, dir: PathBuf) -> Self {
        match fault {
            IndexFault::InUse => Self::InUse { dir },
            IndexFault::Unreadable(_) | IndexFault::System(_) => {
                Self::Index { dir, reason: fault.to_string() }
            }
        }
    }
}

/// Whether the disk is to be left alone; says once that it is, and once that it works again.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// Whether something may be stored.
    pub(crate) fn is_over(&self) -> bool {
        self.until().is_none_or(|until| Instant::now() >= until)
    }

    /// The disk failed.
    pub(crate) fn begin(&self, error: &io::Error) {
        let before = self.until().replace(Instant::now() + PAUSE);
        if before.is_none() {
            tracing::warn!(%error, "the cache can't store; answers come straight from the origin meanwhile");
        }
    }

    /// Something was stored.
    pub(crate) fn end(&self) {
        if self.until().take().is_some() {
            tracing::info!("the cache stores again");
        }
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_failed_is_left_alone_for_a_while() {
        let pause = Pause::default();
        assert!(pause.is_over());
        pause.begin(&io::ErrorKind::StorageFull.into());
        assert!(!pause.is_over());
        tokio::time::advance(PAUSE).await;
        assert!(pause.is_over());
        pause.begin(&io::ErrorKind::StorageFull.into());
        pause.end();
        assert!(pause.is_over());
    }
}
