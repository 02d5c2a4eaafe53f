//! Preconditions (RFC 9110 §13), and the validators that they are about (§8.8).

use std::collections::HashMap;
use std::fs;

use crate::features::{EXAMPLE_DATE_S, date, get, settled};
use crate::support::place::Site;
use crate::support::until;
use crate::support::wire::Wire;

/// One date in the three forms of §5.6.7.
const SAME: [&str; 3] =
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// What is no date, or not one of HTTP: to be ignored (§13.1.3, §13.1.4).
const NO_DATES: [&str; 5] =
    ["yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994 08:49:37 GMT", ""];

/// A site with a file of that date, and the file's tag.
fn dated() -> (Site, String) {
    let site = Site::of(&[("page.html", b"0123456789")]);
    date(&site, "page.html", EXAMPLE_DATE_S);
    let tag = settled(&site, "/page.html");
    (site, tag)
}

/// Asks for the page by GET and by HEAD under each condition; each on the same connection, so that a byte too
/// many or too few shows.
fn expect(site: &Site, table: &[(Vec<String>, &str)]) {
    let mut wire = Wire::to(site.role.address);
    for (fields, status) in table {
        let fields: Vec<&str> = fields.iter().map(|field| &**field).collect();
        for method in ["GET", "HEAD"] {
            let answer = wire.ask(&format!("{method} /page.html HTTP/1.1"), &fields);
            assert_eq!(answer.status(), *status, "{method} {fields:?}");
        }
    }
    assert_eq!(wire.ask("GET /page.html HTTP/1.1", &[]).text(), "0123456789");
}

#[test]
fn tags_are_compared_strongly_by_if_match_and_weakly_by_if_none_match_9110_13_1() {
    let (site, tag) = dated();
    let table = [
        ("If-Match: TAG", "200 OK"),
        ("If-Match: *", "200 OK"),
        ("If-Match: \"other\", TAG", "200 OK"),
        ("If-Match: \"other\"", "412 Precondition Failed"),
        ("If-Match: W/TAG", "412 Precondition Failed"),
        ("If-None-Match: TAG", "304 Not Modified"),
        ("If-None-Match: W/TAG", "304 Not Modified"),
        ("If-None-Match: \"other\", W/TAG", "304 Not Modified"),
        ("If-None-Match: *", "304 Not Modified"),
        ("If-None-Match: \"other\"", "200 OK"),
    ];
    expect(&site, &table.map(|(field, status)| (vec![field.replace("TAG", &tag)], status)));
    // A list may stand in several lines (§5.3).
    let lines = vec!["If-None-Match: \"other\"".to_owned(), format!("If-None-Match: {tag}")];
    expect(&site, &[(lines, "304 Not Modified")]);
}

#[test]
fn dates_count_in_three_forms_and_what_is_none_does_not_9110_13_1_3() {
    let (site, _) = dated();
    assert_eq!(get(&site, "/page.html", &[]).field("last-modified"), SAME[0]);
    let mut table = vec![
        (format!("If-Modified-Since: {EARLIER}"), "200 OK"),
        (format!("If-Modified-Since: {LATER}"), "304 Not Modified"),
        (format!("If-Unmodified-Since: {EARLIER}"), "412 Precondition Failed"),
        (format!("If-Unmodified-Since: {LATER}"), "200 OK"),
    ];
    for same in SAME {
        table.push((format!("If-Modified-Since: {same}"), "304 Not Modified"));
        table.push((format!("If-Unmodified-Since: {same}"), "200 OK"));
    }
    for none in NO_DATES {
        table.push((format!("If-Modified-Since: {none}"), "200 OK"));
        table.push((format!("If-Unmodified-Since: {none}"), "200 OK"));
    }
    expect(&site, &table.into_iter().map(|(field, status)| (vec![field], status)).collect::<Vec<_>>());
}

#[test]
fn of_several_conditions_the_stronger_decide_9110_13_2_2() {
    let (site, tag) = dated();
    let (same, other) = (format!("If-Match: {tag}"), "If-Match: \"other\"".to_owned());
    let (known, unknown) = (format!("If-None-Match: {tag}"), "If-None-Match: \"other\"".to_owned());
    let (modified, unmodified) =
        (format!("If-Modified-Since: {EARLIER}"), format!("If-Modified-Since: {}", SAME[0]));
    let (too_old, still) =
        (format!("If-Unmodified-Since: {EARLIER}"), format!("If-Unmodified-Since: {}", SAME[0]));
    let range = "Range: bytes=0-1".to_owned();
    expect(
        &site,
        &[
            (vec![same.clone(), too_old.clone()], "200 OK"),
            (vec![other.clone(), still.clone()], "412 Precondition Failed"),
            (vec![known.clone(), modified.clone()], "304 Not Modified"),
            (vec![unknown.clone(), unmodified.clone()], "200 OK"),
            (vec![same.clone(), known.clone()], "304 Not Modified"),
            (vec![other.clone(), known.clone()], "412 Precondition Failed"),
            (vec![too_old, known.clone()], "412 Precondition Failed"),
            (vec![still, unmodified], "304 Not Modified"),
            (vec![range.clone(), known], "304 Not Modified"),
            (vec![range, other], "412 Precondition Failed"),
        ],
    );
}

