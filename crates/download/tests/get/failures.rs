//! What goes wrong is named, and leaves nothing behind.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use download::{Existing, GetFault, Order, Output};
use lab::{Answers, Clock, Fault, Link, Network};
use message::{Body, Failure, FailureKind, FileSlice, Response, Segment, Source, StatusCode};
use tokio::time::{Instant, timeout};

use crate::support::{Pieces, Place, answer, fetch};

const CONTENT: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

fn network() -> Network {
    let network = Network::new(Clock::new());
    network.serve("a", Answers::new(|_| answer(200, CONTENT)));
    network
}

#[tokio::test(start_paused = true)]
async fn any_other_final_status_is_reported_and_leaves_no_file() {
    for (status, line, exit) in [
        (201, "201 Created for http://a/x", 8),
        (204, "204 No Content for http://a/x", 8),
        (206, "http://a/x answered with a part (206) that was not asked for", 7),
        (300, "300 Multiple Choices for http://a/x", 8),
        (304, "304 Not Modified for http://a/x", 8),
        (401, "401 Unauthorized for http://a/x", 6),
        (403, "403 Forbidden for http://a/x", 8),
        (404, "404 Not Found for http://a/x", 8),
        (416, "416 Range Not Satisfiable for http://a/x", 8),
        (500, "500 Internal Server Error for http://a/x", 8),
        (501, "501 Not Implemented for http://a/x", 8),
        (505, "505 HTTP Version Not Supported for http://a/x", 8),
        (523, "523 Origin Is Unreachable for http://a/x", 8),
    ] {
        let place = Place::new();
        let upstream = Answers::new(move |_| answer(status, "a page about it"));
        let fault = fetch(&upstream, place.order_once("a/x")).await.unwrap_err();
        assert_eq!((fault.to_string().as_str(), fault.exit_status()), (line, exit));
        assert_eq!(place.names(), [""; 0], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_a_network_fault() {
    let (network, place) = (network(), Place::new());
    network.stop("a");
    let refused = fetch(&network.client(), place.order_once("a/x")).await.unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.exit_status()), ("http://a/x: connection refused", 4));
    let unknown = fetch(&network.client(), place.order("b/x")).await.unwrap_err();
    assert_eq!(unknown.exit_status(), 4);
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn content_that_breaks_off_is_no_file_and_the_old_one_is_intact() {
    let (network, place) = (network(), Place::new());
    place.write("x", "old");
    network.set_fault("a", Fault::Cut(10));
    let fault = fetch(&network.client(), Order { existing: Existing::Replace, ..place.order("a/x") })
        .await
        .unwrap_err();
    assert!(matches!(fault, GetFault::Broken { received: 10, length: Some(36), .. }), "{fault:?}");
    assert_eq!(fault.exit_status(), 4);
    assert_eq!((place.names(), place.read("x")), (vec!["x".to_owned()], b"old".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn content_shorter_or_longer_than_its_length_is_never_a_file() {
    for (length, exit) in [(4, 7), (6, 4)] {
        let place = Place::new();
        let upstream = Answers::new(move |_| {
            let piece = Segment::Bytes(Bytes::from_static(b"12345"));
            Response { body: Pieces::body(Some(length), [Ok(piece)]), ..Response::new(StatusCode::OK) }
        });
        let fault = fetch(&upstream, place.order_once("a/x")).await.unwrap_err();
        assert!(matches!(fault, GetFault::Broken { .. }), "{fault:?}");
        assert_eq!((fault.exit_status(), place.names()), (exit, vec![]), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn chunked_content_that_does_not_end_is_never_a_file() {
    let place = Place::new();
    let upstream = Answers::new(|_| {
        let failure = Failure::new(FailureKind::HttpResponseIncomplete, "closed within a chunk");
        let pieces = [Ok(Segment::Bytes(Bytes::from_static(b"12345"))), Err(failure)];
        Response { body: Pieces::body(None, pieces), ..Response::new(StatusCode::OK) }
    });
    let fault = fetch(&upstream, place.order_once("a/x")).await.unwrap_err();
    assert_eq!(fault.to_string(), "http://a/x broke off after 5 bytes: closed within a chunk");
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_source_file_that_was_cut_short_is_never_a_file() {
    let place = Place::new();
    place.write("source", "short");
    let source = Arc::new(File::open(place.path("source")).unwrap());
    let upstream = Answers::new(move |_| {
        let slice = FileSlice::new(Arc::clone(&source), 100, 0, 100).unwrap();
        Response { body: slice.into(), ..Response::new(StatusCode::OK) }
    });
    let fault = fetch(&upstream, place.order_once("a/x")).await.unwrap_err();
    assert!(fault.to_string().contains("the file was cut short"), "{fault}");
    assert_eq!(place.names(), ["source"]);
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_named_after_five_seconds() {
    let (network, place) = (network(), Place::new());
    network.set_fault("a", Fault::Stall(10));
    let begin = Instant::now();
    let fault = fetch(&network.client(), place.order_once("a/x")).await.unwrap_err();
    assert_eq!(fault.to_string(), "http://a/x stalled: no byte for 5 s after 10 bytes");
    assert_eq!((fault.exit_status(), begin.elapsed().as_secs()), (4, 5));
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn slow_is_not_stalled() {
    let (network, place) = (network(), Place::new());
    network.set_link("a", Link::of_bandwidth(1));
    let fetched = fetch(&network.client(), place.order_once("a/x")).await.unwrap();
    assert_eq!((fetched.bytes, fetched.elapsed.as_secs()), (36, 36));
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_named_after_thirty_seconds() {
    let (network, place) = (network(), Place::new());
    network.set_fault("a", Fault::Silent);
    let begin = Instant::now();
    let fault = fetch(&network.client(), place.order_once("a/x")).await.unwrap_err();
    assert_eq!(fault.to_string(), "http://a/x: no answer within 30 s");
    assert_eq!((fault.exit_status(), begin.elapsed().as_secs()), (4, 30));
}

#[tokio::test(start_paused = true)]
async fn a_download_that_is_given_up_leaves_nothing() {
    let (network, place) = (network(), Place::new());
    network.set_fault("a", Fault::Stall(10));
    let client = network.client();
    let order = Order { stall: Duration::from_secs(3600), ..place.order("a/x") };
    let mut download = Box::pin(fetch(&client, order));
    timeout(Duration::from_secs(1), &mut download).await.expect_err("it can't end");
    assert_eq!(place.names(), ["x.part"]);
    drop(download);
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test]
async fn a_source_that_is_always_ready_does_not_keep_an_interrupt_from_being_heard() {
    let place = Place::new();
    let upstream = Answers::new(|_| {
        let body = Body::from_source(None, AlwaysReady { left: 1_000_000 });
        Response { body, ..Response::new(StatusCode::OK) }
    });
    let mut order = place.order("a/x");
    order.output = Output::File("/dev/null".into());
    tokio::select! {
        biased;
        result = fetch(&upstream, order) => panic!("not heard: {result:?}"),
        () = tokio::task::yield_now() => {}
    }
}

/// Pieces as fast as they are asked for; so many that the test fails by reaching their end.
struct AlwaysReady {
    left: u32,
}

impl Source for AlwaysReady {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        self.left = self.left.saturating_sub(1);
        Poll::Ready((self.left > 0).then(|| Ok(Segment::Bytes(Bytes::from_static(b"again")))))
    }
}

#[tokio::test(start_paused = true)]
async fn two_downloads_of_one_name_do_not_write_into_each_other() {
    let (network, place) = (network(), Place::new());
    network.set_link("a", Link::of_bandwidth(10));
    let client = network.client();
    let (first, second) =
        tokio::join!(fetch(&client, place.order("a/x")), fetch(&client, place.order("a/x")));
    assert_eq!(first.unwrap().bytes, 36);
    let fault = second.unwrap_err();
    assert!(fault.to_string().ends_with("x.part is being written by another download"), "{fault}");
    assert_eq!((place.names(), place.read("x")), (vec!["x".to_owned()], CONTENT.as_bytes().to_vec()));
}
