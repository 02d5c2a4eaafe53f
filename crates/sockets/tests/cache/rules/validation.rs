//! Validation (RFC 9111 §4.3): by the cache, and by its clients.

use super::Comes::{New, NotModified as Unchanged, Replaced, Validated};
use super::Says::{self, NotModified};
use super::{get, get_with, hit, ok, play};

const STRONG: &[&str] = &["Cache-Control: max-age=3600", "ETag: \"abcdef\""];
const WEAK: &[&str] = &["Cache-Control: max-age=3600", "ETag: W/\"abcdef\""];
const DATED: &[&str] = &["Cache-Control: max-age=3600", "Last-Modified: {-3000}", "Date: {0}"];

#[test]
fn section_4_3_2_conditions_of_clients_are_judged_by_the_cache() {
    let asks = |fields, asks| [get(ok(fields), New), get_with(asks, Says::Nothing, Unchanged)];
    let gets = |fields, asks| [get(ok(fields), New), get_with(asks, Says::Nothing, super::Comes::Stored(0))];
    play(
        &[],
        &[
            ("strong", &asks(STRONG, &["If-None-Match: \"abcdef\""])),
            ("weak", &asks(WEAK, &["If-None-Match: W/\"abcdef\""])),
            ("weak against strong", &asks(STRONG, &["If-None-Match: W/\"abcdef\""])),
            ("the first of several", &asks(STRONG, &["If-None-Match: \"abcdef\", \"1\", \"2\""])),
            ("the second", &asks(STRONG, &["If-None-Match: \"1\", \"abcdef\", \"2\""])),
            (
                "the last, on another line",
                &asks(STRONG, &["If-None-Match: \"1\"", "If-None-Match: \"abcdef\""]),
            ),
            ("any", &asks(STRONG, &["If-None-Match: *"])),
            ("the same date", &asks(DATED, &["If-Modified-Since: {-3000}"])),
            ("a later date", &asks(DATED, &["If-Modified-Since: {-2000}"])),
            (
                "Date for Last-Modified",
                &asks(&["Cache-Control: max-age=3600", "Date: {-10}"], &["If-Modified-Since: {-5}"]),
            ),
            ("precedence", &gets(STRONG, &["If-None-Match: \"other\"", "If-Modified-Since: {10}"])),
            ("another tag", &gets(STRONG, &["If-None-Match: \"other\""])),
            ("an earlier date", &gets(DATED, &["If-Modified-Since: {-4000}"])),
            ("no date", &gets(DATED, &["If-Modified-Since: yesterday"])),
        ],
    );
}

#[test]
fn section_4_3_1_a_stale_response_is_validated_by_all_it_has() {
    const BOTH: &[&str] = &["Cache-Control: max-age=10", "Age: 20", "ETag: \"a\"", "Last-Modified: {-3000}"];
    const DATE: &[&str] = &["Cache-Control: max-age=10", "Age: 20", "Last-Modified: {-3000}"];
    const WEAK: &[&str] = &["Cache-Control: max-age=10", "Age: 20", "ETag: W/\"a\""];
    const NONE: &[&str] = &["Cache-Control: max-age=10", "Age: 20"];
    const BAD: &[&str] = &["Cache-Control: max-age=10", "Age: 20", "ETag: a"];
    play(
        &[],
        &[
            ("both", &[get(ok(BOTH), New), get(NotModified(&["ETag: \"a\""]), Validated(0))]),
            ("a date", &[get(ok(DATE), New), get(NotModified(&[]), Validated(0))]),
            ("a weak tag", &[get(ok(WEAK), New), get(NotModified(&["ETag: W/\"a\""]), Validated(0))]),
            ("neither", &[get(ok(NONE), New), get(ok(NONE), New)]),
            ("what is no tag", &[get(ok(BAD), New), get(ok(BAD), New)]),
            (
                "another version",
                &[get(ok(BOTH), New), get(ok(BOTH), Replaced), get(NotModified(&[]), Validated(1))],
            ),
            (
                "no-cache",
                &[
                    get(ok(&["Cache-Control: max-age=3600, no-cache", "ETag: \"a\""]), New),
                    get(NotModified(&["ETag: \"a\""]), Validated(0)),
                ],
            ),
            (
                "fresh again",
                &[
                    get(ok(BOTH), New),
                    get(NotModified(&["ETag: \"a\"", "Cache-Control: max-age=3600", "Age: 0"]), Validated(0)),
                    hit(0),
                ],
            ),
        ],
    );
}

