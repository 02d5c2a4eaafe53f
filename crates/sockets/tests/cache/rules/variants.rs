//! Responses that vary (RFC 9111 §4.1).

use super::Comes::{New, Stored, Validated};
use super::Says::{NotModified, Nothing};
use super::{Turn, get, get_with, hit, ok, play, play_all};
use crate::cache::town::Town;

const BY_FOO: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo"];
const BY_TWO: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo, Bar"];
const BY_THREE: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "Vary: bar, Baz"];
const BY_LANGUAGE: &[&str] = &["Cache-Control: max-age=3600", "Vary: Accept-Language"];

/// Asks in one way, and then in another, which gets the same or not.
fn pair(fields: &'static [&'static str], one: Asks, other: Asks, is_same: bool) -> [Turn; 2] {
    let comes = if is_same { Stored(0) } else { New };
    let says = if is_same { Nothing } else { ok(fields) };
    [get_with(one, ok(fields), New), get_with(other, says, comes)]
}

type Asks = &'static [&'static str];

#[test]
fn section_4_1_selecting_fields_must_match() {
    const ONE: Asks = &["Foo: 1"];
    const BOTH: Asks = &["Foo: 1", "Bar: abc"];
    const ALL: Asks = &["Foo: 1", "Bar: abc", "Baz: 789"];
    play(
        &[],
        &[
            ("the same", &pair(BY_FOO, ONE, ONE, true)),
            ("another value", &pair(BY_FOO, ONE, &["Foo: 2"], false)),
            ("left out", &pair(BY_FOO, ONE, &[], false)),
            ("others do not count", &pair(BY_FOO, ONE, &["Foo: 1", "Other: 3"], true)),
            ("two", &pair(BY_TWO, BOTH, BOTH, true)),
            ("two, one of them another", &pair(BY_TWO, BOTH, &["Foo: 2", "Bar: abc"], false)),
            ("two, both left out", &pair(BY_TWO, ONE, &[], false)),
            ("three", &pair(BY_THREE, ALL, &["Baz: 789", "Bar: abc", "Foo: 1"], true)),
            ("three, one of them another", &pair(BY_THREE, ALL, &["Foo: 1", "Bar: abc4", "Baz: 789"], false)),
            ("three, one left out twice", &pair(BY_THREE, BOTH, BOTH, true)),
        ],
    );
}

#[test]
fn section_4_1_what_means_the_same_is_the_same() {
    play(
        &[],
        &[
            ("space", &pair(BY_FOO, &["Foo: 1,2"], &["Foo:  1, 2 "], true)),
            ("lines", &pair(BY_FOO, &["Foo: 1, 2"], &["Foo: 1", "Foo: 2"], true)),
            ("order may count", &pair(BY_FOO, &["Foo: 1, 2"], &["Foo: 2, 1"], false)),
            ("case may count", &pair(BY_FOO, &["Foo: a"], &["Foo: A"], false)),
            (
                "languages: order",
                &pair(BY_LANGUAGE, &["Accept-Language: en, de"], &["Accept-Language: de, en"], true),
            ),
            (
                "languages: case",
                &pair(BY_LANGUAGE, &["Accept-Language: en, de"], &["Accept-Language: eN, De"], true),
            ),
            (
                "languages: space",
                &pair(BY_LANGUAGE, &["Accept-Language: en, de"], &["Accept-Language:  en ,   de"], true),
            ),
            (
                "languages: weights",
                &pair(
                    BY_LANGUAGE,
                    &["Accept-Language: en, de;q=0.5"],
                    &["Accept-Language: de;q=0.50, en;q=1"],
                    true,
                ),
            ),
            (
                "other weights",
                &pair(
                    BY_LANGUAGE,
                    &["Accept-Language: en, de;q=0.5"],
                    &["Accept-Language: de, en;q=0.5"],
                    false,
                ),
            ),
        ],
    );
}

