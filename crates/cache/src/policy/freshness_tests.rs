use message::{HeaderName, HeaderValue};

use super::*;

const DATE_0: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const AN_HOUR_LATER: &str = "Thu, 01 Jan 2026 01:00:00 GMT";
const AN_HOUR_EARLIER: &str = "Wed, 31 Dec 2025 23:00:00 GMT";

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

fn freshness(lines: &[(&str, &str)]) -> Freshness {
    let mut fields = fields(lines);
    if !fields.contains(&DATE) {
        fields.set(DATE, HeaderValue::from_static(DATE_0));
    }
    Freshness::of(&fields, at(0), at(0), None)
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
    let freshness = Freshness::of(&fields, at(0), at(0), None);
    assert_eq!(freshness.lifetime(), Duration::from_hours(1));
    assert!(!freshness.is_fresh(at(0)), "its apparent age is an hour, too");
}

#[test]
fn section_4_2_2_there_is_no_guess_unless_it_is_configured_and_it_is_bounded() {
    let lines = [("date", DATE_0), ("last-modified", AN_HOUR_EARLIER)];
    assert_eq!(freshness(&lines).basis(), Basis::None);
    assert!(!freshness(&lines).is_fresh(at(0)));
    let tenth = Fraction::new(0.1);
    let guessed = Freshness::of(&fields(&lines), at(0), at(0), tenth);
    assert_eq!((guessed.lifetime(), guessed.basis()), (Duration::from_mins(6), Basis::Heuristic));
    let old = fields(&[("date", DATE_0), ("last-modified", "Mon, 01 Jan 2001 00:00:00 GMT")]);
    assert_eq!(Freshness::of(&old, at(0), at(0), tenth).lifetime(), HEURISTIC_MAX);
    let told = fields(&[("date", DATE_0), ("last-modified", AN_HOUR_EARLIER), ("expires", "0")]);
    assert_eq!(Freshness::of(&told, at(0), at(0), tenth).lifetime(), Duration::ZERO);
}

#[test]
fn a_fraction_is_more_than_nothing_and_at_most_all() {
    for part in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(Fraction::new(part).is_none(), "{part}");
    }
    assert!(Fraction::new(1.0).is_some());
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
        let freshness = Freshness::of(&fields(lines), at(requested), at(received), None);
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
        ("max-age=1, no-cache=\"set-cookie\"", false),
        ("public", false),
    ] {
        assert_eq!(freshness(&[("cache-control", value)]).may_be_stale(), may, "{value}");
    }
}
