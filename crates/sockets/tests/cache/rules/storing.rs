//! What is stored (RFC 9111 §3), and for whom.

use super::Comes::{New, Stored, Validated};
use super::Says::{NotModified, Nothing, This};
use super::{Turn, get, get_with, hit, ok, play, play_all};

const FRESH: &[&str] = &["Cache-Control: max-age=3600"];
const TAGGED: &[&str] = &["Cache-Control: max-age=3600", "ETag: \"a\""];

#[test]
fn section_3_any_status_that_says_it_is_fresh_is_stored() {
    const STALE: &[&str] = &["Cache-Control: max-age=10", "Age: 20"];
    let statuses = [
        "200 OK",
        "203 Non-Authoritative Information",
        "204 No Content",
        "299 Whatever",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
        "400 Bad Request",
        "404 Not Found",
        "410 Gone",
        "499 Whatever",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "599 Whatever",
    ];
    let fresh = statuses.map(|status| (status.to_owned(), vec![get(This(status, FRESH), New), hit(0)]));
    play_all(&[], &fresh);
    let stale = |status| vec![get(This(status, STALE), New), get(This(status, STALE), New)];
    play_all(&[], &statuses.map(|status| (status.to_owned(), stale(status))));
}

#[test]
fn section_3_other_statuses_without_freshness_are_passed_on() {
    let turns = |status| vec![get(This(status, &["ETag: \"a\""]), New), get(This(status, &[]), New)];
    let statuses = ["404 Not Found", "501 Method Not Implemented", "505 Version Not Supported", "301 Moved"];
    play_all(&[], &statuses.map(|status| (status.to_owned(), turns(status))));
}

#[test]
fn section_4_2_2_guesses_are_made_where_they_are_asked_for() {
    const MODIFIED: &[&str] = &["Last-Modified: {-86400}", "Date: {0}"];
    const PUBLIC: &[&str] = &["Last-Modified: {-86400}", "Date: {0}", "Cache-Control: public"];
    let guessed = |status| vec![get(This(status, MODIFIED), New), hit(0)];
    let public = |status| vec![get(This(status, PUBLIC), New), hit(0)];
    let passed = |status| vec![get(This(status, MODIFIED), New), get(This(status, MODIFIED), New)];
    let by_status = [
        "200 OK",
        "203 Non-Authoritative Information",
        "204 No Content",
        "404 Not Found",
        "405 Method Not Allowed",
        "410 Gone",
        "414 URI Too Long",
        "501 Not Implemented",
    ];
    let by_word =
        ["201 Created", "202 Accepted", "403 Forbidden", "502 Bad Gateway", "503 x", "504 x", "599 x"];
    let mut plays: Vec<(String, Vec<Turn>)> =
        by_status.iter().map(|status| ((*status).to_owned(), guessed(*status))).collect();
    plays.extend(by_word.iter().map(|status| ((*status).to_owned(), passed(*status))));
    plays.extend(by_word.iter().map(|status| (format!("{status}, public"), public(*status))));
    play_all(&["--heuristic", "0.1"], &plays);
    play(&[], &[("none", &[get(ok(MODIFIED), New), get(NotModified(&[]), Validated(0))])]);
}

#[test]
fn section_5_2_2_directives_of_the_response_forbid_to_store() {
    let twice = |fields| [get(ok(fields), New), get(ok(fields), New)];
    play(
        &[],
        &[
            ("private", &twice(&["Cache-Control: private, max-age=3600"])),
            ("no-store", &twice(&["Cache-Control: no-store"])),
            ("case", &twice(&["Cache-Control: No-StOrE, max-age=3600"])),
            ("fresh", &twice(&["Cache-Control: max-age=10000, no-store", "Expires: {10000}", "Date: {0}"])),
            ("two lines", &twice(&["Cache-Control: max-age=3600", "Cache-Control: no-store"])),
            ("quoted", &[get(ok(&["Cache-Control: max-age=3600, x=\"no-store\""]), New), hit(0)]),
            ("an open string", &twice(&["Cache-Control: max-age=3600, x=\"y"])),
        ],
    );
}

