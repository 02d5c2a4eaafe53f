//! Replicas that are named in files: the list that an administrator writes, and what was changed while it ran.

use std::path::Path;
use std::time::{Duration, SystemTime};

use message::Service;
use tokio::fs::{metadata, read_to_string};
use tokio::time::sleep;

use crate::balancer::Balancer;
use crate::replica::{Replica, ReplicaFault};
use crate::roster::{ChangeFault, Source};

/// How often it is looked whether a list has changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Most bytes of a list.
const LIST_BYTES_MAX: u64 = 4 << 20;

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It can't be read or written.
    #[error("{path}: {error}")]
    Unusable {
        /// Which file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is longer than a list can be.
    #[error("{path} is longer than a list of servers can be (4 MiB)")]
    TooLong {
        /// Which file.
        path: String,
    },
    /// A line of it names no server.
    #[error("{path}:{line}: {fault}")]
    Server {
        /// Which file.
        path: String,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: ReplicaFault,
    },
    /// A line of it is no change.
    #[error("{path}:{line}: {fault}")]
    Change {
        /// Which file.
        path: String,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: ChangeFault,
    },
}

impl<S: Service + Clone> Balancer<S> {
    /// Takes the replicas that the list at `path` names: one in each line; what stands behind a `#` says nothing.
    ///
    /// # Errors
    /// If it can't be read, or has a line that names none. Then nothing has changed.
    pub async fn read_list(&self, path: &Path) -> Result<(), FileFault> {
        let text = read(path).await?;
        let replicas =
            parse(&text).map_err(|(line, fault)| FileFault::Server { path: shown(path), line, fault })?;
        self.name(Source::File, replicas);
        Ok(())
    }

    /// Looks every second whether the list at `path` has changed, and takes what it names then. What can't be read
    /// changes nothing, and is told.
    pub async fn follow_list(&self, path: &Path) {
        let mut seen = version(path).await;
        loop {
            sleep(LOOK_INTERVAL).await;
            let now = version(path).await;
            if now == seen {
                continue;
            }
            seen = now;
            match self.read_list(path).await {
                Ok(()) => tracing::info!("{} has changed: {} servers", path.display(), self.report().len()),
                Err(fault) => tracing::warn!("{fault}; the servers are what they were"),
            }
        }
    }

    /// Makes the changes again that were kept when they were made.
    ///
    /// # Errors
    /// If they can't be read, or are none.
    pub async fn recall(&self) -> Result<(), FileFault> {
        let Some(file) = self.state_file() else { return Ok(()) };
        let path = || shown(file.path());
        let lines = file.load().await.map_err(|error| FileFault::Unusable { path: path(), error })?;
        self.recall_lines(&lines).map_err(|(line, fault)| FileFault::Change { path: path(), line, fault })
    }

    /// Keeps what was changed.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn keep(&self) -> Result<(), FileFault> {
        let Some(file) = self.state_file() else { return Ok(()) };
        // One after the other, each with all that was changed before it.
        let _turn = self.keeping().await;
        let saved = file.save(&self.changes()).await;
        saved.map_err(|error| FileFault::Unusable { path: shown(file.path()), error })
    }
}

async fn read(path: &Path) -> Result<String, FileFault> {
    let unusable = |error| FileFault::Unusable { path: shown(path), error };
    if metadata(path).await.map_err(unusable)?.len() > LIST_BYTES_MAX {
        return Err(FileFault::TooLong { path: shown(path) });
    }
    read_to_string(path).await.map_err(unusable)
}

/// What tells whether a file has changed; `None` if it is not there.
async fn version(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn parse(text: &str) -> Result<Vec<Replica>, (usize, ReplicaFault)> {
    let said = |line: &str| line.split_once('#').map_or(line, |(said, _)| said).trim().to_owned();
    let lines = (1..).zip(text.lines().map(said)).filter(|(_, line)| !line.is_empty());
    lines.map(|(number, line)| Replica::parse(&line).map_err(|fault| (number, fault))).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_server_in_each_line() {
        let replicas = parse("# ours\n\na.test weight=2 # fast\n  b.test\n").unwrap();
        let lines: Vec<_> = replicas.iter().map(Replica::to_line).collect();
        assert_eq!(lines, ["http://a.test weight=2", "http://b.test"]);
        assert_eq!(parse("a.test\n\nb.test speed=2").unwrap_err().0, 3);
    }
}
