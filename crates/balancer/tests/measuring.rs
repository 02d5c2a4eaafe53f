//! What tests transfer, how long they may take, and what they make of it.

use std::time::Duration;

use balancer::{Load, ProbeSize, Reason, State};
use bytes::Bytes;
use lab::{Answers, Clock, Fault, Link, Network};
use message::field::range::{ContentRange, Ranges};
use message::{Body, HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::time::Instant;

use crate::support::{
    A, B, C, INTERVAL, config, is_glance, network, ok, running, sends, sent, shares, state, tested,
    tests_and_glances,
};

/// The SHA-256 digest of 100,000 times the letter x.
const OF_100_000_X: [u8; 32] = [
    0xd6, 0x9e, 0x68, 0x98, 0x81, 0x57, 0x83, 0x32, 0x72, 0x30, 0x5a, 0xaf, 0x21, 0xf4, 0x53, 0xc8, 0x00,
    0x34, 0x6e, 0x8a, 0x36, 0x40, 0xdb, 0x65, 0x78, 0xe2, 0x60, 0x21, 0x55, 0x42, 0xe5, 0xd4,
];

/// A server of a long file that knows ranges.
fn ranged(length: u64) -> Answers {
    Answers::new(move |request| {
        let range = Ranges::parse(&request.fields).and_then(|ranges| ranges.resolve(length).first().copied());
        let Some(range) = range else { return ok(usize::try_from(length).unwrap()) };
        let mut response = Response::new(StatusCode::PARTIAL_CONTENT);
        let value = ContentRange::Bytes { range, complete: Some(length) }.to_value();
        response.fields.set(header::CONTENT_RANGE, value);
        response.body = Body::from(Bytes::from(vec![b'x'; usize::try_from(range.length()).unwrap()]));
        response
    })
}

#[tokio::test(start_paused = true)]
async fn of_a_long_file_everybody_is_asked_for_the_same_first_bytes() {
    let network = Network::new(Clock::new());
    for (authority, rate) in [(A, 1_000_000), (B, 500_000)] {
        network.serve(authority, ranged(40_000_000));
        network.set_link(authority, Link::of_bandwidth(rate));
    }
    let balancer = tested(&network, config(&[A, B])).await;
    assert_eq!(sent(&balancer, 300).await, shares(&[(A, 200), (B, 100)]));
    for authority in [A, B] {
        assert_eq!(network.log(authority)[0].fields.get(&header::RANGE).unwrap(), "bytes=0-131071");
        assert_eq!(network.bytes_sent(authority), 3 * 131_072, "and nothing beyond");
    }
    let small = config(&[A]).with_probe_size(ProbeSize::First(1000)).unwrap();
    tested(&network, small).await;
    assert_eq!(network.log(A)[3].fields.get(&header::RANGE).unwrap(), "bytes=0-999");
    let whole = config(&[A]).with_probe_size(ProbeSize::Whole).unwrap();
    tested(&network, whole).await;
    assert!(!network.log(A)[6].fields.contains(&header::RANGE));
}

#[tokio::test(start_paused = true)]
async fn tests_shrink_where_they_would_take_up_more_than_their_part_of_the_slowest_link() {
    let network = Network::new(Clock::new());
    for (authority, rate) in [(A, 10_000_000), (B, 5_000_000), (C, 1_000_000)] {
        network.serve(authority, ranged(40_000_000));
        network.set_link(authority, Link::of_bandwidth(rate));
    }
    let balancer = running(&network).await;
    network.clock().advance(10 * INTERVAL).await;
    // 1 % of 5 s at 1 MB/s is 50,000 bytes; the power of two below that.
    let last = network.log(C).into_iter().rfind(|seen| !is_glance(seen)).unwrap();
    assert_eq!(last.fields.get(&header::RANGE).unwrap(), "bytes=0-32767");
    // The clock of the tests has no less than milliseconds, and the shortest transfer takes three.
    let counts = sent(&balancer, 1600).await;
    for (authority, clients) in [(A, 1000), (B, 500), (C, 100)] {
        assert!(counts[authority].abs_diff(clients) < 80, "{counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_knows_no_ranges_is_compared_for_the_same_size() {
    let network = Network::new(Clock::new());
    network.serve(A, ranged(1_000_000));
    network.serve(B, sends(1_000_000));
    for authority in [A, B] {
        network.set_link(authority, Link::of_bandwidth(1_000_000));
    }
    let balancer = tested(&network, config(&[A, B])).await;
    assert_eq!(sent(&balancer, 100).await, shares(&[(A, 50), (B, 50)]));
}

#[tokio::test(start_paused = true)]
async fn a_range_that_was_not_asked_for_is_no_good_answer() {
    let network = network();
    network.serve(
        A,
        Answers::new(|_| {
            let mut response = ok(10);
            response.status = StatusCode::PARTIAL_CONTENT;
            response.fields.set(header::CONTENT_RANGE, HeaderValue::from_static("bytes 5-14/100000"));
            response
        }),
    );
    let balancer = tested(&network, config(&[A, B, C])).await;
    assert_eq!(state(&balancer, A), State::Down(Reason::Range));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_another_digest_is_no_good_answer() {
    let network = network();
    let wrong = config(&[A]).with_probe_digest(Some([7; 32]));
    assert_eq!(state(&tested(&network, wrong).await, A), State::Down(Reason::Digest));
    let right = config(&[A]).with_probe_digest(Some(OF_100_000_X));
    assert_eq!(state(&tested(&network, right).await, A), State::Up);
}

#[tokio::test(start_paused = true)]
async fn first_and_last_byte_are_timed_apart() {
    let network = network();
    network.set_link(A, Link { latency: Duration::from_millis(40), ..Link::of_bandwidth(1_000_000) });
    let balancer = tested(&network, config(&[A])).await;
    let row = balancer.report().remove(0);
    let (first, transfer) = (row.first_byte.unwrap(), row.transfer.unwrap());
    assert_eq!(first.median.as_millis(), 40);
    assert_eq!(transfer.median.as_millis(), 100);
    assert_eq!(row.median.unwrap().as_millis(), 140);
    assert_eq!(row.samples.len(), 3);
    assert!((row.throughput.unwrap() - 1e6).abs() < 1e4);
}

/// The bound that is asked for: an interval with its jitter, and the time of one test.
#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_out_after_an_interval_and_the_time_of_one_test() {
    let network = network();
    let balancer = running(&network).await;
    network.clock().advance(2 * INTERVAL).await;
    network.set_fault(A, Fault::Silent);
    let begin = network.clock().now();
    while balancer.report().iter().any(|row| row.replica.authority().port() == Some(8000) && row.share > 0.0)
    {
        network.clock().advance(Duration::from_millis(10)).await;
    }
    let took = network.clock().now().duration_since(begin).unwrap();
    let jitter = INTERVAL / 10;
    assert!(took <= INTERVAL + jitter + Duration::from_millis(1020), "{took:?}");
    assert_eq!(state(&balancer, A), State::Down(Reason::TimedOut(Duration::from_millis(500))));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_becomes_very_slow_stays_in_with_what_it_can_do() {
    let network = network();
    let balancer = running(&network).await;
    network.clock().advance(2 * INTERVAL).await;
    // 100 ms become 2 s: twice the time that a test may take to answer. But it goes on all the time.
    network.set_link(A, Link::of_bandwidth(50_000));
    network.clock().advance(3 * INTERVAL).await;
    assert!(matches!(state(&balancer, A), State::Up), "{:?}", state(&balancer, A));
    let share =
        balancer.report().iter().find(|row| row.replica.authority().port() == Some(8000)).unwrap().share;
    assert!((0.01..0.1).contains(&share), "{share}");
}

#[tokio::test(start_paused = true)]
async fn at_start_nobody_waits_for_a_slow_server_longer_than_one_round() {
    let network = network();
    network.set_link(A, Link::of_bandwidth(30_000)); // 3.3 s for one transfer, ten for the three it would need
    network.set_fault(B, Fault::Silent);
    let begin = network.clock().now();
    let balancer = tested(&network, config(&[A, B, C])).await;
    let took = network.clock().now().duration_since(begin).unwrap();
    assert!(took <= INTERVAL + Duration::from_millis(600), "{took:?}");
    assert_eq!(state(&balancer, A), State::Up, "what it has shown in that time is believed");
}

#[tokio::test(start_paused = true)]
async fn who_goes_up_and_down_gets_hardly_anybody_while_it_is_down() {
    let network = network();
    let balancer = running(&network).await;
    network.clock().advance(2 * INTERVAL).await;
    let (mut to_dead, mut all) = (0, 0);
    for second in 0..400 {
        let down = second / 17 % 2 == 1;
        network.set_fault(A, if down { Fault::Refuse } else { Fault::None });
        network.clock().advance(Duration::from_secs(1)).await;
        let counts = sent(&balancer, 10).await;
        to_dead += if down { counts.get(A).copied().unwrap_or(0) } else { 0 };
        all += 10;
    }
    assert!(f64::from(to_dead) <= 0.05 * f64::from(all), "{to_dead} of {all}");
    assert!(
        matches!(state(&balancer, A), State::Proving { .. } | State::Down(_)),
        "{:?}",
        state(&balancer, A)
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_near_its_own_limit_gets_less_before_it_becomes_slow() {
    let network = network();
    network.serve(
        A,
        Answers::new(|request| {
            assert!(request.fields.contains(&HeaderName::from_static("endpoint-load-metrics-format")));
            let report = "TEXT named_metrics.in_flight=100, named_metrics.in_flight_max=100";
            ok(100_000)
                .with(HeaderName::from_static("endpoint-load-metrics"), HeaderValue::from_static(report))
        }),
    );
    let balancer = tested(&network, config(&[A, B])).await;
    // Speeds of 2 to 1, and a tenth of the first.
    assert_eq!(sent(&balancer, 60).await, shares(&[(A, 10), (B, 50)]));
    let row = balancer.report().remove(0);
    assert_eq!(
        row.load,
        Some(Load { in_flight: Some(100.0), in_flight_max: Some(100.0), ..Load::default() })
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_seen_half_way_to_the_next_test_and_so_is_a_return() {
    for fault in [Fault::Refuse, Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), Fault::Cut(500)] {
        let network = network();
        let balancer = running(&network).await;
        network.clock().advance(3 * INTERVAL).await;
        let tested = || tests_and_glances(&network, A).0;
        let before = tested();
        while tested() == before {
            network.clock().advance(Duration::from_millis(100)).await;
        }
        network.clock().advance(Duration::from_millis(100)).await;
        network.set_fault(A, fault);
        network.clock().advance(INTERVAL / 2 + Duration::from_millis(100)).await;
        assert!(matches!(state(&balancer, A), State::Down(_)), "{fault:?}: {:?}", state(&balancer, A));
        network.set_fault(A, Fault::None);
        let well = Instant::now();
        while state(&balancer, A) != State::Up {
            network.clock().advance(Duration::from_millis(100)).await;
        }
        // Three tests, half an interval apart.
        assert!(well.elapsed() < 2 * INTERVAL, "{:?}", well.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_been_away_for_long_is_asked_once_in_an_interval() {
    let network = network();
    let balancer = running(&network).await;
    network.serve(A, Answers::new(|_| Response::new(StatusCode::NOT_FOUND)));
    network.clock().advance(40 * INTERVAL).await;
    assert!(matches!(state(&balancer, A), State::Down(_)));
    let before = network.requests(A);
    network.clock().advance(10 * INTERVAL).await;
    assert!((9..=11).contains(&(network.requests(A) - before)));
}
