//! How much disk the cache takes, and may take: its bodies, and the index of them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use message::Spans;

/// What a file system gives out at a time, in bytes.
const BLOCK: u64 = 4096;

/// Which part of the quota is kept free, so that most fetches find room without waiting.
const HEADROOM_PART: u64 = 64;

/// The most that is set aside for what the index grows by in one transaction, in bytes.
const GROWTH_MAX: u64 = 4 << 20;

/// But no more than this part of the quota.
const GROWTH_PART: u64 = 8;

/// The disk that is taken.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: u64,
    /// By bodies: those that are stored, and those that are being written.
    used: AtomicU64,
    /// By the index and the journal, and set aside for what they will grow by.
    index: AtomicU64,
}

/// Disk set aside for a body that is being written; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    quota: Arc<Quota>,
    bytes: u64,
}

/// What a body of `size` bytes takes on the disk.
pub(crate) fn weight(size: u64) -> u64 {
    size.max(1).checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX)
}

/// What a body of `size` bytes takes on the disk, of which no more than `present` is there, if that is given.
pub(crate) fn weight_of(size: u64, present: Option<&Spans>) -> u64 {
    present.map_or_else(|| weight(size), on_disk)
}

/// What they take on the disk in a file that is otherwise a hole, in bytes; two stretches may share a block,
/// and it is counted twice then.
pub(crate) fn on_disk(spans: &Spans) -> u64 {
    let blocks = |span: &Range<u64>| {
        let end = span.end.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        end.saturating_sub(span.start - span.start % BLOCK)
    };
    spans.iter().fold(0, |sum: u64, span| sum.saturating_add(blocks(span)))
}

impl Quota {
    /// A quota of `limit` bytes, of which bodies take `used`.
    pub(crate) fn new(limit: u64, used: u64) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(used), index: AtomicU64::new(0) })
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// What bodies take.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// What all of it takes.
    pub(crate) fn taken(&self) -> u64 {
        self.used().saturating_add(self.index.load(Ordering::Acquire))
    }

    /// Takes note that the index takes so many bytes.
    pub(crate) fn note_index(&self, bytes: u64) {
        let growth = GROWTH_MAX.min(self.limit / GROWTH_PART);
        self.index.store(bytes.saturating_add(growth), Ordering::Release);
    }

    /// What is kept free of it: when less is left, something that is stored has to go.
    pub(crate) fn headroom(&self) -> u64 {
        self.limit / HEADROOM_PART
    }

    /// Whether there is room for a body of `size` bytes without anything else having to go.
    pub(crate) fn has_room(&self, size: u64) -> bool {
        self.taken().saturating_add(weight(size)) <= self.limit.saturating_sub(self.headroom())
    }

    /// Gives back what a body that is gone took.
    pub(crate) fn release(&self, bytes: u64) {
        let released = |used: u64| Some(used.saturating_sub(bytes));
        // It can't fail: there is always a new value.
        let _ = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, released);
    }

    /// Takes `bytes` even if there are not so many: for a body that is there whatever is said of it.
    pub(crate) fn charge(&self, bytes: u64) {
        let charged = |used: u64| Some(used.saturating_add(bytes));
        // It can't fail: there is always a new value.
        let _ = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, charged);
    }

    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit.saturating_sub(self.index.load(Ordering::Acquire));
        let taken = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }

    /// What a stored body takes, set aside for it from now on: whoever unrecords it must not
    /// [release](Quota::release) it.
    pub(crate) fn adopt(self: &Arc<Self>, weight: u64) -> Reservation {
        Reservation { quota: Arc::clone(self), bytes: weight }
    }

    /// Sets nothing aside yet.
    pub(crate) fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { quota: Arc::clone(self), bytes: 0 }
    }
}

impl Reservation {
    /// Has enough set aside for a body of `size` bytes; `false` if there is no room for it.
    pub(crate) fn grow(&mut self, size: u64) -> bool {
        let more = self.lacks(size);
        let has_room = self.quota.take(more);
        if has_room {
            self.bytes = self.bytes.saturating_add(more);
        }
        has_room
    }

    /// How much is set aside.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether enough is set aside for a body of `size` bytes.
    pub(crate) fn covers(&self, size: u64) -> bool {
        self.lacks(size) == 0
    }

    /// How much more is to be set aside for that.
    pub(crate) fn lacks(&self, size: u64) -> u64 {
        weight(size).saturating_sub(self.bytes)
    }

    /// The body is stored, and takes `weight` bytes of the disk: they stay taken.
    pub(crate) fn keep(mut self, weight: u64) {
        self.bytes = self.bytes.saturating_sub(weight);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.quota.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_is_set_aside_than_there_is() {
        let quota = Quota::new(10 * BLOCK, BLOCK);
        let (mut one, mut other) = (quota.reservation(), quota.reservation());
        assert!(one.grow(5 * BLOCK));
        assert!(!other.grow(4 * BLOCK + 1));
        assert!(other.grow(4 * BLOCK));
        assert_eq!(quota.used(), 10 * BLOCK);
        assert!(!one.grow(5 * BLOCK + 1), "what it has it keeps, but there is no more");
        assert!(one.grow(5 * BLOCK));
        drop(other);
        assert_eq!(quota.used(), 6 * BLOCK);
        assert!(!one.grow(u64::MAX));
    }

    #[test]
    fn what_is_stored_stays_taken_until_it_is_gone() {
        let quota = Quota::new(10 * BLOCK, 0);
        let mut body = quota.reservation();
        assert!(body.grow(3 * BLOCK));
        body.keep(weight(1));
        assert_eq!(quota.used(), BLOCK);
        quota.release(weight(1));
        assert_eq!(quota.used(), 0);
    }

    #[test]
    fn what_the_index_takes_is_no_room_for_bodies() {
        let quota = Quota::new(320 * BLOCK, 10 * BLOCK);
        quota.note_index(100 * BLOCK);
        assert_eq!((quota.used(), quota.taken()), (10 * BLOCK, 150 * BLOCK));
        let mut body = quota.reservation();
        assert!(!body.grow(171 * BLOCK) && body.grow(170 * BLOCK));
        assert!(!quota.has_room(1));
    }

    #[test]
    fn there_is_room_while_nothing_has_to_go() {
        let quota = Quota::new(128 * BLOCK, 124 * BLOCK);
        assert!(quota.has_room(2 * BLOCK) && !quota.has_room(2 * BLOCK + 1) && !quota.has_room(u64::MAX));
    }

    #[test]
    fn even_an_empty_file_weighs_something() {
        assert_eq!(
            (weight(0), weight(1), weight(BLOCK), weight(BLOCK + 1)),
            (BLOCK, BLOCK, BLOCK, 2 * BLOCK)
        );
        assert_eq!(weight(u64::MAX), u64::MAX);
    }

    #[test]
    fn parts_take_whole_blocks() {
        for (range, taken) in [(4095..4097, 2 * BLOCK), (BLOCK..BLOCK + 1, BLOCK), (0..u64::MAX, u64::MAX)] {
            assert_eq!(weight_of(u64::MAX, Some(&Spans::from_iter(std::iter::once(range)))), taken);
        }
        assert_eq!(on_disk(&Spans::from_iter([0..1, BLOCK..BLOCK + 1])), 2 * BLOCK);
    }
}
