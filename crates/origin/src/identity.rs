//! Which version of which file it is: what stat(2) says of it, and what that proves.
//!
//! The kernel sets both times of a file whenever it is written, and nobody can set the second one
//! (ctime). So two versions of a file differ in their identity if a tick of the file system's clock
//! lies between them. A version younger than the coarsest such clock ([`SETTLING`]) may still be
//! followed by another one of the same identity; it is *unsettled*, and nothing is built on it.

use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

/// How old a version must be before its identity is taken for proof. FAT counts in steps of 2 s; all
/// others in less.
pub const SETTLING: Duration = Duration::from_secs(2);

/// A moment on the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    seconds: i64,
    /// 0 to 999,999,999.
    nanoseconds: u32,
}

/// What tells one version of a file from every other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: Stamp,
    changed: Stamp,
}

/// What is behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A device, a FIFO, a socket: never served, and never opened if it can be avoided.
    Other,
}

impl Stamp {
    /// As a moment of our clock; `None` before 1970.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        let seconds = u64::try_from(self.seconds).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, self.nanoseconds))
    }

    /// Whether it lies before `other`, as far as that can be told: a time without a fraction was most
    /// likely given by a program that counts in seconds, and is compared as such.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        if self.nanoseconds == 0 { self.seconds < other.seconds } else { self < other }
    }

    /// Whether it lies at least [`SETTLING`] before `now`. A file of the future does not: a clock that
    /// runs ahead, as that of a remote file system may, writes such times into new files.
    fn is_settled(self, now: SystemTime) -> bool {
        let Some(time) = self.to_system_time() else { return self.seconds < 0 };
        now.duration_since(time).is_ok_and(|age| age >= SETTLING)
    }
}

impl Identity {
    /// From what stat(2) says.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        Self {
            device: number(stat.st_dev),
            inode: number(stat.st_ino),
            size: number(stat.st_size),
            modified: stamp(stat.st_mtime, number(stat.st_mtime_nsec)),
            changed: stamp(stat.st_ctime, number(stat.st_ctime_nsec)),
        }
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether both lie on the same file system.
    #[must_use]
    pub(crate) fn is_beside(&self, other: &Stat) -> bool {
        self.device == number(other.st_dev)
    }

    /// When the content was last modified, as far as one may set it.
    #[must_use]
    pub fn modified(&self) -> Stamp {
        self.modified
    }

    /// Whether no other version can have this identity any more, at `now` or later.
    #[must_use]
    pub fn is_settled(&self, now: SystemTime) -> bool {
        self.modified.is_settled(now) && self.changed.is_settled(now)
    }

    /// Whether the second in which the file was modified belongs to this version alone.
    ///
    /// So it is if the kernel set the time itself, by the last change of all. A time that was set
    /// afterwards, as by `cp -p`, `tar` or `rsync`, may be that of the version before, too.
    #[must_use]
    pub fn owns_its_second(&self) -> bool {
        self.modified.seconds == self.changed.seconds
    }

    /// 64 bits that stand for the identity, the same after each start.
    ///
    /// Two identities that differ in one number have different digests, since each step below is
    /// one-to-one in what it takes in; any two others collide once in 2^64. An inode number is not
    /// shown as it is: it would tell outsiders about the file system.
    #[must_use]
    pub fn digest(&self) -> u64 {
        [
            self.device,
            self.inode,
            self.size,
            self.modified.seconds.cast_unsigned(),
            u64::from(self.modified.nanoseconds),
            self.changed.seconds.cast_unsigned(),
            u64::from(self.changed.nanoseconds),
        ]
        .into_iter()
        .fold(0, |digest, number| scramble(digest ^ number))
    }
}

/// One-to-one, and each bit of the result depends on each bit taken in (the finaliser of `SplitMix64`).
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Kind {
    /// From what stat(2) says.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            _ => Self::Other,
        }
    }
}

/// The fields of `Stat` have other types on other systems; no kernel makes them negative.
fn number(value: impl TryInto<u64>) -> u64 {
    value.try_into().unwrap_or(0)
}

fn stamp(seconds: i64, nanoseconds: u64) -> Stamp {
    Stamp { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: Stamp = Stamp { seconds: 1_000, nanoseconds: 500_000_000 };
    const VERSION: Identity = Identity { device: 1, inode: 2, size: 3, modified: WRITTEN, changed: WRITTEN };

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).unwrap()
    }

    #[test]
    fn every_part_of_an_identity_shows_in_its_digest() {
        let later = Stamp { nanoseconds: 500_000_001, ..WRITTEN };
        let next = Stamp { seconds: 1_001, ..WRITTEN };
        let versions = [
            VERSION,
            Identity { device: 2, ..VERSION },
            Identity { inode: 3, ..VERSION },
            Identity { size: 4, ..VERSION },
            Identity { modified: later, ..VERSION },
            Identity { modified: next, ..VERSION },
            Identity { changed: later, ..VERSION },
            Identity { changed: next, ..VERSION },
            Identity { device: 2, inode: 1, ..VERSION },
        ];
        for (i, a) in versions.iter().enumerate() {
            for b in versions.iter().skip(i + 1) {
                assert_ne!(a.digest(), b.digest(), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_digest_is_the_same_after_each_start() {
        assert_eq!(VERSION.digest(), VERSION.digest());
        assert_eq!(scramble(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn a_version_settles_once_both_its_times_are_old_enough() {
        assert!(!VERSION.is_settled(at(1_000_500)));
        assert!(!VERSION.is_settled(at(1_002_499)));
        assert!(VERSION.is_settled(at(1_002_500)));
        let touched = Identity { changed: Stamp { seconds: 2_000, nanoseconds: 0 }, ..VERSION };
        assert!(!touched.is_settled(at(2_000_000)), "its date was set back a moment ago");
        let future = Identity { modified: Stamp { seconds: 9_000, nanoseconds: 0 }, ..VERSION };
        assert!(!future.is_settled(at(5_000_000)));
        let ancient = Stamp { seconds: -5, nanoseconds: 0 };
        assert!(Identity { modified: ancient, ..VERSION }.is_settled(at(1_002_500)));
    }

    #[test]
    fn a_time_in_whole_seconds_is_compared_by_seconds() {
        let whole = |seconds| Stamp { seconds, nanoseconds: 0 };
        let earlier = Stamp { nanoseconds: 499_999_999, ..WRITTEN };
        assert!(earlier.is_before(WRITTEN) && !WRITTEN.is_before(earlier) && !WRITTEN.is_before(WRITTEN));
        assert!(!whole(1_000).is_before(WRITTEN), "as tar(1) gives it back");
        assert!(whole(999).is_before(WRITTEN) && !whole(1_001).is_before(WRITTEN));
        assert!(!WRITTEN.is_before(whole(1_000)) && WRITTEN.is_before(whole(1_001)));
    }

    #[test]
    fn a_date_that_was_set_afterwards_may_be_that_of_another_version() {
        assert!(VERSION.owns_its_second());
        let copied = Identity { changed: Stamp { seconds: 2_000, nanoseconds: 0 }, ..VERSION };
        assert!(!copied.owns_its_second());
    }
}
