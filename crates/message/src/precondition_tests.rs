use http::HeaderValue;
use http::header::{AGE, CACHE_CONTROL, CONTENT_LOCATION, EXPIRES, SET_COOKIE, VARY};

use super::*;

const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn section(lines: &[(&HeaderName, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append((*name).clone(), HeaderValue::from_str(value).unwrap());
    }
    fields
}

/// `ETag: "v1"`, last modified THEN.
fn current() -> Validators {
    Validators {
        etag: EntityTag::strong("v1"),
        last_modified: HttpDate::parse(THEN.as_bytes()),
        last_modified_is_strong: true,
    }
}

fn weak() -> Validators {
    Validators { etag: EntityTag::weak("v1"), ..current() }
}

/// What becomes of GET, HEAD, PUT and an unknown method alike, if they read, and if they write.
fn verdicts(lines: &[(&HeaderName, &str)], current: Option<&Validators>) -> (Verdict, Verdict) {
    let request = section(lines);
    let verdict = |method: &str| evaluate(&method.parse().unwrap(), &request, current);
    assert_eq!(verdict("GET"), verdict("HEAD"), "{lines:?}");
    assert_eq!(verdict("PUT"), verdict("BREW"), "{lines:?}");
    (verdict("GET"), verdict("PUT"))
}

const PERFORM: (Verdict, Verdict) = (Verdict::Perform, Verdict::Perform);
const FAILED: (Verdict, Verdict) = (Verdict::Failed, Verdict::Failed);
const KNOWN: (Verdict, Verdict) = (Verdict::NotModified, Verdict::Failed);

#[test]
fn without_conditions_all_is_performed() {
    assert_eq!(verdicts(&[], Some(&current())), PERFORM);
    assert_eq!(verdicts(&[], None), PERFORM);
}

#[test]
fn if_match_wants_a_strong_match_9110_13_1_1() {
    for (value, expected) in [
        ("\"v1\"", PERFORM),
        ("\"v0\", \"v1\"", PERFORM),
        ("*", PERFORM),
        ("\"v2\"", FAILED),
        ("W/\"v1\"", FAILED),
        ("v1", FAILED),
        ("", FAILED),
    ] {
        assert_eq!(verdicts(&[(&IF_MATCH, value)], Some(&current())), expected, "{value:?}");
        assert_eq!(verdicts(&[(&IF_MATCH, value)], None), FAILED, "{value:?} of nothing");
    }
    assert_eq!(verdicts(&[(&IF_MATCH, "\"v1\"")], Some(&weak())), FAILED);
    assert_eq!(verdicts(&[(&IF_MATCH, "*")], Some(&Validators::default())), PERFORM);
    assert_eq!(verdicts(&[(&IF_MATCH, "\"v1\"")], Some(&Validators::default())), FAILED);
}

#[test]
fn if_unmodified_since_9110_13_1_4() {
    for (value, expected) in [
        (BEFORE, FAILED),
        (THEN, PERFORM),
        (AFTER, PERFORM),
        ("Mon, 01 Jan 1900 00:00:00 GMT", FAILED),
        ("not a date", PERFORM),
        ("Sun, 06 Nov 1994 08:49:36 UTC", PERFORM),
    ] {
        assert_eq!(verdicts(&[(&IF_UNMODIFIED_SINCE, value)], Some(&current())), expected, "{value:?}");
    }
    let old = (&IF_UNMODIFIED_SINCE, BEFORE);
    assert_eq!(verdicts(&[old, old], Some(&current())), PERFORM, "a list is no date");
    assert_eq!(verdicts(&[old], Some(&Validators::default())), PERFORM, "nothing to compare with");
    assert_eq!(verdicts(&[old], None), PERFORM, "nothing there");
}

#[test]
fn if_none_match_wants_no_match_not_even_a_weak_one_9110_13_1_2() {
    for (value, expected) in [
        ("\"v1\"", KNOWN),
        ("W/\"v1\"", KNOWN),
        ("\"v0\", W/\"v1\"", KNOWN),
        ("*", KNOWN),
        ("\"v2\"", PERFORM),
        ("\"V1\"", PERFORM),
    ] {
        assert_eq!(verdicts(&[(&IF_NONE_MATCH, value)], Some(&current())), expected, "{value:?}");
        assert_eq!(verdicts(&[(&IF_NONE_MATCH, value)], Some(&weak())), expected, "{value:?} of a weak tag");
        assert_eq!(verdicts(&[(&IF_NONE_MATCH, value)], None), PERFORM, "{value:?} of nothing");
    }
    assert_eq!(verdicts(&[(&IF_NONE_MATCH, "*")], Some(&Validators::default())), KNOWN);
    assert_eq!(verdicts(&[(&IF_NONE_MATCH, "\"v1\"")], Some(&Validators::default())), PERFORM);
}

#[test]
fn an_unreadable_list_gives_a_reader_all_and_lets_a_writer_do_nothing() {
    for value in ["", "v1", "\"v1", "*, \"v1\""] {
        let expected = (Verdict::Perform, Verdict::Failed);
        assert_eq!(verdicts(&[(&IF_NONE_MATCH, value)], Some(&current())), expected, "{value:?}");
    }
}

#[test]
fn if_modified_since_is_for_reading_only_9110_13_1_3() {
    let unmodified = (Verdict::NotModified, Verdict::Perform);
    for (value, expected) in [
        (BEFORE, PERFORM),
        (THEN, unmodified),
        (AFTER, unmodified),
        ("Sunday, 06-Nov-94 08:49:37 GMT", unmodified),
        ("Sun Nov  6 08:49:37 1994", unmodified),
        ("not a date", PERFORM),
        ("0", PERFORM),
    ] {
        assert_eq!(verdicts(&[(&IF_MODIFIED_SINCE, value)], Some(&current())), expected, "{value:?}");
    }
    let late = (&IF_MODIFIED_SINCE, AFTER);
    assert_eq!(verdicts(&[late, late], Some(&current())), PERFORM, "a list is no date");
    assert_eq!(verdicts(&[late], Some(&Validators::default())), PERFORM, "nothing to compare with");
    assert_eq!(verdicts(&[late], None), PERFORM, "nothing there");
}

#[test]
fn conditions_come_in_the_order_of_9110_13_2_2() {
    let (yes, no) = ("\"v1\"", "\"v2\"");
    for (lines, expected) in [
        // A tag that is asked for outweighs its date, whatever the date says.
        (vec![(&IF_MATCH, yes), (&IF_UNMODIFIED_SINCE, BEFORE)], PERFORM),
        (vec![(&IF_MATCH, no), (&IF_UNMODIFIED_SINCE, AFTER)], FAILED),
        (vec![(&IF_NONE_MATCH, yes), (&IF_MODIFIED_SINCE, BEFORE)], KNOWN),
        (vec![(&IF_NONE_MATCH, no), (&IF_MODIFIED_SINCE, AFTER)], PERFORM),
        // Also where the tags can't be read (§13.1.3).
        (vec![(&IF_NONE_MATCH, "v1"), (&IF_MODIFIED_SINCE, AFTER)], (Verdict::Perform, Verdict::Failed)),
        // The first pair fails before the second is looked at, and else leaves it the word.
        (vec![(&IF_MATCH, no), (&IF_NONE_MATCH, yes)], FAILED),
        (vec![(&IF_MATCH, yes), (&IF_NONE_MATCH, yes)], KNOWN),
        (vec![(&IF_MATCH, yes), (&IF_NONE_MATCH, no)], PERFORM),
        (vec![(&IF_UNMODIFIED_SINCE, BEFORE), (&IF_NONE_MATCH, yes)], FAILED),
        (
            vec![(&IF_UNMODIFIED_SINCE, THEN), (&IF_MODIFIED_SINCE, THEN)],
            (Verdict::NotModified, Verdict::Perform),
        ),
    ] {
        assert_eq!(verdicts(&lines, Some(&current())), expected, "{lines:?}");
    }
}

#[test]
fn methods_without_representation_take_no_conditions_9110_13_2_1() {
    let request = section(&[(&IF_MATCH, "\"v2\""), (&IF_NONE_MATCH, "\"v1\"")]);
    for method in [Method::OPTIONS, Method::CONNECT, Method::TRACE] {
        assert_eq!(evaluate(&method, &request, Some(&current())), Verdict::Perform, "{method}");
        assert_eq!(evaluate_stored(&method, &request, &current(), HttpDate::MIN), Verdict::Perform);
    }
}

#[test]
fn a_cache_judges_what_is_for_caches_9111_4_3_2() {
    let judge = |lines: &[(&HeaderName, &str)], stored: &Validators| {
        evaluate_stored(&Method::GET, &section(lines), stored, HttpDate::parse(THEN.as_bytes()).unwrap())
    };
    assert_eq!(judge(&[(&IF_NONE_MATCH, "\"v1\"")], &current()), Verdict::NotModified);
    assert_eq!(judge(&[(&IF_NONE_MATCH, "\"v2\"")], &current()), Verdict::Perform);
    assert_eq!(judge(&[(&IF_NONE_MATCH, "*")], &Validators::default()), Verdict::NotModified);
    // Without a date of its own, the stored response's Date stands in.
    assert_eq!(judge(&[(&IF_MODIFIED_SINCE, THEN)], &Validators::default()), Verdict::NotModified);
    assert_eq!(judge(&[(&IF_MODIFIED_SINCE, BEFORE)], &Validators::default()), Verdict::Perform);
    let newer = Validators { last_modified: HttpDate::parse(AFTER.as_bytes()), ..Validators::default() };
    assert_eq!(judge(&[(&IF_MODIFIED_SINCE, THEN)], &newer), Verdict::Perform);
    // For the origin only.
    assert_eq!(judge(&[(&IF_MATCH, "\"v2\""), (&IF_UNMODIFIED_SINCE, BEFORE)], &current()), Verdict::Perform);
}

#[test]
fn if_range_wants_exactly_what_is_there_9110_13_1_5() {
    let holds = |value: &str, current: &Validators| if_range_holds(&section(&[(&IF_RANGE, value)]), current);
    for (value, expected) in [
        ("\"v1\"", true),
        (THEN, true),
        ("Sunday, 06-Nov-94 08:49:37 GMT", true),
        ("\"v2\"", false),
        ("W/\"v1\"", false),
        (BEFORE, false),
        (AFTER, false),
        ("", false),
        ("v1", false),
        ("\"v1\", \"v2\"", false),
        ("*", false),
    ] {
        assert_eq!(holds(value, &current()), expected, "{value:?}");
        assert!(!holds(value, &Validators::default()), "{value:?} of no validators");
    }
    assert!(!holds("\"v1\"", &weak()) && !holds("W/\"v1\"", &weak()));
    assert!(!holds(THEN, &Validators { last_modified_is_strong: false, ..current() }));
    assert!(
        !holds("v1", &Validators { last_modified: None, ..current() }),
        "no date is not equal to no date"
    );
    assert!(if_range_holds(&Fields::new(), &Validators::default()), "no If-Range");
    let twice = section(&[(&IF_RANGE, "\"v1\""), (&IF_RANGE, "\"v1\"")]);
    assert!(!if_range_holds(&twice, &current()));
}

#[test]
fn a_date_is_strong_a_minute_before_the_response_9110_8_8_2_2() {
    let read =
        |date: &str| Validators::of(&section(&[(&ETAG, "W/\"a\""), (&LAST_MODIFIED, THEN), (&DATE, date)]));
    assert!(read("Sun, 06 Nov 1994 08:50:37 GMT").last_modified_is_strong);
    assert!(!read("Sun, 06 Nov 1994 08:50:36 GMT").last_modified_is_strong);
    assert!(!read(BEFORE).last_modified_is_strong);
    assert!(!read("").last_modified_is_strong);
    assert_eq!(read(THEN).etag, EntityTag::weak("a"));
    assert_eq!(read(THEN).last_modified, HttpDate::parse(THEN.as_bytes()));
    assert_eq!(Validators::of(&Fields::new()), Validators::default());
}

#[test]
fn a_304_says_what_9110_15_4_5_demands_and_nothing_of_the_content() {
    let demanded = [&CACHE_CONTROL, &CONTENT_LOCATION, &DATE, &ETAG, &EXPIRES, &VARY];
    let own = [&AGE, &SET_COOKIE];
    let described = [&CONTENT_TYPE, &CONTENT_ENCODING, &CONTENT_LENGTH, &LAST_MODIFIED, &CONTENT_LANGUAGE];
    let mut ok = Fields::new();
    for name in demanded.into_iter().chain(own).chain(described) {
        ok.set(name.clone(), HeaderValue::from_static("x"));
    }
    let ok = ok.prepare();
    let fields = not_modified(&ok);
    assert!(demanded.into_iter().chain(own).all(|name| fields.contains(name)));
    assert!(!described.into_iter().any(|name| fields.contains(name)));
    assert!(described.into_iter().all(|name| ok.contains(name)), "the 200 is left as it was");

    let untagged = section(&[(&LAST_MODIFIED, THEN), (&CONTENT_TYPE, "text/plain")]);
    assert!(not_modified(&untagged).contains(&LAST_MODIFIED));
}
