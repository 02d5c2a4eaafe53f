//! Compression over the whole pipeline, without a port.
//!
//! The clock is paused: it stands still while something is compressed, so that no answer goes without
//! it by bad luck.

use std::io::Read;

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, IF_MATCH, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, VARY,
};
use message::request::Request;

use super::*;
use crate::negotiation::Compression;
use crate::representation::SMALL_FILE;
use crate::testing::{Fixture, get, modified, seconds, text, with};

/// What browsers accept.
const BROWSER: &str = "gzip, deflate, br, zstd";

fn with_compression() -> Fixture {
    Fixture::with(|config| config.compression = Some(Compression::default()))
}

#[tokio::test(start_paused = true)]
async fn text_is_compressed_for_those_who_accept_it() {
    let site = with_compression();
    let (small, large) = (text(100), text(10_000));
    site.write("small.html", &small);
    site.write("large.json", &large);
    assert!(large.len() > usize::try_from(SMALL_FILE).unwrap());
    for (target, content) in [("/small.html", &small), ("/large.json", &large)] {
        for (codings, expected) in [
            (BROWSER, Some("zstd")),
            ("gzip, br", Some("br")),
            ("gzip", Some("gzip")),
            ("zstd;q=0.5, gzip", Some("gzip")),
            ("gzip;q=0.5, identity", None),
            ("identity", None),
        ] {
            let answer = site.accept(target, codings).await;
            assert_eq!((answer.status, answer.coding()), (200, expected), "{target} {codings}");
            assert_eq!(answer.decoded(), content.as_bytes(), "{target} {codings}");
            assert_eq!(answer.content.len() < content.len() / 3, expected.is_some());
            assert_eq!(answer.field(&VARY), Some("Accept-Encoding"));
            assert_eq!(answer.field(&ACCEPT_RANGES).is_some(), expected.is_none());
            assert_eq!(answer.etag().starts_with("W/"), expected.is_some(), "RFC 9110 §8.8.1");
        }
    }
    assert_eq!(site.files().compressor().unwrap().compressed(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_compressed_once_however_many_ask() {
    let site = Arc::new(with_compression());
    let content = text(50_000);
    site.write("a.txt", &content);
    let mut askers = Vec::new();
    for _ in 0..40 {
        let site = Arc::clone(&site);
        askers.push(tokio::spawn(async move { site.accept("/a.txt", "gzip").await }));
    }
    for asker in askers {
        let answer = asker.await.unwrap();
        assert_eq!(answer.coding(), Some("gzip"));
        assert_eq!(answer.decoded(), content.as_bytes());
    }
    assert_eq!(site.accept("/a.txt", "gzip").await.status, 200);
    assert_eq!(site.files().compressor().unwrap().compressed(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_compressed_form_is_of_the_version_on_the_disk() {
    let site = with_compression();
    site.write("a.txt", text(100));
    let old = site.accept("/a.txt", "gzip").await;
    site.replace("a.txt", &text(200));
    let new = site.accept("/a.txt", "gzip").await;
    assert_eq!(new.decoded(), text(200).as_bytes());
    assert_ne!(old.etag(), new.etag());
    let again = site.ask("/a.txt", &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, new.etag())]).await;
    assert_eq!((again.status, again.field(&VARY)), (304, Some("Accept-Encoding")));
    let stale = site.ask("/a.txt", &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, old.etag())]).await;
    assert_eq!(stale.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_gains_nothing_is_sent_as_it_is() {
    let noise: String = (0..3000_u64)
        .scan(7_u64, |state, _| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_u32(0x4e00 + u32::try_from(*state >> 50).unwrap())
        })
        .collect();
    let site = Fixture::with(|config| {
        config.compression = Some(Compression { largest_bytes: 20_000, ..Compression::default() });
    });
    site.write("short.txt", "a".repeat(255));
    site.write("long.txt", "a".repeat(20_001));
    site.write("image.png", "a".repeat(1000));
    site.write("unknown", "a".repeat(1000));
    site.write("fits.txt", "a".repeat(256));
    for (target, expected) in [
        ("/short.txt", None),
        ("/long.txt", None),
        ("/image.png", None),
        ("/unknown", None),
        ("/fits.txt", Some("gzip")),
    ] {
        let answer = site.accept(target, "gzip").await;
        assert_eq!(answer.coding(), expected, "{target}");
        assert_eq!(answer.field(&VARY).is_some(), expected.is_some(), "{target}");
    }
    let packed = zstd::bulk::compress(noise.as_bytes(), 19).unwrap();
    site.write("packed.txt", packed);
    for _ in 0..3 {
        let answer = site.accept("/packed.txt", "gzip").await;
        assert_eq!((answer.status, answer.coding()), (200, None));
        assert_eq!(answer.field(&VARY), Some("Accept-Encoding"));
    }
    assert_eq!(site.files().compressor().unwrap().compressed(), 2, "it is not tried again");
}

#[tokio::test(start_paused = true)]
async fn parts_and_exact_bytes_are_of_the_file_itself() {
    let site = with_compression();
    let content = text(100);
    site.write("a.txt", &content);
    let plain = site.accept("/a.txt", "identity").await;
    let coded = site.accept("/a.txt", "gzip").await;
    for (name, value, status, length) in [
        (RANGE, "bytes=0-9", 206, 10),
        (RANGE, "lines=1", 200, content.len()),
        (IF_MATCH, plain.etag(), 200, content.len()),
    ] {
        let answer = site.ask("/a.txt", &[(ACCEPT_ENCODING, "gzip"), (name, value)]).await;
        assert_eq!((answer.status, answer.content.len(), answer.coding()), (status, length, None), "{value}");
        assert_eq!(answer.field(&VARY), Some("Accept-Encoding"));
    }
    // §13.1.5: who holds the beginning of the compressed form gets no part of the file behind it.
    let date = plain.field(&LAST_MODIFIED).unwrap();
    let opaque = coded.etag().trim_start_matches("W/");
    for tag in [coded.etag(), opaque, date] {
        let fields = [(ACCEPT_ENCODING, "gzip"), (RANGE, "bytes=5-"), (IF_RANGE, tag)];
        let answer = site.ask("/a.txt", &fields).await;
        assert_eq!((answer.status, answer.content.len()), (200, content.len()), "{tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_young_version_is_not_compressed() {
    let site = with_compression();
    let path = site.write("a.txt", text(100));
    let young = Request { received_at: modified(&path) + seconds(1), ..get("/a.txt") };
    let answer = site.send(with(young, ACCEPT_ENCODING, "gzip")).await;
    assert_eq!((answer.coding(), answer.field(&VARY)), (None, Some("Accept-Encoding")));
    assert_eq!(site.files().compressor().unwrap().compressed(), 0);
}

#[tokio::test(start_paused = true)]
async fn compressed_content_is_bounded() {
    const MEMORY: usize = 160 << 10; // 20 KiB for each of the 8 shards
    let site = Fixture::with(|config| {
        config.compression = Some(Compression { memory_bytes: MEMORY, ..Compression::default() });
    });
    for number in 0..100 {
        site.write(&format!("{number}.txt"), text(500 + number));
    }
    for number in 0..100 {
        let answer = site.accept(&format!("/{number}.txt"), "gzip").await;
        assert_eq!(answer.decoded(), text(500 + number).as_bytes());
    }
    let compressor = site.files().compressor().unwrap();
    assert!(compressor.kept_bytes() <= MEMORY && compressor.kept_bytes() > 0, "{}", compressor.kept_bytes());
    for number in 0..100 {
        assert_eq!(site.accept(&format!("/{number}.txt"), "gzip").await.coding(), Some("gzip"));
    }
    let compressed = compressor.compressed();
    assert!((101..=200).contains(&compressed), "{compressed}: some had made room for others");
    // What can't be kept at all is not compressed again and again.
    let noise: String = (0..40_000_u32).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761))).collect();
    site.write("big.txt", noise);
    for _ in 0..3 {
        assert_eq!(site.accept("/big.txt", "gzip").await.coding(), None);
    }
    assert_eq!(compressor.compressed(), compressed.saturating_add(1));
}

#[tokio::test(start_paused = true)]
async fn no_client_needs_more_than_8_mib_to_read_zstd_9659() {
    let site = Fixture::with(|config| {
        config.compression = Some(Compression { largest_bytes: 32 << 20, ..Compression::default() });
    });
    let content = text(400_000);
    assert!(content.len() > 16 << 20);
    site.write("a.txt", &content);
    let answer = site.accept("/a.txt", "zstd").await;
    assert_eq!(answer.coding(), Some("zstd"));
    let mut decoder = zstd::stream::Decoder::new(answer.content.as_slice()).unwrap();
    decoder.window_log_max(23).unwrap(); // log2 of 8 MiB
    let mut decoded = Vec::new();
    decoder.read_to_end(&mut decoded).unwrap();
    assert!(decoded == content.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_sibling_goes_before_compression() {
    let site = Fixture::with(|config| {
        config.siblings = true;
        config.compression = Some(Compression::default());
    });
    site.write("a.txt", text(100));
    site.write("a.txt.gz", "GZIP");
    assert_eq!(site.accept("/a.txt", BROWSER).await.text(), "GZIP");
    assert_eq!(site.accept("/a.txt", "br, zstd").await.coding(), Some("zstd"));
    assert_eq!(site.accept("/a.txt", "br").await.coding(), Some("br"));
}
