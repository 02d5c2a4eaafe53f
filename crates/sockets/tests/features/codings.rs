//! Content codings (RFC 9110 §8.4), from siblings and made on the fly, and digests of what is sent (RFC 9530).

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;

use lab::noise;

use crate::features::{EXAMPLE_DATE_S, date, get, settled};
use crate::support::place::{Site, directory};
use crate::support::until;
use crate::support::wire::{Answer, Wire, ask};

/// A file with each sibling. What is in them tells them apart; the server does not look inside.
const FILES: [(&str, &[u8]); 4] = [
    ("app.js", b"the file as it is"),
    ("app.js.br", b"brotli bytes"),
    ("app.js.zst", b"zstd bytes"),
    ("app.js.gz", b"gzip bytes"),
];

fn siblings() -> Site {
    Site::with(&FILES, &["--precompressed"])
}

/// The coding and the content of the script for who accepts that.
fn chosen(site: &Site, accept: &str) -> (String, String) {
    let answer = get(site, "/app.js", &[&format!("Accept-Encoding: {accept}")]);
    let coding = answer.head.field("content-encoding").unwrap_or("none");
    (coding.to_owned(), answer.text().to_owned())
}

#[test]
fn the_sibling_is_sent_that_the_client_likes_best_9110_12_5_3() {
    let site = siblings();
    let none = get(&site, "/app.js", &[]);
    assert_eq!((none.head.field("content-encoding"), none.text()), (None, "the file as it is"));
    for (accept, coding) in [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, *", "zstd"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip;q=0", "none"),
        ("identity", "none"),
        ("identity, gzip;q=0.5", "none"),
        ("deflate, compress", "none"),
        ("", "none"),
    ] {
        let content = match coding {
            "none" => "the file as it is",
            "br" => "brotli bytes",
            "zstd" => "zstd bytes",
            _ => "gzip bytes",
        };
        assert_eq!(chosen(&site, accept), (coding.to_owned(), content.to_owned()), "{accept:?}");
    }
}

#[test]
fn each_coding_is_a_representation_of_its_own_9110_8_8_3_3() {
    let site = siblings();
    settled(&site, "/app.js");
    let (mut tags, mut wire) = (HashSet::new(), Wire::to(site.role.address));
    for accept in ["identity", "gzip", "br", "zstd"] {
        let accept = format!("Accept-Encoding: {accept}");
        let answer = until("it has settled", || {
            let answer = wire.ask("GET /app.js HTTP/1.1", &[&accept]);
            (!answer.field("etag").starts_with("W/")).then_some(answer)
        });
        assert_eq!(answer.field("vary"), "Accept-Encoding", "{accept}");
        assert_eq!(answer.field("content-type"), "text/javascript; charset=utf-8", "{accept}");
        assert_eq!(answer.field("content-length"), answer.body.len().to_string(), "{accept}");
        let tag = answer.field("etag").to_owned();
        let known = format!("If-None-Match: {tag}");
        let same = wire.ask("GET /app.js HTTP/1.1", &[&accept, &known]);
        assert_eq!((same.status(), same.field("vary")), ("304 Not Modified", "Accept-Encoding"), "{accept}");
        // A part is one of the coded bytes, and only for who has those.
        let condition = format!("If-Range: {tag}");
        let part = wire.ask("GET /app.js HTTP/1.1", &[&accept, "Range: bytes=3-", &condition]);
        assert_eq!((part.status(), &*part.body), ("206 Partial Content", &answer.body[3..]), "{accept}");
        let coding = answer.head.field("content-encoding");
        assert_eq!(part.head.field("content-encoding"), coding, "{accept}");
        for other in &tags {
            let known = format!("If-None-Match: {other}");
            assert_eq!(wire.ask("GET /app.js HTTP/1.1", &[&accept, &known]).status(), "200 OK", "{accept}");
            let condition = format!("If-Range: {other}");
            let whole = wire.ask("GET /app.js HTTP/1.1", &[&accept, "Range: bytes=3-", &condition]);
            assert_eq!((whole.status(), &whole.body), ("200 OK", &answer.body), "{accept}");
        }
        assert!(tags.insert(tag), "{accept}: that tag is of another coding");
    }
}

