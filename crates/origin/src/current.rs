//! The root at present: the directory that is behind the served path *now*.
//!
//! Sites are often published by pointing a link at another directory (`current -> release-42`), or by
//! renaming one into place. A root that is open stays what it was, so the path is looked at again: at
//! most once in [`LOOK_EVERY`], which costs one stat(2) in a thousand requests where there are many,
//! and one each where there are few, who won't notice.
//!
//! The new directory is served as a whole from then on; one request never sees both. While nothing can
//! be opened at the path, the directory that was there last is served: a publisher that removes the link
//! before it makes the new one takes nothing off the air.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};

use crate::root::{OpenFault, Root};

/// How old the last look at the root's path may be.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A path, and the directory that was last seen there, open.
#[derive(Debug)]
pub struct CurrentRoot {
    path: PathBuf,
    root: ArcSwap<Root>,
    /// When the path was last looked at, in milliseconds since 1970.
    looked_ms: AtomicU64,
    /// How many directories were opened.
    opened: AtomicU64,
    /// The path leads to no directory that could be opened, and that was said.
    lost: AtomicBool,
}

impl CurrentRoot {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// Why it can't be served, and what to do about it.
    pub fn open(path: &Path) -> Result<Self, OpenFault> {
        Ok(Self {
            path: path.to_owned(),
            root: ArcSwap::from_pointee(Root::open(path)?),
            looked_ms: AtomicU64::new(0),
            opened: AtomicU64::new(1),
            lost: AtomicBool::new(false),
        })
    }

    /// The root for a request that was received at `now`. Not to be held while waiting: what outlives
    /// the request takes it [to keep](Self::keep).
    pub fn at(&self, now: SystemTime) -> Guard<Arc<Root>> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        // The distance, not the order: the clock may be set back.
        let is_due = u128::from(now_ms.abs_diff(looked_ms)) >= LOOK_EVERY.as_millis();
        let looked =
            |now_ms| self.looked_ms.compare_exchange(looked_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        if is_due && looked(now_ms).is_ok() {
            self.look_again();
        }
        self.root.load()
    }

    /// The root that was last seen, for as long as it is needed.
    #[must_use]
    pub fn keep(&self) -> Arc<Root> {
        self.root.load_full()
    }

    /// The same path with another walk: to try the one that this kernel doesn't need.
    #[cfg(test)]
    pub(crate) fn walking(self, walk: crate::root::Walk) -> Self {
        match self.root.load().reopen(&self.path, 1) {
            Ok(root) => self.root.store(Arc::new(root.walking(walk))),
            Err(fault) => panic!("{fault}"),
        }
        self
    }

    /// Opens what is at the path if that is another directory.
    fn look_again(&self) {
        let root = self.root.load();
        if root.is_at(&self.path) {
            self.lost.store(false, Ordering::Relaxed);
            return;
        }
        match root.reopen(&self.path, self.opened.fetch_add(1, Ordering::Relaxed)) {
            Ok(new) => {
                self.root.store(Arc::new(new));
                self.lost.store(false, Ordering::Relaxed);
                tracing::info!(path = %self.path.display(), "another directory is served from now on");
            }
            Err(fault) if !self.lost.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%fault, "the directory that was here last is still served");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::CheckedPath;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A link `current` to a directory `1` whose one file has that name too.
    fn published() -> (tempfile::TempDir, CurrentRoot) {
        let temporary = tempfile::tempdir().unwrap();
        for name in ["1", "2"] {
            fs::create_dir(temporary.path().join(name)).unwrap();
            fs::write(temporary.path().join(name).join(name), "").unwrap();
        }
        symlink("1", temporary.path().join("current")).unwrap();
        let root = CurrentRoot::open(&temporary.path().join("current")).unwrap();
        (temporary, root)
    }

    fn has(root: &Root, name: &str) -> bool {
        root.look(&CheckedPath::parse(name.as_bytes()).unwrap()).is_ok()
    }

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).unwrap()
    }

    #[test]
    fn another_directory_at_the_path_is_seen_when_the_last_look_is_old_enough() {
        let (temporary, current) = published();
        assert!(has(&current.at(at(5_000)), "/1"));
        symlink("2", temporary.path().join("next")).unwrap();
        fs::rename(temporary.path().join("next"), temporary.path().join("current")).unwrap();
        assert!(has(&current.at(at(5_009)), "/1"));
        assert!(has(&current.at(at(5_010)), "/2"));
        assert!(!has(&current.at(at(5_010)), "/1"));
        assert!(has(&current.keep(), "/2"));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_end_the_looking() {
        let (temporary, current) = published();
        assert!(has(&current.at(at(5_000)), "/1"));
        fs::remove_file(temporary.path().join("current")).unwrap();
        symlink("2", temporary.path().join("current")).unwrap();
        assert!(has(&current.at(at(1_000)), "/2"));
    }

    #[test]
    fn while_there_is_nothing_at_the_path_the_last_directory_is_served() {
        let (temporary, current) = published();
        let path = temporary.path().join("current");
        assert!(has(&current.at(at(5_000)), "/1"));
        fs::remove_file(&path).unwrap();
        assert!(has(&current.at(at(6_000)), "/1"));
        assert!(current.lost.load(Ordering::Relaxed));
        fs::write(&path, "no directory").unwrap();
        assert!(has(&current.at(at(7_000)), "/1"));
        fs::remove_file(&path).unwrap();
        fs::rename(temporary.path().join("2"), &path).unwrap();
        assert!(has(&current.at(at(8_000)), "/2"));
        assert!(!current.lost.load(Ordering::Relaxed));
    }

    #[test]
    fn what_was_taken_to_keep_stays_what_it_was() {
        let (temporary, current) = published();
        let kept = current.keep();
        fs::remove_file(temporary.path().join("current")).unwrap();
        symlink("2", temporary.path().join("current")).unwrap();
        assert!(has(&current.at(at(5_000)), "/2"));
        assert!(has(&kept, "/1"));
    }
}