#[test]
fn section_4_1_a_star_anywhere_never_matches() {
    let vary: [&'static [&'static str]; 7] = [
        &["Cache-Control: max-age=3600", "Vary: *"],
        &["Cache-Control: max-age=3600", "Vary: *, *"],
        &["Cache-Control: max-age=3600", "Vary: *", "Vary: *"],
        &["Cache-Control: max-age=3600", "Vary: , *"],
        &["Cache-Control: max-age=3600", "Vary:", "Vary: *"],
        &["Cache-Control: max-age=3600", "Vary: *, Foo"],
        &["Cache-Control: max-age=3600", "Vary: Foo, *"],
    ];
    let turns = |fields| pair(fields, &["Foo: 1"], &["Foo: 1"], false).to_vec();
    play_all(&[], &vary.map(|fields| (format!("{fields:?}"), turns(fields))));
}

#[test]
fn section_4_1_variants_lie_side_by_side() {
    let one = |comes| get_with(&["Foo: 1"], Nothing, comes);
    play(
        &[],
        &[(
            "two",
            &[
                get_with(&["Foo: 1"], ok(BY_FOO), New),
                get_with(&["Foo: 2"], ok(BY_FOO), New),
                one(Stored(0)),
                get_with(&["Foo: 2"], Nothing, Stored(1)),
                get(ok(BY_FOO), New),
                one(Stored(0)),
                hit(4),
            ],
        )],
    );
}

#[test]
fn section_4_1_of_several_that_match_the_most_recent_counts() {
    const OLD: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "Date: {-100}"];
    const NEW: &[&str] = &["Cache-Control: max-age=3600", "Vary: Bar", "Date: {-50}"];
    const BOTH: Asks = &["Foo: 1", "Bar: 2"];
    play(
        &[],
        &[(
            "by different fields",
            &[
                get_with(&["Foo: 1"], ok(OLD), New),
                get_with(&["Bar: 2"], ok(NEW), New),
                get_with(BOTH, Nothing, Stored(1)),
                get_with(&["Foo: 1"], Nothing, Stored(0)),
            ],
        )],
    );
}

#[test]
fn section_4_3_1_where_none_matches_the_tags_of_all_are_offered() {
    const DE: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "ETag: \"de\""];
    const EN: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "ETag: \"en\""];
    play(
        &[],
        &[(
            "one is the answer",
            &[
                get_with(&["Foo: de"], ok(DE), New),
                get_with(&["Foo: en"], ok(EN), super::Comes::Replaced),
                get_with(&["Foo: de-at"], NotModified(&["ETag: \"de\""]), Validated(0)),
                get_with(&["Foo: de-at"], Nothing, Stored(0)),
                get_with(&["Foo: de"], Nothing, Stored(0)),
                get_with(&["Foo: en"], Nothing, Stored(1)),
            ],
        )],
    );
}

#[test]
fn section_4_3_4_a_weak_tag_names_the_most_recent_of_those_that_have_it() {
    const W: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "ETag: W/\"w\"", "Date: {-100}"];
    const LATER: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "ETag: W/\"w\"", "Date: {-50}"];
    const OTHER: &[&str] = &["Cache-Control: max-age=3600", "Vary: Foo", "ETag: \"other\""];
    play(
        &[],
        &[(
            "one of two",
            &[
                get_with(&["Foo: 1"], ok(W), New),
                get_with(&["Foo: 2"], ok(LATER), super::Comes::Replaced),
                get_with(&["Foo: 3"], ok(OTHER), super::Comes::Replaced),
                get_with(&["Foo: 4"], NotModified(&["ETag: W/\"w\""]), Validated(1)),
                get_with(&["Foo: 4"], Nothing, Stored(1)),
                get_with(&["Foo: 1"], Nothing, Stored(0)),
            ],
        )],
    );
}

