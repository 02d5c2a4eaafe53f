//! Answers out of responses that are stored, or being stored.

use std::time::Duration;

use message::header::AGE;
use message::partial::{partial, respond};
use message::precondition::{Verdict, evaluate_stored, not_modified};
use message::{Body, Fields, Method, Response, StatusCode};

use crate::stored::StoredResponse;

/// The answer to a request with those fields: what it asks for of `stored`, with the head `fields` and the
/// content `body`.
///
/// The client's own conditions are judged here (RFC 9111 §4.3.2), and so is the range that it asks for
/// (RFC 9110 §14.2) where the content is there already; where it is still arriving, the whole is a right
/// answer, too.
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

/// Sets `Age` (RFC 9111 §5.1): how old the response is now, in the place of what it was when it came.
pub(crate) fn set_age(fields: &mut Fields, age: Duration) {
    fields.set(AGE, age.as_secs().into());
}
