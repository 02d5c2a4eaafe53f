//! What is answered: the conditions, parts and whole of a file, and every way of saying no.

use http::{HeaderValue, Method, StatusCode, header};
use message::body::Body;
use message::partial;
use message::precondition::{self, Verdict};
use message::request::Request;
use message::response::Response;

use crate::path::PathFault;
use crate::representation::Representation;
use crate::root::FileFault;

/// After how many seconds to ask again when descriptors or memory are short.
const RETRY_AFTER_S: u16 = 1;

/// Why a request is answered with something else than a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A method other than GET and HEAD.
    Method(Method),
    /// A target that names no path.
    Target,
    /// A path that names no file.
    Path(PathFault),
    /// A directory without its `/`: the reference that has it.
    Moved(String),
    /// A file that can't be served.
    File(FileFault),
}

/// The answer to a GET or HEAD of a file that is there.
#[must_use]
pub fn found(request: &Request, representation: &Representation) -> Response {
    let (method, fields) = (&request.method, &request.fields);
    let validators = representation.validators();
    // RFC 9110 §13.2.1: preconditions come after the checks that make a 2xx certain, before all else.
    match precondition::evaluate(method, fields, Some(validators)) {
        Verdict::Perform => {}
        Verdict::NotModified => {
            let mut response = Response::new(StatusCode::NOT_MODIFIED);
            response.fields = representation.not_modified().clone();
            return response;
        }
        Verdict::Failed => {
            return text(StatusCode::PRECONDITION_FAILED, "the file is not the version that was asked for");
        }
    }
    let mut whole = Response::new(StatusCode::OK);
    whole.fields = representation.fields().clone();
    whole.body = Body::from_segment(representation.content().clone());
    // RFC 9110 §14.2: ranges are considered last.
    let selection = partial::partial(fields, method, validators, representation.length());
    partial::respond(selection, whole)
}

/// The answer to a request that got no file.
#[must_use]
pub fn refused(request: &Request, refusal: Refusal) -> Response {
    match refusal {
        // RFC 9110 §15.6.2: not a method of this server at all, whatever the target.
        Refusal::Method(method) => text(
            StatusCode::NOT_IMPLEMENTED,
            &format!("{method} is not supported: this is a server for files, ask with GET or HEAD"),
        ),
        Refusal::Target => text(
            StatusCode::BAD_REQUEST,
            "the request target names no file: ask for a path, such as /index.html",
        ),
        // A hidden file is not told from a missing one.
        Refusal::Path(PathFault::Hidden) => absent(request),
        Refusal::Path(fault) => text(fault.status(), &fault.to_string()),
        Refusal::Moved(reference) => moved(reference),
        Refusal::File(fault) => not_served(request, fault),
    }
}

fn not_served(request: &Request, fault: FileFault) -> Response {
    match fault {
        FileFault::Absent => absent(request),
        FileFault::Forbidden => text(StatusCode::FORBIDDEN, "the server may not read this file"),
        // RFC 9110 §15.6.4. Not 404, which caches and crawlers would take for the truth.
        FileFault::Short(_) | FileFault::Changing => {
            tracing::warn!(target = %request.target, %fault, "a file was not served");
            text(StatusCode::SERVICE_UNAVAILABLE, "the server can't open the file just now: ask again soon")
                .with(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S))
        }
        FileFault::Unreadable(_) => {
            tracing::error!(target = %request.target, %fault, "a file was not served");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read: the server's log says why")
        }
    }
}

fn absent(request: &Request) -> Response {
    text(StatusCode::NOT_FOUND, &format!("there is no file at {}", request.target))
}

/// RFC 9110 §15.4.2, with a reference that is relative to the host the client asked (§10.2.2).
fn moved(reference: String) -> Response {
    let told = format!("this is a directory: its address is {reference}");
    match HeaderValue::try_from(reference) {
        Ok(location) => text(StatusCode::MOVED_PERMANENTLY, &told).with(header::LOCATION, location),
        Err(_) => text(StatusCode::NOT_FOUND, &told), // percent-encoded, so always a field value
    }
}

/// A line for people. It may repeat what the client sent, since nobody takes it for HTML: it is said
/// to be plain text, and browsers are told to believe that.
fn text(status: StatusCode, line: &str) -> Response {
    Response::text(status, format!("{} {line}\n", status.as_u16()))
        .with(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}
