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
        Body::Segments(segments) if range.last() < complete => cut(segments, range),
        Body::Segments(_) | Body::Empty | Body::Stream(_) => None,
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
