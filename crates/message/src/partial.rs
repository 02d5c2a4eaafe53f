//! Answers to range requests (RFC 9110 §14.2, §15.3.7, §15.5.17).
//!
//! No request makes the answer's content longer than twice the representation (§17.15): ranges that
//! overlap or almost touch are joined, and what would still cost more is answered with the whole.

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES,
    LAST_MODIFIED,
};
use http::{HeaderValue, Method, StatusCode};

use crate::body::{Body, Segment};
use crate::field::digest::CONTENT_DIGEST;
use crate::field::range::{ByteRange, ContentRange, Ranges};
use crate::fields::Fields;
use crate::multipart::{self, Boundary, PART_OVERHEAD_BYTES};
use crate::precondition::{Validators, if_range_holds, remove_description};
use crate::response::Response;

/// What of a representation is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// Those bytes: 206.
    Part(ByteRange),
    /// Those bytes, in that order; two ranges or more, none of which touches another: 206 in parts.
    Parts(Vec<ByteRange>),
    /// Nothing that was asked for is there: 416.
    Unsatisfiable,
}

/// The most that parts may cost together, in lengths of the whole.
const COST_MAX: u64 = 2;

/// What a request selects of a representation of `length` bytes with those validators, when the other
/// preconditions held (§13.2.2 step 5) and the answer without `Range` would be a 200.
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
    let parts = joined(ranges.resolve(length));
    match *parts.as_slice() {
        // §15.3.7.2: never in parts if one was asked for, and simpler so if one is left.
        [range] => Selection::Part(range),
        [] if ranges.asks_for_last() => Selection::Whole,
        [] => Selection::Unsatisfiable,
        _ => Selection::Parts(parts),
    }
}

/// The ranges in the order asked for, but those joined that overlap or have less between them than one
/// more part would cost (§15.3.7.2); such a one has the place of the first of them.
fn joined(asked: Vec<ByteRange>) -> Vec<ByteRange> {
    if asked.len() < 2 {
        return asked;
    }
    let mut by_start: Vec<(usize, ByteRange)> = asked.into_iter().enumerate().collect();
    by_start.sort_by_key(|(_, range)| range.first());
    let mut joined: Vec<(usize, ByteRange)> = Vec::with_capacity(by_start.len());
    for (place, range) in by_start {
        match joined.last_mut() {
            Some((first, before)) if range.first() <= before.last().saturating_add(PART_OVERHEAD_BYTES) => {
                *first = place.min(*first);
                *before = before.hull(range);
            }
            _ => joined.push((place, range)),
        }
    }
    joined.sort_by_key(|(place, _)| *place);
    joined.into_iter().map(|(_, range)| range).collect()
}

/// What an answer consists of, before its bytes are looked for.
///
/// So an answer can be given out of what is still arriving, or is there in part only: whoever has an outline
/// sees which bytes it [needs](Outline::needs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    form: Form,
    complete: u64,
    pieces: Vec<Piece>,
}

/// A piece of an answer's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// That range of the representation.
    Range(ByteRange),
}

/// What kind of answer it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Whole,
    Part(ByteRange),
    Parts(Boundary),
    Unsatisfiable,
}

impl From<Bytes> for Piece {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Range(range) => range.length(),
        }
    }
}

impl Outline {
    /// The outline of the answer that selects that of a representation of `complete` bytes, whose 200 has
    /// those fields.
    #[must_use]
    pub fn of(selection: Selection, complete: u64, whole: &Fields) -> Self {
        let outline = match selection {
            Selection::Whole => None,
            Selection::Part(range) => {
                Some(Self { form: Form::Part(range), complete, pieces: vec![Piece::Range(range)] })
            }
            Selection::Parts(ranges) => Self::parts(ranges, complete, whole),
            Selection::Unsatisfiable => {
                let text = format!("There are {complete} bytes, and none of those asked for.\n");
                let pieces = vec![Piece::Bytes(Bytes::from(text))];
                Some(Self { form: Form::Unsatisfiable, complete, pieces })
            }
        };
        outline.unwrap_or_else(|| {
            let all = complete.checked_sub(1).and_then(|last| ByteRange::new(0, last));
            Self { form: Form::Whole, complete, pieces: all.into_iter().map(Piece::Range).collect() }
        })
    }