#[test]
fn a_sibling_counts_while_it_is_there_is_inside_and_is_not_older_than_its_file() {
    let site = siblings();
    let at = |name: &str| site.files.path().join(name);
    assert_eq!(chosen(&site, "br, zstd, gzip").0, "br");
    fs::remove_file(at("app.js.br")).unwrap();
    assert_eq!(chosen(&site, "br, zstd, gzip").0, "zstd");
    date(&site, "app.js.zst", EXAMPLE_DATE_S);
    assert_eq!(chosen(&site, "br, zstd, gzip").0, "gzip", "that of zstd was made of an older file");
    let outside = directory(&[("secret", b"nobody may read this")]);
    fs::remove_file(at("app.js.gz")).unwrap();
    symlink(outside.path().join("secret"), at("app.js.gz")).unwrap();
    assert_eq!(chosen(&site, "br, zstd, gzip"), ("none".to_owned(), "the file as it is".to_owned()));
    fs::remove_file(at("app.js")).unwrap();
    fs::write(at("app.js.br"), "brotli bytes").unwrap();
    assert_eq!(get(&site, "/app.js", &["Accept-Encoding: br"]).status(), "404 Not Found");
}

#[test]
fn without_the_flag_siblings_are_files_as_others() {
    let site = Site::of(&FILES);
    let script = get(&site, "/app.js", &["Accept-Encoding: br"]);
    assert_eq!((script.text(), script.head.field("vary")), ("the file as it is", None));
    for site in [site, siblings()] {
        let itself = get(&site, "/app.js.gz", &["Accept-Encoding: gzip"]);
        assert_eq!((itself.text(), itself.field("content-type")), ("gzip bytes", "application/gzip"));
        assert_eq!(itself.head.field("content-encoding"), None, "else a browser would save it unpacked");
    }
}

/// Text that is compressed to a part of its length.
fn text(word: &str) -> String {
    (0..5_000).map(|line| format!("{word} {line}\n")).collect()
}

/// Asks until the answer comes in that coding: it is made while the first ones are answered without.
fn compressed(site: &Site, target: &str, coding: &str) -> Answer {
    until(&format!("{target} comes as {coding}"), || {
        let answer = get(site, target, &[&format!("Accept-Encoding: {coding}")]);
        assert_eq!(answer.status(), "200 OK");
        (answer.head.field("content-encoding") == Some(coding)).then_some(answer)
    })
}

fn decoded(answer: &Answer) -> String {
    let mut text = String::new();
    let coded = &*answer.body;
    let read = match answer.field("content-encoding") {
        "gzip" => flate2::read::GzDecoder::new(coded).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(coded, 4096).read_to_string(&mut text),
        "zstd" => zstd::stream::read::Decoder::new(coded).unwrap().read_to_string(&mut text),
        other => panic!("{other} is none of ours"),
    };
    read.unwrap();
    text
}

#[test]
fn text_is_compressed_for_those_who_take_it_so_and_is_the_same_when_it_is_decoded() {
    let content = text("line");
    let site = Site::with(&[("page.html", content.as_bytes())], &["--compress"]);
    let mut tags = HashSet::from([settled(&site, "/page.html")]);
    for coding in ["gzip", "br", "zstd"] {
        let answer = compressed(&site, "/page.html", coding);
        assert!(decoded(&answer) == content, "{coding}");
        assert!(answer.body.len() < content.len() / 2, "{coding}: {} bytes", answer.body.len());
        assert_eq!(
            (answer.field("vary"), answer.field("content-type")),
            ("Accept-Encoding", "text/html; charset=utf-8")
        );
        let tag = answer.field("etag").to_owned();
        let (accept, known) = (format!("Accept-Encoding: {coding}"), format!("If-None-Match: {tag}"));
        let same = get(&site, "/page.html", &[&accept, &known]);
        assert_eq!((same.status(), same.field("vary")), ("304 Not Modified", "Accept-Encoding"), "{coding}");
        let head = ask(site.role.address, "HEAD /page.html HTTP/1.1", &[&accept]);
        assert_eq!(head.field("content-length"), answer.body.len().to_string(), "{coding}");
        assert!(tags.insert(tag), "{coding}");
    }
    assert!(get(&site, "/page.html", &[]).text() == content, "as it is, for those who say nothing");
}

#[test]
fn parts_and_exact_versions_are_of_the_file_as_it_is() {
    let content = text("line");
    let site = Site::with(&[("page.html", content.as_bytes())], &["--compress"]);
    let tag = settled(&site, "/page.html");
    compressed(&site, "/page.html", "gzip");
    let part = get(&site, "/page.html", &["Accept-Encoding: gzip", "Range: bytes=5-14"]);
    assert_eq!((part.status(), part.text()), ("206 Partial Content", &content[5..15]));
    assert_eq!((part.head.field("content-encoding"), part.field("etag")), (None, &*tag));
    assert_eq!(part.field("vary"), "Accept-Encoding");
    let exact = get(&site, "/page.html", &["Accept-Encoding: gzip", &format!("If-Match: {tag}")]);
    assert_eq!((exact.status(), exact.head.field("content-encoding")), ("200 OK", None));
    assert!(exact.text() == content);
}

