//! Who has which file, and what clients are told of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use balancer::{Check, Config, Replica};
use lab::{Answers, Fault, Link, Network, body_bytes};
use message::field::digest::{DigestAlgorithm, repr_digest_value};
use message::{HeaderName, HeaderValue, Method, Request, Response, Service, StatusCode, Target, header};
use tokio::time::Instant;

use crate::support::{A, B, C, INTERVAL, Tested, ask, clock, ok, running_of, tested};

const TTL: Duration = Duration::from_secs(60);

/// A server of some paths, each with so many bytes and a digest; and of what is probed.
fn has(paths: &'static [(&'static str, usize)]) -> Answers {
    Answers::new(move |request| {
        let path = request.target.path_and_query().unwrap().path().to_owned();
        let length = if path == "/" { Some(100_000) } else { find(paths, &path) };
        let Some(length) = length else { return Response::new(StatusCode::NOT_FOUND) };
        let digest = repr_digest_value(DigestAlgorithm::Sha256, &[u8::try_from(length % 256).unwrap(); 32]);
        ok(length).with(HeaderName::from_static("repr-digest"), digest)
    })
}

fn find(paths: &[(&str, usize)], path: &str) -> Option<usize> {
    paths.iter().find(|(other, _)| *other == path).map(|(_, length)| *length)
}

/// Three alike in speed, with these paths.
fn network(paths: [&'static [(&'static str, usize)]; 3]) -> Network {
    let network = Network::new(clock());
    for (authority, paths) in [A, B, C].into_iter().zip(paths) {
        network.serve(authority, has(paths));
        network.set_link(authority, Link::of_bandwidth(1_000_000));
    }
    network
}

fn config() -> Config {
    let lines = [format!("{A} country=de"), format!("{B} country=us"), C.to_owned()];
    let replicas = lines.iter().map(|line| Replica::parse(line).unwrap()).collect();
    Config::new(replicas).unwrap().with_interval(INTERVAL).unwrap()
}

async fn places(balancer: &Tested, path: &str, clients: u32) -> BTreeMap<String, u32> {
    let mut places = BTreeMap::new();
    for _ in 0..clients {
        let response = ask(balancer, path).await;
        let location = response.fields.text(&header::LOCATION).unwrap();
        let place = Target::parse_url(location).unwrap().authority().unwrap().to_string();
        *places.entry(place).or_default() += 1;
    }
    places
}

fn heads(network: &Network, authority: &str) -> usize {
    network.log(authority).iter().filter(|seen| seen.method == Method::HEAD).count()
}

#[tokio::test(start_paused = true)]
async fn the_first_client_waits_for_an_answer_and_nobody_is_sent_where_the_file_is_not() {
    let network = network([&[], &[("/x", 5)], &[("/x", 5)]]);
    let balancer = tested(&network, config()).await;
    // However the turns go, not even the first client is sent to the one without it.
    let counts = places(&balancer, "/x", 1).await;
    assert!(!counts.contains_key(A), "{counts:?}");
    // What is not known yet is asked in the background.
    for _ in 0..3 {
        places(&balancer, "/x", 1).await;
        network.clock().advance(Duration::from_millis(1)).await;
    }
    let counts = places(&balancer, "/x?query", 100).await;
    assert!(!counts.contains_key(A), "{counts:?}");
    assert!(counts[B].abs_diff(50) <= 2, "{counts:?}");
    for authority in [A, B, C] {
        assert_eq!(heads(&network, authority), 1, "asked once: {authority}");
    }
    let head = network.log(B).into_iter().find(|seen| seen.method == Method::HEAD).unwrap();
    assert_eq!(head.fields.get(&HeaderName::from_static("want-repr-digest")).unwrap(), "sha-256=1");
}

