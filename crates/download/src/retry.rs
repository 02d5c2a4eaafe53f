//! Whether a source is asked again, and when.
//!
//! Pure. A GET is idempotent (RFC 9110 §9.2.2): repeating it does no harm, so what matters is only
//! whether the next try may go better.

use std::time::{Duration, SystemTime};

use message::failure::FailureKind;
use message::field::date::HttpDate;
use message::{Fields, StatusCode, header};

use crate::answer::Misbehaviour;
use crate::fault::GetFault;
use crate::plan::source::Lapse;

/// The pause before the second try, before jitter; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// The longest pause, before jitter.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long a source is left alone after so many failures in a row, from 1.
///
/// Half of the pause is fixed and half depends on `jitter` (any number), so that clients that were cut off
/// together do not come back together.
pub(crate) fn backoff(failures: u32, jitter: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    jittered(PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX), jitter)
}

/// What `fault` says about the source that it came of.
///
/// A `Retry-After` is obeyed if it is no longer than `retry_after_max`; if it is, asking earlier would be
/// rude and asking later is not ours to decide.
pub(crate) fn lapse(fault: &GetFault, retry_after_max: Duration) -> Lapse {
    match fault {
        GetFault::Misbehaved { how: Misbehaviour::OtherVersion(_), .. } => Lapse::OtherVersion,
        GetFault::NoRanges { .. } => Lapse::NoRanges,
        GetFault::Status { retry_after: Some(asked), .. } if *asked > retry_after_max => Lapse::Lasting,
        GetFault::Status { retry_after, .. } if may_go_better(fault) => Lapse::Passing(*retry_after),
        fault if may_go_better(fault) => Lapse::Passing(None),
        _ => Lapse::Lasting,
    }
}

/// Between half and the whole of `pause`.
fn jittered(pause: Duration, jitter: u64) -> Duration {
    const STEPS: u32 = 1024;
    let steps = u32::try_from(jitter % u64::from(STEPS)).unwrap_or_default();
    let half = pause / 2;
    half.saturating_add((half / STEPS).saturating_mul(steps))
}

fn may_go_better(fault: &GetFault) -> bool {
    match fault {
        GetFault::NoAnswer { .. } | GetFault::Stalled { .. } => true,
        GetFault::NoResponse { failure, .. } | GetFault::Broken { failure, .. } => is_passing(failure.kind()),
        GetFault::Status { status, .. } => is_passing_status(*status),
        GetFault::File(_)
        | GetFault::Digest { .. }
        | GetFault::Piece { .. }
        | GetFault::Misbehaved { .. }
        | GetFault::NoRanges { .. }
        | GetFault::NoLength { .. }
        | GetFault::OutOfRange { .. }
        | GetFault::KeepsChanging { .. }
        | GetFault::TooLarge { .. }
        | GetFault::NoSource { .. }
        | GetFault::Tls { .. }
        | GetFault::RedirectLoop { .. }
        | GetFault::RedirectLimit { .. }
        | GetFault::NoLocation { .. }
        | GetFault::BadLocation { .. } => false,
    }
}

/// Failures that pass: a server that is being restarted, a network that is back in a second, a balancer
/// that will name another server. A name that is not known or an answer that is not HTTP stays so.
fn is_passing(kind: FailureKind) -> bool {
    match kind {
        FailureKind::DnsTimeout
        | FailureKind::DestinationIpUnroutable
        | FailureKind::ConnectionRefused
        | FailureKind::ConnectionTimeout
        | FailureKind::ConnectionLimitReached
        | FailureKind::ConnectionTerminated
        | FailureKind::ConnectionWriteTimeout
        | FailureKind::HttpResponseTimeout
        | FailureKind::HttpResponseIncomplete => true,
        FailureKind::DnsError
        | FailureKind::DestinationIpProhibited
        | FailureKind::HttpProtocolError
        | FailureKind::HttpRequestError
        | FailureKind::ProxyLoopDetected
        | FailureKind::ProxyInternalError => false,
    }
}

