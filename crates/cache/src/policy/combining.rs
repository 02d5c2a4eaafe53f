//! Which parts of a representation may be put together (RFC 9111 §3.4, RFC 9110 §15.3.7.3).
//!
//! Only parts of one version, and only a strong validator tells that two are of one. Whatever an origin
//! answers to a request for a part, it is judged here before a byte of it is used.

use message::field::date::HttpDate;
use message::field::etag::EntityTag;
use message::field::range::{ByteRange, ContentRange};
use message::header::{ACCEPT_RANGES, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use message::precondition::Validators;
use message::{Fields, HeaderValue, StatusCode};

/// What tells one version of a representation from all others: a strong validator (RFC 9110 §8.8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// A strong entity tag.
    Tag(EntityTag),
    /// A strong modification date, where there is no entity tag at all.
    Date(HttpDate),
}

/// What an answer to a request for a part is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is a part of the version that is wanted: these bytes.
    Bytes {
        /// Which ones; they begin where they were asked for.
        range: ByteRange,
        /// How long the whole is.
        complete: u64,
    },
    /// It is the whole of that version: the origin gives no ranges (RFC 9110 §14.2).
    Whole,
    /// The origin has another version now, or none.
    Changed,
    /// It is no use: why.
    Unusable(&'static str),
}

impl Version {
    /// The version of a response with those fields; `None` if nothing tells it for certain.
    #[must_use]
    pub fn of(response: &Fields) -> Option<Self> {
        let validators = Validators::of(response);
        match validators.etag {
            Some(tag) if !tag.is_weak() => Some(Self::Tag(tag)),
            // A tag that is weak, or can't be read, says that there is more to tell than the date does.
            Some(_) => None,
            None if response.contains(&ETAG) => None,
            None => validators.last_modified.filter(|_| validators.last_modified_is_strong).map(Self::Date),
        }
    }

    /// The value of `If-Range` that asks for this version.
    #[must_use]
    pub fn to_if_range(&self) -> HeaderValue {
        match self {
            Self::Tag(tag) => tag.to_value(),
            Self::Date(date) => date.to_value(),
        }
    }

    /// Whether a response with those fields is of this version.
    #[must_use]
    pub fn is_that_of(&self, response: &Fields) -> bool {
        match self {
            Self::Tag(tag) => EntityTag::of(response).is_some_and(|told| tag.strong_eq(&told)),
            // The origin has compared the date with If-Range; whether it is strong was judged before.
            Self::Date(date) => {
                !response.contains(&ETAG) && HttpDate::of(response, &LAST_MODIFIED) == Some(*date)
            }
        }
    }
}

/// Whether the origin says that it gives no ranges of this (RFC 9110 §14.3).
#[must_use]
pub fn refuses_ranges(response: &Fields) -> bool {
    response.text(&ACCEPT_RANGES).is_some_and(|value| value.trim().eq_ignore_ascii_case("none"))
}

/// The part that a 206 is, and how long the whole is: `None` if it is not one that can be kept
/// (RFC 9111 §3.3), because it is in several parts, or because the length is unknown or is not that of its
/// content (`length`, if that was told).
#[must_use]
pub fn part_of(fields: &Fields, length: Option<u64>) -> Option<(ByteRange, u64)> {
    let is_multipart = fields.text(&CONTENT_TYPE).is_some_and(|value| {
        value.get(..20).is_some_and(|start| start.eq_ignore_ascii_case("multipart/byteranges"))
    });
    match ContentRange::of(fields)? {
        ContentRange::Bytes { range, complete: Some(complete) }
            if !is_multipart && length.is_none_or(|length| length == range.length()) =>
        {
            Some((range, complete))
        }
        _ => None,
    }
}

/// Judges an answer to the request for the bytes from `start` on of a representation of that version, which
/// is `whole` bytes long, if that is known. `length` is that of its content, if it is told.
#[must_use]
pub fn judge(
    status: StatusCode,
    fields: &Fields,
    length: Option<u64>,
    version: &Version,
    start: u64,
    whole: Option<u64>,
) -> Part {
    let is_of_other = match status {
        StatusCode::PARTIAL_CONTENT | StatusCode::OK => !version.is_that_of(fields),
        // RFC 9110 §15.5.17: it has become shorter. Gone, moved or forbidden, it is not this version either.
        other => other.is_client_error() || other.is_redirection() || other.is_success(),
    };
    let is_other_than = |length: u64| whole.is_some_and(|whole| whole != length);
    match status {
        _ if is_of_other => Part::Changed,
        StatusCode::OK if length.is_some_and(is_other_than) => Part::Changed,
        StatusCode::OK => Part::Whole,
        StatusCode::PARTIAL_CONTENT => match part_of(fields, length) {
            None => Part::Unusable("the origin's 206 does not say which bytes it holds"),
            Some((_, complete)) if is_other_than(complete) => Part::Changed,
            Some((range, _)) if range.first() != start => {
                Part::Unusable("the origin's 206 holds other bytes than those asked for")
            }
            Some((range, complete)) => Part::Bytes { range, complete },
        },
        _ => Part::Unusable("the origin failed when it was asked for a part"),
    }
}

