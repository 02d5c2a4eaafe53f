//! One file from several places at once, and the same file after an interruption.

use std::num::NonZeroUsize;
use std::time::Duration;

use download::{Digest, Order, Pieces, Url};
use lab::{Fault, Link, Network, noise};
use message::header;
use tokio::time::timeout;

use crate::support::{Place, answer, fetch, redirect, server};

const MIB: usize = 1024 * 1024;

/// Names and their bandwidths in MiB/s, each with the same content.
fn network(content: &[u8], servers: &[(&str, u64)]) -> Network {
    let network = Network::new(lab::Clock::new());
    for (name, rate) in servers {
        network.serve(name, server(content, "v1"));
        network.set_link(name, Link::of_bandwidth(rate * 1024 * 1024));
    }
    network
}

fn urls(names: &[&str]) -> Vec<Url> {
    names.iter().map(|name| Url::parse(&format!("{name}/x")).unwrap()).collect()
}

fn order(place: &Place, names: &[&str]) -> Order {
    Order { mirrors: urls(&names[1..]), ..place.order(&format!("{}/x", names[0])) }
}

/// One connection to each server.
fn single(order: Order) -> Order {
    Order { per_source: NonZeroUsize::MIN, ..order }
}

#[tokio::test(start_paused = true)]
async fn several_servers_deliver_nearly_the_sum_of_their_rates() {
    for rates in [
        [("a", 2), ("b", 4), ("c", 8)],
        [("a:1", 8), ("a:2", 4), ("a:3", 2)],
        [("a", 3), ("b", 6), ("c", 12)],
    ] {
        let content = noise(100 * MIB);
        let (network, place) = (network(&content, &rates), Place::new());
        let fetched = fetch(&network.client(), order(&place, &rates.map(|(name, _)| name))).await.unwrap();
        assert!(place.read("x") == content);
        let ideal = 100.0 / rates.map(|(_, rate)| rate as f64).iter().sum::<f64>();
        let share = ideal / fetched.elapsed.as_secs_f64();
        assert!(share > 0.95, "{share} of the sum: {fetched:?}");
        assert_eq!(fetched.shares.len(), 3);
        let sent: u64 = rates.iter().map(|(name, _)| network.bytes_sent(name)).sum();
        assert!(sent < 103 * 1024 * 1024, "{sent} bytes were sent");
    }
}