    /// Several parts (§15.3.7.2); `None` if they cost too much.
    fn parts(ranges: Vec<ByteRange>, complete: u64, whole: &Fields) -> Option<Self> {
        let boundary = Boundary::unforeseeable();
        let parts = ranges.into_iter().map(|range| (range, vec![Piece::Range(range)])).collect();
        let pieces = multipart::content(parts, complete, whole.get(&CONTENT_TYPE), &boundary);
        let outline = Self { form: Form::Parts(boundary), complete, pieces };
        let is_dear = outline.length().is_none_or(|cost| cost > complete.saturating_mul(COST_MAX));
        (!is_dear).then_some(outline)
    }

    /// The content, piece by piece.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The bytes of the representation that it needs.
    pub fn needs(&self) -> impl Iterator<Item = ByteRange> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Range(range) => Some(*range),
            Piece::Bytes(_) => None,
        })
    }

    /// Length of the content in bytes.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.length()))
    }

    /// Status and fields of the answer, made from those of the 200.
    ///
    /// After `If-Range`, too, all that describes the representation stays, though §15.3.7 would rather have
    /// less: caches on the way keep parts, and clients compare `Content-Encoding` with what they have.
    #[must_use]
    pub fn head(&self, whole: Fields) -> (StatusCode, Fields) {
        let mut fields = whole;
        match &self.form {
            Form::Whole => return (StatusCode::OK, fields),
            Form::Unsatisfiable => {
                return (StatusCode::RANGE_NOT_SATISFIABLE, unsatisfiable(self.complete, fields));
            }
            Form::Part(_) | Form::Parts(_) => {}
        }
        // What was true of the whole content: the wire makes the new length, and nobody the new digest
        // (RFC 9530 §2; Repr-Digest is of the representation, and stays).
        for name in [CONTENT_LENGTH, CONTENT_DIGEST, CONTENT_RANGE] {
            fields.remove(&name);
        }
        if let Form::Part(range) = &self.form {
            // §15.3.7.1
            let content_range = ContentRange::Bytes { range: *range, complete: Some(self.complete) };
            fields.set(CONTENT_RANGE, content_range.to_value());
        }
        if let Form::Parts(boundary) = &self.form {
            // §15.3.7.2: each part says which one it is; so the head must not.
            fields.set(CONTENT_TYPE, boundary.content_type());
        }
        (StatusCode::PARTIAL_CONTENT, fields)
    }
}

/// The answer to a request that selects that of `whole`: a 200 whose content is there already.
///
/// Any other response comes back as it is, and so does one that does not hold the bytes selected or
/// is still arriving: a 200 is always a right answer to a range request (§14.2).
#[must_use]
pub fn respond(selection: Selection, whole: Response) -> Response {
    let complete = whole.body.length().filter(|_| whole.status == StatusCode::OK);
    let Some(complete) = complete.filter(|_| selection != Selection::Whole) else { return whole };
    let outline = Outline::of(selection, complete, &whole.fields);
    if outline.form == Form::Whole {
        return whole;
    }
    let mut segments = Vec::with_capacity(outline.pieces.len());
    for piece in &outline.pieces {
        match piece {
            Piece::Bytes(bytes) => segments.push(Segment::Bytes(bytes.clone())),
            Piece::Range(range) => match cut(&whole.body, *range) {
                Some(cut) => segments.extend(cut),
                None => return whole,
            },
        }
    }
    let (status, fields) = outline.head(whole.fields);
    Response { status, fields, body: Body::Segments(segments) }
}

/// 416 with the length that there is, so that the client can ask better (§15.5.17).
///
/// What the 200 said of its content, its version and its freshness does not hold for this answer.
fn unsatisfiable(complete: u64, fields: Fields) -> Fields {
    let mut fields = fields;
    remove_description(&mut fields);
    for name in [AGE, CACHE_CONTROL, CONTENT_LOCATION, ETAG, EXPIRES, LAST_MODIFIED] {
        fields.remove(&name);
    }
    fields.set(CONTENT_RANGE, ContentRange::Unsatisfied { complete }.to_value());
    fields.set(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    fields
}

/// That range of a content that is there; `None` if it is not, or if the range reaches past its end.
fn cut(body: &Body, range: ByteRange) -> Option<Vec<Segment>> {
    let Body::Segments(segments) = body else { return None };
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
#[path = "partial_tests.rs"]
mod tests;
