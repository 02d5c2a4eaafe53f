//! The balancer among simulated replicas, on a stepped clock.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

mod answering;
#[path = "../examples/laboratory/chance.rs"]
mod chance;
#[path = "../examples/laboratory/chooser.rs"]
mod chooser;
mod choosing;
mod laboratory;
mod measuring;
mod proxying;
#[path = "../examples/laboratory/scenarios.rs"]
mod scenarios;
#[path = "../examples/laboratory/server.rs"]
mod server;
mod support;
#[path = "../examples/laboratory/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use balancer::{Balancer, Config, LengthRule, Reason, Replica, State};
use bytes::Bytes;
use lab::{Answers, Clock, Fault, Link, Network, body_bytes};
use message::Body;
use message::{
    Authority, FailureKind, Method, Request, Response, Scheme, Service, StatusCode, Target, header,
};
use std::collections::BTreeMap;

use support::{
    A, B, C, INTERVAL, ask, config, network, ok, running, sends, sent, shares, state, tested,
    tests_and_glances,
};

#[tokio::test(start_paused = true)]
async fn clients_go_to_each_replica_in_proportion_to_its_speed() {
    let network = network();
    let balancer = tested(&network, config(&[C, A, B])).await;
    assert_eq!(sent(&balancer, 700).await, shares(&[(A, 400), (B, 200), (C, 100)]));
    let report = balancer.report();
    let ranked: Vec<_> =
        report.iter().map(|row| (row.replica.authority().to_string(), row.redirects)).collect();
    assert_eq!(ranked, [(A.into(), 400), (B.into(), 200), (C.into(), 100)]);
    let times: Vec<_> = report.iter().map(|row| row.median.unwrap().as_millis()).collect();
    assert_eq!(times, [100, 200, 400]);
    assert!(report.iter().all(|row| *row.health.state() == State::Up));
    assert!((report.iter().map(|row| row.share).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn shares_stay_exact_while_tests_go_on() {
    let network = network();
    let balancer = running(&network).await;
    let mut total = BTreeMap::new();
    // Two clients between any two tests: turns that began anew with each would all be the fastest's.
    for _ in 0..140 {
        network.clock().advance(Duration::from_secs(1)).await;
        for (place, clients) in sent(&balancer, 2).await {
            *total.entry(place).or_default() += clients;
        }
    }
    assert_eq!(total, shares(&[(A, 160), (B, 80), (C, 40)]));
    let (tests, glances) = tests_and_glances(&network, A);
    assert!((29..=33).contains(&tests), "three at first, then one per interval: {tests}");
    assert!((26..=28).contains(&glances), "one between two tests: {glances}");
}

#[tokio::test(start_paused = true)]
async fn the_administrators_weight_multiplies_the_speed() {
    let network = network();
    let weighted = |authority, weight| {
        Replica::new(Scheme::Http, Authority::parse(authority).unwrap()).with_weight(weight)
    };
    let balancer = tested(&network, Config::new(vec![weighted(A, 1), weighted(C, 4)]).unwrap()).await;
    assert_eq!(sent(&balancer, 100).await, shares(&[(A, 50), (C, 50)]));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_to_a_replica_that_was_not_tested() {
    let network = network();
    let balancer = Balancer::new(config(&[A]), network.client(), network.clock().now());
    let response = ask(&balancer, "/").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.fields.get(&header::RETRY_AFTER).unwrap(), "5");
    assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
    assert_eq!(state(&balancer, A), State::Untested);
}

/// Every way to be wrong that a fast answer can hide: out after the next test, in after a good one.
#[tokio::test(start_paused = true)]
async fn who_fails_a_test_gets_nobody_until_it_passes_one() {
    let faults = [
        Fault::Refuse,
        Fault::Silent,
        Fault::Stall(0),
        Fault::Stall(99_999),
        Fault::Cut(0),
        Fault::Cut(99_999),
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Status(StatusCode::NOT_FOUND),
        Fault::Status(StatusCode::MOVED_PERMANENTLY),
        Fault::Status(StatusCode::PARTIAL_CONTENT),
        Fault::Fail(FailureKind::DnsError),
    ];
    for fault in faults {
        let network = network();
        let balancer = running(&network).await;
        network.set_fault(A, fault);
        // An interval, its jitter, and the time of one probe.
        network.clock().advance(INTERVAL + Duration::from_millis(1600)).await;
        assert_eq!(sent(&balancer, 300).await, shares(&[(B, 200), (C, 100)]), "{fault:?}");
        network.set_fault(A, Fault::None);
        network.clock().advance(4 * INTERVAL).await;
        assert_eq!(sent(&balancer, 700).await, shares(&[(A, 400), (B, 200), (C, 100)]), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_fails_the_first_test_gets_nobody_and_holds_nobody_up() {
    let network = network();
    network.set_fault(A, Fault::Silent);
    network.set_fault(B, Fault::Refuse);
    let start = network.clock().now();
    let balancer = tested(&network, config(&[A, B, C])).await;
    assert!(network.clock().now() <= start + INTERVAL + Duration::from_millis(1));
    assert_eq!(sent(&balancer, 10).await, shares(&[(C, 10)]));
    assert_eq!(state(&balancer, A), State::Down(Reason::TimedOut(INTERVAL)));
}

#[tokio::test(start_paused = true)]
async fn an_error_page_of_the_right_length_is_no_good_answer() {
    for status in
        [StatusCode::NOT_FOUND, StatusCode::PARTIAL_CONTENT, StatusCode::NON_AUTHORITATIVE_INFORMATION]
    {
        let network = network();
        network.serve(A, Answers::new(move |_| Response { status, ..ok(100_000) }));
        let balancer = tested(&network, config(&[A, B, C])).await;
        assert_eq!(state(&balancer, A), State::Down(Reason::Status(status)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_page_with_200_is_the_fastest_and_gets_nobody() {
    let network = network();
    network.serve(A, sends(300));
    let balancer = tested(&network, config(&[A, B, C])).await;
    assert_eq!(sent(&balancer, 30).await, shares(&[(B, 20), (C, 10)]));
    assert_eq!(state(&balancer, A), State::Down(Reason::Length { sent: 300, agreed: 100_000 }));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_begins_to_send_another_file_is_out_after_its_test() {
    let network = network();
    let balancer = running(&network).await;
    network.serve(A, sends(300));
    network.clock().advance(INTERVAL + Duration::from_secs(1)).await;
    assert_eq!(sent(&balancer, 30).await, shares(&[(B, 20), (C, 10)]));
}

#[tokio::test(start_paused = true)]
async fn lengths_are_not_compared_where_they_are_told_not_to_be() {
    let network = network();
    network.serve(A, sends(50_000));
    let balancer = tested(&network, config(&[A, B]).with_length(LengthRule::Any)).await;
    assert_eq!(sent(&balancer, 50).await, shares(&[(A, 40), (B, 10)]));
    let balancer = tested(&network, config(&[A, B]).with_length(LengthRule::Exactly(50_000))).await;
    assert_eq!(sent(&balancer, 50).await, shares(&[(A, 50)]));
}

#[tokio::test(start_paused = true)]
async fn a_slowdown_is_followed_within_an_interval_and_so_is_its_end() {
    let network = network();
    let balancer = running(&network).await;
    network.clock().advance(4 * INTERVAL).await;
    network.set_link(A, Link::of_bandwidth(250_000));
    network.clock().advance(INTERVAL + Duration::from_secs(2)).await;
    assert_eq!(sent(&balancer, 400).await, shares(&[(A, 100), (B, 200), (C, 100)]));
    network.set_link(A, Link::of_bandwidth(1_000_000));
    network.clock().advance(INTERVAL + Duration::from_secs(2)).await;
    assert_eq!(sent(&balancer, 700).await, shares(&[(A, 400), (B, 200), (C, 100)]));
}

#[tokio::test(start_paused = true)]
async fn one_odd_answer_of_three_changes_nothing() {
    let network = network();
    let balancer = running(&network).await;
    network.clock().advance(2 * INTERVAL).await;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    network.serve(
        A,
        Answers::new(move |_| match counter.fetch_add(1, Ordering::Relaxed) {
            0 => Response::new(StatusCode::INTERNAL_SERVER_ERROR),
            _ => ok(100_000),
        }),
    );
    network.clock().advance(INTERVAL + Duration::from_secs(1)).await;
    assert!(asked.load(Ordering::Relaxed) >= 3, "a failure is asked about again at once");
    assert_eq!(sent(&balancer, 700).await, shares(&[(A, 400), (B, 200), (C, 100)]));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_a_quarter_of_its_share_and_then_more() {
    let network = network();
    network.set_fault(A, Fault::Refuse);
    let balancer = tested(&network, config(&[A, B])).await;
    network.set_fault(A, Fault::None);
    // Its share is two of three: weights of 2 and 1, then of 0.5, 1, and 2 again to 1.
    for expected in [[(A, 20), (B, 40)], [(A, 30), (B, 30)], [(A, 40), (B, 20)]] {
        balancer.test_all().await;
        assert_eq!(sent(&balancer, 60).await, shares(&expected));
    }
}

#[tokio::test(start_paused = true)]
async fn with_all_out_clients_are_told_when_to_come_back() {
    let network = network();
    let balancer = running(&network).await;
    for authority in [A, B, C] {
        network.stop(authority);
    }
    network.clock().advance(INTERVAL + Duration::from_secs(1)).await;
    let response = ask(&balancer, "/file").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.fields.get(&header::RETRY_AFTER).unwrap(), "5");
    assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
    assert!(!response.fields.contains(&header::LOCATION));
    network.serve(B, sends(100_000));
    network.clock().advance(INTERVAL + Duration::from_secs(2)).await;
    assert_eq!(sent(&balancer, 10).await, shares(&[(B, 10)]));
}

#[tokio::test(start_paused = true)]
async fn a_file_too_large_to_probe_is_refused_before_it_is_read() {
    let network = Network::new(Clock::new());
    network.serve(
        A,
        Answers::new(|_| {
            let mut response = Response::new(StatusCode::OK);
            let block = Bytes::from(vec![0; 1 << 20]);
            response.body = Body::Segments(vec![message::Segment::Bytes(block); 65]);
            response
        }),
    );
    let balancer = tested(&network, config(&[A])).await;
    assert_eq!(state(&balancer, A), State::Down(Reason::TooLong { max: 64 << 20 }));
    assert_eq!(network.bytes_sent(A), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_an_ordinary_get_of_the_probe_path() {
    let network = network();
    let path = message::PathAndQuery::parse("/probe?x").unwrap();
    tested(&network, config(&[A]).with_probe_path(path)).await;
    let seen = &network.log(A)[0];
    assert_eq!((seen.method.as_str(), seen.target.to_string().as_str()), ("GET", "/probe?x"));
    assert_eq!(seen.fields.get(&header::ACCEPT_ENCODING).unwrap(), "identity");
    assert_eq!(network.requests(A), 3, "asked three times, since nothing was believed before");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_redirected_with_path_and_query_exactly_as_sent() {
    let network = network();
    let balancer = tested(&network, config(&[A])).await;
    for (target, location) in [
        ("/index.html", "http://a.test:8000/index.html"),
        ("/a%20b/../c?q=1&&r", "http://a.test:8000/a%20b/../c?q=1&&r"),
        ("//evil.test/x", "http://a.test:8000//evil.test/x"),
        ("http://balancer.test/x?y", "http://a.test:8000/x?y"),
    ] {
        let response = ask(&balancer, target).await;
        assert_eq!(response.status, StatusCode::MOVED_PERMANENTLY);
        assert_eq!(response.fields.get(&header::LOCATION).unwrap(), location);
        assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
    }
}

#[tokio::test(start_paused = true)]
async fn over_the_wire_a_head_is_redirected_and_a_post_is_not() {
    let network = network();
    let balancer = tested(&network, config(&[A]).with_status(307).unwrap()).await;
    network.serve("balancer.test:8080", balancer);
    let request = |method| {
        let target = Target::parse_url("http://balancer.test:8080/x").unwrap();
        let mut request = Request::get(target, network.clock().now());
        request.method = method;
        request
    };
    let head = network.client().call(request(Method::HEAD)).await.unwrap();
    assert_eq!(head.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(head.fields.get(&header::LOCATION).unwrap(), "http://a.test:8000/x");
    assert!(body_bytes(head.body).await.unwrap().is_empty());
    for method in [Method::POST, Method::OPTIONS, Method::from_bytes(b"get").unwrap()] {
        let response = network.client().call(request(method)).await.unwrap();
        assert_eq!(response.status, StatusCode::NOT_IMPLEMENTED);
        assert!(!response.fields.contains(&header::LOCATION));
    }
}

#[tokio::test(start_paused = true)]
async fn testing_stops_when_it_is_told_to() {
    let network = network();
    let balancer = tested(&network, config(&[A, B, C])).await;
    let stop = tokio::time::sleep(2 * INTERVAL);
    balancer.keep_testing(stop).await;
    let probes = network.requests(A);
    network.clock().advance(4 * INTERVAL).await;
    assert_eq!(network.requests(A), probes);
    assert_eq!(
        tests_and_glances(&network, A),
        (5, 2),
        "three at first and one per interval; a glance between two"
    );
}