#[tokio::test(start_paused = true)]
async fn the_fastest_dies_and_the_rest_go_on() {
    let rates = [("a", 2), ("b", 4), ("c", 8)];
    for fault in [Fault::Cut(0), Fault::Stall(0)] {
        let content = noise(70 * MIB);
        let (network, place) = (network(&content, &rates), Place::new());
        let client = network.client();
        let mut download = Box::pin(fetch(&client, order(&place, &["a", "b", "c"])));
        assert!(timeout(Duration::from_secs(1), &mut download).await.is_err());
        network.set_fault("c", fault);
        let fetched = download.await.unwrap();
        assert!(place.read("x") == content);
        let ideal = 1.0 + 56.0 / 6.0;
        assert!(fetched.elapsed.as_secs_f64() < ideal * 1.1, "{fault:?}: {:?}", fetched.elapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_more_connections_have_more_is_given_more() {
    let content = noise(64 * MIB);
    let network = network(&content, &[("a", 1000)]);
    network.serve("a", slow_connections(&content));
    let place = Place::new();
    let fetched = fetch(&network.client(), place.order("a/x")).await.unwrap();
    assert!(place.read("x") == content);
    assert!(fetched.elapsed.as_secs() < 40, "one connection takes 64 s: {:?}", fetched.elapsed);
    let one_source = fetched.shares.len();
    assert_eq!(one_source, 1);
}

/// A server that gives each connection 1 MiB/s.
fn slow_connections(content: &[u8]) -> impl message::Service + use<> {
    let content = bytes::Bytes::copy_from_slice(content);
    lab::Answers::new(move |request| {
        let response = crate::support::file(&request, &content, "v1");
        crate::support::slowly(response, MIB)
    })
}

#[tokio::test(start_paused = true)]
async fn a_broken_transfer_goes_on_at_its_byte_under_if_range_9110_13_1_5() {
    let content = noise(3 * MIB);
    let (network, place) = (network(&content, &[("a", 1)]), Place::new());
    network.set_fault("a", Fault::Cut(2 * 1024 * 1024));
    let fetched = fetch(&network.client(), single(place.order("a/x"))).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!((network.bytes_sent("a"), fetched.attempt), (3 * 1024 * 1024, 2));
    let log = network.log("a");
    assert_eq!(log[1].fields.text(&header::RANGE), Some("bytes=2097152-3145727"));
    assert_eq!(log[1].fields.text(&header::IF_RANGE), Some("\"v1\""));
}

#[tokio::test(start_paused = true)]
async fn a_download_that_was_given_up_is_gone_on_with_by_the_next() {
    let content = noise(8 * MIB);
    let (network, place) = (network(&content, &[("a", 1)]), Place::new());
    let client = network.client();
    let cut = timeout(Duration::from_millis(5500), fetch(&client, place.order("a/x"))).await;
    assert!(cut.is_err());
    assert_eq!(place.names(), ["x.part", "x.part.sockets"]);
    let before = network.bytes_sent("a");
    let fetched = fetch(&client, place.order("a/x")).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(place.names(), ["x"]);
    assert!(
        fetched.kept > 5 * 1024 * 1024 && network.bytes_sent("a") - before + fetched.kept == 8 * 1024 * 1024
    );
}

#[tokio::test(start_paused = true)]
async fn another_version_throws_away_what_was_there_and_never_splices() {
    let (old, new) = (noise(8 * MIB), noise(9 * MIB).split_off(MIB));
    let (network, place) = (network(&old, &[("a", 1)]), Place::new());
    let client = network.client();
    assert!(timeout(Duration::from_secs(3), fetch(&client, place.order("a/x"))).await.is_err());
    network.serve("a", server(&new, "v2"));
    fetch(&client, place.order("a/x")).await.unwrap();
    assert!(place.read("x") == new);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_with_another_version_is_left_out() {
    let (content, other) = (noise(8 * MIB), noise(9 * MIB).split_off(MIB));
    let (network, place) = (network(&content, &[("a", 1), ("b", 1)]), Place::new());
    network.serve("b", server(&other, "v2"));
    let fetched = fetch(&network.client(), order(&place, &["a", "b"])).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(fetched.shares.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_digest_lets_mirrors_with_other_validators_in() {
    let content = noise(8 * MIB);
    let (network, place) = (network(&content, &[("a", 1), ("b", 1)]), Place::new());
    network.serve("b", server(&content, "v2"));
    let checksums = vec![sha256(&content)];
    let fetched = fetch(&network.client(), Order { checksums, ..order(&place, &["a", "b"]) }).await.unwrap();
    assert!(place.read("x") == content);
    assert!(fetched.shares.len() == 2 && fetched.elapsed.as_secs_f64() < 5.0, "{fetched:?}");
}

#[tokio::test(start_paused = true)]
async fn the_source_of_wrong_bytes_is_found_and_named() {
    let content = noise(8 * MIB);
    let mut wrong = content.clone();
    wrong.iter_mut().for_each(|byte| *byte = !*byte);
    for bad in ["a", "b", "c"] {
        let (network, place) = (network(&content, &[("a", 1), ("b", 2), ("c", 3)]), Place::new());
        network.serve(bad, server(&wrong, "v1"));
        let checksums = vec![sha256(&content)];
        let order = Order { checksums, ..order(&place, &["a", "b", "c"]) };
        let fetched = fetch(&network.client(), order).await.unwrap();
        assert!(place.read("x") == content, "{bad}");
        assert_eq!(fetched.corrupt, urls(&[bad]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_checksum_that_nobody_matches_is_exit_9_and_no_file() {
    let content = noise(MIB);
    for names in [&["a"][..], &["a", "b"]] {
        let (network, place) = (network(&content, &[("a", 1), ("b", 1)]), Place::new());
        let checksums = vec![sha256(b"something else")];
        let fault = fetch(&network.client(), Order { checksums, ..order(&place, names) }).await.unwrap_err();
        assert_eq!((fault.exit_status(), place.names()), (9, vec![]), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn links_of_a_balancer_bring_further_servers_in_6249() {
    let content = noise(16 * MIB);
    let (network, place) = (network(&content, &[("a", 2), ("b", 2), ("c", 2)]), Place::new());
    network.serve(
        "lb",
        lab::Answers::new(|_| {
            let links = "<http://b/x>; rel=duplicate; pri=1, <http://c/x>; rel=duplicate; pri=2";
            redirect(301, "http://a/x").with(header::LINK, message::HeaderValue::from_static(links))
        }),
    );
    let fetched = fetch(&network.client(), place.order("lb/x")).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(fetched.shares.len(), 3);
    assert_eq!(network.requests("lb"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_balancer_is_asked_again_when_its_server_dies_and_what_is_there_is_kept() {
    let content = noise(8 * MIB);
    let (network, place) = (network(&content, &[("a", 1), ("b", 1)]), Place::new());
    let asked = std::sync::atomic::AtomicU32::new(0);
    network.serve(
        "lb",
        lab::Answers::new(move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => redirect(301, "http://a/x"),
            _ => redirect(301, "http://b/x"),
        }),
    );
    network.set_fault("a", Fault::Cut(5 * 1024 * 1024));
    let fetched = fetch(&network.client(), single(place.order("lb/x"))).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(network.bytes_sent("b"), 3 * 1024 * 1024);
    assert_eq!(fetched.attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn a_first_source_that_is_silent_is_passed_by() {
    let content = noise(4 * MIB);
    let (network, place) = (network(&content, &[("a", 1), ("b", 1)]), Place::new());
    network.set_fault("a", Fault::Silent);
    let fetched = fetch(&network.client(), order(&place, &["a", "b"])).await.unwrap();
    assert!(place.read("x") == content);
    assert!(fetched.elapsed.as_secs_f64() < 5.5, "{:?}", fetched.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_does_not_have_it_is_left_out() {
    let content = noise(4 * MIB);
    let (network, place) = (network(&content, &[("a", 1), ("b", 1)]), Place::new());
    network.serve("a", lab::Answers::new(|_| answer(404, "no")));
    fetch(&network.client(), order(&place, &["a", "b"])).await.unwrap();
    assert!(place.read("x") == content);
}

fn sha256(content: &[u8]) -> Digest {
    use sha2::Digest as _;
    let hex: String = sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::parse(&hex).unwrap()
}

/// The digests of a content's pieces.
fn pieces_of(content: &[u8], length: usize) -> Pieces {
    let digests = content.chunks(length).map(sha256).collect();
    Pieces { length: u64::try_from(length).unwrap(), digests }
}

#[tokio::test(start_paused = true)]
async fn digests_of_pieces_find_what_is_wrong_while_it_arrives_5854() {
    let content = noise(16 * MIB);
    let mut wrong = content.clone();
    wrong.iter_mut().step_by(MIB / 2).for_each(|byte| *byte = !*byte);
    let (network, place) = (network(&content, &[("a", 1), ("b", 1), ("c", 1)]), Place::new());
    network.serve("b", server(&wrong, "v1"));
    let order = Order { pieces: Some(pieces_of(&content, MIB)), ..order(&place, &["a", "b", "c"]) };
    let fetched = fetch(&network.client(), order).await.unwrap();
    assert!(place.read("x") == content);
    assert_eq!(fetched.corrupt, urls(&["b"]));
    assert!(fetched.elapsed.as_secs_f64() < 11.0, "b is left out early: {:?}", fetched.elapsed);
}

#[tokio::test(start_paused = true)]
async fn wrong_pieces_that_nobody_else_has_are_exit_9_and_no_file() {
    let content = noise(4 * MIB);
    let (network, place) = (network(&content, &[("a", 1)]), Place::new());
    let mut other = content.clone();
    other[3 * MIB] ^= 1;
    let order = Order { pieces: Some(pieces_of(&other, MIB)), ..place.order("a/x") };
    let fault = fetch(&network.client(), order).await.unwrap_err();
    assert_eq!(fault.exit_status(), 9, "{fault}");
    assert!(!place.names().contains(&"x".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_another_run_left_is_held_against_the_digests_of_its_pieces() {
    let content = noise(6 * MIB);
    let (network, place) = (network(&content, &[("a", 1)]), Place::new());
    let client = network.client();
    assert!(timeout(Duration::from_millis(3500), fetch(&client, place.order("a/x"))).await.is_err());
    let part = std::fs::File::options().write(true).open(place.path("x.part")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&part, b"rotten", 100).unwrap();
    drop(part);
    let order = Order { pieces: Some(pieces_of(&content, MIB)), ..place.order("a/x") };
    fetch(&client, order).await.unwrap();
    assert!(place.read("x") == content);
}