#[test]
fn section_5_2_2_3_must_understand() {
    const BOTH: &[&str] = &["Cache-Control: max-age=3600, no-store, must-understand"];
    const ALONE: &[&str] = &["Cache-Control: max-age=3600, must-understand"];
    play(
        &[],
        &[
            ("a status that is known", &[get(ok(BOTH), New), hit(0)]),
            ("one that is not", &[get(This("299 x", BOTH), New), get(This("299 x", BOTH), New)]),
            ("and without no-store", &[get(This("599 x", ALONE), New), get(This("599 x", ALONE), New)]),
        ],
    );
}

#[test]
fn section_3_5_credentials() {
    const WHO: &[&str] = &["Authorization: FOO"];
    let shared = |fields| [get_with(WHO, ok(fields), New), hit(0)];
    let own = |fields| [get_with(WHO, ok(fields), New), get(ok(fields), New)];
    play(
        &[],
        &[
            ("plain", &own(&["Expires: {3600}", "Date: {0}"])),
            ("max-age", &own(FRESH)),
            ("public", &shared(&["Cache-Control: max-age=3600, public"])),
            ("must-revalidate", &shared(&["Cache-Control: max-age=3600, must-revalidate"])),
            ("s-maxage", &shared(&["Cache-Control: s-maxage=3600"])),
            ("stored for others", &[get(ok(FRESH), New), get_with(WHO, Nothing, Stored(0))]),
        ],
    );
}

#[test]
fn section_7_3_cookies() {
    play(
        &[],
        &[
            ("explicit", &[get(ok(&["Cache-Control: max-age=3600", "Set-Cookie: a=b"]), New), hit(0)]),
            ("a request with one", &[get(ok(FRESH), New), get_with(&["Cookie: a=b"], Nothing, Stored(0))]),
            ("not explicit", &[get(ok(&["Set-Cookie: a=b"]), New), get(ok(&[]), New)]),
        ],
    );
}

#[test]
fn section_5_2_1_directives_of_the_request() {
    const AGED: &[&str] = &["Cache-Control: max-age=1500", "Age: 1000", "ETag: \"a\""];
    const STALE: &[&str] = &["Cache-Control: max-age=1500", "Age: 2000", "ETag: \"a\""];
    let asks = |says, asks, comes| [get(says, New), get_with(asks, NotModified(&["ETag: \"a\""]), comes)];
    play(
        &[],
        &[
            ("no-store", &[get_with(&["Cache-Control: no-store"], ok(TAGGED), New), get(ok(&[]), New)]),
            ("no-cache", &asks(ok(TAGGED), &["Cache-Control: no-cache"], Validated(0))),
            ("pragma", &asks(ok(TAGGED), &["Pragma: no-cache"], Validated(0))),
            ("pragma beside it", &asks(ok(TAGGED), &["Pragma: no-cache", "Cache-Control: x"], Stored(0))),
            ("another pragma", &asks(ok(TAGGED), &["Pragma: x"], Stored(0))),
            ("max-age", &asks(ok(AGED), &["Cache-Control: max-age=600"], Validated(0))),
            ("a greater max-age", &asks(ok(AGED), &["Cache-Control: max-age=1400"], Stored(0))),
            ("min-fresh", &asks(ok(AGED), &["Cache-Control: min-fresh=1000"], Validated(0))),
            ("a smaller min-fresh", &asks(ok(AGED), &["Cache-Control: min-fresh=100"], Stored(0))),
            ("max-stale", &asks(ok(STALE), &["Cache-Control: max-stale=1000"], Stored(0))),
            ("a smaller max-stale", &asks(ok(STALE), &["Cache-Control: max-stale=100"], Validated(0))),
            ("any max-stale", &asks(ok(STALE), &["Cache-Control: max-stale"], Stored(0))),
            ("only-if-cached", &asks(ok(TAGGED), &["Cache-Control: only-if-cached"], Stored(0))),
            ("nothing is", &[get_with(&["Cache-Control: only-if-cached"], Nothing, super::Comes::Own(504))]),
        ],
    );
}
