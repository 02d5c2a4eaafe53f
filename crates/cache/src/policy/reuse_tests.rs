use message::header::DATE;
use message::{HeaderName, HeaderValue, StatusCode};

use super::*;
use crate::policy::vary::Selecting;

const KEEP: Duration = Duration::from_hours(24);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + seconds)
}

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    fields
}

fn stored(lines: &[(&str, &str)]) -> StoredResponse {
    let mut fields = fields(lines);
    fields.set(DATE, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
    StoredResponse::new(StatusCode::OK, fields, Selecting::default(), at(0), at(0), None)
}

fn with_etag(cache_control: &str) -> StoredResponse {
    stored(&[("etag", "\"v1\""), ("cache-control", cache_control)])
}

fn judge(stored: &StoredResponse, request: &[(&str, &str)], now: u64) -> Reuse {
    reuse(stored, &directives(&fields(request)), at(now), KEEP)
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
    assert_eq!(judge(&qualified, &[], 0), Reuse::Validate(Reason::NoCache));
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
    let plain = judge(&stored(&[("etag", "\"v1\"")]), &[("cache-control", "max-stale")], 10);
    assert_eq!(plain, Reuse::Validate(Reason::Stale));
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
