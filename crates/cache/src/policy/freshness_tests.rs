use message::HeaderValue;

use super::*;
use crate::testing::{DATE_0, at, fields};

const AN_HOUR_LATER: &str = "Thu, 01 Jan 2026 01:00:00 GMT";
const AN_HOUR_EARLIER: &str = "Wed, 31 Dec 2025 23:00:00 GMT";

fn of(fields: &Fields, requested_at: SystemTime, received_at: SystemTime, rules: &Rules) -> Freshness {
    Freshness::of(StatusCode::OK, fields, requested_at, received_at, rules)
}

fn guessing() -> Rules {
    Rules { heuristic: Fraction::new(0.1), ..Rules::default() }
}

fn freshness(lines: &[(&str, &str)]) -> Freshness {
    let mut fields = fields(lines);
    if !fields.contains(&DATE) {
        fields.set(DATE, HeaderValue::from_static(DATE_0));
    }
    of(&fields, at(0), at(0), &Rules::default())
}

#[test]
fn section_4_2_1_explicit_lifetimes_and_their_order() {
    for (lines, seconds) in [
        (&[("cache-control", "max-age=60")][..], 60),
        (&[("cache-control", "max-age=60, s-maxage=10")], 10),
        (&[("cache-control", "s-maxage=10"), ("cache-control", "max-age=60")], 10),
        (&[("cache-control", "max-age=60"), ("expires", AN_HOUR_LATER)], 60),
        (&[("expires", AN_HOUR_LATER)], 3600),
        (&[("expires", AN_HOUR_EARLIER)], 0),
        (&[("expires", "0")], 0),
        (&[("expires", AN_HOUR_LATER), ("expires", AN_HOUR_LATER)], 0),
        (&[("cache-control", "max-age=abc"), ("expires", AN_HOUR_LATER)], 0),
        (&[("cache-control", "max-age=99999999999999999999")], 1 << 31),
    ] {
        let freshness = freshness(lines);
        assert_eq!(freshness.lifetime(), Duration::from_secs(seconds), "{lines:?}");
        assert_eq!(freshness.basis(), Basis::Explicit, "{lines:?}");
    }
}

#[test]
fn section_4_2_1_expires_counts_from_date_and_not_from_our_clock() {
    let fields = fields(&[("date", AN_HOUR_EARLIER), ("expires", DATE_0)]);
    let freshness = of(&fields, at(0), at(0), &Rules::default());
    assert_eq!(freshness.lifetime(), Duration::from_hours(1));
    assert!(!freshness.is_fresh(at(0)), "its apparent age is an hour, too");
}

#[test]
fn section_4_2_2_there_is_no_guess_unless_it_is_configured_and_it_is_bounded() {
    let lines = [("date", DATE_0), ("last-modified", AN_HOUR_EARLIER)];
    assert_eq!(freshness(&lines).basis(), Basis::None);
    assert!(!freshness(&lines).is_fresh(at(0)));
    let tenth = guessing();
    let guessed = of(&fields(&lines), at(0), at(0), &tenth);
    assert_eq!((guessed.lifetime(), guessed.basis()), (Duration::from_mins(6), Basis::Heuristic));
    let old = fields(&[("date", DATE_0), ("last-modified", "Mon, 01 Jan 2001 00:00:00 GMT")]);
    assert_eq!(of(&old, at(0), at(0), &tenth).lifetime(), HEURISTIC_MAX);
    let told = fields(&[("date", DATE_0), ("last-modified", AN_HOUR_EARLIER), ("expires", "0")]);
    assert_eq!(of(&told, at(0), at(0), &tenth).lifetime(), Duration::ZERO);
}

#[test]
fn section_4_2_2_only_some_statuses_may_be_guessed_about() {
    let lines = fields(&[("date", DATE_0), ("last-modified", AN_HOUR_EARLIER)]);
    let public = fields(&[("date", DATE_0), ("last-modified", AN_HOUR_EARLIER), ("cache-control", "public")]);
    let rules = guessing();
    let basis = |fields, code| {
        let status = StatusCode::from_u16(code).unwrap();
        Freshness::of(status, fields, at(0), at(0), &rules).basis()
    };
    for code in [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert_eq!(basis(&lines, code), Basis::Heuristic, "{code}");
    }
    for code in [201, 202, 299, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599] {
        assert_eq!(basis(&lines, code), Basis::None, "{code}");
        assert_eq!(basis(&public, code), Basis::Heuristic, "{code}");
    }
}

