//! Which bytes of a body are there: any number of stretches, as it comes when parts of it are fetched.

use message::field::range::ByteRange;
use serde::{Deserialize, Serialize};

/// What a file system gives out at a time, in bytes.
const BLOCK: u64 = 4096;

/// Stretches of bytes, each with a start and the position behind its end: in order, and no two of them
/// touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Adds the bytes from `start` to before `end`.
    pub(crate) fn insert(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        // All that overlap or touch the new one become one with it.
        let from = self.0.partition_point(|span| span.1 < start);
        let to = self.0.partition_point(|span| span.0 <= end);
        let joined = self.0.get(from..to).unwrap_or_default();
        let start = joined.first().map_or(start, |span| span.0.min(start));
        let end = joined.last().map_or(end, |span| span.1.max(end));
        self.0.splice(from..to, [(start, end)]);
    }

    /// How far the bytes from `at` on are there without a gap: the position behind the last of them, which
    /// is `at` if that one is missing.
    #[must_use]
    pub(crate) fn reach(&self, at: u64) -> u64 {
        let before = self.0.partition_point(|span| span.0 <= at);
        let span = before.checked_sub(1).and_then(|last| self.0.get(last));
        span.map_or(at, |span| span.1.max(at))
    }

    /// Where the next bytes behind a missing one at `at` are; `None` if there are none.
    #[must_use]
    pub(crate) fn next(&self, at: u64) -> Option<u64> {
        self.0.get(self.0.partition_point(|span| span.0 <= at)).map(|span| span.0)
    }

    /// Whether all bytes from `start` to before `end` are there.
    #[must_use]
    pub(crate) fn holds(&self, start: u64, end: u64) -> bool {
        start >= end || self.reach(start) >= end
    }

    /// Whether all bytes of `range` are there.
    #[must_use]
    pub(crate) fn holds_range(&self, range: ByteRange) -> bool {
        self.holds(range.first(), range.last().saturating_add(1))
    }

    /// The stretches, each with its start and the position behind its end.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }

    /// How many bytes are there.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, (start, end)| sum.saturating_add(end.saturating_sub(*start)))
    }

    /// How many stretches they are.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is there.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they take on the disk in a file that is otherwise a hole, in bytes; two stretches may share a
    /// block, and it is counted twice then.
    #[must_use]
    pub(crate) fn on_disk(&self) -> u64 {
        let blocks = |(start, end): &(u64, u64)| {
            let end = end.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
            end.saturating_sub(start - start % BLOCK)
        };
        self.0.iter().fold(0, |sum: u64, span| sum.saturating_add(blocks(span)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(of: &[(u64, u64)]) -> Spans {
        let mut spans = Spans::default();
        of.iter().for_each(|(start, end)| spans.insert(*start, *end));
        spans
    }

    #[test]
    fn what_touches_becomes_one() {
        assert_eq!(spans(&[(0, 5), (5, 7)]), Spans(vec![(0, 7)]));
        assert_eq!(spans(&[(8, 9), (0, 5), (4, 8)]), Spans(vec![(0, 9)]));
        assert_eq!(spans(&[(0, 1), (4, 5), (2, 3)]), Spans(vec![(0, 1), (2, 3), (4, 5)]));
        assert_eq!(spans(&[(3, 3)]), Spans::default());
        assert_eq!(spans(&[(2, 9), (3, 4)]), Spans(vec![(2, 9)]));
    }

    #[test]
    fn it_is_known_how_far_it_goes_and_where_it_goes_on() {
        let spans = spans(&[(0, 10), (20, 30)]);
        let seen: Vec<_> = [0, 9, 10, 19, 20, 30].map(|at| (spans.reach(at), spans.next(at))).into();
        let expected =
            [(10, Some(20)), (10, Some(20)), (10, Some(20)), (19, Some(20)), (30, None), (30, None)];
        assert_eq!(seen, expected);
        assert!(spans.holds(3, 10) && !spans.holds(3, 11) && spans.holds(11, 11));
    }

    #[test]
    fn on_the_disk_they_take_whole_blocks() {
        assert_eq!(spans(&[(4095, 4097)]).on_disk(), 2 * BLOCK);
        assert_eq!(spans(&[(0, 1), (BLOCK, BLOCK + 1)]).on_disk(), 2 * BLOCK);
        assert_eq!(spans(&[(0, u64::MAX)]).on_disk(), u64::MAX);
    }

    proptest! {
        #[test]
        fn they_hold_just_what_was_put_in(added in prop::collection::vec((0_u64..60, 0_u64..20), 0..12)) {
            let (mut model, mut spans) = ([false; 100], Spans::default());
            for (start, length) in added {
                spans.insert(start, start + length);
                for at in start..start + length {
                    model[usize::try_from(at).unwrap()] = true;
                }
            }
            for at in 0..100_u64 {
                prop_assert_eq!(spans.holds(at, at + 1), model[usize::try_from(at).unwrap()]);
            }
            prop_assert_eq!(spans.total(), model.iter().filter(|there| **there).count() as u64);
            prop_assert!(spans.0.windows(2).all(|two| two[0].1 < two[1].0), "{:?}", spans);
        }
    }
}
