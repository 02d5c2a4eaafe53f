//! Methods that change something (RFC 9111 §4.4), and HEAD (§4.3.5).

use super::Comes::{New, Stored};
use super::Says::{self, Nothing, This};
use super::{Turn, by, get, hit, ok, play, play_all};
use crate::cache::town::{Town, WAYS, Way, did};
use crate::support::origin::{Reply, response};
use crate::support::wire::Wire;

const FRESH: &[&str] = &["Cache-Control: max-age=3600"];

#[test]
fn section_4_4_any_unsafe_method_invalidates_if_it_succeeds() {
    let mut plays: Vec<(String, Vec<Turn>)> = Vec::new();
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "UNKNOWN"] {
        for (says, goes) in [
            (ok(&[]), true),
            (This("201 Created", &[]), true),
            (This("204 No Content", &[]), true),
            (This("303 See Other", &[]), true),
            (This("400 Bad Request", &[]), false),
            (This("404 Not Found", &[]), false),
            (This("500 Internal Server Error", &[]), false),
        ] {
            let then = if goes { get(ok(FRESH), New) } else { hit(0) };
            plays
                .push((format!("{method} {says:?}"), vec![get(ok(FRESH), New), by(method, says, New), then]));
        }
    }
    for method in ["OPTIONS", "HEAD"] {
        plays.push((method.to_owned(), vec![get(ok(FRESH), New), head_or_options(method), hit(0)]));
    }
    play_all(&[], &plays);
}

fn head_or_options(method: &'static str) -> Turn {
    by(method, ok(&[]), if method == "HEAD" { Stored(0) } else { New })
}

#[test]
fn section_4_4_location_and_content_location_of_the_same_origin_are_invalidated() {
    for way in WAYS {
        for name in ["Location", "Content-Location"] {
            for (reference, goes) in
                [("/other", true), ("other?", false), ("http://elsewhere.test/other", false)]
            {
                let field = format!("{name}: {reference}");
                let town = Town::new(way, &[], move |asked| match asked.line.starts_with("GET") {
                    true => crate::cache::town::ok(FRESH, b"x"),
                    false => Reply::Keep(response("201 Created", &[&field], b"")),
                });
                town.get("/other");
                for method in ["POST", "M-SEARCH"] {
                    town.ask(method, "/changed", &["Content-Length: 0"]);
                }
                let answer = town.get("/other");
                assert_eq!(
                    !did(&answer).starts_with("hit"),
                    goes,
                    "{way:?} {name} {reference}: {}",
                    did(&answer)
                );
            }
        }
    }
}

#[test]
fn section_4_4_what_location_names_as_clients_know_a_reverse_proxy_is_invalidated() {
    const PUBLIC: &str = "Host: www.example";
    for name in ["Location", "Content-Location"] {
        for (reference, goes) in [
            ("http://www.example/other", true),
            ("http://www.example:80/other", true),
            // A client's words for the same place, behind who ends TLS for it.
            ("https://WWW.example/other", true),
            ("http://elsewhere.example/other", false),
            ("http://www.example:8000/other", false),
        ] {
            let field = format!("{name}: {reference}");
            let town = Town::new(Way::Reverse, &[], move |asked| match asked.line.starts_with("GET") {
                true => crate::cache::town::ok(FRESH, b"x"),
                false => Reply::Keep(response("201 Created", &[&field], b"")),
            });
            let ask = |line: &str| {
                let mut wire = Wire::to(town.cache.address);
                wire.send(format!("{line} HTTP/1.1\r\n{PUBLIC}\r\nContent-Length: 0\r\n\r\n"));
                wire.answer()
            };
            ask("GET /other");
            ask("POST /changed");
            let answer = ask("GET /other");
            assert_eq!(!did(&answer).starts_with("hit"), goes, "{name} {reference}: {}", did(&answer));
        }
    }
}

#[test]
fn rfc_9110_section_9_3_3_a_post_that_says_so_fills_get() {
    const SAYS: Says = ok(&["Content-Location: ", "Cache-Control: max-age=3600"]);
    const ELSEWHERE: Says = ok(&["Content-Location: /elsewhere", "Cache-Control: max-age=3600"]);
    play(
        &[],
        &[
            ("its own place", &[by("POST", SAYS, New), get(Nothing, Stored(0))]),
            ("another place", &[by("POST", ELSEWHERE, New), get(ok(FRESH), New)]),
            ("PUT", &[by("PUT", SAYS, New), get(ok(FRESH), New)]),
        ],
    );
}

#[test]
fn section_4_3_5_a_head_updates_or_outdates() {
    const STALE: &[&str] = &["Cache-Control: max-age=10", "Age: 20", "ETag: \"a\""];
    const SAME: &[&str] = &["Cache-Control: max-age=3600", "Age: 0", "ETag: \"a\""];
    const OTHER: &[&str] = &["Cache-Control: max-age=3600", "Age: 0", "ETag: \"b\""];
    play(
        &[],
        &[
            ("the same", &[get(ok(STALE), New), by("HEAD", ok(SAME), New), hit(0)]),
            (
                "another",
                &[get(ok(STALE), New), by("HEAD", ok(OTHER), New), get(ok(STALE), super::Comes::Replaced)],
            ),
            ("an error", &[get(ok(FRESH), New), by("HEAD", Nothing, Stored(0)), hit(0)]),
        ],
    );
}