#[test]
fn a_file_that_is_not_there_fulfils_no_condition_and_fails_none_9110_13_2_1() {
    let (site, tag) = dated();
    for field in ["If-Match: *", "If-Match: TAG", "If-None-Match: *", "If-Unmodified-Since: DATE"] {
        let field = field.replace("TAG", &tag).replace("DATE", EARLIER);
        assert_eq!(get(&site, "/none", &[&field]).status(), "404 Not Found", "{field}");
    }
}

#[test]
fn a_304_has_the_fields_that_caches_update_by_and_none_of_the_content_9110_15_4_5() {
    let args = [
        "--cache-control",
        "max-age=60",
        "--header",
        "Expires: Sun, 06 Nov 1994 08:49:37 GMT",
        "--header",
        "Content-Location: /page",
        "--compress",
    ];
    let site = Site::with(&[("page.html", &[b'a'; 1000])], &args);
    let mut wire = Wire::to(site.role.address);
    let whole = wire.ask("GET /page.html HTTP/1.1", &[]);
    let tag = format!("If-None-Match: {}", whole.field("etag").trim_start_matches("W/"));
    let same = wire.ask("GET /page.html HTTP/1.1", &[&tag]);
    assert_eq!(same.status(), "304 Not Modified");
    for field in ["cache-control", "content-location", "expires", "vary"] {
        assert_eq!(same.field(field), whole.field(field));
    }
    // The file may have settled between the two.
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    assert_eq!(opaque(same.field("etag")), opaque(whole.field("etag")));
    assert!(same.field("date").ends_with(" GMT"));
    for field in ["content-type", "content-length", "content-encoding", "content-range", "transfer-encoding"]
    {
        assert_eq!(same.head.field(field), None, "{field}");
    }
}

#[test]
fn a_tag_is_weak_until_no_other_version_can_have_it_9110_8_8_1() {
    let site = Site::of(&[]);
    let path = site.files.path().join("digits");
    let weak = until("a file is seen while it is young", || {
        fs::write(&path, "0123456789").unwrap();
        let answer = get(&site, "/digits", &[]);
        let tag = answer.field("etag").to_owned();
        tag.starts_with("W/").then_some(tag)
    });
    let part = |tag: &str| get(&site, "/digits", &["Range: bytes=5-", &format!("If-Range: {tag}")]);
    let matches = |tag: &str| get(&site, "/digits", &[&format!("If-Match: {tag}")]);
    assert_eq!((part(&weak).status(), part(&weak).text()), ("200 OK", "0123456789"));
    assert_eq!(matches(&weak).status(), "412 Precondition Failed");

    let strong = settled(&site, "/digits");
    assert_eq!(
        format!("W/{strong}"),
        weak,
        "the same tag, so that whoever has the file need not get it anew"
    );
    assert_eq!(get(&site, "/digits", &[&format!("If-None-Match: {weak}")]).status(), "304 Not Modified");
    assert_eq!((part(&strong).status(), part(&strong).text()), ("206 Partial Content", "56789"));
    assert_eq!(matches(&strong).status(), "200 OK");
}

#[test]
fn two_versions_of_one_length_and_date_are_never_mixed() {
    let site = Site::of(&[("file", &[b'a'; 1000])]);
    date(&site, "file", EXAMPLE_DATE_S);
    let first = settled(&site, "/file");
    let half = get(&site, "/file", &["Range: bytes=0-499"]);
    assert_eq!((half.field("etag"), half.field("last-modified")), (&*first, SAME[0]));

    for (way, content) in [("in place", [b'b'; 1000]), ("by another file", [b'c'; 1000])] {
        if way == "in place" {
            fs::write(site.files.path().join("file"), content).unwrap();
        } else {
            fs::write(site.files.path().join("new"), content).unwrap();
            fs::rename(site.files.path().join("new"), site.files.path().join("file")).unwrap();
        }
        date(&site, "file", EXAMPLE_DATE_S);
        // While it is young and after that, by tag and by date: who has the first half gets all of the new one.
        let resume = |validator: &str| {
            let answer = get(&site, "/file", &["Range: bytes=500-", &format!("If-Range: {validator}")]);
            assert_eq!(answer.status(), "200 OK", "{way}, {validator}");
            assert!(answer.body == content, "{way}");
            assert_eq!(answer.field("last-modified"), SAME[0]);
        };
        resume(&first);
        resume(SAME[0]);
        assert_ne!(settled(&site, "/file"), first, "{way}");
        resume(&first);
        resume(SAME[0]);
        let condition = format!("If-Match: {first}");
        let refused = get(&site, "/file", &["Range: bytes=500-", &condition]);
        assert_eq!(refused.status(), "412 Precondition Failed", "{way}");
    }
}

#[test]
fn however_fast_a_file_is_rewritten_each_answer_is_the_last_version_and_no_strong_tag_is_of_two() {
    let site = Site::of(&[("file", b"")]);
    let mut wire = Wire::to(site.role.address);
    let mut contents: HashMap<String, String> = HashMap::new();
    for number in 0..300 {
        let content = format!("version {number:08}");
        fs::write(site.files.path().join("file"), &content).unwrap();
        let answer = wire.ask("GET /file HTTP/1.1", &[]);
        assert_eq!(answer.text(), content);
        let tag = answer.field("etag").to_owned();
        if !tag.starts_with("W/") {
            let other = contents.insert(tag.clone(), content.clone());
            assert_eq!(other, None, "{tag} is of {content}, too");
        }
    }
}
