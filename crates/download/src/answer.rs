//! What a response to a request for a file, or for a piece of one, really is.
//!
//! Pure. Nothing is taken at its word that can be checked: a piece is one only if it is the one that was
//! asked for, and if all that is said of it fits together.

use std::fmt;
use std::ops::Range;

use message::field::digest::ReprDigest;
use message::field::range::ContentRange;
use message::precondition::Validators;
use message::{Fields, StatusCode, header};

use message::version::{Difference, Version};

/// Content that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Where its first byte belongs.
    pub(crate) start: u64,
    /// Where it ends; `None` if only its end will tell.
    pub(crate) end: Option<u64>,
    /// What it is a piece of.
    pub(crate) version: Version,
}

impl Arrival {
    /// Content that is to be decoded: how long it is only its end tells, and what the fields say of a version is
    /// about the coded one (RFC 9110 §8.8.3.3), which is not what is kept.
    pub(crate) fn coded(fields: &Fields) -> Self {
        let last_modified = Validators::of(fields).last_modified;
        let validators = Validators { last_modified, ..Validators::default() };
        Self {
            start: 0,
            end: None,
            version: Version { length: None, validators, digest: ReprDigest::default() },
        }
    }
}

/// How a response breaks the rules, or says what can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// A 206 where no range was asked for (RFC 9110 §15.3.7).
    UnaskedPart,
    /// A 206 without one valid `Content-Range`, such as one of several parts (§15.3.7.2).
    NoContentRange,
    /// A 206 that does not say how long the whole is.
    NoTotal,
    /// A 206 that is not the range that was asked for.
    WrongRange,
    /// Content that is not as long as its `Content-Range` says.
    WrongLength,
    /// Content in a coding (RFC 9110 §8.4) that was not asked for.
    Coded,
    /// A piece of another version of the file.
    OtherVersion(Difference),
}

/// What a 200 or 206 brings. `asked`: the range that was asked for, if any; `length`: of the content;
/// `coded_name`: the file's own name says that it is in a coding, as in `x.tar.gz`.
pub(crate) fn judge(
    status: StatusCode,
    fields: &Fields,
    length: Option<u64>,
    asked: Option<&Range<u64>>,
    coded_name: bool,
) -> Result<Arrival, Misbehaviour> {
    if is_coded(fields) && !(coded_name && asked.is_none()) {
        return Err(Misbehaviour::Coded);
    }
    if status != StatusCode::PARTIAL_CONTENT {
        return Ok(Arrival { start: 0, end: length, version: Version::of(fields, length) });
    }
    let Some(asked) = asked else { return Err(Misbehaviour::UnaskedPart) };
    let Some(ContentRange::Bytes { range, complete }) = ContentRange::of(fields) else {
        return Err(Misbehaviour::NoContentRange);
    };
    let total = complete.ok_or(Misbehaviour::NoTotal)?;
    let (start, end) = (range.first(), range.last().saturating_add(1));
    // A server may send less than was asked for, but not something else (§15.3.7).
    if start != asked.start || end > asked.end {
        return Err(Misbehaviour::WrongRange);
    }
    if length.is_some_and(|length| length != range.length()) {
        return Err(Misbehaviour::WrongLength);
    }
    Ok(Arrival { start, end: Some(end), version: Version::of(fields, Some(total)) })
}

/// Whether content that came in answer to a request under `If-Range` belongs to `reference`, which is what
/// the same source, or one that agrees with it, has said before.
pub(crate) fn belongs(
    status: StatusCode,
    arrived: &Version,
    reference: &Version,
) -> Result<(), Misbehaviour> {
    match reference.same_as(arrived) {
        Ok(()) => Ok(()),
        // A 206 need not repeat the date under which it was asked for, but must repeat the ETag (§15.3.7).
        Err(Difference::Unknown)
            if status == StatusCode::PARTIAL_CONTENT
                && reference.validators.etag.is_none()
                && arrived.validators.etag.is_none()
                && arrived.validators.last_modified.is_none() =>
        {
            Ok(())
        }
        Err(difference) => Err(Misbehaviour::OtherVersion(difference)),
    }
}

