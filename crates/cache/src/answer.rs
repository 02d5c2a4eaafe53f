//! Answers out of responses that are stored, or being stored.

use std::time::Duration;

use message::header::AGE;
use message::partial::{Outline, Piece, partial, respond};
use message::precondition::{Verdict, evaluate_stored, not_modified};
use message::{Body, Fields, Method, Response, StatusCode};

use crate::body::growing::{Growing, Lost};
use crate::body::reader::{Pieces, Reader};
use crate::store::entry::Entry;
use crate::stored::StoredResponse;

/// The answer to a request with those fields: what it asks for of `stored`, with the head `fields` and the
/// content `body`.
///
/// The client's own conditions are judged here (RFC 9111 §4.3.2), and so is the range that it asks for
/// (RFC 9110 §14.2).
#[must_use]
pub(crate) fn answer(
    method: &Method,
    request: &Fields,
    stored: &StoredResponse,
    fields: Fields,
    body: Body,
) -> Response {
    // RFC 9110 §13.2.1: conditions are for what would be a 2xx.
    let verdict = match stored.status.is_success() {
        true => evaluate_stored(method, request, &stored.validators, stored.made_at),
        false => Verdict::Perform,
    };
    match verdict {
        Verdict::NotModified => {
            Response { status: StatusCode::NOT_MODIFIED, fields: not_modified(&fields), body: Body::Empty }
        }
        // For unsafe methods only, which are not answered here.
        Verdict::Failed => Response::new(StatusCode::PRECONDITION_FAILED),
        Verdict::Perform => {
            let whole = Response { status: stored.status, fields, body };
            match (&whole.body, whole.body.length()) {
                (Body::Stream(_), _) | (_, None) => whole,
                (_, Some(length)) => respond(partial(request, method, &stored.validators, length), whole),
            }
        }
    }
}

/// Whether what is stored of `entry` is enough for the answer to that request.
#[must_use]
pub(crate) fn holds(method: &Method, request: &Fields, entry: &Entry) -> bool {
    let (stored, Some(present)) = (&entry.response, &entry.present) else { return true };
    if *method == Method::HEAD {
        return true; // nothing of the content is sent
    }
    match evaluate_stored(method, request, &stored.validators, stored.made_at) {
        Verdict::NotModified | Verdict::Failed => true,
        Verdict::Perform => {
            let selection = partial(request, method, &stored.validators, entry.size());
            let outline = Outline::of(selection, entry.size(), &stored.fields);
            outline.needs().all(|range| present.contains(&(range.first()..range.last().saturating_add(1))))
        }
    }
}

/// The same answer out of content that is arriving. What it needs of it is fetched at once where it would
/// be long in coming; it is given when it is certain that its first byte is of the stored version.
///
/// `None` if it is too late to join.
///
/// # Errors
/// Why the first byte can't be had.
pub(crate) async fn answer_growing(
    method: &Method,
    request: &Fields,
    stored: &StoredResponse,
    fields: Fields,
    growing: &Growing,
) -> Result<Option<Response>, Lost> {
    if evaluate_stored(method, request, &stored.validators, stored.made_at) != Verdict::Perform {
        return Ok(Some(answer(method, request, stored, fields, Body::Empty)));
    }
    // Without a length no range can be found in it: the whole is a right answer, too (RFC 9110 §14.2).
    let Some(length) = growing.length() else {
        let Some(reader) = Reader::join(growing, 0, u64::MAX) else { return Ok(None) };
        reader.ready().await?;
        return Ok(Some(Response { status: stored.status, fields, body: Body::from_source(None, reader) }));
    };
    let outline = Outline::of(partial(request, method, &stored.validators, length), length, &fields);
    let mut pieces = Vec::with_capacity(outline.pieces().len());
    for piece in outline.pieces() {
        let reader = match piece {
            Piece::Bytes(_) => None,
            Piece::Range(range) => {
                let until = range.last().saturating_add(1);
                let Some(reader) = Reader::join(growing, range.first(), until) else { return Ok(None) };
                Some(reader)
            }
        };
        pieces.push((piece.clone(), reader));
    }
    if let Some(reader) = pieces.iter().find_map(|(_, reader)| reader.as_ref()) {
        reader.ready().await?;
    }
    let (status, fields) = outline.head(fields);
    Ok(Some(Response { status, fields, body: Body::from_source(outline.length(), Pieces::new(pieces)) }))
}

/// Sets `Age` (RFC 9111 §5.1): how old the response is now, in the place of what it was when it came.
pub(crate) fn set_age(fields: &mut Fields, age: Duration) {
    fields.set(AGE, age.as_secs().into());
}
