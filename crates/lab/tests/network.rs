//! The network in memory does what a wire does, at the time it should.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lab::{Answers, Clock, Fault, Link, Network, body_bytes};
use message::{
    Body, Failure, FailureKind, FileSlice, HeaderName, HeaderValue, Method, Request, Response, Segment,
    Service, StatusCode, Target, header,
};
use tokio::time::{Instant, timeout};

fn network() -> Network {
    Network::new(Clock::new())
}

fn get(network: &Network, url: &str) -> Request {
    Request::get(Target::parse_url(url).unwrap(), network.clock().now())
}

fn sends(length: usize) -> Answers {
    Answers::new(move |_| {
        let mut response = Response::new(StatusCode::OK);
        response.body = Body::from(Bytes::from(vec![b'x'; length]));
        response
    })
}

async fn content(network: &Network, url: &str) -> Result<Bytes, Failure> {
    body_bytes(network.client().call(get(network, url)).await?.body).await
}

#[tokio::test(start_paused = true)]
async fn a_service_gets_the_request_as_off_a_wire() {
    let network = network();
    network
        .serve("a.test", Answers::new(|request| Response::text(StatusCode::OK, request.target.to_string())));
    network.set_link("a.test:80", Link { latency: Duration::from_millis(20), ..Link::default() });
    let mut request = get(&network, "http://a.test/x?y");
    request.fields.set(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
    let sent_at = network.clock().now();
    let response = network.client().call(request).await.unwrap();
    assert_eq!(response.fields.get(&header::DATE).unwrap(), "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(body_bytes(response.body).await.unwrap(), "/x?y");
    let seen = &network.log("a.test")[0];
    assert_eq!(seen.target.to_string(), "/x?y");
    assert_eq!(seen.fields.get(&header::HOST).unwrap(), "a.test");
    assert!(!seen.fields.contains(&header::CONTENT_LENGTH));
    assert_eq!(seen.at, sent_at + Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn through_a_proxy_the_target_stays_absolute_and_the_proxy_is_asked() {
    let network = network();
    network.serve("cache.test:9000", Answers::new(|r| Response::text(StatusCode::OK, r.target.to_string())));
    let response = network.via("cache.test:9000").call(get(&network, "http://a.test/x")).await.unwrap();
    assert_eq!(body_bytes(response.body).await.unwrap(), "http://a.test/x");
    assert_eq!(network.log("cache.test:9000")[0].fields.get(&header::HOST).unwrap(), "a.test");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_there_is_unreachable_and_may_be_asked_again() {
    let network = network();
    let unknown = network.client().call(get(&network, "http://b.test/")).await.unwrap_err();
    assert_eq!((unknown.kind(), unknown.retry_safe()), (FailureKind::DnsError, true));
    network.serve("b.test", sends(1));
    assert_eq!(content(&network, "http://b.test/").await.unwrap(), "x");
    network.stop("b.test");
    let stopped = network.client().call(get(&network, "http://b.test/")).await.unwrap_err();
    assert_eq!((stopped.kind(), stopped.retry_safe()), (FailureKind::ConnectionRefused, true));
    network.serve("b.test", sends(2));
    assert_eq!(content(&network, "http://b.test/").await.unwrap(), "xx");
    assert_eq!(network.requests("b.test"), 2);
}

#[tokio::test(start_paused = true)]
async fn bandwidth_is_exact_and_shared_by_all_transfers() {
    let network = network();
    network.serve("a.test", sends(1_000_000));
    network.set_link("a.test", Link::of_bandwidth(500_000));
    let start = Instant::now();
    assert_eq!(content(&network, "http://a.test/").await.unwrap().len(), 1_000_000);
    assert_eq!(start.elapsed().as_millis(), 2000);
    let start = Instant::now();
    let pair = tokio::join!(content(&network, "http://a.test/"), content(&network, "http://a.test/"));
    assert_eq!((pair.0.unwrap().len(), pair.1.unwrap().len()), (1_000_000, 1_000_000));
    let took = start.elapsed().as_millis();
    assert!((4000..=4001).contains(&took), "{took} ms");
    assert_eq!(network.bytes_sent("a.test"), 3_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_file_travels_as_bytes() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[b'f'; 50_000]).unwrap();
    let (network, file) = (network(), Arc::new(file));
    let slice = FileSlice::new(file, 50_000, 10, 40_000).unwrap();
    network.serve(
        "a.test",
        Answers::new(move |_| {
            let mut response = Response::new(StatusCode::OK);
            response.body = Body::Segments(vec![Segment::Bytes("head".into()), Segment::File(slice.clone())]);
            response
        }),
    );
    let response = network.client().call(get(&network, "http://a.test/")).await.unwrap();
    assert_eq!(response.body.length(), Some(40_004));
    let mut stream = response.body.into_stream();
    let mut sum = 0;
    while let Some(segment) = stream.next().await {
        let Segment::Bytes(bytes) = segment.unwrap() else { panic!("a file came over the wire") };
        sum += bytes.len();
    }
    assert_eq!(sum, 40_004);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_became_shorter_cuts_the_message() {
    let network = network();
    let slice = FileSlice::new(Arc::new(File::open("/dev/null").unwrap()), 10, 0, 10).unwrap();
    network.serve(
        "a.test",
        Answers::new(move |_| {
            let mut response = Response::new(StatusCode::OK);
            response.body = Body::from(slice.clone());
            response
        }),
    );
    let failure = content(&network, "http://a.test/").await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::HttpResponseIncomplete);
}

#[tokio::test(start_paused = true)]
async fn faults_end_a_transfer_each_in_its_own_way() {
    let network = network();
    network.serve("a.test", sends(100_000));
    for (fault, kind) in [
        (Fault::Refuse, FailureKind::ConnectionRefused),
        (Fault::Cut(0), FailureKind::HttpResponseIncomplete),
        (Fault::Cut(99_999), FailureKind::HttpResponseIncomplete),
        (Fault::Fail(FailureKind::HttpResponseTimeout), FailureKind::HttpResponseTimeout),
    ] {
        network.set_fault("a.test", fault);
        assert_eq!(content(&network, "http://a.test/").await.unwrap_err().kind(), kind, "{fault:?}");
    }
    network.set_fault("a.test", Fault::Cut(100_000));
    assert_eq!(content(&network, "http://a.test/").await.unwrap().len(), 100_000);
    for fault in [Fault::Silent, Fault::Stall(99_999)] {
        network.set_fault("a.test", fault);
        let waited = timeout(Duration::from_secs(86_400), content(&network, "http://a.test/")).await;
        assert!(waited.is_err(), "{fault:?}");
    }
    network.set_fault("a.test", Fault::Status(StatusCode::NOT_FOUND));
    let response = network.client().call(get(&network, "http://a.test/")).await.unwrap();
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_running_transfer_feels_a_new_fault() {
    let network = network();
    network.serve("a.test", sends(1_000_000));
    network.set_link("a.test", Link::of_bandwidth(100_000));
    let other = network.clone();
    let running = tokio::spawn(async move { content(&other, "http://a.test/").await });
    network.clock().advance(Duration::from_secs(5)).await;
    network.set_fault("a.test", Fault::Cut(0));
    assert_eq!(running.await.unwrap().unwrap_err().kind(), FailureKind::HttpResponseIncomplete);
    let sent = network.bytes_sent("a.test");
    assert!((490_000..=510_000).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_head_has_its_length_and_no_content() {
    let network = network();
    network.serve("a.test", sends(7));
    let mut request = get(&network, "http://a.test/");
    request.method = Method::HEAD;
    let response = network.client().call(request).await.unwrap();
    assert_eq!(response.fields.get(&header::CONTENT_LENGTH).unwrap(), "7");
    assert!(response.body.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_a_service_is_a_response_to_its_client() {
    let network = network();
    for (kind, status) in [
        (FailureKind::ConnectionRefused, 523),
        (FailureKind::HttpResponseTimeout, 504),
        (FailureKind::HttpProtocolError, 502),
    ] {
        network.serve("cache.test", Answers::or_fails(move |_| Err(Failure::new(kind, "as scripted"))));
        let response = network.client().call(get(&network, "http://cache.test/")).await.unwrap();
        assert_eq!(response.status.as_u16(), status);
        let told = response.fields.get(&HeaderName::from_static("proxy-status")).unwrap();
        assert!(told.to_str().unwrap().contains(kind.name()), "{told:?}");
    }
}