#[test]
fn what_gains_nothing_is_not_compressed() {
    let content = text("line");
    let files: [(&str, &[u8]); 3] =
        [("photo.png", content.as_bytes()), ("short.txt", &[b'a'; 200]), ("page.html", content.as_bytes())];
    let site = Site::with(&files, &["--compress"]);
    // By then each of them could have been.
    for target in ["/photo.png", "/short.txt", "/page.html"] {
        settled(&site, target);
    }
    compressed(&site, "/page.html", "gzip");
    for target in ["/photo.png", "/short.txt"] {
        let answer = get(&site, target, &["Accept-Encoding: gzip, br, zstd"]);
        assert_eq!(
            (answer.head.field("content-encoding"), answer.head.field("vary")),
            (None, None),
            "{target}"
        );
    }
}

#[test]
fn what_was_compressed_of_the_last_version_is_not_sent_for_the_next() {
    let (old, new) = (text("old"), text("new"));
    let site = Site::with(&[("page.html", old.as_bytes())], &["--compress"]);
    assert!(decoded(&compressed(&site, "/page.html", "br")) == old);
    fs::write(site.files.path().join("page.html"), &new).unwrap();
    let young = get(&site, "/page.html", &["Accept-Encoding: br"]);
    let content = match young.head.field("content-encoding") {
        Some(_) => decoded(&young),
        None => young.text().to_owned(),
    };
    assert!(content == new);
    assert!(decoded(&compressed(&site, "/page.html", "br")) == new);
}

#[test]
fn a_sibling_is_preferred_to_our_own_work() {
    let content = text("line");
    let files: [(&str, &[u8]); 2] = [("page.html", content.as_bytes()), ("page.html.gz", b"gzip bytes")];
    let site = Site::with(&files, &["--compress", "--precompressed"]);
    settled(&site, "/page.html");
    let answer = get(&site, "/page.html", &["Accept-Encoding: gzip"]);
    assert_eq!((answer.field("content-encoding"), answer.text()), ("gzip", "gzip bytes"));
    assert!(decoded(&compressed(&site, "/page.html", "br")) == content, "where there is none, ours will do");
}

/// Of `noise(300_001)`, by Python's hashlib.
const SHA_256: &str = "sha-256=:9eumZz2mkvmSYcf/gJL0EsYICC7hRPiwxtn5x0sZSWk=:";
const SHA_512: &str =
    "sha-512=:/z2glWcoFivTYOi9jEAqrL+trDFX6uG+yG7WQle9i2XHMEC9W3RdiBfDyYrrvgtKIjDUeA5vgTr1AEwmmYn0wg==:";

/// Asks until the digest is told, which may be a moment after it was first asked for.
fn with_digest(site: &Site, target: &str, fields: &[&str]) -> Answer {
    until(&format!("the digest of {target} is told"), || {
        let answer = get(site, target, fields);
        answer.head.field("repr-digest").is_some().then_some(answer)
    })
}

#[test]
fn the_digest_of_a_file_is_told_to_who_wants_it_9530_4() {
    let content = noise(300_001);
    let site = Site::of(&[("file.bin", &content)]);
    for (want, digest) in [
        ("sha-256=1", SHA_256),
        ("sha-512=3, sha-256=2", SHA_512),
        ("sha-512=3, sha-256=9", SHA_256),
        ("md5=10, unixsum=9, sha-512=1", SHA_512),
    ] {
        let want = format!("Want-Repr-Digest: {want}");
        let whole = with_digest(&site, "/file.bin", &[&want]);
        assert_eq!((whole.status(), whole.field("repr-digest")), ("200 OK", digest), "{want}");
        assert!(whole.body == content);
        // That of the whole, for who puts it together from parts (RFC 9530 §3).
        let part = get(&site, "/file.bin", &[&want, "Range: bytes=7-9"]);
        assert_eq!((part.status(), part.field("repr-digest")), ("206 Partial Content", digest), "{want}");
    }
    for fields in [&[][..], &["Want-Repr-Digest: sha-256=0"], &["Want-Repr-Digest: md5=1"]] {
        assert_eq!(get(&site, "/file.bin", fields).head.field("repr-digest"), None, "{fields:?}");
    }
}

#[test]
fn the_digest_is_of_what_is_sent_coded_if_it_is_9530_3() {
    let site = siblings();
    let coded = with_digest(&site, "/app.js", &["Want-Repr-Digest: sha-256=1", "Accept-Encoding: gzip"]);
    assert_eq!(coded.text(), "gzip bytes");
    assert_eq!(coded.field("repr-digest"), "sha-256=:v9CpOoJqxpREgtiKzAFIhOLJkHx4npVUefo6+R/Yu8k=:");
}