/// Request Timeout, Too Many Requests, Internal Server Error, Bad Gateway, Service Unavailable, Gateway
/// Timeout, and the 523 that caches say of an origin that they can't reach.
fn is_passing_status(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 523)
}

/// What `Retry-After` asks for (RFC 9110 §10.2.3), counted from `now`; `None` without a valid one.
pub(crate) fn retry_after(fields: &Fields, now: SystemTime) -> Option<Duration> {
    let text = fields.text(&header::RETRY_AFTER)?;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds ask for longer than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = HttpDate::parse_at(text.as_bytes(), now)?;
    // A time that has passed asks for no wait at all.
    Some(date.to_system_time().duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use message::HeaderValue;
    use message::failure::Failure;

    use super::*;
    use crate::file_fault::FileFault;
    use crate::url::Url;

    fn url() -> Url {
        Url::parse("a/x").unwrap()
    }

    fn status(code: u16, retry_after: Option<u64>) -> GetFault {
        let status = StatusCode::from_u16(code).unwrap();
        GetFault::Status { url: url(), status, retry_after: retry_after.map(Duration::from_secs) }
    }

    fn refused() -> GetFault {
        let failure = Failure::before_sending(FailureKind::ConnectionRefused, "refused");
        GetFault::NoResponse { url: url(), failure }
    }

    #[test]
    fn pauses_double_up_to_their_limit() {
        let pauses = (1..10).map(|failures| backoff(failures, 0).as_millis());
        assert_eq!(pauses.collect::<Vec<_>>(), [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
        assert_eq!(backoff(u32::MAX, 0).as_secs(), 15);
    }

    #[test]
    fn jitter_moves_a_pause_between_its_half_and_its_whole() {
        let [least, middle, most, again, any] =
            [0, 512, 1023, 1024, u64::MAX].map(|jitter| jittered(PAUSE_MIN, jitter));
        assert!(least == PAUSE_MIN / 2 && least < middle && middle < most && most <= PAUSE_MIN);
        assert!(again == least && (least..=most).contains(&any));
    }

    #[test]
    fn retry_after_is_obeyed_up_to_its_limit_section_10_2_3() {
        let minute = Duration::from_secs(60);
        assert_eq!(lapse(&status(503, Some(60)), minute), Lapse::Passing(Some(minute)));
        assert_eq!(lapse(&status(503, Some(61)), minute), Lapse::Lasting);
        assert_eq!(lapse(&status(404, Some(1)), minute), Lapse::Lasting);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let failed = |kind| GetFault::Broken {
            url: url(),
            received: 1,
            length: None,
            failure: Failure::new(kind, "failed"),
        };
        let waited = Duration::from_secs(5);
        for (fault, again) in [
            (refused(), true),
            (failed(FailureKind::HttpResponseIncomplete), true),
            (failed(FailureKind::HttpProtocolError), false),
            (failed(FailureKind::DnsError), false),
            (GetFault::Stalled { url: url(), received: 0, waited }, true),
            (GetFault::NoAnswer { url: url(), waited }, true),
            (GetFault::Tls { url: url() }, false),
            (FileFault::Full { path: "x".into() }.into(), false),
            (GetFault::RedirectLoop { trail: vec![url()] }, false),
        ] {
            assert_eq!(lapse(&fault, waited) == Lapse::Passing(None), again, "{fault}");
        }
        let again: Vec<u16> =
            (200..600).filter(|code| lapse(&status(*code, None), waited) != Lapse::Lasting).collect();
        assert_eq!(again, [408, 429, 500, 502, 503, 504, 523]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_section_10_2_3() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, expected) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let mut fields = Fields::new();
            fields.set(header::RETRY_AFTER, HeaderValue::from_static(value));
            assert_eq!(retry_after(&fields, now), expected.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&Fields::new(), now), None);
    }
}
