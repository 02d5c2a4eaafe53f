//! Siblings over the whole pipeline, without a port.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE, VARY,
};
use message::request::Request;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::representation::SMALL_FILE;
use crate::testing::{Fixture, get, modified, seconds, set_modified, with};

/// What browsers accept.
const BROWSER: &str = "gzip, deflate, br, zstd";

fn with_siblings() -> Fixture {
    Fixture::with(|config| config.siblings = true)
}

#[tokio::test]
async fn a_sibling_is_sent_to_those_who_accept_its_coding_9110_12_5_3() {
    let site = with_siblings();
    for (name, content) in [("a.js", "plain"), ("a.js.br", "BR"), ("a.js.zst", "ZSTD"), ("a.js.gz", "GZIP")] {
        site.write(name, content);
    }
    for (codings, sent, expected) in [
        (BROWSER, "BR", Some("br")),
        ("gzip, deflate", "GZIP", Some("gzip")),
        ("zstd, gzip", "ZSTD", Some("zstd")),
        ("gzip, br;q=0.5", "GZIP", Some("gzip")),
        ("br;q=0, *;q=0.1", "ZSTD", Some("zstd")),
        ("gzip;q=0.5, identity", "plain", None),
        ("identity;q=0, gzip", "GZIP", Some("gzip")),
        ("identity;q=0", "plain", None),
        ("*;q=0", "plain", None),
        ("deflate", "plain", None),
        ("", "plain", None),
    ] {
        let answer = site.accept("/a.js", codings).await;
        assert_eq!((answer.status, answer.text(), answer.coding()), (200, sent, expected), "{codings:?}");
        assert_eq!(answer.field(&CONTENT_TYPE), Some("text/javascript; charset=utf-8"));
        assert_eq!(answer.field(&VARY), Some("Accept-Encoding"), "{codings:?}");
        assert_eq!(answer.field(&ACCEPT_RANGES), Some("bytes"));
    }
    assert_eq!(site.get("/a.js").await.text(), "plain", "who says nothing gets the file");
}

#[tokio::test]
async fn the_next_best_sibling_is_sent_where_the_best_is_not_there() {
    let site = with_siblings();
    site.write("a.css", "plain");
    site.write("a.css.gz", "GZIP");
    for (codings, sent) in [
        (BROWSER, "GZIP"),
        ("*", "GZIP"),
        ("gzip, br, identity", "GZIP"),
        ("br, identity;q=0.5, gzip;q=0.1", "plain"),
        ("br", "plain"),
    ] {
        assert_eq!(site.accept("/a.css", codings).await.text(), sent, "{codings:?}");
    }
}

#[tokio::test]
async fn a_sibling_that_appears_changes_or_vanishes_is_seen_by_the_very_next_request() {
    let site = with_siblings();
    site.write("a.css", "plain");
    for _ in 0..2 {
        assert_eq!(site.accept("/a.css", "gzip").await.text(), "plain");
    }
    site.write("a.css.gz", "one");
    let one = site.accept("/a.css", "gzip").await;
    assert_eq!(one.text(), "one");
    site.replace("a.css.gz", "two");
    let two = site.accept("/a.css", "gzip").await;
    assert_eq!(two.text(), "two");
    assert_ne!(one.etag(), two.etag());
    fs::remove_file(site.path("a.css.gz")).unwrap();
    assert_eq!(site.accept("/a.css", "gzip").await.text(), "plain");
    fs::remove_file(site.path("a.css")).unwrap();
    site.write("a.css.gz", "alone");
    assert_eq!(site.accept("/a.css", "gzip").await.status, 404, "it stands for nothing");
}

