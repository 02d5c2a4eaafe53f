//! Answers that are carried through: who is asked, who in his place, and what goes on where one breaks off.

use std::net::SocketAddr;
use std::time::Duration;

use balancer::{Config, Forwarding, Mode, Policy, Reason, Room, State};
use bytes::Bytes;
use lab::{Answers, Fault, Link, Network, body_bytes, noise};
use message::field::digest::{DigestAlgorithm, REPR_DIGEST, repr_digest_value};
use message::field::range::{ContentRange, Ranges};
use message::{
    Body, Failure, FailureKind, HeaderName, HeaderValue, Method, Request, Response, Service, StatusCode,
    Target, header,
};
use tokio::time::Instant;

use crate::support::{A, B, C, Tested, clock, config, ok, running_of, sent, state, tested};

const PEER: &str = "192.0.2.7:50000";
const LENGTH: usize = 100_000;

/// How a server tells its file from others.
#[derive(Clone, Copy)]
enum Told {
    Tag(&'static str),
    /// A tag of its own, and a digest.
    Digest(&'static str, u8),
    Nothing,
}

/// A server that has `/file`, which it sends whole or a range of, and what is probed.
fn has(told: Told, content: Vec<u8>) -> Answers {
    let content = Bytes::from(content);
    Answers::new(move |request| {
        match request.target.path_and_query().unwrap().path() {
            "/" => return ok(1000),
            "/file" => {}
            _ => return Response::new(StatusCode::NOT_FOUND),
        }
        let mut response = Response::new(StatusCode::OK);
        let set = |response: &mut Response, name, value| response.fields.set(name, value);
        if let Told::Tag(tag) | Told::Digest(tag, _) = told {
            set(&mut response, header::ETAG, HeaderValue::from_static(tag));
        }
        if let Told::Digest(_, byte) = told {
            set(&mut response, REPR_DIGEST, repr_digest_value(DigestAlgorithm::Sha256, &[byte; 32]));
        }
        let range = Ranges::parse(&request.fields).and_then(|ranges| ranges.resolve(LENGTH as u64).pop());
        response.body = Body::from(content.clone());
        if let Some(range) = range {
            let [first, last] = [range.first(), range.last()].map(|place| usize::try_from(place).unwrap());
            let part = ContentRange::Bytes { range, complete: Some(LENGTH as u64) };
            set(&mut response, header::CONTENT_RANGE, part.to_value());
            response.body = Body::from(content.slice(first..=last));
            response.status = StatusCode::PARTIAL_CONTENT;
        }
        response
    })
}

/// Servers alike in speed.
fn network(all: &[(&str, Told)]) -> Network {
    let network = Network::new(clock());
    for (authority, told) in all {
        network.serve(authority, has(*told, noise(LENGTH)));
    }
    network
}

fn proxy(servers: &[&str], forwarding: Forwarding) -> Config {
    config(servers).with_mode(Mode::Proxy(forwarding)).unwrap().with_check(Some(Default::default())).unwrap()
}

fn request(method: Method, path: &str) -> Request {
    let target = Target::parse(path).unwrap();
    let peer = Some(PEER.parse::<SocketAddr>().unwrap());
    Request { method, peer, ..Request::get(target, clock().now()) }
}

async fn get(balancer: &Tested, path: &str) -> Result<Response, Failure> {
    balancer.call(request(Method::GET, path)).await
}

/// The status and the content of what a GET brings.
async fn got(balancer: &Tested, path: &str) -> (u16, Result<Bytes, FailureKind>) {
    let response = get(balancer, path).await.unwrap();
    let status = response.status.as_u16();
    (status, body_bytes(response.body).await.map_err(|failure| failure.kind()))
}

fn whole() -> (u16, Result<Bytes, FailureKind>) {
    (200, Ok(Bytes::from(noise(LENGTH))))
}

fn asked(network: &Network, path: &str) -> [usize; 3] {
    [A, B, C].map(|authority| {
        let log = network.log(authority);
        log.iter().filter(|seen| seen.target.path_and_query().unwrap().path() == path).count()
    })
}

const TAG: Told = Told::Tag("\"1\"");

#[tokio::test(start_paused = true)]
async fn a_request_goes_on_and_its_answer_back_as_a_proxy_has_to_9110_7_6() {
    let network = Network::new(clock());
    network.serve(
        A,
        Answers::new(|request| {
            let mut response = ok(5);
            response.fields.set(header::CONNECTION, HeaderValue::from_static("x-hop"));
            response.fields.set(HeaderName::from_static("x-hop"), HeaderValue::from_static("1"));
            if request.target.path_and_query().unwrap().path() == "/dir" {
                response.status = StatusCode::MOVED_PERMANENTLY;
                let host = request.authority().unwrap();
                let location = HeaderValue::try_from(format!("http://{host}/dir/")).unwrap();
                response.fields.set(header::LOCATION, location);
            }
            response
        }),
    );
    let balancer = tested(&network, proxy(&[A], Forwarding::default())).await;
    let mut sent = request(Method::POST, "/dir?q");
    for (name, value) in [("connection", "x-own"), ("x-own", "1"), ("x-forwarded-for", "203.0.113.9")] {
        sent.fields.set(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    sent.body = Body::from("content");
    let response = balancer.call(sent).await.unwrap();
    assert_eq!(response.status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(response.fields.text(&header::LOCATION), Some("/dir/"), "through here again");
    assert!(!response.fields.contains(&HeaderName::from_static("x-hop")));
    assert!(response.fields.text(&header::VIA).unwrap().starts_with("1.1 sockets-"));
    let seen = network.log(A).pop().unwrap();
    assert_eq!((seen.method, seen.target.to_string()), (Method::POST, "/dir?q".to_owned()));
    assert_eq!(seen.fields.text(&header::HOST), Some(A));
    let told = |name| seen.fields.text(&HeaderName::from_static(name));
    assert_eq!(told("x-forwarded-for"), Some("192.0.2.7"), "a stranger's word is not passed on");
    assert_eq!((told("x-own"), told("forwarded")), (None, Some("for=192.0.2.7;proto=http")));
}

#[tokio::test(start_paused = true)]
async fn what_has_been_here_is_not_sent_round_again_9110_7_6_3() {
    let network = network(&[(A, TAG)]);
    let balancer = tested(&network, proxy(&[A], Forwarding::default())).await;
    let via = get(&balancer, "/file").await.unwrap().fields.get(&header::VIA).unwrap().clone();
    let mut again = request(Method::GET, "/file");
    again.fields.set(header::VIA, via);
    assert_eq!(balancer.call(again).await.unwrap_err().kind(), FailureKind::ProxyLoopDetected);
    let connect = balancer.call(request(Method::CONNECT, "/")).await.unwrap();
    assert_eq!(connect.status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test(start_paused = true)]
async fn another_server_answers_for_one_that_fails_and_nobody_notices() {
    for fault in [
        Fault::Refuse,
        Fault::Fail(FailureKind::ConnectionTerminated),
        Fault::Fail(FailureKind::HttpResponseTimeout),
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::Status(StatusCode::BAD_GATEWAY),
    ] {
        let network = network(&[(A, TAG), (B, TAG)]);
        let balancer = tested(&network, proxy(&[A, B], Forwarding::default())).await;
        network.set_fault(A, fault);
        for _ in 0..20 {
            assert_eq!(got(&balancer, "/file").await, whole(), "{fault:?}");
        }
        let State::Down(Reason::Clients { failures: 3 }) = state(&balancer, A) else {
            panic!("{:?} after {fault:?}", state(&balancer, A))
        };
        assert!(network.requests(A) <= 3 + 3, "three tests and three clients");
    }
}

#[tokio::test(start_paused = true)]
async fn who_fails_a_client_is_tested_at_once_and_not_only_when_its_turn_comes() {
    let network = network(&[(A, TAG), (B, TAG)]);
    let forwarding = Forwarding { failures: 100, ..Forwarding::default() };
    let balancer = running_of(&network, proxy(&[A, B], forwarding)).await;
    network.clock().advance(Duration::from_secs(6)).await;
    let before = asked(&network, "/");
    network.set_fault(A, Fault::Refuse);
    for _ in 0..2 {
        assert_eq!(got(&balancer, "/file").await, whole());
    }
    network.clock().advance(Duration::from_millis(1)).await;
    let out = state(&balancer, A);
    assert!(matches!(out, State::Down(Reason::Failed(_))), "{out:?}");
    assert_eq!(asked(&network, "/")[1], before[1], "who answers is not tested for it");
    network.set_fault(A, Fault::None);
    network.clock().advance(Duration::from_secs(3)).await;
    assert_eq!(state(&balancer, A), State::Returning { quarters: 1 });
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_not_done_twice_9110_9_2_2() {
    let network = network(&[(A, TAG), (B, TAG)]);
    let balancer =
        tested(&network, proxy(&[A, B], Forwarding { failures: 100, ..Forwarding::default() })).await;
    let post =
        |content: &'static str| Request { body: Body::from(content), ..request(Method::POST, "/file") };
    network.set_fault(A, Fault::Fail(FailureKind::ConnectionTerminated));
    network.set_fault(B, Fault::Fail(FailureKind::ConnectionTerminated));
    let failure = balancer.call(post("")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::ConnectionTerminated);
    let failed: u64 = balancer.report().iter().map(|row| row.failed).sum();
    assert_eq!(failed, 1, "one server was asked");
    // What certainly has not arrived may be sent to another, if it is all there still.
    network.set_fault(A, Fault::Refuse);
    network.set_fault(B, Fault::None);
    for _ in 0..4 {
        assert_eq!(balancer.call(post("")).await.unwrap().status, StatusCode::OK);
    }
    let mut refused = 0;
    for _ in 0..4 {
        refused += usize::from(balancer.call(post("content")).await.is_err());
    }
    assert_eq!(refused, 2, "content is sent once");
}

#[tokio::test(start_paused = true)]
async fn where_all_fail_the_failure_is_told_and_where_nobody_is_left_no_test_is_waited_for() {
    let network = network(&[(A, TAG), (B, TAG)]);
    let balancer =
        tested(&network, proxy(&[A, B], Forwarding { failures: 1, ..Forwarding::default() })).await;
    network.stop(A);
    network.stop(B);
    assert_eq!(get(&balancer, "/file").await.unwrap_err().kind(), FailureKind::ConnectionRefused);
    let begun = Instant::now();
    let response = get(&balancer, "/file").await.unwrap();
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.fields.text(&header::RETRY_AFTER), Some("5"));
    assert_eq!(response.fields.text(&header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(balancer.status().unserved, 1);
}

#[tokio::test(start_paused = true)]
async fn what_one_lacks_another_has_and_it_is_remembered() {
    let network = network(&[(A, TAG), (B, TAG), (C, TAG)]);
    for authority in [A, B] {
        network.serve(
            authority,
            Answers::new(|request| match request.target.path_and_query().unwrap().path() {
                "/" => ok(1000),
                _ => Response::new(StatusCode::NOT_FOUND),
            }),
        );
    }
    let balancer = tested(&network, proxy(&[A, B, C], Forwarding::default())).await;
    for _ in 0..30 {
        assert_eq!(got(&balancer, "/file").await, whole());
    }
    let [a, b, c] = asked(&network, "/file");
    assert!(a <= 1 && b <= 1 && c == 30, "{a} {b} {c}");
    // What nobody has is asked of all of them once, and then of one that says so.
    for _ in 0..10 {
        assert_eq!(got(&balancer, "/nothing").await.0, 404);
    }
    assert_eq!(asked(&network, "/nothing").iter().sum::<usize>(), 3 + 9);
    // Nobody is asked by a HEAD.
    assert!([A, B, C].iter().all(|a| network.log(a).iter().all(|seen| seen.method == Method::GET)));
}

#[tokio::test(start_paused = true)]
async fn that_one_lacks_it_says_nothing_where_another_can_not_say() {
    let network = network(&[(A, TAG), (B, TAG)]);
    let balancer = tested(&network, proxy(&[A, B], Forwarding::default())).await;
    network.set_fault(B, Fault::Refuse);
    for _ in 0..2 {
        let outcome = get(&balancer, "/nothing").await;
        assert_eq!(outcome.unwrap_err().kind(), FailureKind::ConnectionRefused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_that_breaks_in_the_middle_goes_on_from_another_server() {
    for (mine, theirs) in [(TAG, TAG), (Told::Digest("\"of a\"", 7), Told::Digest("\"of b\"", 7))] {
        let network = network(&[(A, mine), (B, theirs)]);
        let balancer = tested(&network, proxy(&[A, B], Forwarding::default())).await;
        network.set_fault(A, Fault::Cut(30_000));
        for _ in 0..2 {
            assert_eq!(got(&balancer, "/file").await, whole());
        }
        let rests = network.log(B).into_iter().filter_map(|seen| seen.fields.get(&header::RANGE).cloned());
        assert!(rests.into_iter().any(|range| range == "bytes=30000-99999"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_that_breaks_goes_on_where_it_was() {
    let network = network(&[(A, TAG), (B, TAG)]);
    let balancer = tested(&network, proxy(&[A, B], Forwarding::default())).await;
    network.set_fault(A, Fault::Cut(1_500));
    for _ in 0..2 {
        let mut part = request(Method::GET, "/file");
        part.fields.set(header::RANGE, HeaderValue::from_static("bytes=1000-60999"));
        part.fields.set(header::IF_NONE_MATCH, HeaderValue::from_static("\"old\""));
        let response = balancer.call(part).await.unwrap();
        assert_eq!(response.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(body_bytes(response.body).await.unwrap(), noise(LENGTH)[1_000..61_000]);
    }
    let rest = network
        .log(B)
        .into_iter()
        .find(|seen| seen.fields.get(&header::RANGE).is_some_and(|range| range == "bytes=2500-60999"));
    assert!(!rest.unwrap().fields.contains(&header::IF_NONE_MATCH));
}

#[tokio::test(start_paused = true)]
async fn bytes_of_two_versions_are_never_put_together() {
    let broken = || (200, Err(FailureKind::HttpResponseIncomplete));
    for (mine, theirs, expected) in [
        // It is had from the same server again.
        (TAG, Told::Tag("\"2\""), whole()),
        (TAG, Told::Nothing, whole()),
        (Told::Digest("\"1\"", 7), Told::Digest("\"1\"", 8), whole()),
        // Not even of that one it is known that it has the same still.
        (Told::Nothing, Told::Nothing, broken()),
        (Told::Tag("W/\"1\""), Told::Tag("W/\"1\""), broken()),
    ] {
        let network = network(&[(A, mine), (B, theirs)]);
        let mut other = noise(LENGTH);
        other.reverse();
        network.serve(B, has(theirs, other.clone()));
        let balancer = tested(&network, proxy(&[A, B], Forwarding::default())).await;
        network.set_fault(A, Fault::Cut(30_000));
        let mut outcomes = vec![got(&balancer, "/file").await, got(&balancer, "/file").await];
        outcomes.retain(|outcome| *outcome != (200, Ok(Bytes::from(other.clone()))));
        assert_eq!(outcomes, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_only_server_that_broke_off_is_asked_for_the_rest_and_not_for_ever() {
    let network = network(&[(A, TAG)]);
    let balancer = tested(&network, proxy(&[A], Forwarding { failures: 100, ..Forwarding::default() })).await;
    network.set_fault(A, Fault::Cut(20_000));
    assert_eq!(got(&balancer, "/file").await, whole());
    assert_eq!(asked(&network, "/file")[0], 5, "20,000 bytes each");
    network.set_fault(A, Fault::Cut(2_000));
    let (status, content) = got(&balancer, "/file").await;
    assert_eq!((status, content), (200, Err(FailureKind::HttpResponseIncomplete)));
    assert_eq!(asked(&network, "/file")[0], 5 + 17);
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_byte_is_hedged_if_that_is_wanted() {
    let hedge = Some(Duration::from_millis(50));
    let network = network(&[(A, TAG), (B, TAG)]);
    let balancer = tested(&network, proxy(&[A, B], Forwarding { hedge, ..Forwarding::default() })).await;
    network.set_link(A, Link { latency: Duration::from_secs(10), ..Link::default() });
    let begun = Instant::now();
    for _ in 0..2 {
        assert_eq!(got(&balancer, "/file").await, whole());
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(50) && took < Duration::from_millis(60), "{took:?}");
    assert!(balancer.report().iter().all(|row| row.in_flight == 0), "who was slower is left");
    // Only what may be done twice is.
    for _ in 0..2 {
        balancer.call(request(Method::POST, "/file")).await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_server_has_so_many_exchanges_and_so_many_wait_for_it_and_not_for_ever() {
    let room = Room { exchanges: 1, queue: 1 };
    let patience = Duration::from_secs(2);
    let network = network(&[(A, TAG), (B, TAG)]);
    let forwarding = Forwarding { room, patience, ..Forwarding::default() };
    let balancer = tested(&network, proxy(&[A, B], forwarding)).await;
    let (one, two) = (get(&balancer, "/file").await.unwrap(), get(&balancer, "/file").await.unwrap());
    assert_eq!(asked(&network, "/file"), [1, 1, 0], "a place is looked for");
    assert_eq!(balancer.report().iter().map(|row| row.in_flight).sum::<u32>(), 2, "until the last byte");
    let begun = Instant::now();
    let failure = get(&balancer, "/file").await.unwrap_err();
    assert_eq!((failure.kind(), begun.elapsed()), (FailureKind::ConnectionLimitReached, patience));
    assert_eq!(failure.fields()[0].0, header::RETRY_AFTER);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let balancer = balancer.clone();
            tokio::spawn(async move { got(&balancer, "/file").await })
        })
        .collect();
    network.clock().advance(Duration::from_millis(1)).await;
    body_bytes(one.body).await.unwrap();
    body_bytes(two.body).await.unwrap();
    let mut served = 0;
    for client in waiting {
        served += usize::from(client.await.is_ok_and(|outcome| outcome == whole()));
    }
    assert_eq!(served, 2, "one of three was too many in the queues");
}

#[tokio::test(start_paused = true)]
async fn of_two_the_one_with_less_to_do_is_asked() {
    let network = network(&[(A, TAG), (B, TAG), (C, TAG)]);
    network.set_link(C, Link { latency: Duration::from_millis(200), ..Link::default() });
    for authority in [A, B] {
        network.set_link(authority, Link { latency: Duration::from_millis(10), ..Link::default() });
    }
    let config = proxy(&[A, B, C], Forwarding::default()).with_policy(Policy::PowerOfTwo).unwrap();
    let balancer = tested(&network, config).await;
    let clients: Vec<_> = (0..60)
        .map(|_| {
            let balancer = balancer.clone();
            tokio::spawn(async move { got(&balancer, "/file").await })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap(), whole());
    }
    let [a, b, c] = asked(&network, "/file");
    assert!(c <= 6 && a.abs_diff(b) <= 20, "{a} {b} {c}");
}

#[tokio::test(start_paused = true)]
async fn a_redirector_forwards_nothing() {
    let network = network(&[(A, TAG)]);
    let balancer = tested(&network, config(&[A])).await;
    assert_eq!(sent(&balancer, 3).await.len(), 1);
    assert_eq!(asked(&network, "/file")[0], 0);
}
