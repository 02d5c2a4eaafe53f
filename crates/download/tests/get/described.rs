//! What is learned of a file beside its content: metalinks (RFC 6249 §2), digests that come late, tags that are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use download::{Existing, Order, Url, get};
use lab::{Answers, Clock, Network, noise};
use message::field::digest::REPR_DIGEST;
use message::{Body, HeaderValue, Request, Response, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::support::{Place, Watch, answer, fetch, file, slowly};

const PIECE: usize = 1 << 20;
const RATE: usize = 2_000_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A metalink of `content`, which `b` has too.
fn metalink(content: &[u8]) -> String {
    let pieces: String = content.chunks(PIECE).map(|piece| format!("<hash>{}</hash>", sum(piece))).collect();
    format!(
        "<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\"><file name=\"x\"><size>{}</size><hash type=\"sha-256\">{}</hash>\
         <pieces type=\"sha-256\" length=\"{PIECE}\">{pieces}</pieces><url>http://b/x</url></file></metalink>",
        content.len(),
        sum(content)
    )
}

/// `a` has `content`, and says where its metalink is; `b` has `other` under another tag.
fn network(content: &[u8], metalink: String, other: &[u8]) -> Network {
    let network = Network::new(Clock::new());
    let (ours, theirs) = (Bytes::copy_from_slice(content), Bytes::copy_from_slice(other));
    let link = HeaderValue::from_static("<x.meta4>; rel=describedby; type=\"application/metalink4+xml\"");
    let first = move |request: Request| match request.target.to_string().as_str() {
        "/x.meta4" => Response { body: Body::from(metalink.clone()), ..Response::new(StatusCode::OK) },
        _ => slowly(file(&request, &ours, "a's"), RATE).with(header::LINK, link.clone()),
    };
    network.serve("a", Answers::new(first));
    network.serve("b", Answers::new(move |request| slowly(file(&request, &theirs, "b's"), RATE)));
    network
}

#[tokio::test(start_paused = true)]
async fn a_metalink_is_found_and_its_places_bring_their_share() {
    let (content, place) = (noise(30 * PIECE), Place::new());
    let network = network(&content, metalink(&content), &content);
    let watch = Watch::new(|| ());
    let fetched = get(&network.client(), place.order("a/x"), Clock::new().now(), &watch).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(fetched.shares.len(), 2, "{:?}", fetched.shares);
    assert!(watch.events().contains(&"found http://b/x".to_owned()));
    assert!(watch.events().contains(&"verifying".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_place_of_a_metalink_that_lies_is_found_by_its_pieces_and_named() {
    let (content, place) = (noise(30 * PIECE), Place::new());
    let mut wrong = content.clone();
    wrong.iter_mut().step_by(1000).for_each(|byte| *byte ^= 1);
    let network = network(&content, metalink(&content), &wrong);
    let fetched = fetch(&network.client(), place.order("a/x")).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(fetched.corrupt.iter().map(ToString::to_string).collect::<Vec<_>>(), ["http://b/x"]);
    assert!(network.bytes_sent("b") < 16 * 1_048_576, "it is not asked again");
}

#[tokio::test(start_paused = true)]
async fn a_metalink_of_something_else_or_none_at_all_changes_nothing() {
    let content = noise(12 * PIECE);
    for metalink in [metalink(&content[1..]), "hello".to_owned(), metalink(&content).replace("<hash", "<h")] {
        let place = Place::new();
        let network = network(&content, metalink, &noise(100));
        fetch(&network.client(), place.order("a/x")).await.unwrap();
        assert!(place.read("x") == content);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_tag_is_another_is_newer_whatever_the_dates_say() {
    let (place, changed) = (Place::new(), Arc::new(AtomicBool::new(false)));
    let now = Arc::clone(&changed);
    let upstream = Answers::new(move |_| {
        let (text, tag) = if now.load(Ordering::SeqCst) { ("second", "\"2\"") } else { ("firsts", "\"1\"") };
        let date = HeaderValue::from_static("Thu, 01 Jan 2015 00:00:00 GMT");
        answer(200, text).with(header::ETAG, HeaderValue::from_static(tag)).with(header::LAST_MODIFIED, date)
    });
    let order = || Order { existing: Existing::Newer, ..place.order("a/x") };
    fetch(&upstream, order()).await.unwrap();
    assert_eq!(fetch(&upstream, order()).await.unwrap().attempt, 0, "it is there already");
    changed.store(true, Ordering::SeqCst);
    fetch(&upstream, order()).await.unwrap();
    assert_eq!(place.read("x"), b"second");
}

#[tokio::test(start_paused = true)]
async fn a_source_is_taken_back_once_digests_say_that_it_has_the_same() {
    let content = noise(30 * PIECE);
    for (same, shares) in [(true, 2), (false, 1)] {
        let (network, place) = (Network::new(Clock::new()), Place::new());
        let mut other = content.clone();
        if !same {
            other[5] ^= 1;
        }
        for (host, tag, content) in [("a", "a's", content.clone()), ("b", "b's", other)] {
            // It is being made when it is asked for the first times.
            let (content, asked) = (Bytes::from(content), AtomicUsize::new(0));
            let digest = STANDARD.encode(Sha256::digest(&content));
            let digest = HeaderValue::from_str(&format!("sha-256=:{digest}:")).unwrap();
            network.serve(
                host,
                Answers::new(move |request| {
                    let answer = slowly(file(&request, &content, tag), RATE);
                    let is_made = asked.fetch_add(1, Ordering::SeqCst) > 1;
                    if is_made { answer.with(REPR_DIGEST, digest.clone()) } else { answer }
                }),
            );
        }
        let mirrors = vec![Url::parse("b/x").unwrap()];
        let fetched = fetch(&network.client(), Order { mirrors, ..place.order("a/x") }).await.unwrap();
        assert!(place.read("x") == content);
        assert_eq!(fetched.shares.len(), shares, "{:?}", fetched.shares);
        assert!(!same || network.bytes_sent("b") > 2 * 1_048_576, "{}", network.bytes_sent("b"));
    }
}