#[test]
fn section_4_2_3_age() {
    for (lines, requested, received, now, age) in [
        (&[("date", DATE_0)][..], 0, 0, 0, 0),
        (&[("date", DATE_0)], 0, 0, 7, 7),
        // apparent_age: the response was on its way, or lay somewhere that adds no Age.
        (&[("date", DATE_0)], 100, 100, 100, 100),
        // A Date of the future is no age.
        (&[("date", AN_HOUR_LATER)], 0, 0, 5, 5),
        // corrected_age_value includes the time that the answer took.
        (&[("date", DATE_0), ("age", "10")], 0, 4, 4, 14),
        (&[("date", DATE_0), ("age", "10")], 0, 0, 5, 15),
        // The greater of the two.
        (&[("date", AN_HOUR_EARLIER), ("age", "10")], 0, 0, 0, 3600),
        // A clock that was put back is no negative age.
        (&[("date", DATE_0)], 10, 10, 0, 10),
    ] {
        let freshness = of(&fields(lines), at(requested), at(received), &Rules::default());
        assert_eq!(
            freshness.age(at(now)),
            Duration::from_secs(age),
            "{lines:?} {requested} {received} {now}"
        );
    }
}

#[test]
fn section_5_1_of_age_the_first_member_counts_and_only_if_it_is_digits() {
    for (lines, age) in [
        (&[("age", "10, 20")][..], 10),
        (&[("age", "10"), ("age", "20")], 10),
        (&[("age", "-10")], 0),
        (&[("age", "10.0")], 0),
        (&[("age", "abc")], 0),
        (&[("age", "abc"), ("age", "10")], 0),
        (&[("age", "18446744073709551616")], 1 << 31),
    ] {
        assert_eq!(freshness(lines).age(at(0)), Duration::from_secs(age), "{lines:?}");
    }
}

#[test]
fn section_4_2_a_response_is_fresh_while_its_lifetime_is_greater_than_its_age() {
    let freshness = freshness(&[("cache-control", "max-age=10")]);
    assert!(freshness.is_fresh(at(9)));
    assert!(!freshness.is_fresh(at(10)));
    assert_eq!((freshness.ttl(at(3)), freshness.ttl(at(12))), (7, -2));
}

#[test]
fn section_4_2_4_what_forbids_to_serve_stale() {
    for (value, may) in [
        ("max-age=1", true),
        ("max-age=1, must-revalidate", false),
        ("max-age=1, proxy-revalidate", false),
        ("s-maxage=1", false),
        ("max-age=1, no-cache", false),
        ("max-age=1, no-cache=\"set-cookie\"", true),
        ("public", true),
        ("private=\"x\"", true),
    ] {
        assert_eq!(freshness(&[("cache-control", value)]).may_be_stale(), may, "{value}");
    }
}

#[test]
fn rfc_5861_windows_begin_where_freshness_ends_and_have_a_hard_end() {
    let told = freshness(&[("cache-control", "max-age=10, stale-while-revalidate=5, stale-if-error=7")]);
    let windows = |freshness: &Freshness, now| {
        (freshness.serves_while_revalidating(at(now)), freshness.serves_on_error(at(now)))
    };
    for (now, expected) in [
        (10, (true, true)),
        (14, (true, true)),
        (15, (false, true)),
        (16, (false, true)),
        (17, (false, false)),
    ] {
        assert_eq!(windows(&told, now), expected, "{now}");
    }
    assert_eq!(
        windows(&freshness(&[("cache-control", "max-age=10")]), 10),
        (false, false),
        "no grace of our own"
    );
}

#[test]
fn rfc_5861_the_cache_may_be_told_to_serve_stale_what_says_nothing_about_it() {
    let rules = Rules {
        stale_while_revalidate: Duration::from_secs(5),
        stale_if_error: Duration::from_secs(7),
        ..Rules::default()
    };
    for (value, expected) in [
        ("max-age=10", (true, true)),
        ("max-age=10, stale-while-revalidate=0, stale-if-error=0", (false, false)),
        ("max-age=10, must-revalidate, stale-while-revalidate=9", (false, false)),
        ("max-age=10, proxy-revalidate", (false, false)),
        ("s-maxage=10, stale-if-error=9", (false, false)),
        ("max-age=10, no-cache", (false, false)),
    ] {
        let fields = fields(&[("date", DATE_0), ("cache-control", value)]);
        let freshness = of(&fields, at(0), at(0), &rules);
        assert_eq!(
            (freshness.serves_while_revalidating(at(10)), freshness.serves_on_error(at(10))),
            expected,
            "{value}"
        );
    }
}

#[test]
fn what_is_ended_is_stale_from_then_on() {
    let ended = freshness(&[("cache-control", "max-age=100, stale-if-error=5")]).ended(at(10));
    assert!(!ended.is_fresh(at(10)));
    assert_eq!(ended.stale_for(at(13)), Duration::from_secs(3));
    assert!(ended.serves_on_error(at(14)) && !ended.serves_on_error(at(15)));
}
