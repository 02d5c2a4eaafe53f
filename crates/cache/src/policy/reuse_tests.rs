use message::HeaderValue;
use message::header::DATE;

use super::*;
use crate::policy::vary::Selecting;
use crate::testing::{DATE_0, at, fields};

fn stored(lines: &[(&str, &str)]) -> StoredResponse {
    let mut fields = fields(lines);
    fields.set(DATE, HeaderValue::from_static(DATE_0));
    let rules = Rules::default();
    StoredResponse::new(StatusCode::OK, fields, Selecting::default(), at(0), at(0), &rules)
}

fn with_etag(cache_control: &str) -> StoredResponse {
    stored(&[("etag", "\"v1\""), ("cache-control", cache_control)])
}

fn judge(stored: &StoredResponse, request: &[(&str, &str)], now: u64) -> Reuse {
    reuse(stored, &directives(&fields(request)), at(now), &Rules::default())
}

#[test]
fn section_4_2_fresh_then_kept_then_expired() {
    let stored = with_etag("max-age=10");
    assert_eq!(judge(&stored, &[], 9), Reuse::Serve);
    assert_eq!(judge(&stored, &[], 10), Reuse::Validate(Reason::Stale));
    assert_eq!(judge(&stored, &[], 24 * 3600 - 1), Reuse::Validate(Reason::Stale));
    assert_eq!(judge(&stored, &[], 24 * 3600), Reuse::Forward(Reason::Expired));
}

#[test]
fn what_is_fresh_for_longer_than_it_is_kept_stays_fresh() {
    let stored = with_etag("max-age=172800");
    assert_eq!(judge(&stored, &[], 30 * 3600), Reuse::Serve);
}

#[test]
fn a_plain_response_is_validated_before_each_use() {
    assert_eq!(judge(&stored(&[("etag", "\"v1\"")]), &[], 0), Reuse::Validate(Reason::Stale));
    let dated = stored(&[("last-modified", "Wed, 31 Dec 2025 23:00:00 GMT")]);
    assert_eq!(judge(&dated, &[], 0), Reuse::Validate(Reason::Stale));
}

#[test]
fn section_4_3_1_without_a_validator_there_is_nothing_to_ask() {
    for lines in [&[][..], &[("etag", "unquoted")], &[("last-modified", "yesterday")]] {
        assert_eq!(judge(&stored(lines), &[], 0), Reuse::Forward(Reason::NoValidator), "{lines:?}");
    }
}

#[test]
fn section_5_2_2_4_no_cache_is_validated_while_fresh() {
    assert_eq!(judge(&with_etag("max-age=10, no-cache"), &[], 0), Reuse::Validate(Reason::NoCache));
    let qualified = with_etag("max-age=10, no-cache=\"foo\"");
    assert_eq!(judge(&qualified, &[], 0), Reuse::Serve, "without foo, which is not stored");
    let indispensable = with_etag("max-age=10, no-cache=\"vary\"");
    assert_eq!(judge(&indispensable, &[], 0), Reuse::Validate(Reason::NoCache));
}

#[test]
fn section_5_2_1_directives_of_the_request() {
    let stored = with_etag("max-age=100");
    for (directives, now, expected) in [
        ("no-cache", 0, Reuse::Validate(Reason::RequestNoCache)),
        ("max-age=0", 0, Reuse::Serve),
        ("max-age=0", 1, Reuse::Validate(Reason::RequestMaxAge)),
        ("max-age=5", 5, Reuse::Serve),
        ("max-age=x", 1, Reuse::Validate(Reason::RequestMaxAge)),
        ("min-fresh=50", 50, Reuse::Serve),
        ("min-fresh=50", 51, Reuse::Validate(Reason::RequestMinFresh)),
        ("max-stale", 1000, Reuse::Serve),
        ("max-stale=10", 110, Reuse::Serve),
        ("max-stale=10", 111, Reuse::Validate(Reason::Stale)),
        ("only-if-cached", 0, Reuse::Serve),
        ("no-store", 0, Reuse::Serve),
        ("unknown", 0, Reuse::Serve),
    ] {
        assert_eq!(judge(&stored, &[("cache-control", directives)], now), expected, "{directives} at {now}");
    }
}

#[test]
fn section_4_2_4_max_stale_does_not_overrule_the_response() {
    for cache_control in ["max-age=1, must-revalidate", "max-age=1, proxy-revalidate", "s-maxage=1"] {
        let judged = judge(&with_etag(cache_control), &[("cache-control", "max-stale")], 10);
        assert_eq!(judged, Reuse::Validate(Reason::Stale), "{cache_control}");
    }
}

