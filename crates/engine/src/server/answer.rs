//! Responses that stand for the absence of one. The only file where a failure becomes a status.

use std::time::Duration;

use http1::Fault;
use message::field::proxy_status::ProxyStatus;
use message::{Failure, FailureKind, HeaderValue, Response, StatusCode, header};

/// What we call ourselves in `Proxy-Status`.
const NAME: &str = "Sockets";

/// Origin Is Unreachable: not in the IANA registry, but what the field's proxies send.
pub const UNREACHABLE: u16 = 523;

/// When a client with too many connections may try again. When one of them ends can't be known.
const CROWDING_PAUSE: Duration = Duration::from_secs(1);

/// The answer to a request that got no response from further on (RFC 9110 §15.6.3, §15.6.5), with the
/// reason in `Proxy-Status` (RFC 9209 §2) and what those in between had to say; `unreachable` where it is that the
/// one further on could not be reached.
#[must_use]
pub fn to_failure(failure: &Failure, unreachable: StatusCode) -> Response {
    let status = if failure.kind().is_unreachable() { unreachable } else { status_of(failure.kind()) };
    let mut response = Response::text(status, explanation(status, failure));
    response.fields.set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    ProxyStatus::of(NAME, failure).append_to(&mut response.fields);
    for (name, value) in failure.fields() {
        response.fields.append(name.clone(), value.clone());
    }
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

/// The answer to the first request on a connection that is one more than its client may have (RFC 9110
/// §15.6.4); the connection is closed behind it.
#[must_use]
pub fn to_crowding() -> Response {
    later(StatusCode::SERVICE_UNAVAILABLE, CROWDING_PAUSE, "too many connections from this address\n")
}

/// The answer to a request that comes `wait` too early for its client's share (RFC 6585 §4).
#[must_use]
pub fn to_haste(wait: Duration) -> Response {
    later(StatusCode::TOO_MANY_REQUESTS, wait, "too many requests from this address\n")
}

/// A refusal that is over after `wait`, which is said in whole seconds (RFC 9110 §10.2.3).
fn later(status: StatusCode, wait: Duration, text: &'static str) -> Response {
    let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    Response::text(status, text)
        .with(header::RETRY_AFTER, HeaderValue::from(whole.max(1)))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn status_of(kind: FailureKind) -> StatusCode {
    match kind {
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
