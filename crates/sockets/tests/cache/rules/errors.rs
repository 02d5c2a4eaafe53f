//! Stale responses, and what comes in the place of errors (RFC 9111 §4.2.4, RFC 5861).

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use super::Comes::{InsteadOf, New, Own, Replaced};
use super::Says::{HalfAHead, Nothing, This};
use super::{Turn, get, get_with, ok, play, play_all};
use crate::cache::town::{Town, WAYS, did};
use crate::support::origin::Reply;
use crate::support::until;

const KEPT: &[&str] = &["Cache-Control: max-age=10, stale-if-error=600", "Age: 20", "ETag: \"a\""];
const BARE: &[&str] = &["Cache-Control: max-age=10, stale-if-error=600", "Age: 20"];

#[test]
fn rfc_5861_stale_if_error_answers_when_the_connection_drops_or_the_origin_fails() {
    let errors = [
        Nothing,
        HalfAHead,
        This("500 Internal Server Error", &[]),
        This("502 Bad Gateway", &[]),
        This("503 Service Unavailable", &["Cache-Control: max-age=60"]),
        This("504 Gateway Timeout", &[]),
    ];
    for fields in [KEPT, BARE] {
        let turns = |says| vec![get(ok(fields), New), get(says, InsteadOf(0)), get(says, InsteadOf(0))];
        play_all(&[], &errors.map(|says| (format!("{says:?}"), turns(says))));
    }
}

#[test]
fn rfc_5861_other_errors_and_later_ones_come_through() {
    const GONE: &[&str] = &["Cache-Control: max-age=10, stale-if-error=600", "Age: 2000"];
    let error = || get(This("503 Service Unavailable", &[]), New);
    play(
        &[],
        &[
            ("the window is over", &[get(ok(GONE), New), error()]),
            ("and so for a connection", &[get(ok(GONE), New), get(Nothing, Own(502))]),
            ("404 is an answer", &[get(ok(BARE), New), get(This("404 Not Found", &[]), New)]),
            (
                "501 is one, too",
                &[get(ok(KEPT), New), get(This("501 Method Not Implemented", &[]), Replaced)],
            ),
        ],
    );
}

#[test]
fn section_4_2_4_nothing_stale_is_served_where_it_is_forbidden() {
    let twice = |fields| [get(ok(fields), New), get(Nothing, Own(502))];
    play(
        &["--stale-if-error", "1h", "--stale-while-revalidate", "1h"],
        &[
            ("must-revalidate", &twice(&["Cache-Control: max-age=10, must-revalidate", "Age: 20"])),
            ("proxy-revalidate", &twice(&["Cache-Control: max-age=10, proxy-revalidate", "Age: 20"])),
            ("no-cache", &twice(&["Cache-Control: max-age=10, no-cache", "Age: 20"])),
            ("s-maxage", &twice(&["Cache-Control: s-maxage=10", "Age: 20"])),
        ],
    );
    // And where nobody allows it: no grace of our own.
    play(&[], &[("plain", &twice(&["Cache-Control: max-age=10", "Age: 20"]))]);
}

#[test]
fn rfc_5861_the_owner_of_the_cache_may_allow_what_the_response_says_nothing_of() {
    const STALE: &[&str] = &["Cache-Control: max-age=10", "Age: 20"];
    let on_error: [Turn; 2] = [get(ok(STALE), New), get(Nothing, InsteadOf(0))];
    play(&["--stale-if-error", "1h"], &[("on error", &on_error)]);
    play(
        &["--stale-if-error", "1h"],
        &[(
            "not for who wants it fresh",
            &[get(ok(STALE), New), get_with(&["Cache-Control: no-cache"], Nothing, Own(502))],
        )],
    );
}

#[test]
fn rfc_5861_stale_while_revalidate_answers_at_once() {
    const SOON: &[&str] = &["Cache-Control: max-age=10, stale-while-revalidate=600", "Age: 20"];
    const LATE: &[&str] = &["Cache-Control: max-age=10, stale-while-revalidate=600", "Age: 2000"];
    const STALE: &[&str] = &["Cache-Control: max-age=10", "Age: 20"];
    for (args, fields) in [(&[][..], SOON), (&["--stale-while-revalidate", "1h"], STALE)] {
        for way in WAYS {
            let town = Town::new(way, args, move |_| {
                static NUMBER: AtomicUsize = AtomicUsize::new(0);
                crate::cache::town::ok(fields, NUMBER.fetch_add(1, SeqCst).to_string().as_bytes())
            });
            let first = town.get("/x").text().to_owned();
            let stale = town.get("/x");
            assert_eq!(stale.text(), first, "{way:?}");
            assert!(did(&stale).starts_with("hit;ttl=-"), "{}", did(&stale));
            until("the origin is asked behind the answer, and what it says is stored", || {
                (town.get("/x").text() != first).then_some(())
            });
        }
    }
    play(&[], &[("the window is over", &[get(ok(LATE), New), get(ok(LATE), New)])]);
}

#[test]
fn section_4_2_4_a_body_that_breaks_off_is_not_replaced_by_another() {
    // The head is with the client already: RFC 9112 §8 has the connection end.
    let broken = [
        ("Content-Length: 10\r\n\r\nhalf", Some("10"), "half"),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", None, "4\r\nhalf\r\n"),
    ];
    for (way, (sent, length, came)) in WAYS.into_iter().flat_map(|way| broken.map(|broken| (way, broken))) {
        let town = Town::new(way, &[], move |asked| match asked.field("if-none-match") {
            None => crate::cache::town::ok(KEPT, b"whole"),
            Some(_) => Reply::Close(format!("HTTP/1.1 200 OK\r\n{sent}").into_bytes()),
        });
        assert_eq!(town.get("/x").text(), "whole");
        let mut wire = town.open("/x");
        let head = wire.head().unwrap();
        assert_eq!((head.status(), head.field("content-length")), ("200 OK", length), "{way:?}");
        assert_eq!(wire.rest().escape_ascii().to_string(), came.escape_default().to_string(), "{way:?}");
        // Nor is what came of it stored.
        assert!(
            town.bodies().iter().all(|body| std::fs::read(town.dir.path().join(body)).unwrap() == b"whole")
        );
    }
}
