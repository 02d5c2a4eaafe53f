//! Which bytes of a representation are there: any number of stretches, as it comes when parts of it are
//! fetched (RFC 9110 §14, RFC 9111 §3.3).

use std::fmt;
use std::ops::Range;

/// A set of bytes by their places, as stretches in order, no two of which touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Range<u64>>);

impl Spans {
    /// Adds the bytes of `range`.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // All that overlap or touch the new one become one with it.
        let from = self.0.partition_point(|span| span.end < range.start);
        let to = self.0.partition_point(|span| span.start <= range.end);
        let joined = self.0.get(from..to).unwrap_or_default();
        let start = joined.first().map_or(range.start, |span| span.start.min(range.start));
        let end = joined.last().map_or(range.end, |span| span.end.max(range.end));
        self.0.splice(from..to, std::iter::once(start..end));
    }

    /// Takes the bytes of `range` out.
    pub fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let kept = |span: &Range<u64>| {
            let before = span.start..span.end.min(range.start);
            let after = span.start.max(range.end)..span.end;
            [before, after]
        };
        self.0 = self.0.iter().flat_map(kept).filter(|span| !span.is_empty()).collect();
    }

    /// How far the bytes from `at` on are there without a gap: the position behind the last of them, which
    /// is `at` if that one is missing.
    #[must_use]
    pub fn reach(&self, at: u64) -> u64 {
        let before = self.0.partition_point(|span| span.start <= at);
        let span = before.checked_sub(1).and_then(|last| self.0.get(last));
        span.map_or(at, |span| span.end.max(at))
    }

    /// Where the next stretch begins behind `at`; `None` if there is none.
    #[must_use]
    pub fn next(&self, at: u64) -> Option<u64> {
        self.0.get(self.0.partition_point(|span| span.start <= at)).map(|span| span.start)
    }

    /// Whether all bytes of `range` are there.
    #[must_use]
    pub fn contains(&self, range: &Range<u64>) -> bool {
        range.is_empty() || self.reach(range.start) >= range.end
    }

    /// The parts of `range` that are missing, in order.
    #[must_use]
    pub fn gaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let (mut at, mut gaps) = (range.start, Vec::new());
        while at < range.end {
            let gap = self.reach(at);
            at = self.next(gap).unwrap_or(u64::MAX).min(range.end);
            gaps.extend((gap < at).then_some(gap..at));
        }
        gaps
    }

    /// The stretches, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// How many stretches they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, span| sum.saturating_add(span.end.saturating_sub(span.start)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the last one ends; 0 if there are none.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |span| span.end)
    }

    /// Reads what `Display` writes; `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut spans = Self::default();
        for part in text.split_ascii_whitespace() {
            let (start, end) = part.split_once('-')?;
            let range = start.parse().ok()?..end.parse().ok()?;
            if range.is_empty() || range.start < spans.end() {
                return None;
            }
            spans.insert(range);
        }
        Some(spans)
    }
}

impl FromIterator<Range<u64>> for Spans {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut spans = Self::default();
        ranges.into_iter().for_each(|range| spans.insert(range));
        spans
    }
}

/// `0-100 200-300`: start and end of each stretch, the end not included.
impl fmt::Display for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, span) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { " " };
            write!(f, "{before}{}-{}", span.start, span.end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(text: &str) -> Spans {
        Spans::parse(text).unwrap()
    }

    #[test]
    fn ranges_that_touch_become_one() {
        for (before, range, after) in [
            ("", 3..5, "3-5"),
            ("", 3..3, ""),
            ("0-3", 3..5, "0-5"),
            ("0-5 8-9", 4..8, "0-9"),
            ("0-3 7-9", 3..7, "0-9"),
            ("0-3 7-9", 4..6, "0-3 4-6 7-9"),
            ("2-4 6-8", 0..20, "0-20"),
            ("2-8", 3..4, "2-8"),
        ] {
            let mut set = spans(before);
            set.insert(range.clone());
            assert_eq!(set.to_string(), after, "{before:?} and {range:?}");
        }
    }

    #[test]
    fn gaps_are_what_is_missing() {
        assert_eq!(spans("2-4 6-8").gaps(&(0..10)), [0..2, 4..6, 8..10]);
        assert_eq!(spans("2-4 6-8 9-10").gaps(&(3..9)), [4..6, 8..9]);
        assert_eq!(spans("0-10").gaps(&(0..10)), []);
        assert_eq!(spans("").gaps(&(0..0)), []);
        assert_eq!(spans("3-4").gaps(&(0..u64::MAX)), [0..3, 4..u64::MAX]);
    }

    #[test]
    fn it_is_known_how_far_they_go_and_where_they_go_on() {
        let spans = spans("0-10 20-30");
        let seen: Vec<_> = [0, 9, 10, 19, 20, 30].map(|at| (spans.reach(at), spans.next(at))).into();
        let expected =
            [(10, Some(20)), (10, Some(20)), (10, Some(20)), (19, Some(20)), (30, None), (30, None)];
        assert_eq!(seen, expected);
        assert!(spans.contains(&(3..10)) && !spans.contains(&(3..11)) && spans.contains(&(11..11)));
    }

    #[test]
    fn what_is_not_written_by_us_is_not_read() {
        for text in ["1", "a-b", "5-3", "3-3", "5-7 0-2", "0-5 3-9", "-1", "1-99999999999999999999"] {
            assert_eq!(Spans::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_bytes(steps in prop::collection::vec((any::<bool>(), 0_u64..60, 0_u64..20), 0..40)) {
            let (mut set, mut model) = (Spans::default(), [false; 80]);
            for (insert, start, length) in steps {
                let range = start..start + length;
                if insert { set.insert(range.clone()) } else { set.remove(&range) }
                for at in range {
                    model[usize::try_from(at).unwrap()] = insert;
                }
            }
            prop_assert_eq!(set.total(), model.iter().filter(|is| **is).count() as u64);
            for (at, is) in (0_u64..).zip(model) {
                prop_assert_eq!(set.contains(&(at..at + 1)), is);
            }
            prop_assert!(set.0.windows(2).all(|two| two[0].end < two[1].start), "{:?}", set);
            prop_assert_eq!(set.gaps(&(0..80)).iter().map(|gap| gap.end - gap.start).sum::<u64>(), 80 - set.total());
            prop_assert_eq!(&Spans::from_iter(set.iter().cloned()), &set);
            prop_assert_eq!(Spans::parse(&set.to_string()), Some(set));
        }
    }
}
