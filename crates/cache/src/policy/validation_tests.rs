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
fn section_4_3_1_the_tags_of_all_variants_are_offered_that_the_client_could_use() {
    let variants = [
        stored(&[("etag", "\"de\"")]),
        stored(&[]),
        stored(&[("etag", "W/\"weak\"")]),
        stored(&[("etag", "\"en\""), ("content-encoding", "gzip")]),
        stored(&[("etag", "\"odd\""), ("content-encoding", "odd")]),
    ];
    let offered = |lines: &[(&str, &str)]| {
        let mut request = fields(lines);
        offer_tags(&mut request, variants.iter());
        request.lines(&IF_NONE_MATCH).map(|tag| tag.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(offered(&[]), ["\"de\""]);
    assert_eq!(offered(&[("accept-encoding", "gzip, odd")]), ["\"de\", \"en\""]);
    let named = |etag| {
        let told = fields(&[("etag", etag)]);
        variants.iter().map(|stored| names(&told, stored)).collect::<Vec<_>>()
    };
    assert_eq!(named("\"en\""), [false, false, false, true, false]);
    assert_eq!(named("W/\"de\""), [false; 5]);
    assert_eq!(named("\"fr\""), [false; 5]);
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
