//! Responses that stand for the absence of one. The only file where a failure becomes a status.

use http1::Fault;
use message::field::proxy_status::ProxyStatus;
use message::{Failure, FailureKind, HeaderValue, Response, StatusCode, header};

/// What we call ourselves in `Proxy-Status`.
const NAME: &str = "Sockets";

/// Origin Is Unreachable: not in the IANA registry, but what the field's proxies send.
const UNREACHABLE: u16 = 523;

/// The answer to a request that got no response from further on (RFC 9110 §15.6.3, §15.6.5), with the
/// reason in `Proxy-Status` (RFC 9209 §2).
#[must_use]
pub fn to_failure(failure: &Failure) -> Response {
    let status = status_of(failure.kind());
    let mut response = Response::text(status, explanation(status, failure));
    response.fields.set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    ProxyStatus::of(NAME, failure).append_to(&mut response.fields);
    response
}

/// The answer to a request that can't be understood; the connection is closed behind it.
#[must_use]
pub fn to_fault(fault: Fault) -> Response {
    Response::text(fault.status(), format!("{fault} ({})\n", fault.section()))
}

/// The answer to a request that does not come whole in time (RFC 9110 §15.5.9); the connection is
/// closed behind it.
#[must_use]
pub fn to_slow_request() -> Response {
    Response::text(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come in time\n")
}

fn status_of(kind: FailureKind) -> StatusCode {
    match kind {
        kind if kind.is_unreachable() => StatusCode::from_u16(UNREACHABLE).unwrap_or(StatusCode::BAD_GATEWAY),
        FailureKind::HttpResponseTimeout | FailureKind::ConnectionWriteTimeout => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::ConnectionLimitReached => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::DestinationIpProhibited => StatusCode::FORBIDDEN,
        FailureKind::HttpRequestError => StatusCode::BAD_REQUEST,
        FailureKind::ProxyInternalError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn explanation(status: StatusCode, failure: &Failure) -> String {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            format!("no answer from the origin: {failure}\n")
        }
        status if status.as_u16() == UNREACHABLE => format!("the origin is unreachable: {failure}\n"),
        _ => format!("{failure}\n"),
    }
}
