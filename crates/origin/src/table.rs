//! The files that were asked for lately: small ones in memory, large ones open.
//!
//! An entry is only used if the disk holds the same version of the same file, as a look at it has shown or `watch` can
//! tell, so that nothing in here is ever out of date. Large files are closed when nobody has asked for them for a while:
//! the disk space of a deleted file is given back only then.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use message::body::Segment;
use message::field::coding::ContentCoding;

use crate::identity::Identity;
use crate::representation::Representation;

/// Into how many parts with a lock of their own the table is divided.
pub const SHARDS: usize = 8;

/// What leaves of a 64-bit hash the number of a shard.
const SHARD_SHIFT: u32 = u64::BITS - SHARDS.ilog2();

/// A large file that nobody asks for during one to two such times is closed by the next request.
pub const IDLE: Duration = Duration::from_secs(10);

/// What an entry takes in memory beside its content, in bytes: name, fields, their encoded form. A
/// round figure that bounds the number of empty files.
const ENTRY_BYTES: usize = 1 << 10;

/// The name under which a file's coded form is kept. No name of a file holds a NUL.
#[must_use]
pub fn coded_name(name: &[u8], coding: ContentCoding) -> Vec<u8> {
    [name, b"\0", coding.name().as_bytes()].concat()
}

/// Representations by name.
#[derive(Debug)]
pub struct Table {
    shards: [RwLock<Shard>; SHARDS],
    hasher: RandomState,
    limits: Limits,
    /// When large files were last looked through, in seconds since 1970.
    swept: AtomicU64,
}

/// What one shard may hold.
#[derive(Clone, Copy, Debug)]
struct Limits {
    memory_bytes: usize,
    open_files: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Arc<[u8]>, Entry>,
    /// The same names, in the order in which they are next considered for eviction.
    clock: VecDeque<Arc<[u8]>>,
    memory_bytes: usize,
    open_files: usize,
}

#[derive(Debug)]
struct Entry {
    representation: Arc<Representation>,
    /// Asked for since it was last considered for eviction.
    used: AtomicBool,
}

impl Table {
    /// An empty table for at most `memory_bytes` of small files and `open_files` large ones, both
    /// shared out evenly among the shards (`open_files` rounded up).
    #[must_use]
    pub fn new(memory_bytes: usize, open_files: usize) -> Self {
        let limits = Limits { memory_bytes: memory_bytes / SHARDS, open_files: open_files.div_ceil(SHARDS) };
        Self { shards: Default::default(), hasher: RandomState::new(), limits, swept: AtomicU64::new(0) }
    }

    /// What is kept under `name`, if it is of that very version.
    #[must_use]
    pub fn get(&self, name: &[u8], identity: &Identity) -> Option<Arc<Representation>> {
        self.find(name).filter(|kept| kept.identity() == identity)
    }

    /// What is kept under `name`, of whatever version: to be used only if that is still the one on the disk.
    #[must_use]
    pub(crate) fn find(&self, name: &[u8]) -> Option<Arc<Representation>> {
        let shard = self.read(name);
        let entry = shard.entries.get(name)?;
        // Written only if it changes something: all cores ask for the same few files.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.representation))
    }

    /// Keeps a representation under `name` in the place of what was there, if there is room for it.
    pub fn keep(&self, name: &[u8], representation: &Arc<Representation>) {
        let entry = Entry { representation: Arc::clone(representation), used: AtomicBool::new(true) };
        self.write(name).put(name.into(), entry, self.limits);
    }

    /// Whether it could be kept if all else were given up for it.
    #[must_use]
    pub fn has_room_for(&self, representation: &Representation) -> bool {
        memory_bytes(representation) <= self.limits.memory_bytes
            && open_files(representation) <= self.limits.open_files
    }

    /// Drops what is kept under `name`.
    pub fn forget(&self, name: &[u8]) {
        if self.holds(name) {
            self.write(name).take(name);
        }
    }

    /// Whether some version is kept under `name`. To ask is not to use it.
    #[must_use]
    pub fn holds(&self, name: &[u8]) -> bool {
        self.read(name).entries.contains_key(name)
    }

    /// How much memory its entries take.
    #[cfg(test)]
    pub(crate) fn memory_bytes(&self) -> usize {
        self.shards.iter().map(|shard| write(shard).memory_bytes).sum()
    }

    /// Drops every open file, and says how many there were. Those in transfer stay open until then.
    pub fn close_files(&self) -> usize {
        self.shards.iter().map(|shard| write(shard).close_files(|_| true)).sum()
    }

