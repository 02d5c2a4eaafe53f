use message::StatusCode;

use super::*;
use crate::policy::rules::Rules;
use crate::policy::vary::Selecting;
use crate::testing::{at, fields, same};

const MODIFIED: &str = "Wed, 31 Dec 2025 23:00:00 GMT";

fn stored(lines: &[(&str, &str)]) -> StoredResponse {
    let rules = Rules::default();
    StoredResponse::new(StatusCode::OK, fields(lines), Selecting::default(), at(0), at(0), &rules)
}

#[test]
fn section_4_3_1_both_validators_are_sent_as_the_origin_wrote_them() {
    let mut request = fields(&[
        ("if-none-match", "\"client's\""),
        ("if-modified-since", MODIFIED),
        ("range", "bytes=0-1"),
        ("if-range", "\"client's\""),
        ("accept", "text/html"),
    ]);
    make_conditional(&mut request, &stored(&[("etag", "W/\"v1\""), ("last-modified", MODIFIED)]));
    same(
        &request,
        &[("accept", "text/html"), ("if-none-match", "W/\"v1\""), ("if-modified-since", MODIFIED)],
    );
}

#[test]
fn section_4_3_1_only_valid_validators_are_sent() {
    let mut request = Fields::new();
    make_conditional(&mut request, &stored(&[("etag", "v1"), ("last-modified", MODIFIED)]));
    same(&request, &[("if-modified-since", MODIFIED)]);
    let mut request = Fields::new();
    make_conditional(&mut request, &stored(&[("etag", "\"v1\""), ("last-modified", "yesterday")]));
    same(&request, &[("if-none-match", "\"v1\"")]);
}

#[test]
fn section_4_3_4_which_304_is_about_the_stored_response() {
    for (ours, told, about) in [
        (Some("\"v1\""), Some("\"v1\""), true),
        (Some("\"v1\""), Some("\"v2\""), false),
        (Some("\"v1\""), Some("W/\"v1\""), true),
        (Some("\"v1\""), Some("W/\"v2\""), false),
        (Some("W/\"v1\""), Some("\"v1\""), true),
        (Some("W/\"v1\""), Some("W/\"v1\""), true),
        (Some("\"v1\""), None, true),
        (None, None, true),
        (None, Some("\"v1\""), false),
        (Some("\"v1\""), Some("not a tag"), false),
    ] {
        let told: Vec<_> = told.map(|etag| ("etag", etag)).into_iter().collect();
        let ours: Vec<_> = ours.map(|etag| ("etag", etag)).into_iter().collect();
        assert_eq!(is_about(&fields(&told), &stored(&ours)), about, "{ours:?} {told:?}");
    }
}

#[test]
fn section_4_3_1_the_tags_of_all_variants_are_offered() {
    let variants = [
        stored(&[("etag", "\"de\"")]),
        stored(&[]),
        stored(&[("etag", "W/\"weak\"")]),
        stored(&[("etag", "\"en\""), ("content-encoding", "gzip")]),
        stored(&[("etag", "\"de\"")]),
    ];
    let mut request = fields(&[("accept", "text/html")]);
    offer_tags(&mut request, variants.iter());
    same(&request, &[("accept", "text/html"), ("if-none-match", "\"de\", W/\"weak\", \"en\"")]);
    let mut request = Fields::new();
    offer_tags(&mut request, variants[1..2].iter());
    same(&request, &[]);
}

#[test]
fn section_4_3_1_an_origin_that_chooses_by_coding_means_none_that_the_client_refuses() {
    let by = |vary, coding| {
        let lines = [("etag", "\"a\""), ("vary", vary), ("content-encoding", coding)];
        let lines = fields(&lines[..if coding.is_empty() { 2 } else { 3 }]);
        let selecting = Selecting::of(&lines, &Fields::new()).unwrap();
        StoredResponse::new(StatusCode::OK, lines, selecting, at(0), at(0), &Rules::default())
    };
    for (vary, coding, accepts, expected) in [
        ("accept-encoding", "", None, true),
        ("accept-encoding", "gzip", None, false),
        ("accept-encoding", "gzip", Some("gzip, br"), true),
        ("accept-encoding", "gzip", Some("br"), false),
        ("accept-encoding", "gzip", Some("*;q=0.5, gzip;q=0"), false),
        ("accept-encoding", "odd", Some("odd"), false),
        // Its coding is the same whatever a client accepts.
        ("foo", "gzip", None, true),
        ("foo, Accept-Encoding", "gzip", None, false),
    ] {
        let accepts: Vec<_> = accepts.map(|value| ("accept-encoding", value)).into_iter().collect();
        assert_eq!(
            can_be_meant(&by(vary, coding), &fields(&accepts)),
            expected,
            "{vary} {coding} {accepts:?}"
        );
    }
}

#[test]
fn section_4_3_4_a_strong_tag_names_all_that_have_it_a_weak_one_the_most_recent() {
    let made = |second, etag| stored(&[("etag", etag), ("date", second)]);
    let (first, second) = ("Thu, 01 Jan 2026 00:00:01 GMT", "Thu, 01 Jan 2026 00:00:02 GMT");
    let variants = [
        made(first, "\"a\""),
        made(second, "\"a\""),
        made(first, "W/\"w\""),
        made(second, "W/\"w\""),
        made(second, "W/\"a\""),
        stored(&[]),
    ];
    for (told, expected) in [
        (Some("\"a\""), &[1, 0][..]),
        // Two of one second: any of them.
        (Some("W/\"w\""), &[3]),
        (Some("W/\"a\""), &[1]),
        (Some("\"w\""), &[]),
        (Some("\"b\""), &[]),
        (Some("no tag"), &[]),
        (None, &[]),
    ] {
        let told: Vec<_> = told.map(|etag| ("etag", etag)).into_iter().collect();
        let named = named(&fields(&told), &variants, |stored| stored);
        let at = |one: &StoredResponse| variants.iter().position(|other| std::ptr::eq(one, other)).unwrap();
        assert_eq!(named.into_iter().map(at).collect::<Vec<_>>(), expected, "{told:?}");
    }
}

#[test]
fn section_4_3_5_a_head_updates_what_is_the_same_and_ends_what_is_not() {
    let ours = stored(&[("etag", "\"v1\""), ("last-modified", MODIFIED), ("x", "old")]);
    for (lines, expected) in [
        (&[][..], HeadSays::Same),
        (&[("etag", "\"v1\""), ("last-modified", MODIFIED), ("content-length", "7")], HeadSays::Same),
        (&[("x", "new")], HeadSays::Same),
        (&[("etag", "\"v2\"")], HeadSays::Changed),
        (&[("last-modified", "Wed, 31 Dec 2025 23:00:01 GMT")], HeadSays::Changed),
        (&[("content-length", "8")], HeadSays::Changed),
        (&[("content-length", "x")], HeadSays::Changed),
        (&[("content-encoding", "gzip")], HeadSays::Changed),
    ] {
        assert_eq!(compare_head(&fields(lines), &ours, 7), expected, "{lines:?}");
    }
}