#[test]
fn section_4_3_4_a_304_that_names_nothing_stored_is_asked_again_without_condition() {
    for told in ["ETag: \"unknown\"", "ETag: \"plain\", \"x\"", "X: no tag"] {
        let town = Town::forward(move |asked| match asked.field("if-none-match") {
            None => {
                let which = asked.field("foo").unwrap_or_default().to_owned();
                let etag = format!("ETag: W/\"{which}\"");
                crate::cache::town::ok(&["Cache-Control: max-age=3600", "Vary: Foo", &etag], which.as_bytes())
            }
            Some(_) => crate::cache::town::not_modified(&[told]),
        });
        assert_eq!(town.ask("GET", "/x", &["Foo: plain"]).text(), "plain");
        assert_eq!(town.ask("GET", "/x", &["Foo: other"]).text(), "other", "{told}");
        assert_eq!(town.origin.asked()[1].field("if-none-match"), Some("W/\"plain\""));
    }
}

#[test]
fn section_4_3_4_all_that_could_be_meant_and_have_the_strong_tag_are_updated() {
    const BY_FOO: &[&str] =
        &["Cache-Control: max-age=10", "Age: 20", "Vary: Foo", "ETag: \"a\"", "Date: {-9}"];
    const BY_BAR: &[&str] =
        &["Cache-Control: max-age=10", "Age: 20", "Vary: Bar", "ETag: \"a\"", "Date: {-5}"];
    const BOTH: Asks = &["Foo: 1", "Bar: 2"];
    play(
        &[],
        &[(
            "two",
            &[
                get_with(&["Foo: 1"], ok(BY_FOO), New),
                get_with(&["Bar: 2"], ok(BY_BAR), super::Comes::Replaced),
                get_with(
                    BOTH,
                    NotModified(&["ETag: \"a\"", "Cache-Control: max-age=3600", "Age: 0"]),
                    Validated(1),
                ),
                get_with(&["Bar: 2"], Nothing, Stored(1)),
                get_with(&["Foo: 1"], Nothing, Stored(0)),
            ],
        )],
    );
}

#[test]
fn section_4_3_1_what_is_compressed_is_not_given_to_who_can_not_read_it_by_a_tag_that_both_forms_have() {
    let town = Town::forward(|asked| {
        let is_coded = asked.field("accept-encoding").is_some_and(|codings| codings.contains("gzip"));
        let coding = if is_coded { "Content-Encoding: gzip" } else { "X: plain" };
        match asked.field("if-none-match") {
            Some(_) => crate::cache::town::not_modified(&["ETag: W/\"a\""]),
            None => crate::cache::town::ok(
                &["Cache-Control: max-age=3600", "Vary: Accept-Encoding", "ETag: W/\"a\"", coding],
                if is_coded { b"coded" } else { b"plain" },
            ),
        }
    });
    assert_eq!(town.ask("GET", "/x", &["Accept-Encoding: gzip"]).text(), "coded");
    assert_eq!(town.ask("GET", "/x", &["Accept-Encoding: br"]).text(), "plain");
    assert_eq!(town.ask("GET", "/x", &["Accept-Encoding: gzip, br"]).text(), "plain", "readable, and newer");
    let conditions: Vec<_> =
        town.origin.asked().iter().map(|asked| asked.field("if-none-match").is_some()).collect();
    assert_eq!(conditions, [false, false, true]);
}

#[test]
fn section_4_3_1_selecting_fields_go_along_with_a_validation() {
    const STALE: &[&str] = &["Cache-Control: max-age=10", "Age: 20", "Vary: Abc", "ETag: \"a\""];
    let town = Town::forward(|asked| match asked.field("if-none-match") {
        None => crate::cache::town::ok(STALE, b"x"),
        Some(_) => crate::cache::town::not_modified(&["ETag: \"a\""]),
    });
    for _ in 0..2 {
        assert_eq!(town.ask("GET", "/x", &["Abc: 123"]).text(), "x");
    }
    let asked = town.origin.asked();
    assert_eq!((asked[1].field("abc"), asked[1].field("if-none-match")), (Some("123"), Some("\"a\"")));
}
