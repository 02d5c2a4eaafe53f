//! Heads of messages, as values.

use http::{Method, StatusCode};
use message::fields::Fields;
use message::target::Target;

/// The version of a message (RFC 9110 §2.5). We write HTTP/1.1 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// The head of a request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method; a token, known or not.
    pub method: Method,
    /// The target, in the form in which it was sent.
    pub target: Target,
    /// The version.
    pub version: Version,
    /// The header section. `Content-Length`, `Transfer-Encoding` and `Expect: 100-continue` have been
    /// judged and taken out; `Host` stands there exactly once (HTTP/1.0 may lack it) and agrees with a
    /// target that names its authority. `Connection` and what it names are still there.
    pub fields: Fields,
    /// Whether the client waits for `100 Continue` before it sends the content (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// Whether the connection is to be closed after the answer (RFC 9112 §9.3).
    pub wants_close: bool,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status code, 100 to 599.
    pub status: StatusCode,
    /// The version.
    pub version: Version,
    /// The header section. `Content-Length` and `Transfer-Encoding` have been judged and taken out,
    /// but `Content-Length` is left in an answer to HEAD and in a 304, where it frames nothing
    /// (RFC 9110 §8.6).
    pub fields: Fields,
}
