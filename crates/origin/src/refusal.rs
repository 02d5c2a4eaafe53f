//! Every way of saying no. What can go wrong on the way to a file is one enum, and here it becomes a
//! status, its fields, and a line for people.

use access::gate::Denied;
use http::{HeaderValue, Method, StatusCode, header};
use message::request::Request;
use message::response::Response;

use crate::path::PathFault;
use crate::root::FileFault;

/// After how many seconds to ask again when something is short just now.
const RETRY_AFTER_S: u16 = 1;

/// Why a request is answered with something else than a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A method other than GET and HEAD.
    Method(Method),
    /// A host that nothing is served for.
    Misdirected,
    /// An address that may not ask.
    Network,
    /// A web site whose scripts may not read what is here.
    ForeignOrigin,
    /// No credentials, or wrong ones: the challenge (RFC 9110 §11.6.1).
    Credentials(HeaderValue),
    /// Too many credentials are being checked already.
    Busy,
    /// A target that names no path.
    Target,
    /// A path that names no file.
    Path(PathFault),
    /// Something that has another address: the reference to it.
    Moved(String),
    /// A file that can't be served.
    File(FileFault),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Credentials(challenge) => Self::Credentials(challenge),
            Denied::Busy => Self::Busy,
        }
    }
}

impl Refusal {
    /// The answer.
    #[must_use]
    pub fn answer(self, request: &Request) -> Response {
        match self {
            // RFC 9110 §15.6.2: not a method of this server at all, whatever the target.
            Self::Method(method) => text(
                StatusCode::NOT_IMPLEMENTED,
                &format!("{method} is not supported: this is a server for files, ask with GET or HEAD"),
            ),
            // RFC 9110 §15.5.20, §7.4.
            Self::Misdirected => {
                text(StatusCode::MISDIRECTED_REQUEST, "nothing is served here for the host that was asked")
            }
            // RFC 9110 §15.5.4. Why is between the operator and the log.
            Self::Network => text(StatusCode::FORBIDDEN, "forbidden"),
            Self::ForeignOrigin => {
                text(StatusCode::FORBIDDEN, "scripts of that web site may not read what is here")
            }
            Self::Credentials(challenge) => unauthorized(challenge),
            Self::Busy => {
                tracing::warn!("credentials were not checked: too many are being checked already");
                unavailable("too many passwords are being checked just now: ask again soon")
            }
            Self::Target => text(
                StatusCode::BAD_REQUEST,
                "the request target names no file: ask for a path, such as /index.html",
            ),
            // A hidden file is not told from a missing one.
            Self::Path(PathFault::Hidden) => absent(request),
            Self::Path(fault) => text(fault.status(), &fault.to_string()),
            Self::Moved(reference) => moved(reference),
            Self::File(fault) => not_served(request, fault),
        }
    }
}

/// RFC 9110 §15.5.2. Not to be stored: the next request may have what this one lacked.
fn unauthorized(challenge: HeaderValue) -> Response {
    text(StatusCode::UNAUTHORIZED, "a user name and password are wanted")
        .with(header::WWW_AUTHENTICATE, challenge)
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn not_served(request: &Request, fault: FileFault) -> Response {
    match fault {
        FileFault::Absent => absent(request),
        FileFault::Forbidden => text(StatusCode::FORBIDDEN, "the server may not read this file"),
        FileFault::Short(_) | FileFault::Changing => {
            tracing::warn!(target = %request.target, %fault, "a file was not served");
            unavailable("the server can't open the file just now: ask again soon")
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

/// RFC 9110 §15.6.4. Not 404, which caches and crawlers would take for the truth.
fn unavailable(line: &str) -> Response {
    text(StatusCode::SERVICE_UNAVAILABLE, line).with(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S))
}

/// RFC 9110 §15.4.2, with a reference that is relative to the host the client asked (§10.2.2).
fn moved(reference: String) -> Response {
    let told = format!("its address is {reference}");
    match HeaderValue::try_from(reference) {
        Ok(location) => text(StatusCode::MOVED_PERMANENTLY, &told).with(header::LOCATION, location),
        Err(_) => text(StatusCode::NOT_FOUND, &told), // percent-encoded, so always a field value
    }
}

/// A line for people. It may repeat what the client sent, since nobody takes it for HTML: it is said
/// to be plain text, and browsers are told to believe that.
pub(crate) fn text(status: StatusCode, line: &str) -> Response {
    Response::text(status, format!("{} {line}\n", status.as_u16()))
        .with(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}