    /// Closes large files that nobody has asked for lately, if it is time to.
    pub fn sweep(&self, now: SystemTime) {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let last = self.swept.load(Ordering::Relaxed);
        // The distance, not the order: the clock may be set back.
        if now.abs_diff(last) < IDLE.as_secs() {
            return;
        }
        if self.swept.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            for shard in &self.shards {
                write(shard).close_files(|entry| !entry.used.swap(false, Ordering::Relaxed));
            }
        }
    }

    fn read(&self, name: &[u8]) -> RwLockReadGuard<'_, Shard> {
        self.shard(name).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, name: &[u8]) -> RwLockWriteGuard<'_, Shard> {
        write(self.shard(name))
    }

    fn shard(&self, name: &[u8]) -> &RwLock<Shard> {
        let [first, ..] = &self.shards;
        let top_bits = self.hasher.hash_one(name) >> SHARD_SHIFT;
        usize::try_from(top_bits).ok().and_then(|number| self.shards.get(number)).unwrap_or(first)
    }
}

/// A panic elsewhere leaves no shard half changed that would matter: at worst a count is off.
fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn put(&mut self, name: Arc<[u8]>, entry: Entry, limits: Limits) {
        self.take(&name);
        if entry.memory_bytes() > limits.memory_bytes || entry.open_files() > limits.open_files {
            return;
        }
        self.memory_bytes = self.memory_bytes.saturating_add(entry.memory_bytes());
        self.open_files = self.open_files.saturating_add(entry.open_files());
        self.clock.push_back(Arc::clone(&name));
        self.entries.insert(name, entry);
        while self.memory_bytes > limits.memory_bytes && self.evict(|entry| entry.memory_bytes() > 0) {}
        while self.open_files > limits.open_files && self.evict(|entry| entry.open_files() > 0) {}
    }

    fn take(&mut self, name: &[u8]) {
        if let Some(entry) = self.entries.remove(name) {
            self.clock.retain(|other| **other != *name);
            self.uncount(&entry);
        }
    }

    fn uncount(&mut self, entry: &Entry) {
        self.memory_bytes = self.memory_bytes.saturating_sub(entry.memory_bytes());
        self.open_files = self.open_files.saturating_sub(entry.open_files());
    }

    /// Drops one entry of that sort: the first that was not asked for since it was last considered
    /// (second chance). Two rounds find one if there is any; `false` if there is none.
    fn evict(&mut self, is_eligible: impl Fn(&Entry) -> bool) -> bool {
        for _ in 0..self.clock.len().saturating_mul(2) {
            let Some(name) = self.clock.pop_front() else { break };
            let Some(entry) = self.entries.get(&name) else { continue };
            if is_eligible(entry) && !entry.used.swap(false, Ordering::Relaxed) {
                if let Some(entry) = self.entries.remove(&name) {
                    self.uncount(&entry);
                }
                return true;
            }
            self.clock.push_back(name);
        }
        false
    }

    /// Drops the entries with an open file that `is_over` is true of, and says how many.
    fn close_files(&mut self, is_over: impl Fn(&Entry) -> bool) -> usize {
        if self.open_files == 0 {
            return 0;
        }
        let over = |(name, entry): (&Arc<[u8]>, &Entry)| {
            (entry.open_files() > 0 && is_over(entry)).then(|| Arc::clone(name))
        };
        let names: Vec<_> = self.entries.iter().filter_map(over).collect();
        for name in &names {
            self.take(name);
        }
        names.len()
    }
}

impl Entry {
    fn memory_bytes(&self) -> usize {
        memory_bytes(&self.representation)
    }

    fn open_files(&self) -> usize {
        open_files(&self.representation)
    }
}

fn memory_bytes(representation: &Representation) -> usize {
    match representation.content() {
        Segment::Bytes(bytes) => bytes.len().saturating_add(ENTRY_BYTES),
        Segment::File(_) => 0,
    }
}

