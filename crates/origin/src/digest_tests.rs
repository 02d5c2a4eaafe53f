//! Digests over the whole pipeline, without a port. The clock is paused, as for compression.

use http::Method;
use http::header::{ACCEPT_ENCODING, IF_MATCH, IF_NONE_MATCH, RANGE};
use message::request::Request;

use super::*;
use crate::negotiation::Compression;
use crate::testing::{Fixture, get, modified, seconds, text, with};

/// Of `abc`, as FIPS 180-4 has it.
const ABC_SHA256: &str = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
const ABC_SHA512: &str =
    "sha-512=:3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==:";

#[tokio::test(start_paused = true)]
async fn a_digest_is_told_to_those_who_want_it_9530() {
    let site = Fixture::new();
    site.write("a.txt", "abc");
    let etag = site.get("/a.txt").await.etag().to_owned();
    for (want, expected) in [
        ("sha-256=10", Some(ABC_SHA256)),
        ("sha-512=3, sha-256=1", Some(ABC_SHA512)),
        ("sha-512=3, sha-256=10, md5=10", Some(ABC_SHA256)),
        ("sha-256=0", None),
        ("md5=10", None),
        ("sha-256", None),
        ("!", None),
    ] {
        let answer = site.get_with("/a.txt", WANT_REPR_DIGEST, want).await;
        assert_eq!((answer.status, answer.field(&REPR_DIGEST)), (200, expected), "{want}");
    }
    for (name, value, status, expected) in [
        (RANGE, "bytes=1-1", 206, Some(ABC_SHA256)),
        (RANGE, "bytes=9-", 416, None),
        (IF_NONE_MATCH, etag.as_str(), 304, None),
        (IF_MATCH, "\"x\"", 412, None),
    ] {
        let answer = site.ask("/a.txt", &[(WANT_REPR_DIGEST, "sha-256=1"), (name, value)]).await;
        assert_eq!((answer.status, answer.field(&REPR_DIGEST)), (status, expected), "{value}");
    }
    let head = Request { method: Method::HEAD, ..get("/a.txt") };
    let head = site.send(with(head, WANT_REPR_DIGEST, "sha-256=1")).await;
    assert_eq!(head.field(&REPR_DIGEST), Some(ABC_SHA256));
    assert_eq!(site.get("/a.txt").await.field(&REPR_DIGEST), None);
    assert_eq!(site.get_with("/b", WANT_REPR_DIGEST, "sha-256=1").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_digested_once_for_each_version_however_many_ask() {
    let site = Arc::new(Fixture::new());
    let large = "0123456789".repeat(100_000);
    site.write("a", &large);
    let mut askers = Vec::new();
    for _ in 0..40 {
        let site = Arc::clone(&site);
        askers.push(tokio::spawn(async move { site.get_with("/a", WANT_REPR_DIGEST, "sha-256=1").await }));
    }
    for asker in askers {
        // printf '0123456789%.0s' $(seq 100000) | openssl dgst -sha256 -binary | base64
        let told = asker.await.unwrap().field(&REPR_DIGEST).map(str::to_owned);
        assert_eq!(told.as_deref(), Some("sha-256=:7CHWRiQiivPs1L2qgjnjLtlDsB4mk0zVYQ/ds2FCbcY=:"));
    }
    assert_eq!(site.files().digests().made(), 1);
    assert_eq!(site.files().table().close_files(), 1);
    assert!(site.get_with("/a", WANT_REPR_DIGEST, "sha-256=1").await.field(&REPR_DIGEST).is_some());
    assert_eq!(site.files().digests().made(), 1, "it outlives the open file");
    site.replace("a", "abc");
    let answer = site.get_with("/a", WANT_REPR_DIGEST, "sha-256=1").await;
    assert_eq!(answer.field(&REPR_DIGEST), Some(ABC_SHA256));
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_of_the_representation_that_is_sent_9530_3() {
    let site = Fixture::with(|config| {
        config.siblings = true;
        config.compression = Some(Compression::default());
    });
    site.write("a.css", "plain");
    site.write("a.css.gz", "abc");
    site.write("b.css", text(100));
    let wanted = |codings| [(ACCEPT_ENCODING, codings), (WANT_REPR_DIGEST, "sha-256=1")];
    let sibling = site.ask("/a.css", &wanted("gzip")).await;
    assert_eq!(sibling.field(&REPR_DIGEST), Some(ABC_SHA256));
    let plain = site.ask("/a.css", &wanted("identity")).await;
    assert_ne!(plain.field(&REPR_DIGEST), Some(ABC_SHA256));
    let mut told = Vec::new();
    for codings in ["identity", "gzip", "br", "zstd"] {
        let answer = site.ask("/b.css", &wanted(codings)).await;
        let value = repr_digest_value(DigestAlgorithm::Sha256, Sha256::digest(&answer.content).as_slice());
        assert_eq!(answer.fields.get(&REPR_DIGEST), Some(&value), "{codings}");
        told.push(value);
    }
    told.dedup();
    assert_eq!(told.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_told_only_of_bytes_that_stay() {
    let site = Fixture::new();
    let path = site.write("a", "abc");
    let young = Request { received_at: modified(&path) + seconds(1), ..get("/a") };
    let answer = site.send(with(young, WANT_REPR_DIGEST, "sha-256=1")).await;
    assert_eq!((answer.text(), answer.field(&REPR_DIGEST)), ("abc", None));
    let none = Fixture::with(|config| config.digests = 0);
    none.write("a", "abc");
    let answer = none.get_with("/a", WANT_REPR_DIGEST, "sha-256=1").await;
    assert_eq!((answer.field(&REPR_DIGEST), none.files().digests().made()), (None, 0));
}

fn key(size: i64) -> Key {
    let mut stat = rustix::fs::stat("/").unwrap();
    stat.st_size = size;
    (Identity::of(&stat), ContentCoding::Identity, DigestAlgorithm::Sha256)
}

#[test]
fn only_so_many_are_kept_and_those_asked_for_stay_longest() {
    let mut kept = Kept { limit: 3, values: HashMap::new(), clock: VecDeque::new() };
    for size in 0..3 {
        kept.keep(key(size), HeaderValue::from(size));
    }
    assert_eq!(kept.get(&key(0)), Some(HeaderValue::from(0)));
    kept.keep(key(3), HeaderValue::from(3));
    kept.keep(key(3), HeaderValue::from(3));
    let held: Vec<bool> = (0..4).map(|size| kept.values.contains_key(&key(size))).collect();
    assert_eq!((held, kept.clock.len()), (vec![true, false, true, true], 3));
}