#[tokio::test]
async fn a_sibling_older_than_its_file_is_not_sent() {
    let site = with_siblings();
    let (file, sibling) = (site.write("a.css", "new"), site.write("a.css.gz", "OLD"));
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_500_000_000);
    set_modified(&file, time);
    for (sibling_time, sent) in [
        (time, "OLD"), // gzip(1) gives its output the time of its input
        (time + seconds(100), "OLD"),
        (time - Duration::from_nanos(1), "new"),
        (time - seconds(1), "new"),
        (time - Duration::from_millis(500), "OLD"), // the same time, by a program that counts in seconds
        (time - Duration::from_millis(1500), "new"),
    ] {
        set_modified(&sibling, sibling_time);
        assert_eq!(site.accept("/a.css", "gzip").await.text(), sent, "{sibling_time:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_rewritten_leaves_its_siblings_behind() {
    let site = with_siblings();
    let (file, sibling) = (site.write("a.css", "old"), site.write("a.css.gz", "OLD"));
    let time = modified(&sibling);
    assert_eq!(site.accept("/a.css", "gzip").await.text(), "OLD");
    site.replace("a.css", "new");
    set_modified(&file, time + Duration::from_millis(1));
    assert_eq!(site.accept("/a.css", "gzip").await.text(), "new");
}

#[tokio::test]
async fn each_variant_has_a_strong_tag_of_its_own_9110_8_8_3_3() {
    let site = with_siblings();
    for name in ["a.css", "a.css.gz", "a.css.br"] {
        site.write(name, "the same bytes");
    }
    let mut tags = Vec::new();
    for codings in ["identity", "gzip", "br"] {
        let answer = site.accept("/a.css", codings).await;
        assert!(answer.etag().starts_with('"'), "{}", answer.etag());
        tags.push(answer.etag().to_owned());
    }
    tags.push(site.get("/a.css.gz").await.etag().to_owned());
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
}

#[tokio::test]
async fn a_304_says_that_it_varies_too_9110_15_4_5() {
    let site = with_siblings();
    site.write("a.css", "plain");
    site.write("a.css.gz", "GZIP");
    for codings in ["gzip", "identity"] {
        let first = site.accept("/a.css", codings).await;
        let fields = [(ACCEPT_ENCODING, codings), (IF_NONE_MATCH, first.etag())];
        let again = site.ask("/a.css", &fields).await;
        assert_eq!((again.status, again.field(&VARY)), (304, Some("Accept-Encoding")), "{codings}");
        assert_eq!(again.etag(), first.etag());
        assert_eq!(again.coding(), None, "it describes content that is not there");
    }
    let plain = site.accept("/a.css", "identity").await;
    let other = site.ask("/a.css", &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, plain.etag())]).await;
    assert_eq!((other.status, other.text()), (200, "GZIP"), "the tag of another variant");
}

#[tokio::test]
async fn only_what_may_have_a_variant_varies() {
    let site = with_siblings();
    for name in ["a.css", "a.bin", "a.png", "a.png.gz", "a.mp4", "a.zip"] {
        site.write(name, "content");
    }
    for (target, vary) in [
        ("/a.css", Some("Accept-Encoding")),
        ("/a.bin", Some("Accept-Encoding")),
        ("/a.png", None),
        ("/a.png.gz", None),
        ("/a.mp4", None),
        ("/a.zip", None),
    ] {
        let answer = site.accept(target, BROWSER).await;
        assert_eq!((answer.field(&VARY), answer.coding()), (vary, None), "{target}");
    }
}

#[tokio::test]
async fn by_its_own_name_a_compressed_file_is_itself() {
    let site = with_siblings();
    site.write("a.css", "plain");
    site.write("a.css.gz", "GZIP");
    let answer = site.accept("/a.css.gz", BROWSER).await;
    assert_eq!((answer.text(), answer.coding()), ("GZIP", None));
    assert_eq!(answer.field(&CONTENT_TYPE), Some("application/gzip"));
}

#[tokio::test]
async fn an_index_has_siblings() {
    let site = with_siblings();
    site.write("d/index.html", "plain");
    site.write("d/index.html.br", "BR");
    assert_eq!(site.accept("/d/", BROWSER).await.text(), "BR");
}

#[tokio::test]
async fn siblings_are_nothing_unless_they_are_asked_for() {
    let site = Fixture::new();
    site.write("a.css", "plain");
    site.write("a.css.gz", "GZIP");
    let answer = site.accept("/a.css", BROWSER).await;
    assert_eq!((answer.text(), answer.field(&VARY)), ("plain", None));
}

