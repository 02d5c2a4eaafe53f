//! Byte ranges (RFC 9110 §14): what `Range` asks for and what `Content-Range` says is there.

use std::fmt;

use http::{HeaderValue, header};

use crate::field::list::trim;
use crate::field::{decimal, value};
use crate::fields::Fields;

/// The most ranges that are read; a request for more is answered as if it had asked for all (§14.2
/// lets a server ignore `Range`, and so many are an attack, §17.15).
pub const RANGES_MAX: usize = 64;

/// The ranges that a request asks for, not yet measured against a length; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<Spec>);

/// One range as it was asked for (§14.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    /// `first-`
    From(u64),
    /// `first-last`
    Between(ByteRange),
    /// `-length`: that many bytes at the end.
    Last(u64),
}

/// Some bytes of a representation, from the first to the last, both included; never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

/// What `Content-Range` says (§14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// The content is that range of a representation whose complete length is known or not (`*`).
    Bytes {
        /// Which bytes they are; within the complete length.
        range: ByteRange,
        /// Length in bytes of the whole representation.
        complete: Option<u64>,
    },
    /// No range could be satisfied (416): that is the whole representation's length in bytes.
    Unsatisfied {
        /// Length in bytes of the whole representation.
        complete: u64,
    },
}

impl Ranges {
    /// What `Range` asks for.
    ///
    /// `None` means that the field is to be ignored, as §14.2 says of a malformed one and of a unit
    /// that is not understood (only `bytes` is), and allows for one that stands twice or lists more
    /// than [`RANGES_MAX`]. Numbers that are too great are taken for `u64::MAX`, which no
    /// representation reaches.
    #[must_use]
    pub fn parse(fields: &Fields) -> Option<Self> {
        let (unit, set) = fields.text(&header::RANGE)?.split_once('=')?;
        // §14.1: range unit names are case-insensitive.
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let mut specs = Vec::new();
        for member in set.as_bytes().split(|byte| *byte == b',').map(trim).filter(|m| !m.is_empty()) {
            if specs.len() == RANGES_MAX {
                return None;
            }
            specs.push(Spec::parse(member)?);
        }
        if specs.is_empty() { None } else { Some(Self(specs)) }
    }

    /// The bytes asked for of a representation of that length, in the order asked for, clipped to
    /// what is there. Ranges that lie past it are left out; an empty answer means 416 (§15.5.17).
    #[must_use]
    pub fn resolve(&self, length: u64) -> Vec<ByteRange> {
        self.0.iter().filter_map(|spec| spec.resolve(length)).collect()
    }

    /// How many they are; at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value of a `Range` field that asks for the first of them alone.
    #[must_use]
    pub fn first_alone(&self) -> HeaderValue {
        value::written(Self(self.0.iter().take(1).copied().collect()).to_string())
    }

    /// Whether the last bytes are asked for, however many there are. Such a range is satisfiable even
    /// where there are none (§14.1.2), but then no `Content-Range` can say so.
    #[must_use]
    pub(crate) fn asks_for_last(&self) -> bool {
        self.0.iter().any(|spec| matches!(spec, Spec::Last(1..)))
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, spec) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "bytes=" } else { "," })?;
            match spec {
                Spec::From(first) => write!(f, "{first}-")?,
                Spec::Between(range) => write!(f, "{range}")?,
                Spec::Last(length) => write!(f, "-{length}")?,
            }
        }
        Ok(())
    }
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (text.get(..dash)?, text.get(dash.checked_add(1)?..)?);
        match (first, last) {
            ([], last) => decimal::saturating(last).map(Self::Last),
            (first, []) => decimal::saturating(first).map(Self::From),
            // §14.1.1: a last position before the first makes the range invalid.
            (first, last) => {
                ByteRange::new(decimal::saturating(first)?, decimal::saturating(last)?).map(Self::Between)
            }
        }
    }

    fn resolve(self, length: u64) -> Option<ByteRange> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From(first) => ByteRange::new(first, end),
            Self::Between(range) => ByteRange::new(range.first, range.last.min(end)),
            // "-0" begins past the end: never satisfiable (§14.1.2).
            Self::Last(count) => ByteRange::new(length.saturating_sub(count), end),
        }
    }
}