fn open_files(representation: &Representation) -> usize {
    match representation.content() {
        Segment::Bytes(_) => 0,
        Segment::File(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::CheckedPath;
    use crate::presentation::Presentation;
    use crate::representation::SMALL_FILE;
    use crate::root::{Opened, Root};

    /// Long after whenever the tests run: every file is settled.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 33)).unwrap()
    }

    fn representation(len: u64) -> Arc<Representation> {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::File::create(temporary.path().join("file")).unwrap().set_len(len).unwrap();
        let path = CheckedPath::parse(b"/file").unwrap();
        match Root::open(temporary.path()).unwrap().open_beneath(&path).unwrap() {
            Opened::File(file) => {
                Arc::new(Representation::of(&file, b"file", &Presentation::default(), now()).unwrap())
            }
            Opened::Directory => panic!("a file was made"),
        }
    }

    fn one_shard(memory_bytes: usize, open_files: usize) -> (Shard, Limits) {
        (Shard::default(), Limits { memory_bytes, open_files })
    }

    fn put(shard: &mut Shard, limits: Limits, name: &str, representation: &Arc<Representation>, used: bool) {
        let representation = Arc::clone(representation);
        let entry = Entry { representation, used: AtomicBool::new(used) };
        shard.put(name.as_bytes().into(), entry, limits);
    }

    fn names(shard: &Shard) -> Vec<&str> {
        let mut names: Vec<_> = shard.entries.keys().map(|name| str::from_utf8(name).unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_the_very_version_is_found() {
        let table = Table::new(1 << 20, 8);
        let (old, new) = (representation(10), representation(11));
        table.keep(b"a", &old);
        assert!(table.get(b"a", old.identity()).is_some());
        assert!(table.get(b"a", new.identity()).is_none());
        table.keep(b"a", &new);
        assert!(table.get(b"a", old.identity()).is_none());
        table.forget(b"a");
        assert!(table.get(b"a", new.identity()).is_none());
    }

    #[test]
    fn names_are_spread_over_all_shards() {
        let table = Table::new(1 << 20, 0);
        let small = representation(1);
        for number in 0..400_u32 {
            table.keep(&number.to_be_bytes(), &small);
        }
        for shard in &table.shards {
            assert!(shard.read().unwrap().entries.len() > 10);
        }
    }

    #[test]
    fn memory_is_bounded_and_what_was_asked_for_stays_longest() {
        let small = representation(3 << 10);
        let (mut shard, limits) = one_shard(8 << 10, 0);
        put(&mut shard, limits, "a", &small, true);
        put(&mut shard, limits, "b", &small, false);
        put(&mut shard, limits, "c", &small, true);
        assert_eq!(names(&shard), ["a", "c"]);
        assert_eq!((shard.memory_bytes, shard.clock.len()), (8 << 10, 2));
    }

    #[test]
    fn open_files_are_bounded_and_make_no_room_in_memory() {
        let (small, large) = (representation(1), representation(SMALL_FILE + 1));
        let (mut shard, limits) = one_shard(8 << 10, 2);
        put(&mut shard, limits, "small", &small, false);
        for name in ["a", "b", "c", "d"] {
            put(&mut shard, limits, name, &large, true);
        }
        assert_eq!((shard.open_files, shard.entries.len()), (2, 3));
        assert!(shard.entries.contains_key(b"small".as_slice()));
        assert_eq!(shard.close_files(|_| true), 2);
        assert_eq!(names(&shard), ["small"]);
        assert_eq!((shard.open_files, shard.clock.len()), (0, 1));
    }

    #[test]
    fn what_can_never_fit_is_not_kept_and_evicts_nothing() {
        let (small, medium) = (representation(1), representation(10 << 10));
        let (mut shard, limits) = one_shard(8 << 10, 0);
        put(&mut shard, limits, "a", &small, false);
        put(&mut shard, limits, "b", &medium, true);
        put(&mut shard, limits, "c", &representation(SMALL_FILE + 1), true);
        assert_eq!(names(&shard), ["a"]);
    }

    #[test]
    fn a_name_that_is_replaced_time_and_again_takes_one_place() {
        let small = representation(100);
        let (mut shard, limits) = one_shard(64 << 10, 0);
        for _ in 0..1000 {
            put(&mut shard, limits, "a", &small, true);
        }
        assert_eq!((shard.clock.len(), shard.memory_bytes), (1, 100 + ENTRY_BYTES));
    }

    #[test]
    fn an_open_file_that_nobody_asks_for_is_closed() {
        let table = Table::new(1 << 20, 8);
        let (small, large) = (representation(1), representation(SMALL_FILE + 1));
        table.sweep(now());
        table.keep(b"small", &small);
        table.keep(b"large", &large);
        let at = |seconds| now().checked_add(Duration::from_secs(seconds)).unwrap();
        table.sweep(at(10)); // it was asked for when it was put there
        table.sweep(at(19));
        assert!(table.get(b"large", large.identity()).is_some());
        table.sweep(at(20)); // and since
        table.sweep(at(30));
        assert!(table.get(b"large", large.identity()).is_none());
        assert!(table.get(b"small", small.identity()).is_some(), "memory holds no disk space");
    }
}