fn is_coded(fields: &Fields) -> bool {
    fields.lines(&header::CONTENT_ENCODING).any(|line| !line.as_bytes().eq_ignore_ascii_case(b"identity"))
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnaskedPart => f.write_str("answered with a part (206) that was not asked for"),
            Self::NoContentRange => f.write_str("sent a part (206) without saying which"),
            Self::NoTotal => f.write_str("sent a part (206) without saying of how much"),
            Self::WrongRange => f.write_str("sent another part (206) than was asked for"),
            Self::WrongLength => f.write_str("sent a part (206) that is not as long as it says"),
            Self::Coded => f.write_str("sent the file in a content coding that was not asked for"),
            Self::OtherVersion(difference) => write!(f, "has another version of the file: {difference}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use message::HeaderValue;

    use super::*;

    fn fields(lines: &[(header::HeaderName, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    fn part(content_range: &str, length: Option<u64>, asked: Range<u64>) -> Result<Range<u64>, Misbehaviour> {
        let fields = fields(&[(header::CONTENT_RANGE, content_range)]);
        let arrival = judge(StatusCode::PARTIAL_CONTENT, &fields, length, Some(&asked), false)?;
        Ok(arrival.start..arrival.end.unwrap())
    }

    #[test]
    fn a_part_is_the_one_that_was_asked_for_9110_15_3_7() {
        use Misbehaviour::{NoContentRange, NoTotal, WrongLength, WrongRange};
        for (content_range, length, expected) in [
            ("bytes 10-19/100", Some(10), Ok(10..20)),
            ("bytes 10-19/100", None, Ok(10..20)),
            ("bytes 10-14/100", Some(5), Ok(10..15)),
            ("bytes 10-20/100", Some(11), Err(WrongRange)),
            ("bytes 9-19/100", Some(11), Err(WrongRange)),
            ("bytes 11-19/100", Some(9), Err(WrongRange)),
            ("bytes 0-99/100", Some(100), Err(WrongRange)),
            ("bytes 10-19/100", Some(9), Err(WrongLength)),
            ("bytes 10-19/*", Some(10), Err(NoTotal)),
            ("bytes 10-19/15", Some(10), Err(NoContentRange)),
            ("bytes */100", Some(10), Err(NoContentRange)),
            ("pages 10-19/100", Some(10), Err(NoContentRange)),
            ("", Some(10), Err(NoContentRange)),
        ] {
            assert_eq!(part(content_range, length, 10..20), expected, "{content_range} {length:?}");
        }
        let twice =
            fields(&[(header::CONTENT_RANGE, "bytes 10-19/100"), (header::CONTENT_RANGE, "bytes 10-19/100")]);
        let judged = judge(StatusCode::PARTIAL_CONTENT, &twice, Some(10), Some(&(10..20)), false);
        assert_eq!(judged, Err(NoContentRange));
        let unasked = judge(StatusCode::PARTIAL_CONTENT, &twice, Some(10), None, false);
        assert_eq!(unasked, Err(Misbehaviour::UnaskedPart));
    }

    #[test]
    fn a_coding_that_was_not_asked_for_is_not_the_file_9110_8_4() {
        let coded = |coding, asked: Option<&Range<u64>>, name| {
            let fields = fields(&[(header::CONTENT_ENCODING, coding)]);
            judge(StatusCode::OK, &fields, Some(5), asked, name).map(drop)
        };
        assert_eq!(coded("identity", None, false), Ok(()));
        assert_eq!(coded("gzip", None, false), Err(Misbehaviour::Coded));
        assert_eq!(
            coded("gzip", None, true),
            Ok(()),
            "a server that calls x.tar.gz gzip-coded means the file"
        );
        assert_eq!(coded("gzip", Some(&(1..5)), true), Err(Misbehaviour::Coded));
    }

    #[test]
    fn a_part_repeats_its_entity_tag_but_need_not_repeat_its_date_9110_15_3_7() {
        let version = |lines: &[_]| Version::of(&fields(lines), Some(9));
        let tagged = version(&[(header::ETAG, "\"a\"")]);
        let dated = version(&[
            (header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT"),
            (header::DATE, "Thu, 01 Jan 2026 10:00:00 GMT"),
        ]);
        let bare = version(&[]);
        let part = StatusCode::PARTIAL_CONTENT;
        assert_eq!(belongs(part, &tagged, &tagged), Ok(()));
        assert_eq!(belongs(part, &bare, &dated), Ok(()));
        assert!(belongs(part, &bare, &tagged).is_err() && belongs(StatusCode::OK, &bare, &dated).is_err());
    }
}