#[test]
fn section_5_4_pragma_counts_only_without_cache_control() {
    let stored = with_etag("max-age=100");
    let pragma = ("pragma", "no-cache");
    assert_eq!(judge(&stored, &[pragma], 0), Reuse::Validate(Reason::RequestNoCache));
    assert_eq!(judge(&stored, &[pragma, ("cache-control", "max-age=5")], 0), Reuse::Serve);
}

#[test]
fn section_4_who_may_share_what_is_still_arriving() {
    let share = |stored: &StoredResponse, request: &[(&str, &str)]| {
        let request = fields(request);
        may_share(stored, &request, &directives(&request))
    };
    assert!(share(&stored(&[]), &[]), "no freshness is needed while it arrives");
    assert!(!share(&with_etag("no-cache"), &[]));
    assert!(!share(&with_etag("max-age=10"), &[("cache-control", "no-cache")]));
    let mut varying = stored(&[]);
    varying.selecting = Selecting::of(&fields(&[("vary", "foo")]), &fields(&[("foo", "1")])).unwrap();
    assert!(share(&varying, &[("foo", "1")]));
    assert!(!share(&varying, &[("foo", "2")]));
}

#[test]
fn rfc_5861_section_3_stale_is_served_while_it_is_validated_and_not_a_second_longer() {
    let stored = with_etag("max-age=10, stale-while-revalidate=5");
    assert_eq!(judge(&stored, &[], 9), Reuse::Serve);
    assert_eq!(judge(&stored, &[], 10), Reuse::ServeStale);
    assert_eq!(judge(&stored, &[], 14), Reuse::ServeStale);
    assert_eq!(judge(&stored, &[], 15), Reuse::Validate(Reason::Stale));
    for request in ["no-cache", "max-age=5", "min-fresh=1"] {
        let judged = judge(&stored, &[("cache-control", request)], 12);
        assert!(matches!(judged, Reuse::Validate(_)), "{request}: {judged:?}");
    }
    for forbidden in ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"] {
        let stored = with_etag(&format!("max-age=10, stale-while-revalidate=5, {forbidden}"));
        assert!(matches!(judge(&stored, &[], 12), Reuse::Validate(_)), "{forbidden}");
    }
}

#[test]
fn rfc_5861_section_4_stale_is_served_on_error_where_it_is_allowed() {
    let serves = |told: &str, asked: &str, now| {
        serves_on_error(&with_etag(told), &directives(&fields(&[("cache-control", asked)])), at(now))
    };
    assert!(!serves("max-age=10", "", 11), "by nobody");
    assert!(serves("max-age=10, stale-if-error=5", "", 14));
    assert!(!serves("max-age=10, stale-if-error=5", "", 15));
    assert!(serves("max-age=10", "stale-if-error=5", 14));
    assert!(!serves("max-age=10", "stale-if-error=5", 15));
    for asked in ["no-cache", "max-age=12", "min-fresh=1"] {
        assert!(!serves("max-age=10, stale-if-error=60", asked, 14), "{asked}");
    }
    for forbidden in ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"] {
        assert!(
            !serves(&format!("max-age=10, stale-if-error=60, {forbidden}"), "stale-if-error=60", 11),
            "{forbidden}"
        );
    }
}

#[test]
fn what_somebody_called_outdated_is_validated_while_fresh() {
    let stored = with_etag("max-age=100").outdated(at(5));
    assert_eq!(judge(&stored, &[], 5), Reuse::Validate(Reason::Outdated));
}

#[test]
fn rfc_9110_section_13_2_1_only_a_2xx_is_validated() {
    for (status, expected) in
        [(204, Reuse::Validate(Reason::Stale)), (404, Reuse::Forward(Reason::NoValidator))]
    {
        let stored =
            StoredResponse { status: StatusCode::from_u16(status).unwrap(), ..with_etag("max-age=1") };
        assert_eq!(judge(&stored, &[], 2), expected, "{status}");
    }
}

#[test]
fn rfc_5861_section_4_errors_are_500_502_503_504_and_what_would_be_one() {
    let errors =
        (100..1000).filter(|code| Trouble::of_status(StatusCode::from_u16(*code).unwrap()).is_some());
    assert_eq!(errors.collect::<Vec<_>>(), [500, 502, 503, 504]);
    for kind in
        [FailureKind::ConnectionRefused, FailureKind::ConnectionTerminated, FailureKind::HttpProtocolError]
    {
        assert_eq!(Trouble::of_failure(kind), Some(Trouble::Outage), "{kind:?}");
    }
    for kind in [FailureKind::ProxyLoopDetected, FailureKind::HttpRequestError] {
        assert_eq!(Trouble::of_failure(kind), None, "{kind:?}");
    }
}
