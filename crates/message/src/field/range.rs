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
            Self::Last(0) => None,
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
