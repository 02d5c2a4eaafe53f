//! Responses (RFC 9110 §3.4) as every role gives them.

use http::{HeaderValue, StatusCode, header};

use crate::body::Body;
use crate::fields::Fields;

/// A final response.
///
/// Framing fields are the wire's business, with one exception: in an answer to HEAD and in a 304 a
/// `Content-Length` among the fields tells the length that the content *would* have (RFC 9110 §8.6),
/// and the engine sends it if the body is [`Body::Empty`].
#[derive(Debug)]
pub struct Response {
    /// The status code (RFC 9110 §15).
    pub status: StatusCode,
    /// The header section. The engine adds `Date` where it is missing (RFC 9110 §6.6.1).
    pub fields: Fields,
    /// The content. Roles answer HEAD as they would answer GET; the engine leaves the content out.
    pub body: Body,
}

impl Response {
    /// A response without fields and content.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, fields: Fields::new(), body: Body::Empty }
    }

    /// A short answer for people, as `text/plain`.
    #[must_use]
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let mut response = Self::new(status);
        response.fields.set(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.body = Body::from(text.into());
        response
    }

    /// The same response with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.fields.set(name, value);
        self
    }
}
