//! Which bytes of a file are there: ranges that don't touch each other.
//!
//! Pure.

use std::fmt;
use std::ops::Range;

/// A set of bytes by their offsets, as sorted ranges with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<Range<u64>>);

impl Spans {
    /// Adds the bytes of `range`.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|span| span.end < range.start);
        let to = self.0.partition_point(|span| span.start <= range.end);
        let touched = self.0.get(from..to).unwrap_or_default();
        let start = touched.first().map_or(range.start, |span| span.start.min(range.start));
        let end = touched.last().map_or(range.end, |span| span.end.max(range.end));
        self.0.splice(from..to, std::iter::once(start..end));
    }

    /// Takes the bytes of `range` out.
    pub(crate) fn remove(&mut self, range: &Range<u64>) {
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

    /// How many bytes there are.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|span| span.end.saturating_sub(span.start)).sum()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all bytes of `range` are there.
    pub(crate) fn contains(&self, range: &Range<u64>) -> bool {
        range.is_empty() || self.0.iter().any(|span| span.start <= range.start && range.end <= span.end)
    }

    /// Where the last one ends; 0 if there are none.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |span| span.end)
    }

    /// The parts of `range` that are missing, in order.
    pub(crate) fn gaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = range.start;
        for span in &self.0 {
            if span.start >= range.end {
                break;
            }
            if at < span.start {
                gaps.push(at..span.start);
            }
            at = at.max(span.end);
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// Reads what `Display` writes; `None` if it is anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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

/// `0-100 200-300`: start and end of each range, the end not included.
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
            prop_assert_eq!(set.gaps(&(0..80)).iter().map(|gap| gap.end - gap.start).sum::<u64>(), 80 - set.total());
            prop_assert_eq!(Spans::parse(&set.to_string()), Some(set));
        }
    }
}