#[test]
fn section_4_3_2_a_client_that_has_it_gets_304_after_a_validation() {
    for way in crate::cache::town::WAYS {
        let town = crate::cache::town::Town::new(way, &[], |asked| match asked.field("if-modified-since") {
            None => crate::cache::town::ok(&["Last-Modified: Sat, 01 Aug 2026 10:00:00 GMT"], b"x"),
            Some(_) => crate::cache::town::not_modified(&[]),
        });
        town.get("/x");
        let answer = town.ask("GET", "/x", &["If-Modified-Since: Sat, 01 Aug 2026 10:00:00 GMT"]);
        assert_eq!(answer.status(), "304 Not Modified");
        assert!(crate::cache::town::did(&answer).contains("fwd-status=304"), "{:?}", answer.head);
    }
}

#[test]
fn section_4_3_2_a_304_from_the_cache_has_the_tag() {
    let town = crate::cache::town::Town::forward(|_| crate::cache::town::ok(STRONG, b"x"));
    town.get("/x");
    let answer = town.ask("GET", "/x", &["If-None-Match: \"abcdef\""]);
    assert_eq!((answer.status(), answer.field("etag")), ("304 Not Modified", "\"abcdef\""));
    assert_eq!(town.origin.asked().len(), 1);
}

#[test]
fn section_4_3_2_if_match_and_if_unmodified_since_are_for_the_origin() {
    let asks = |asks| [get(ok(STRONG), New), get_with(asks, ok(STRONG), New), hit(0)];
    play(
        &[],
        &[
            ("if-match", &asks(&["If-Match: \"abcdef\""])),
            ("if-unmodified-since", &asks(&["If-Unmodified-Since: {0}"])),
        ],
    );
}

#[test]
fn section_3_2_a_304_updates_what_is_stored_but_what_the_content_is() {
    const FIELDS: [(&str, &str, &str); 12] = [
        ("Test-Header", "a", "b"),
        ("X-Test-Header", "a", "b"),
        ("Content-Foo", "a", "b"),
        ("X-Content-Foo", "a", "b"),
        ("Content-Location", "/foo", "/bar"),
        ("Content-Security-Policy", "default-src 'self'", "default-src 'none'"),
        ("X-Frame-Options", "deny", "sameorigin"),
        ("Set-Cookie", "a=b", "a=c"),
        ("Clear-Site-Data", "cache", "cookies"),
        ("Content-Type", "text/plain", "text/html"),
        ("Content-Encoding", "x-a", "x-b"),
        ("Content-Language", "de", "en"),
    ];
    for validator in ["ETag: \"a\"", "Last-Modified: Sat, 01 Aug 2026 10:00:00 GMT"] {
        let town = crate::cache::town::Town::forward(move |asked| {
            let again = asked.field("if-none-match").or(asked.field("if-modified-since")).is_some();
            let mut fields = vec![validator.to_owned()];
            fields.extend(
                FIELDS
                    .iter()
                    .map(|(name, before, after)| format!("{name}: {}", if again { after } else { before })),
            );
            fields.push(format!("Cache-Control: max-age={}", if again { 3600 } else { 0 }));
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            if again {
                crate::cache::town::not_modified(&fields)
            } else {
                crate::cache::town::ok(&[&fields[..], &["Only-First: 1"]].concat(), b"x")
            }
        });
        town.get("/x");
        for _ in 0..2 {
            let answer = town.get("/x");
            assert_eq!(answer.text(), "x");
            assert_eq!(answer.field("only-first"), "1");
            for (name, before, after) in FIELDS {
                let is_of_content = ["Content-Type", "Content-Encoding"].contains(&name);
                assert_eq!(
                    answer.field(name),
                    if is_of_content { before } else { after },
                    "{validator} {name}"
                );
            }
        }
        assert_eq!(town.origin.asked().len(), 2, "the third is a hit");
    }
}