#[cfg(test)]
mod tests {
    use message::HeaderName;

    use super::*;

    const LAST_WEEK: (&str, &str) = ("last-modified", "Wed, 24 Dec 2025 00:00:00 GMT");
    const NOW: (&str, &str) = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    fn version(lines: &[(&str, &str)]) -> Option<HeaderValue> {
        Version::of(&fields(lines)).map(|version| version.to_if_range())
    }

    #[test]
    fn section_8_8_1_only_strong_validators_tell_a_version() {
        assert_eq!(version(&[("etag", "\"1\"")]).unwrap(), "\"1\"");
        assert_eq!(version(&[("etag", "\"1\""), LAST_WEEK, NOW]).unwrap(), "\"1\"");
        assert_eq!(version(&[LAST_WEEK, NOW]).unwrap(), LAST_WEEK.1);
        for lines in [
            &[][..],
            &[("etag", "W/\"1\"")],
            &[("etag", "W/\"1\""), LAST_WEEK, NOW],
            &[("etag", "1"), LAST_WEEK, NOW],
            &[LAST_WEEK],
            &[("last-modified", NOW.1), NOW],
        ] {
            assert_eq!(version(lines), None, "{lines:?}");
        }
    }

    fn judged(status: u16, lines: &[(&str, &str)], length: Option<u64>) -> Part {
        let version = Version::of(&fields(&[("etag", "\"1\"")])).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, &fields(lines), length, &version, 10, Some(100))
    }

    #[test]
    fn section_15_3_7_3_only_a_206_of_the_same_version_and_place_is_combined() {
        let (same, other) = (("etag", "\"1\""), ("etag", "\"2\""));
        let range = |text: &'static str| ("content-range", text);
        let good = Part::Bytes { range: ByteRange::new(10, 19).unwrap(), complete: 100 };
        assert_eq!(judged(206, &[same, range("bytes 10-19/100")], Some(10)), good);
        assert_eq!(judged(206, &[same, range("bytes 10-19/100")], None), good);
        let changed: [(u16, &[(&str, &str)]); 9] = [
            (206, &[other, range("bytes 10-19/100")]),
            (206, &[range("bytes 10-19/100")]),
            (206, &[("etag", "W/\"1\""), range("bytes 10-19/100")]),
            (206, &[same, range("bytes 10-19/101")]),
            (200, &[other]),
            (200, &[]),
            (416, &[]),
            (404, &[]),
            (302, &[]),
        ];
        for (status, lines) in changed {
            assert_eq!(judged(status, lines, None), Part::Changed, "{status} {lines:?}");
        }
        for (status, lines, length) in [
            (206, &[same, range("bytes 11-19/100")][..], None),
            (206, &[same, range("bytes 10-19/*")], None),
            (206, &[same, range("bytes 10-19/100")], Some(9)),
            (206, &[same], None),
            (
                206,
                &[same, range("bytes 10-19/100"), ("content-type", "Multipart/ByteRanges; boundary=x")],
                None,
            ),
            (503, &[], None),
        ] {
            assert!(matches!(judged(status, lines, length), Part::Unusable(_)), "{status} {lines:?}");
        }
    }

    #[test]
    fn section_14_2_a_200_of_the_same_version_is_the_whole() {
        assert_eq!(judged(200, &[("etag", "\"1\"")], Some(100)), Part::Whole);
        assert_eq!(judged(200, &[("etag", "\"1\"")], None), Part::Whole);
        assert_eq!(judged(200, &[("etag", "\"1\"")], Some(99)), Part::Changed, "it lies about one of them");
        assert!(refuses_ranges(&fields(&[("accept-ranges", "None")])));
        assert!(!refuses_ranges(&fields(&[("accept-ranges", "bytes")])));
    }
}