#[tokio::test(start_paused = true)]
async fn what_was_missing_is_found_when_it_has_come() {
    let network = network([&[], &[("/x", 5)], &[("/x", 5)]]);
    let balancer = running_of(&network, config()).await;
    for _ in 0..9 {
        places(&balancer, "/x", 1).await;
        network.clock().advance(Duration::from_millis(1)).await;
    }
    assert!(!places(&balancer, "/x", 30).await.contains_key(A));
    network.serve(A, has(&[("/x", 5)]));
    network.clock().advance(TTL).await;
    assert!(places(&balancer, "/x", 30).await[A] >= 9, "what was said is forgotten");
    network.clock().advance(Duration::from_millis(1)).await;
    assert_eq!(heads(&network, A), 2, "and asked again");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_nobody_has_is_looked_for_where_somebody_can_say_so() {
    let network = network([&[], &[], &[]]);
    let balancer = tested(&network, config()).await;
    for _ in 0..10 {
        assert_eq!(ask(&balancer, "/x").await.status, StatusCode::MOVED_PERMANENTLY);
        network.clock().advance(Duration::from_millis(1)).await;
    }
    assert!([A, B, C].iter().all(|authority| heads(&network, authority) <= 1));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_is_taken_to_have_it_and_nobody_waits_long() {
    let network = network([&[("/x", 5)], &[], &[]]);
    network.serve(
        A,
        Answers::new(|request| {
            let status =
                if request.method == Method::HEAD { StatusCode::NOT_IMPLEMENTED } else { StatusCode::OK };
            Response { status, ..ok(100_000) }
        }),
    );
    let balancer = tested(&network, config()).await;
    for _ in 0..9 {
        places(&balancer, "/x", 1).await;
        network.clock().advance(Duration::from_millis(1)).await;
    }
    assert_eq!(places(&balancer, "/x", 10).await, BTreeMap::from([(A.to_owned(), 10)]));
    network.set_link(A, Link { latency: Duration::from_secs(100), ..Link::default() });
    let begin = network.clock().now();
    places(&balancer, "/y", 1).await;
    let took = network.clock().now().duration_since(begin).unwrap();
    assert!(took <= Duration::from_millis(1001), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_that_is_not_wanted() {
    let network = network([&[], &[], &[]]);
    let balancer = tested(&network, config().with_check(None).unwrap()).await;
    assert_eq!(places(&balancer, "/x", 30).await[A], 10);
    assert_eq!([A, B, C].map(|authority| heads(&network, authority)), [0; 3]);
}

#[tokio::test(start_paused = true)]
async fn another_file_than_the_reference_servers_takes_a_server_out_for_it_and_is_an_alarm() {
    let network = network([&[("/x", 5), ("/y", 5)], &[("/x", 6), ("/y", 5)], &[("/x", 5), ("/y", 5)]]);
    network.serve("reference.test:80", has(&[("/x", 6), ("/y", 5)]));
    let reference = Replica::parse("reference.test").unwrap();
    let balancer = tested(&network, config().with_reference(Some(reference))).await;
    for _ in 0..9 {
        places(&balancer, "/x", 1).await;
        places(&balancer, "/y", 1).await;
        network.clock().advance(Duration::from_millis(1)).await;
    }
    assert_eq!(places(&balancer, "/x", 10).await, BTreeMap::from([(B.to_owned(), 10)]));
    assert_eq!(places(&balancer, "/y", 30).await.len(), 3, "only for that path");
    let (alarms, count) = balancer.alarms();
    assert_eq!((alarms.len(), count), (2, 2));
    let text = alarms[0].to_string();
    assert!(text.contains("has 5 bytes at /x where the reference server has 6"), "{text}");
    assert_eq!(heads(&network, "reference.test"), 2, "once per path");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_names_the_others_that_have_the_file_best_first_and_its_digest() {
    let network = network([&[("/d/x", 5)], &[("/d/x", 5)], &[]]);
    network.set_link(B, Link::of_bandwidth(500_000));
    let balancer = tested(&network, config()).await;
    for _ in 0..20 {
        ask(&balancer, "/d/x").await;
        network.clock().advance(Duration::from_millis(1)).await;
    }
    for _ in 0..5 {
        let response = ask(&balancer, "/d/x?y").await;
        let location = response.fields.text(&header::LOCATION).unwrap();
        let (other, country) = if location.contains("a.test") { (B, "us") } else { (A, "de") };
        let expected = format!(
            "<http://{other}/d/x?y>; rel=duplicate; pri=1; geo={country}, \
             </d/x.meta4>; rel=describedby; type=\"application/metalink4+xml\""
        );
        assert_eq!(response.fields.text(&header::LINK).unwrap(), expected);
        let digest = response.fields.get(&HeaderName::from_static("repr-digest")).unwrap();
        assert_eq!(*digest, repr_digest_value(DigestAlgorithm::Sha256, &[5; 32]));
    }
    let plain = config().with_links(0).unwrap().with_lists(false);
    let balancer = tested(&network, plain).await;
    let response = ask(&balancer, "/d/x").await;
    assert!(!response.fields.contains(&header::LINK));
}

async fn text(response: Response) -> String {
    String::from_utf8(body_bytes(response.body).await.unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_metalink_document_names_those_that_have_the_file() {
    let network = network([&[("/d/x.iso", 5)], &[("/d/x.iso", 5)], &[]]);
    network.set_link(A, Link::of_bandwidth(500_000));
    let balancer = tested(&network, config()).await;
    let response = ask(&balancer, "/d/x.iso.meta4").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.fields.get(&header::CONTENT_TYPE).unwrap(), "application/metalink4+xml");
    assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
    let xml = text(response).await;
    for part in [
        "<file name=\"x.iso\">",
        "<size>5</size>",
        &format!("<hash type=\"sha-256\">{}</hash>", "05".repeat(32)),
        "<url priority=\"1\" location=\"us\">http://b.test:8100/d/x.iso</url>",
        "<url priority=\"2\" location=\"de\">http://a.test:8000/d/x.iso</url>",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    assert!(!xml.contains("c.test"), "{xml}");
    assert_eq!(ask(&balancer, "/nothing.meta4").await.status, StatusCode::NOT_FOUND);
    let off = tested(&network, config().with_lists(false)).await;
    assert_eq!(ask(&off, "/d/x.iso.meta4").await.status, StatusCode::MOVED_PERMANENTLY);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_mirrors_is_for_people_and_for_programs() {
    let network = network([&[("/x", 5)], &[("/x", 5)], &[]]);
    let balancer = tested(&network, config()).await;
    let response = ask(&balancer, "/x?mirrorlist").await;
    assert_eq!(response.fields.get(&header::CONTENT_TYPE).unwrap(), "text/html; charset=utf-8");
    assert_eq!(response.fields.get(&header::VARY).unwrap(), "accept");
    let html = text(response).await;
    assert!(html.contains("href=\"http://a.test:8000/x\"") && html.contains("(DE)"), "{html}");
    let mut request = Request::get(Target::parse("/x?mirrorlist").unwrap(), network.clock().now());
    request.fields.set(header::ACCEPT, HeaderValue::from_static("application/json"));
    let json = text(balancer.call(request).await.unwrap()).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["path"], &json["size"]), (&"/x".into(), &5.into()));
    let urls: Vec<_> =
        json["mirrors"].as_array().unwrap().iter().map(|mirror| mirror["url"].clone()).collect();
    assert_eq!(urls, ["http://a.test:8000/x", "http://b.test:8100/x"]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_paths_asks_few_at_a_time_and_holds_nobody_up() {
    let network = network([&[], &[], &[]]);
    let balancer = tested(&network, config().with_check(Some(Check { paths: 8, ttl: TTL })).unwrap()).await;
    let slow = Link { latency: Duration::from_millis(900), ..Link::default() };
    for authority in [A, B, C] {
        network.set_link(authority, slow.clone());
    }
    let held_up = Arc::new(AtomicBool::new(false));
    let begin = network.clock().now();
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (balancer, clock, held_up) = (balancer.clone(), network.clock(), Arc::clone(&held_up));
        clients.spawn(async move {
            ask(&balancer, &format!("/{number}")).await;
            let took = clock.now().duration_since(begin).unwrap();
            if took > Duration::from_secs(3) {
                held_up.store(true, Ordering::Relaxed);
            }
        });
    }
    clients.join_all().await;
    assert!(!held_up.load(Ordering::Relaxed));
    let asked: usize = [A, B, C].map(|authority| heads(&network, authority)).iter().sum();
    assert!(asked <= 3 * 64, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn where_all_are_out_nobody_waits_for_a_test_to_be_told_so() {
    let network = network([&[], &[], &[]]);
    let balancer = running_of(&network, config()).await;
    for authority in [A, B, C] {
        network.set_fault(authority, Fault::Silent);
    }
    // By now tests hang at all of them, and HEADs would.
    network.clock().advance(3 * INTERVAL).await;
    for path in ["/x", "/x.meta4", "/x?mirrorlist"] {
        let begun = Instant::now();
        let response = ask(&balancer, path).await;
        assert_eq!(
            (response.status, begun.elapsed()),
            (StatusCode::SERVICE_UNAVAILABLE, Duration::ZERO),
            "{path}"
        );
        assert_eq!(response.fields.get(&header::RETRY_AFTER).unwrap(), "5");
        assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
    }
}