impl ByteRange {
    /// The bytes from `first` to `last`, both included; `None` if `last` is before `first`.
    #[must_use]
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Where the first byte is; the representation's own first is at 0.
    #[must_use]
    pub fn first(self) -> u64 {
        self.first
    }

    /// Where the last byte is.
    #[must_use]
    pub fn last(self) -> u64 {
        self.last
    }

    /// How many bytes they are; at least 1.
    #[must_use]
    pub fn length(self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// The shortest range that holds both, and what is between them.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// The value of a `Range` field that asks for just these bytes.
    #[must_use]
    pub fn to_request_value(self) -> HeaderValue {
        value::written(Ranges(vec![Spec::Between(self)]).to_string())
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl ContentRange {
    /// Reads a field value, strictly: `None` for a unit other than `bytes`, positions in the wrong
    /// order or past the complete length (§14.4: to be taken for invalid), and numbers over 64 bits.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (unit, rest) = text.split_once(' ')?;
        let (range, complete) = rest.split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        if range == "*" {
            return Some(Self::Unsatisfied { complete: decimal::exact(complete.as_bytes())? });
        }
        let (first, last) = range.split_once('-')?;
        let range = ByteRange::new(decimal::exact(first.as_bytes())?, decimal::exact(last.as_bytes())?)?;
        let complete = if complete == "*" { None } else { Some(decimal::exact(complete.as_bytes())?) };
        complete.is_none_or(|complete| range.last < complete).then_some(Self::Bytes { range, complete })
    }

    /// What the field says: `None` if it is absent, repeated or invalid.
    #[must_use]
    pub fn of(fields: &Fields) -> Option<Self> {
        Self::parse(fields.text(&header::CONTENT_RANGE)?.as_bytes())
    }

    /// The field value.
    #[must_use]
    pub fn to_value(self) -> HeaderValue {
        value::written(self.to_string())
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { range, complete: Some(complete) } => write!(f, "bytes {range}/{complete}"),
            Self::Bytes { range, complete: None } => write!(f, "bytes {range}/*"),
            Self::Unsatisfied { complete } => write!(f, "bytes */{complete}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(value: &str) -> Option<Ranges> {
        let mut fields = Fields::new();
        fields.set(header::RANGE, HeaderValue::from_str(value).unwrap());
        Ranges::parse(&fields)
    }

    fn resolve(value: &str, length: u64) -> Vec<(u64, u64)> {
        let resolved = ranges(value).unwrap().resolve(length);
        resolved.iter().map(|range| (range.first(), range.last())).collect()
    }

    #[test]
    fn ranges_are_clipped_to_what_is_there_9110_14_1_2() {
        for (value, length, expected) in [
            ("bytes=0-499", 10_000, vec![(0, 499)]),
            ("bytes=500-999", 10_000, vec![(500, 999)]),
            ("bytes=-500", 10_000, vec![(9500, 9999)]),
            ("bytes=9500-", 10_000, vec![(9500, 9999)]),
            ("bytes=0-0,-1", 10_000, vec![(0, 0), (9999, 9999)]),
            ("bytes= 0-999, 4500-5499, -1000", 10_000, vec![(0, 999), (4500, 5499), (9000, 9999)]),
            ("Bytes=,0-0,,\t1-1 ,", 10, vec![(0, 0), (1, 1)]),
            ("bytes=5-100", 10, vec![(5, 9)]),
            ("bytes=-100", 10, vec![(0, 9)]),
            ("bytes=9-9", 10, vec![(9, 9)]),
            ("bytes=10-", 10, vec![]),
            ("bytes=10-20,5-6", 10, vec![(5, 6)]),
            ("bytes=-0", 10, vec![]),
            ("bytes=0-", 0, vec![]),
            ("bytes=-1", 0, vec![]),
            ("bytes=0-99999999999999999999999", 10, vec![(0, 9)]),
            ("bytes=-99999999999999999999999", 10, vec![(0, 9)]),
            ("bytes=99999999999999999999999-", 10, vec![]),
            ("bytes=99999999999999999999999-", u64::MAX, vec![]),
            ("bytes=0-", u64::MAX, vec![(0, u64::MAX - 1)]),
        ] {
            assert_eq!(resolve(value, length), expected, "{value} of {length}");
        }
    }

    #[test]
    fn what_can_not_be_followed_is_ignored_9110_14_2() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1-0",
            "bytes=0-1,2-1",
            "bytes=0",
            "bytes=0-1x",
            "bytes=0-1-2",
            "bytes=--1",
            "bytes=+0-1",
            "bytes=0 - 1",
            "bytes=0- 1",
            "bytes=0-1 2-3",
            "bytes =0-1",
            "bytes:0-1",
            "items=0-1",
            "bytes=0-1,x",
            "bytes=1.5-2",
            "0-1",
        ] {
            assert_eq!(ranges(value), None, "{value:?}");
        }
    }

    #[test]
    fn two_lines_or_too_many_ranges_are_ignored() {
        let mut fields = Fields::new();
        assert_eq!(Ranges::parse(&fields), None);
        fields.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        assert!(Ranges::parse(&fields).is_some());
        fields.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        assert_eq!(Ranges::parse(&fields), None);
        let many = vec!["0-0"; RANGES_MAX].join(",");
        assert!(ranges(&format!("bytes={many}")).is_some());
        assert_eq!(ranges(&format!("bytes={many},0-0")), None);
    }

    #[test]
    fn a_byte_range_holds_at_least_a_byte() {
        assert_eq!(ByteRange::new(1, 0), None);
        assert_eq!(ByteRange::new(7, 7).map(ByteRange::length), Some(1));
        assert_eq!(ByteRange::new(0, u64::MAX).map(ByteRange::length), Some(u64::MAX));
        assert_eq!(ByteRange::new(5, 9).map(ByteRange::to_request_value).unwrap(), "bytes=5-9");
    }

    #[test]
    fn content_range_is_read_strictly_9110_14_4() {
        for text in ["bytes 42-1233/1234", "bytes 42-1233/*", "bytes */1234", "bytes 0-0/1", "bytes */0"] {
            assert_eq!(
                ContentRange::parse(text.as_bytes()).map(|range| range.to_string()).as_deref(),
                Some(text)
            );
        }
        assert!(ContentRange::parse(b"Bytes 0-0/1").is_some());
        for no in [
            "",
            "bytes",
            "bytes 0-1",
            "bytes */*",
            "bytes 1-0/2",
            "bytes 0-1/1",
            "bytes 0-1/",
            "bytes -1/2",
            "bytes 0-/2",
            "bytes=0-1/2",
            "bytes  0-1/2",
            " bytes 0-1/2",
            "bytes 0-1/2 ",
            "bytes 0 - 1/2",
            "items 0-1/2",
            "bytes 0-1/+2",
            "bytes 0-1/2/3",
            "bytes 0-1-2/3",
            "bytes 0-18446744073709551616/*",
            "bytes */18446744073709551616",
        ] {
            assert_eq!(ContentRange::parse(no.as_bytes()), None, "{no:?}");
        }
    }

    proptest! {
        #[test]
        fn content_range_is_read_back_as_written(first in any::<u64>(), last in any::<u64>(), complete in any::<Option<u64>>()) {
            let (first, last) = (first.min(last), first.max(last));
            let range = ContentRange::Bytes { range: ByteRange { first, last }, complete };
            let valid = complete.is_none_or(|complete| last < complete);
            let mut fields = Fields::new();
            fields.set(header::CONTENT_RANGE, range.to_value());
            prop_assert_eq!(ContentRange::of(&fields), valid.then_some(range));
        }

        #[test]
        fn ranges_are_read_back_as_written_and_lie_within(value in "bytes=[0-9,-]{1,20}", length in 0_u64..2000) {
            if let Some(read) = ranges(&value) {
                prop_assert_eq!(ranges(&read.to_string()), Some(read.clone()));
                prop_assert!(read.resolve(length).iter().all(|r| r.first() <= r.last() && r.last() < length));
            }
        }

        #[test]
        fn anything_can_be_read_without_harm(text in any::<Vec<u8>>()) {
            let _ = ContentRange::parse(&text);
        }
    }
}