#[tokio::test]
async fn what_is_no_file_beneath_the_root_is_no_sibling() {
    let site = with_siblings();
    for name in ["a.css", "b.css", "c.css", "d.css"] {
        site.write(name, "plain");
    }
    fs::create_dir(site.path("a.css.gz")).unwrap();
    symlink("../secret", site.path("b.css.gz")).unwrap();
    mknodat(CWD, site.path("c.css.gz"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink("nowhere", site.path("d.css.gz")).unwrap();
    for target in ["/a.css", "/b.css", "/c.css", "/d.css"] {
        let answer = site.accept(target, "gzip").await;
        assert_eq!((answer.status, answer.text()), (200, "plain"), "{target}");
    }
}

#[tokio::test]
async fn ranges_are_of_the_sibling_that_is_chosen_9110_14_2() {
    let site = with_siblings();
    site.write("a.css", "0123456789");
    site.write("a.css.gz", "ABCDEFGHIJ!");
    let coded = site.accept("/a.css", "gzip").await;
    let plain = site.accept("/a.css", "identity").await;
    for (codings, if_range, status, sent) in [
        ("gzip", Some(coded.etag()), 206, "FGHIJ!"),
        ("identity", Some(plain.etag()), 206, "56789"),
        ("gzip", None, 206, "FGHIJ!"),
        // Part of one is never added to part of another (§13.1.5).
        ("gzip", Some(plain.etag()), 200, "ABCDEFGHIJ!"),
        ("identity", Some(coded.etag()), 200, "0123456789"),
    ] {
        let mut fields = vec![(ACCEPT_ENCODING, codings), (RANGE, "bytes=5-")];
        fields.extend(if_range.map(|tag| (IF_RANGE, tag)));
        let answer = site.ask("/a.css", &fields).await;
        assert_eq!((answer.status, answer.text()), (status, sent), "{codings} {if_range:?}");
        assert_eq!(answer.field(&VARY), Some("Accept-Encoding"));
        assert_eq!(answer.coding().is_some(), codings == "gzip");
        let range = if codings == "gzip" { "bytes 5-10/11" } else { "bytes 5-9/10" };
        assert_eq!(answer.field(&CONTENT_RANGE), (status == 206).then_some(range));
    }
}

#[tokio::test]
async fn a_date_does_not_tell_one_variant_from_another_9110_13_1_5() {
    let site = with_siblings();
    let file = site.write("a.css", "0123456789");
    let sibling = site.write("a.css.gz", "ABCDEFGHIJ");
    set_modified(&sibling, modified(&file));
    let date = site.accept("/a.css", "identity").await.field(&LAST_MODIFIED).unwrap().to_owned();
    for codings in ["gzip", "identity"] {
        let fields = [(ACCEPT_ENCODING, codings), (IF_RANGE, date.as_str()), (RANGE, "bytes=5-")];
        let answer = site.ask("/a.css", &fields).await;
        assert_eq!((answer.status, answer.content.len()), (200, 10), "{codings}");
    }
}

#[tokio::test]
async fn siblings_are_kept_ready_like_any_file() {
    let site = with_siblings();
    site.write("a.css", "plain");
    site.write("a.css.gz", "GZIP");
    site.write("b.css", "plain");
    site.write("b.css.gz", vec![1; usize::try_from(SMALL_FILE).unwrap() + 1]);
    for (target, name, from_memory) in [("/a.css", "a.css", true), ("/b.css", "b.css", false)] {
        let answer = site.accept(target, "gzip").await;
        assert_eq!(answer.from_memory, from_memory);
        assert!(site.files().table().holds(&coded_name(name.as_bytes(), ContentCoding::Gzip)));
    }
    let young = modified(&site.path("a.css.gz")) + seconds(1);
    let request = with(Request { received_at: young, ..get("/a.css") }, ACCEPT_ENCODING, "gzip");
    let site = with_siblings();
    site.write("a.css", "plain");
    site.write("a.css.gz", "GZIP");
    let answer = site.send(request).await;
    assert_eq!(answer.text(), "GZIP");
    assert!(answer.etag().starts_with("W/"), "it may yet change unnoticed");
    assert!(!site.files().table().holds(&coded_name(b"a.css", ContentCoding::Gzip)));
}

#[tokio::test]
async fn the_date_of_a_file_without_variants_still_names_its_version() {
    let site = Fixture::with(|config| config.siblings = true);
    site.write("a.png", "0123456789");
    let first = site.accept("/a.png", BROWSER).await;
    let date = first.field(&LAST_MODIFIED).unwrap();
    let answer = site.ask("/a.png", &[(RANGE, "bytes=5-"), (IF_RANGE, date)]).await;
    assert_eq!(answer.status, 206);
    let fresh = site.ask("/a.png", &[(IF_MODIFIED_SINCE, date)]).await;
    assert_eq!((fresh.status, fresh.fields.contains(&ETAG)), (304, true));
}
