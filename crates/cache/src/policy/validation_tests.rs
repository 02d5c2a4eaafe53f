use message::{HeaderValue, StatusCode};

use super::*;
use crate::policy::rules::Rules;
use crate::policy::vary::Selecting;
use crate::testing::{at, fields};

const MODIFIED: &str = "Wed, 31 Dec 2025 23:00:00 GMT";

fn stored(lines: &[(&str, &str)]) -> StoredResponse {
    let rules = Rules::default();
    StoredResponse::new(StatusCode::OK, fields(lines), Selecting::default(), at(0), at(0), &rules)
}

fn lines(fields: &Fields) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut lines: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    lines.sort();
    lines
}

fn same(fields: &Fields, expected: &[(&str, &str)]) {
    let mut expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    expected.sort();
    assert_eq!(lines(fields), expected);
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
fn section_3_2_a_304_replaces_adds_and_keeps() {
    let before = fields(&[("etag", "\"v1\""), ("x", "old"), ("x", "older"), ("kept", "yes")]);
    let told = fields(&[("x", "new"), ("added", "1"), ("added", "2")]);
    same(
        &updated(&before, &told, &[]),
        &[("etag", "\"v1\""), ("x", "new"), ("kept", "yes"), ("added", "1"), ("added", "2")],
    );
}

#[test]
fn section_3_2_a_304_does_not_change_what_the_content_is() {
    let before = [("content-type", "text/plain"), ("content-encoding", "br")];
    let told = [
        ("content-type", "text/html"),
        ("content-encoding", "gzip"),
        ("content-length", "0"),
        ("content-range", "bytes */1"),
    ];
    same(&updated(&fields(&before), &fields(&told), &[]), &before);
}

#[test]
fn section_7_3_a_cookie_in_a_304_is_kept_only_where_freshness_is_explicit() {
    let cookie = ("set-cookie", "id=1");
    same(&updated(&fields(&[]), &fields(&[cookie]), &[]), &[]);
    let fresh = ("cache-control", "max-age=60");
    same(&updated(&fields(&[]), &fields(&[cookie, fresh]), &[]), &[cookie, fresh]);
    same(&updated(&fields(&[fresh]), &fields(&[cookie]), &[]), &[cookie, fresh]);
}

#[test]
fn section_4_3_1_the_tags_of_all_variants_are_offered() {
    let variants = [stored(&[("etag", "\"de\"")]), stored(&[]), stored(&[("etag", "W/\"en\"")])];
    let mut request = fields(&[("accept-language", "fr")]);
    assert!(offer_tags(&mut request, variants.iter()));
    let tags = [("if-none-match", "\"de\""), ("if-none-match", "W/\"en\"")];
    same(&request, &[("accept-language", "fr"), tags[0], tags[1]]);
    assert!(!offer_tags(&mut Fields::new(), variants[1..2].iter()));
    let told = fields(&[("etag", "\"en\"")]);
    assert_eq!(variants.iter().map(|stored| names(&told, stored)).collect::<Vec<_>>(), [false, false, true]);
    assert!(!names(&Fields::new(), &variants[0]), "which one it is about must be said");
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
