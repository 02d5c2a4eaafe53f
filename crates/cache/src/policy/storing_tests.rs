use super::*;
use crate::policy::rules::Fraction;
use crate::testing::{DATE_0, at, fields};

type Lines<'a> = &'a [(&'a str, &'a str)];

fn judge(
    method: &str,
    status: u16,
    request: Lines<'_>,
    response: Lines<'_>,
    rules: &Rules,
) -> Option<Refusal> {
    let exchange = Exchange {
        method: &Method::from_bytes(method.as_bytes()).unwrap(),
        key: &CacheKey::parse("http://a/x").unwrap(),
        request: &fields(request),
        status: StatusCode::from_u16(status).unwrap(),
        response: &fields(response),
        requested_at: at(0),
        received_at: at(0),
    };
    storing(&exchange, rules).err()
}

fn refusal(request: Lines<'_>, response: Lines<'_>) -> Option<Refusal> {
    judge("GET", 200, request, response, &Rules::default())
}

fn of_status(status: u16, response: Lines<'_>) -> Option<Refusal> {
    judge("GET", status, &[], response, &Rules::default())
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");
const MODIFIED: (&str, &str) = ("last-modified", "Wed, 31 Dec 2025 00:00:00 GMT");

#[test]
fn section_3_a_plain_200_to_get_is_stored() {
    assert_eq!(refusal(&[], &[]), None);
}

#[test]
fn section_3_any_final_status_is_stored_if_it_says_that_it_is_fresh() {
    for status in [
        200, 201, 202, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 451,
        499, 500, 501, 502, 503, 504, 505, 599, 999,
    ] {
        for fresh in [FRESH, ("expires", "Thu, 01 Jan 2026 01:00:00 GMT"), ("cdn-cache-control", "max-age=1")]
        {
            assert_eq!(of_status(status, &[fresh]), None, "{status} {fresh:?}");
        }
    }
}

#[test]
fn section_3_no_other_status_than_200_is_stored_without_freshness() {
    for status in [203, 204, 301, 404, 410, 500, 501, 503, 505, 599] {
        for stale in [
            &[][..],
            &[MODIFIED],
            &[("cache-control", "max-age=0")],
            &[("cache-control", "max-age=60"), ("age", "60")],
            &[("cache-control", "public")],
            &[("expires", "0")],
        ] {
            assert_eq!(of_status(status, stale), Some(Refusal::Status), "{status} {stale:?}");
        }
    }
}

#[test]
fn section_3_what_answers_a_range_a_condition_or_a_hop_is_not_stored() {
    for status in [206, 304, 407, 408, 412, 416, 421, 425] {
        assert_eq!(of_status(status, &[FRESH]), Some(Refusal::Particular), "{status}");
    }
}

#[test]
fn section_4_2_2_guesses_store_only_where_they_are_configured_and_allowed() {
    let guessing = Rules { heuristic: Fraction::new(0.1), ..Rules::default() };
    for (status, lines, expected) in [
        (404, &[MODIFIED][..], None),
        (501, &[MODIFIED], None),
        (599, &[MODIFIED, ("cache-control", "public")], None),
        (599, &[MODIFIED], Some(Refusal::Status)),
        (503, &[MODIFIED], Some(Refusal::Status)),
        (404, &[], Some(Refusal::Status)),
        (404, &[MODIFIED, ("expires", "0")], Some(Refusal::Status)),
    ] {
        assert_eq!(judge("GET", status, &[], lines, &guessing), expected, "{status} {lines:?}");
        assert_eq!(of_status(status, lines), Some(Refusal::Status), "{status} {lines:?}");
    }
}

#[test]
fn section_3_no_other_method_than_get_is_stored() {
    for method in ["HEAD", "POST", "PUT", "OPTIONS", "PROPFIND", "get"] {
        assert_eq!(judge(method, 200, &[], &[FRESH], &Rules::default()), Some(Refusal::Method), "{method}");
    }
}

#[test]
fn rfc_9110_section_9_3_3_a_post_fills_get_where_it_says_so() {
    let here = ("content-location", "/x");
    for (status, lines, expected) in [
        (200, &[here, FRESH][..], None),
        (200, &[("content-location", "http://A:80/x"), FRESH], None),
        (200, &[("content-location", ""), FRESH], None),
        (200, &[("content-location", "/y"), FRESH], Some(Refusal::Method)),
        (200, &[("content-location", "http://b/x"), FRESH], Some(Refusal::Method)),
        (200, &[here], Some(Refusal::Method)),
        (200, &[here, ("cache-control", "max-age=0")], Some(Refusal::Method)),
        (200, &[here, ("cache-control", "public")], Some(Refusal::Method)),
        (200, &[FRESH], Some(Refusal::Method)),
        (201, &[here, FRESH], Some(Refusal::Method)),
        (200, &[here, ("cache-control", "max-age=60, no-store")], Some(Refusal::NoStore)),
    ] {
        let judged = judge("POST", status, &[], lines, &Rules::default());
        assert_eq!(judged, expected, "{status} {lines:?}");
        let judged = judge("PUT", status, &[], lines, &Rules::default());
        assert_eq!(judged, Some(Refusal::Method), "{status} {lines:?}");
    }
}

#[test]
fn section_5_2_2_directives_that_forbid_it() {
    for (value, expected) in [
        ("no-store", Some(Refusal::NoStore)),
        ("No-StOrE, max-age=60", Some(Refusal::NoStore)),
        ("max-age=60, ext=\"no-store\"", None),
        ("private", Some(Refusal::Private)),
        ("private, max-age=60", Some(Refusal::Private)),
        ("private=\"x\"", None),
        ("private=\"x, vary\"", Some(Refusal::Private)),
        ("no-cache", None),
        ("no-cache=\"set-cookie\"", None),
        ("max-age=60, ext=\"open", Some(Refusal::NoStore)),
        ("max-age=0", None),
    ] {
        assert_eq!(refusal(&[], &[("cache-control", value)]), expected, "{value}");
    }
}

#[test]
fn section_5_2_2_3_must_understand() {
    for (status, value, expected) in [
        (200, "no-store, must-understand, max-age=60", None),
        (404, "no-store, must-understand, max-age=60", None),
        (599, "no-store, must-understand, max-age=60", Some(Refusal::NoStore)),
        (299, "must-understand, max-age=60", Some(Refusal::NotUnderstood)),
        (299, "max-age=60", None),
        (200, "no-store, must-understand=1", Some(Refusal::NoStore)),
    ] {
        assert_eq!(of_status(status, &[("cache-control", value)]), expected, "{status} {value}");
    }
}

#[test]
fn rfc_9213_section_2_2_a_targeted_field_overrules_both_ways() {
    for (plain, targeted, expected) in [
        ("no-store", "max-age=60", None),
        ("private", "max-age=60", None),
        ("max-age=60", "no-store", Some(Refusal::NoStore)),
        ("max-age=60", "private", Some(Refusal::Private)),
        ("no-store", "max-age=60, &&&&&", Some(Refusal::NoStore)),
        ("no-store", "max-age=\"60\"", Some(Refusal::NoStore)),
    ] {
        let lines = [("cache-control", plain), ("cdn-cache-control", targeted)];
        assert_eq!(refusal(&[], &lines), expected, "{plain} {targeted}");
    }
}

#[test]
fn section_5_2_1_5_a_request_can_forbid_it() {
    assert_eq!(refusal(&[("cache-control", "no-store")], &[FRESH]), Some(Refusal::RequestNoStore));
    assert_eq!(refusal(&[("cache-control", "no-cache")], &[FRESH]), None);
}

#[test]
fn section_3_5_with_credentials_the_response_must_say_that_others_may_have_it() {
    let request = [("authorization", "Basic eDp5")];
    for (value, expected) in [
        ("max-age=60", Some(Refusal::Authorization)),
        ("public", None),
        ("must-revalidate", None),
        ("s-maxage=60", None),
        ("proxy-revalidate", Some(Refusal::Authorization)),
    ] {
        assert_eq!(refusal(&request, &[("cache-control", value)]), expected, "{value}");
    }
}

#[test]
fn section_4_1_what_no_request_can_match_is_not_stored() {
    for star in ["*", "*, *", ", *", "*, foo", "foo, *"] {
        assert_eq!(refusal(&[("foo", "1")], &[("vary", star), FRESH]), Some(Refusal::VaryStar), "{star}");
    }
    assert_eq!(refusal(&[], &[("vary", ""), ("vary", "*"), FRESH]), Some(Refusal::VaryStar));
    assert_eq!(refusal(&[], &[("vary", "accept-encoding")]), None);
}

#[test]
fn section_7_3_a_cookie_is_shared_only_where_freshness_is_explicit() {
    let cookie = ("set-cookie", "id=1");
    assert_eq!(refusal(&[], &[cookie]), Some(Refusal::Cookie));
    assert_eq!(refusal(&[], &[cookie, MODIFIED]), Some(Refusal::Cookie));
    for value in ["max-age=60", "s-maxage=60", "public"] {
        assert_eq!(refusal(&[], &[cookie, ("cache-control", value)]), None, "{value}");
    }
    assert_eq!(refusal(&[], &[cookie, ("expires", "0")]), None);
    assert_eq!(refusal(&[], &[cookie, ("date", DATE_0), ("cdn-cache-control", "max-age=1")]), None);
}

#[test]
fn every_reason_has_a_word_and_a_section_of_its_own_turn() {
    let mut words: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.word()).collect();
    words.dedup();
    assert_eq!(words.len(), Refusal::ALL.len());
    assert!(Refusal::ALL.iter().all(|refusal| refusal.section().starts_with('§')));
}
