//! `multipart/byteranges` (RFC 9110 §14.6): several ranges of one representation in one content.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;

use crate::field::range::{ByteRange, ContentRange};
use crate::field::value::written;

/// About what a part costs besides its own bytes (§15.3.7.2).
pub(crate) const PART_OVERHEAD_BYTES: u64 = 80;

/// For how long a head room is made before it is written: its lines without the `Content-Type`'s value.
const HEAD_BYTES: usize = 128;

/// What stands between the parts (RFC 2046 §5.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boundary(u64);

impl Boundary {
    /// Another one each time, which nobody can foresee: not even who wrote the content can have put it
    /// there to pass bytes off as a part. The standard library's hash keys are the random source.
    pub(crate) fn unforeseeable() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// The `Content-Type` of a content whose parts it stands between.
    pub(crate) fn content_type(&self) -> HeaderValue {
        written(format!("multipart/byteranges; boundary={self}"))
    }
}

/// 16 characters of the 70 that there may be, none of which asks for quotes (RFC 2046 §5.1.1).
impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The content that consists of those parts of a representation of `complete` bytes, in that order. Each is
/// given with what stands for its bytes, which is taken over as it is.
///
/// `content_type` is that of the whole representation, if it has one (§15.3.7.2).
pub(crate) fn content<P: From<Bytes>>(
    parts: Vec<(ByteRange, Vec<P>)>,
    complete: u64,
    content_type: Option<&HeaderValue>,
    boundary: &Boundary,
) -> Vec<P> {
    let content_type = content_type.map(HeaderValue::as_bytes);
    let head_bytes = HEAD_BYTES.saturating_add(content_type.map_or(0, <[u8]>::len));
    // All heads are pieces of one allocation.
    let mut text = BytesMut::with_capacity(parts.len().saturating_mul(head_bytes));
    let mut content = Vec::with_capacity(parts.len().saturating_mul(2).saturating_add(1));
    for (range, segments) in parts {
        let is_first = content.is_empty();
        let head = head(&mut text, boundary, range, complete, content_type, is_first);
        content.push(P::from(head));
        content.extend(segments);
    }
    text.put_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    content.push(P::from(text.freeze()));
    content
}

/// What comes before the bytes of a part: the delimiter and the fields.
fn head(
    text: &mut BytesMut,
    boundary: &Boundary,
    range: ByteRange,
    complete: u64,
    content_type: Option<&[u8]>,
    is_first: bool,
) -> Bytes {
    // RFC 2046 §5.1.1: the line break before a delimiter belongs to it; the first needs none.
    if !is_first {
        text.put_slice(b"\r\n");
    }
    text.put_slice(format!("--{boundary}\r\n").as_bytes());
    if let Some(content_type) = content_type {
        text.put_slice(b"Content-Type: ");
        text.put_slice(content_type);
        text.put_slice(b"\r\n");
    }
    let content_range = ContentRange::Bytes { range, complete: Some(complete) };
    text.put_slice(format!("Content-Range: {content_range}\r\n\r\n").as_bytes());
    text.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Segment;

    fn text(segments: &[Segment]) -> String {
        let bytes = segments.iter().map(|segment| match segment {
            Segment::Bytes(bytes) => str::from_utf8(bytes).unwrap().to_owned(),
            Segment::File(file) => panic!("{file:?}"),
        });
        bytes.collect()
    }

    fn parts() -> Vec<(ByteRange, Vec<Segment>)> {
        let part = |first: u64, pieces: &[&'static str]| {
            let last = first + pieces.concat().len() as u64 - 1;
            let segments = pieces.iter().map(|text| Segment::Bytes(Bytes::from_static(text.as_bytes())));
            (ByteRange::new(first, last).unwrap(), segments.collect())
        };
        vec![part(500, &["five", "hundred"]), part(7000, &["--seven\r\n"])]
    }

    #[test]
    fn parts_are_written_as_in_the_example_of_9110_15_3_7_2() {
        let content =
            content(parts(), 8000, Some(&HeaderValue::from_static("application/pdf")), &Boundary(0xfeed));
        let expected = "--000000000000feed\r\n\
            Content-Type: application/pdf\r\n\
            Content-Range: bytes 500-510/8000\r\n\
            \r\n\
            fivehundred\r\n\
            --000000000000feed\r\n\
            Content-Type: application/pdf\r\n\
            Content-Range: bytes 7000-7008/8000\r\n\
            \r\n\
            --seven\r\n\r\n\
            --000000000000feed--\r\n";
        assert_eq!(text(&content), expected);
        assert_eq!(content.len(), 6, "a head, two pieces, a head, a piece, the end");
    }

    #[test]
    fn a_part_has_no_content_type_if_the_whole_has_none() {
        let content = text(&content(parts(), 8000, None, &Boundary(1)));
        assert!(content.starts_with("--0000000000000001\r\nContent-Range: bytes 500-510/8000\r\n\r\nfive"));
        assert!(!content.contains("Content-Type"));
    }

    #[test]
    fn a_boundary_is_new_each_time_and_needs_no_quotes_2046_5_1_1() {
        let (one, other) = (Boundary::unforeseeable(), Boundary::unforeseeable());
        assert_ne!(one, other);
        assert_eq!(one.to_string().len(), 16);
        assert!(one.to_string().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(one.content_type(), format!("multipart/byteranges; boundary={one}").as_str());
    }

    #[test]
    fn heads_are_within_the_room_made_for_them() {
        let longest = ByteRange::new(u64::MAX - 2, u64::MAX - 1).unwrap();
        let mut text = BytesMut::new();
        let head = head(&mut text, &Boundary(u64::MAX), longest, u64::MAX, Some(b""), false);
        assert!((110..=HEAD_BYTES).contains(&head.len()), "{}", head.len());
    }
}
