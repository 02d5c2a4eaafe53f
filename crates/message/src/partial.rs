//! Answers to range requests (RFC 9110 §14.2, §15.3.7, §15.5.17).

use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES,
    LAST_MODIFIED,
};
use http::{HeaderValue, Method, StatusCode};

use crate::body::{Body, Segment};
use crate::field::range::{ByteRange, ContentRange, Ranges};
use crate::fields::Fields;
use crate::precondition::{Validators, if_range_holds, remove_description};
use crate::response::Response;

/// What of a representation is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// Those bytes: 206.
    Part(ByteRange),
    /// Nothing that was asked for is there: 416.
    Unsatisfiable,
}

/// What a request selects of a representation of `length` bytes with those validators, when the other
/// preconditions held (§13.2.2 step 5) and the answer without `Range` would be a 200.
///
/// Several ranges select the whole, as §14.2 allows, unless no more than one of them is there.
#[must_use]
pub fn partial(request: &Fields, method: &Method, current: &Validators, length: u64) -> Selection {
    // §14.2: Range is defined for GET only.
    if *method != Method::GET {
        return Selection::Whole;
    }
    let Some(ranges) = Ranges::parse(request) else { return Selection::Whole };
    // §13.1.5: a client whose copy is not the current one gets the new one whole.
    if !if_range_holds(request, current) {
        return Selection::Whole;
    }
    match *ranges.resolve(length).as_slice() {
        [range] => Selection::Part(range),
        [] if ranges.asks_for_last() => Selection::Whole,
        [] => Selection::Unsatisfiable,
        _ => Selection::Whole,
    }
}

/// The answer to a request that selects that of `whole`: a 200 whose content is there already.
///
/// Any other response comes back as it is, and so does one that does not hold the bytes selected or
/// is still arriving: a 200 is always a right answer to a range request (§14.2).
#[must_use]
pub fn respond(selection: Selection, whole: Response) -> Response {
    let Some(complete) = whole.body.length().filter(|_| whole.status == StatusCode::OK) else {
        return whole;
    };
    match selection {
        Selection::Whole => whole,
        Selection::Part(range) => part(range, complete, whole),
        Selection::Unsatisfiable => unsatisfiable(complete, whole.fields),
    }
}

/// 206 with one part (§15.3.7.1).
fn part(range: ByteRange, complete: u64, mut whole: Response) -> Response {
    let segments = match &whole.body {
        Body::Segments(segments) => cut(segments, range),
        Body::Empty | Body::Stream(_) => None,
    };
    let Some(segments) = segments else { return whole };
    whole.status = StatusCode::PARTIAL_CONTENT;
    whole.fields.remove(&CONTENT_LENGTH); // the whole's; the wire makes the part's
    let content_range = ContentRange::Bytes { range, complete: Some(complete) };
    whole.fields.set(CONTENT_RANGE, content_range.to_value());
    whole.body = Body::Segments(segments);
    whole
}

