//! The kernel's queue of notices (inotify(7)), and when there is calm.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, SystemTime};

use rustix::fs::fstatfs;
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::ioctl_fionread;

use crate::proof::Calm;

/// The most files and directories that are watched, each at about 1 KiB of the kernel's memory; the system has a
/// limit of its own for each user (`fs.inotify.max_user_watches`). All others are looked at for each request.
const WATCHES_MAX: usize = 4096;

/// When there is no room for more watches, all of them are given up for new ones, but not more often than this:
/// files that are no longer asked for would keep theirs, but to place them costs more than a few looks.
const RENEW_EVERY: Duration = Duration::from_secs(60);

/// How many bytes of notices are taken at a time. What is left shows with the next request.
const NOTICES_LEN: usize = 16 * 1024;

/// How many numbers a root has for its calms: more than can come about.
const CALMS: u64 = 1 << 40;

/// The file systems whose every change goes through this kernel, and is told of: ext2 to ext4, XFS, Btrfs, F2FS,
/// tmpfs.
const TOLD_OF: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

/// What may happen to a file that is served.
const OF_FILE: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DONT_FOLLOW);

/// What may happen to a directory on the way to it. That its files are written to is not asked for.
const OF_DIRECTORY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DONT_FOLLOW)
    .union(WatchFlags::ONLYDIR);

/// Tells of changes beneath one root.
#[derive(Debug)]
pub struct Watch {
    /// `None` where not every change would be told of.
    queue: Option<OwnedFd>,
    /// The number of the calm; odd while notices are taken out of the queue. Whoever finds the queue empty finds
    /// here what those came to that were in it: a calm ends before its first notice is taken.
    number: AtomicU64,
    watches: Mutex<Watches>,
}

#[derive(Debug, Default)]
struct Watches {
    placed: HashSet<i32>,
    renewed: Option<SystemTime>,
}

impl Watch {
    /// Beneath an open directory. `era`: a number that no other of the user's directories has, where he compares
    /// calms of several.
    #[must_use]
    pub fn new(directory: &OwnedFd, era: u64) -> Self {
        let is_told_of = fstatfs(directory)
            .is_ok_and(|fs| u64::try_from(fs.f_type).is_ok_and(|kind| TOLD_OF.contains(&kind)));
        let queue = if is_told_of { init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok() } else { None };
        // Even, and never 0.
        let number = AtomicU64::new(era.wrapping_mul(CALMS).wrapping_add(2));
        Self { queue, number, watches: Mutex::default() }
    }

    /// The calm that there is now; `None` if that can't be told. To be asked after a request has come, and
    /// before any look for it.
    #[must_use]
    pub fn calm(&self) -> Option<Calm> {
        let queue = self.queue.as_ref()?;
        if ioctl_fionread(queue) != Ok(0) {
            self.end_calm(queue, &mut *self.try_lock()?);
        }
        let number = self.number.load(Ordering::SeqCst);
        number.is_multiple_of(2).then_some(Calm(number))
    }

    /// Takes notices out of the queue, and begins the next calm.
    fn end_calm(&self, queue: &OwnedFd, watches: &mut Watches) {
        // Changed only here, under the lock.
        let between = self.number.load(Ordering::SeqCst) | 1;
        self.number.store(between, Ordering::SeqCst);
        let mut room = [MaybeUninit::uninit(); NOTICES_LEN];
        let mut notices = Reader::new(queue, &mut room);
        // The first of them reads them all.
        while let Ok(notice) = notices.next() {
            if notice.events().contains(ReadFlags::IGNORED) {
                watches.placed.remove(&notice.wd());
            }
            if notices.is_buffer_empty() {
                break;
            }
        }
        self.number.store(between.wrapping_add(1), Ordering::SeqCst);
    }

    /// `None` if somebody takes notices or places watches: that is not waited for.
    fn try_lock(&self) -> Option<MutexGuard<'_, Watches>> {
        match self.watches.try_lock() {
            Ok(watches) => Some(watches),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether everything that could change what a path of these `names` leads to is watched from now on, beneath
    /// that directory, unless the path ends in a link. None is on the way then.
    pub fn covers<'a>(
        &self,
        directory: &OwnedFd,
        names: impl Iterator<Item = &'a [u8]>,
        now: SystemTime,
    ) -> bool {
        let (Some(queue), Some(mut watches)) = (&self.queue, self.try_lock()) else { return false };
        let mut place = format!("/proc/self/fd/{}/.", directory.as_raw_fd()).into_bytes();
        let mut names = names.peekable();
        let mut flags = OF_DIRECTORY;
        loop {
            if !watches.has_room(queue, now) {
                return false;
            }
            let Ok(watch) = add_watch(queue, &*place, flags) else { return false };
            watches.placed.insert(watch);
            let Some(name) = names.next() else { return true };
            place.push(b'/');
            place.extend_from_slice(name);
            flags = if names.peek().is_some() { OF_DIRECTORY } else { OF_FILE };
        }
    }
}

impl Watches {
    /// Whether one more can be placed; makes room for it if it is time to. That ends the calm: the kernel gives
    /// notice of each watch that is given up.
    fn has_room(&mut self, queue: &OwnedFd, now: SystemTime) -> bool {
        if self.placed.len() < WATCHES_MAX {
            return true;
        }
        let age = self.renewed.map(|at| now.duration_since(at).unwrap_or(RENEW_EVERY));
        if age.is_some_and(|age| age < RENEW_EVERY) {
            return false;
        }
        self.renewed = Some(now);
        for watch in self.placed.drain() {
            // Fails only for one that is gone already, with what it was on.
            let _ = remove_watch(queue, watch);
        }
        true
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
