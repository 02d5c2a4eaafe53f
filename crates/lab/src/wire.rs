//! What the engine does to a message on both sides of a wire, done to the message itself.

use std::time::SystemTime;

use message::field::date::HttpDate;
use message::field::proxy_status::ProxyStatus;
use message::fields::is_framing;
use message::{
    Body, Failure, FailureKind, Fields, HeaderValue, Method, Request, Response, StatusCode, header,
};

/// A request as the service at the other end gets it; `Host` is that of the target (RFC 9112 §3.2), unless the
/// request has another one.
pub(crate) fn request_arrives(request: &mut Request, host: HeaderValue) {
    drop_framing(&mut request.fields);
    request.fields.remove(&header::EXPECT);
    if !request.fields.contains(&header::HOST) {
        request.fields.set(header::HOST, host);
    }
}

/// An answer as it leaves the engine that the service stands behind, apart from its content: `Date`
/// is there (RFC 9110 §6.6.1), and what may have no content has none (RFC 9112 §6.3).
pub(crate) fn response_leaves(mut response: Response, method: &Method, now: SystemTime) -> Response {
    if !response.fields.contains(&header::DATE) {
        response.fields.set(header::DATE, HttpDate::from(now).to_value());
    }
    let told = response.fields.get(&header::CONTENT_LENGTH).cloned();
    drop_framing(&mut response.fields);
    let is_304 = response.status == StatusCode::NOT_MODIFIED;
    if *method == Method::HEAD || is_304 {
        // RFC 9110 §8.6: the length that the content would have.
        let would_have = match response.body {
            Body::Empty => told,
            ref body if !is_304 => body.length().map(HeaderValue::from),
            _ => None,
        };
        if let Some(length) = would_have {
            response.fields.set(header::CONTENT_LENGTH, length);
        }
        response.body = Body::Empty;
    }
    if response.status == StatusCode::NO_CONTENT {
        response.body = Body::Empty;
    }
    response
}

/// The answer in the place of a failure. The real mapping is the engine's (`engine::server::answer`),
/// which no test of a role can ask: this is the same in small.
pub(crate) fn answer_to(failure: &Failure) -> Response {
    let code = match failure.kind() {
        kind if kind.is_unreachable() => 523,
        FailureKind::HttpResponseTimeout | FailureKind::ConnectionWriteTimeout => 504,
        _ => 502,
    };
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = Response::text(status, format!("{}\n", failure.detail()));
    ProxyStatus::of("lab", failure).append_to(&mut response.fields);
    response
}

fn drop_framing(fields: &mut Fields) {
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        debug_assert!(is_framing(&name), "both sides know the same framing fields");
        fields.remove(&name);
    }
}