/// 416 with the length that there is, so that the client can ask better (§15.5.17).
///
/// What the 200 said of its content, its version and its freshness does not hold for this answer.
fn unsatisfiable(complete: u64, mut fields: Fields) -> Response {
    remove_description(&mut fields);
    for name in [AGE, CACHE_CONTROL, CONTENT_LOCATION, ETAG, EXPIRES, LAST_MODIFIED] {
        fields.remove(&name);
    }
    fields.set(CONTENT_RANGE, ContentRange::Unsatisfied { complete }.to_value());
    fields.set(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let text = format!("There are {complete} bytes, and none of those asked for.\n");
    Response { status: StatusCode::RANGE_NOT_SATISFIABLE, fields, body: Body::from(text) }
}

/// The range of the content that `segments` make up together; `None` if it reaches past their end.
fn cut(segments: &[Segment], range: ByteRange) -> Option<Vec<Segment>> {
    let mut cut = Vec::with_capacity(1);
    let (mut skip, mut want) = (range.first(), range.length());
    for segment in segments {
        if skip >= segment.len() {
            skip = skip.checked_sub(segment.len())?;
            continue;
        }
        let take = want.min(segment.len().checked_sub(skip)?);
        cut.push(slice(segment, skip, take)?);
        want = want.checked_sub(take)?;
        skip = 0;
        if want == 0 {
            return Some(cut);
        }
    }
    None
}

fn slice(segment: &Segment, start: u64, length: u64) -> Option<Segment> {
    match segment {
        Segment::File(file) => file.slice(start, length).map(Segment::File),
        Segment::Bytes(bytes) => {
            let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
            let end = start.checked_add(length).filter(|end| *end <= bytes.len())?;
            Some(Segment::Bytes(bytes.slice(start..end)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use bytes::Bytes;
    use http::header::{IF_RANGE, RANGE, VARY};

    use super::*;
    use crate::body::FileSlice;
    use crate::field::etag::EntityTag;

    fn select(range: &'static str, length: u64) -> Selection {
        let mut request = Fields::new();
        request.set(RANGE, HeaderValue::from_static(range));
        partial(&request, &Method::GET, &Validators::default(), length)
    }

    fn between(first: u64, last: u64) -> Selection {
        Selection::Part(ByteRange::new(first, last).unwrap())
    }

    #[test]
    fn one_range_is_a_part_and_more_are_the_whole_9110_14_2() {
        for (range, length, expected) in [
            ("bytes=2-4", 10, between(2, 4)),
            ("bytes=0-", 10, between(0, 9)),
            ("bytes=-3", 10, between(7, 9)),
            ("bytes=10-,2-4", 10, between(2, 4)),
            ("bytes=0-1,5-6", 10, Selection::Whole),
            ("bytes=4-2", 10, Selection::Whole),
            ("items=0-1", 10, Selection::Whole),
            ("bytes=10-", 10, Selection::Unsatisfiable),
            ("bytes=10-,20-30", 10, Selection::Unsatisfiable),
            ("bytes=-0", 10, Selection::Unsatisfiable),
            ("bytes=0-", 0, Selection::Unsatisfiable),
            // Satisfiable by §14.1.2, but no Content-Range could tell of it.
            ("bytes=-5", 0, Selection::Whole),
        ] {
            assert_eq!(select(range, length), expected, "{range} of {length}");
        }
    }

    #[test]
    fn range_is_for_get_only_9110_14_2() {
        let mut request = Fields::new();
        request.set(RANGE, HeaderValue::from_static("bytes=0-1"));
        for method in [Method::HEAD, Method::POST, Method::PUT] {
            assert_eq!(partial(&request, &method, &Validators::default(), 10), Selection::Whole, "{method}");
        }
        assert_eq!(partial(&Fields::new(), &Method::GET, &Validators::default(), 10), Selection::Whole);
    }

    #[test]
    fn if_range_of_another_version_selects_the_whole_9110_13_1_5() {
        let current = Validators { etag: EntityTag::strong("v1"), ..Validators::default() };
        for (range, if_range, expected) in [
            ("bytes=2-4", "\"v1\"", between(2, 4)),
            ("bytes=2-4", "\"v0\"", Selection::Whole),
            ("bytes=10-", "\"v0\"", Selection::Whole),
            ("bytes=10-", "\"v1\"", Selection::Unsatisfiable),
        ] {
            let mut request = Fields::new();
            request.set(RANGE, HeaderValue::from_static(range));
            request.set(IF_RANGE, HeaderValue::from_static(if_range));
            assert_eq!(partial(&request, &Method::GET, &current, 10), expected, "{range} {if_range}");
        }
    }

    fn whole() -> Response {
        let mut whole = Response::text(StatusCode::OK, "");
        whole.fields.set(ETAG, HeaderValue::from_static("\"v1\""));
        whole.fields.set(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        whole.fields.set(VARY, HeaderValue::from_static("accept"));
        whole.fields.set(CONTENT_LENGTH, HeaderValue::from_static("9"));
        let bytes = [&b"012"[..], b"345", b"678"].map(|bytes| Segment::Bytes(Bytes::from_static(bytes)));
        whole.body = Body::Segments(bytes.into());
        whole
    }

    fn content(body: &Body) -> Vec<u8> {
        let Body::Segments(segments) = body else { return Vec::new() };
        let bytes = |segment: &Segment| match segment {
            Segment::Bytes(bytes) => bytes.clone(),
            Segment::File(file) => file.read_at(0, 100).unwrap(),
        };
        segments.iter().map(bytes).collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_206_has_just_the_bytes_and_says_which_9110_15_3_7() {
        for first in 0..9 {
            for last in first..9 {
                let response = respond(between(first, last), whole());
                assert_eq!(response.status, StatusCode::PARTIAL_CONTENT);
                let expected: Vec<u8> = (b'0'..=b'8')
                    .skip(first.try_into().unwrap())
                    .take((last - first + 1).try_into().unwrap())
                    .collect();
                assert_eq!(content(&response.body), expected);
                assert!(
                    matches!(&response.body, Body::Segments(pieces) if pieces.iter().all(|p| !p.is_empty()))
                );
                let content_range = ContentRange::of(&response.fields).unwrap();
                assert_eq!(content_range.to_string(), format!("bytes {first}-{last}/9"));
                assert!(response.fields.contains(&ETAG) && response.fields.contains(&CACHE_CONTROL));
                assert!(!response.fields.contains(&CONTENT_LENGTH));
            }
        }
    }

    #[test]
    fn a_part_of_a_file_is_a_slice_of_it() {
        let mut whole = whole();
        let slice =
            FileSlice::new(Arc::new(File::open("/dev/zero").unwrap()), 1 << 40, 100, 1 << 39).unwrap();
        whole.body = Body::from(slice);
        let response = respond(between(1 << 38, (1 << 38) + 4), whole);
        let Body::Segments(segments) = &response.body else { panic!("{:?}", response.body) };
        let [Segment::File(file)] = &**segments else { panic!("{segments:?}") };
        assert_eq!((file.start(), file.len()), ((1 << 38) + 100, 5));
        assert_eq!(content(&response.body), [0; 5]);
    }

    #[test]
    fn a_416_says_how_long_it_is_and_is_not_to_be_stored_9110_15_5_17() {
        let response = respond(Selection::Unsatisfiable, whole());
        assert_eq!(response.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(response.fields.get(&CONTENT_RANGE).unwrap(), "bytes */9");
        assert!(response.fields.contains(&VARY));
        for name in [ETAG, CACHE_CONTROL, CONTENT_LENGTH] {
            assert!(!response.fields.contains(&name), "{name}");
        }
        let mut empty = whole();
        empty.body = Body::Empty;
        let response = respond(Selection::Unsatisfiable, empty);
        assert_eq!(response.fields.get(&CONTENT_RANGE).unwrap(), "bytes */0");
    }

    #[test]
    fn what_can_not_be_cut_comes_whole() {
        let status = |selection, whole| respond(selection, whole).status;
        assert_eq!(status(Selection::Whole, whole()), StatusCode::OK);
        assert_eq!(status(between(0, 9), whole()), StatusCode::OK, "past the end");
        assert_eq!(status(between(9, u64::MAX), whole()), StatusCode::OK);
        let arriving = Response { body: Body::Stream(whole().body.into_stream()), ..whole() };
        assert_eq!(status(between(0, 1), arriving), StatusCode::OK);
        let missing = Response { status: StatusCode::NOT_FOUND, ..whole() };
        assert_eq!(status(between(0, 1), missing), StatusCode::NOT_FOUND);
    }
}
