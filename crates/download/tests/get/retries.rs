//! What may pass is tried again, from the start.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use download::{Order, Output, get};
use lab::{Answers, Clock, Fault, Network};
use message::{Authority, HeaderValue, header};
use tokio::time::Instant;

use crate::support::{Place, Watch, answer, fetch, redirect};

fn network() -> Network {
    let network = Network::new(Clock::new());
    network.serve("a", Answers::new(|_| answer(200, "0123456789")));
    network
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_found_at_the_third_try() {
    let (network, place) = (network(), Place::new());
    network.set_fault("a", Fault::Refuse);
    let tries = AtomicU32::new(1);
    let watch = Watch::new(|| {
        if tries.fetch_add(1, Ordering::Relaxed) == 2 {
            network.set_fault("a", Fault::None);
        }
    });
    let fetched = get(&network.client(), place.order("a/x"), network.clock().now(), &watch).await.unwrap();
    assert_eq!((fetched.attempt, place.read("x")), (3, b"0123456789".to_vec()));
    let pauses = watch.pauses.lock().unwrap().clone();
    assert!((250..=500).contains(&pauses[0].as_millis()) && (500..=1000).contains(&pauses[1].as_millis()));
    let waited: Duration = pauses.iter().sum();
    assert!(fetched.elapsed >= waited && fetched.elapsed < waited + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn after_the_last_try_the_fault_is_reported() {
    let (network, place) = (network(), Place::new());
    network.set_fault("a", Fault::Cut(3));
    let fault = fetch(&network.client(), place.order("a/x")).await.unwrap_err();
    assert!(fault.to_string().starts_with("http://a/x broke off after 3 bytes of 10"), "{fault}");
    assert_eq!((network.requests("a"), place.names()), (3, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_try_starts_over_and_never_splices() {
    let (network, place) = (network(), Place::new());
    network.set_fault("a", Fault::Cut(3));
    let watch = Watch::new(|| network.set_fault("a", Fault::None));
    let fetched = get(&network.client(), place.order("a/x"), network.clock().now(), &watch).await.unwrap();
    assert_eq!((fetched.bytes, place.read("x")), (10, b"0123456789".to_vec()));
    assert_eq!(
        watch.events(),
        [
            "start 10",
            "+3",
            "again: http://a/x broke off after 3 bytes of 10: the connection was cut",
            "start 10",
            "+10",
            "done"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_balancer_is_asked_anew_when_its_choice_fails() {
    let (network, place) = (network(), Place::new());
    let asked = AtomicU32::new(0);
    network.serve(
        "lb",
        Answers::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => redirect(301, "http://dead/x"),
            _ => redirect(301, "http://a/x"),
        }),
    );
    network.stop("dead");
    let order = Order { balancer: Some(Authority::parse("lb").unwrap()), ..place.order("a/x") };
    let fetched = fetch(&network.client(), order).await.unwrap();
    assert_eq!((fetched.attempt, fetched.redirects.len()), (2, 1));
    assert_eq!(fetched.final_url.to_string(), "http://a/x");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_up_to_its_limit_section_10_2_3() {
    for (seconds, requests, elapsed) in [(7, 2, 7), (60, 2, 60), (61, 1, 0), (86_400, 1, 0)] {
        let (network, place) = (network(), Place::new());
        let asked = AtomicU32::new(0);
        network.serve(
            "a",
            Answers::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
                0 => answer(503, "later").with(header::RETRY_AFTER, HeaderValue::from(seconds)),
                _ => answer(200, "now"),
            }),
        );
        let begin = Instant::now();
        let result = fetch(&network.client(), place.order("a/x")).await;
        assert_eq!((network.requests("a"), begin.elapsed().as_secs()), (requests, elapsed), "{seconds}");
        match result {
            Ok(fetched) => assert_eq!((requests, fetched.bytes), (2, 3)),
            Err(fault) => assert_eq!(
                fault.to_string(),
                format!(
                    "503 Service Unavailable for http://a/x (the server asks to come back in {seconds} s)"
                )
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_not_tried_again() {
    let (network, place) = (network(), Place::new());
    network.serve("a", Answers::new(|_| answer(404, "no")));
    fetch(&network.client(), place.order("a/x")).await.unwrap_err();
    assert_eq!(network.requests("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_writer_gets_no_second_try_once_it_has_bytes() {
    for (fault, requests) in [(Fault::Cut(3), 1), (Fault::Cut(0), 3), (Fault::Refuse, 0)] {
        let (network, place) = (network(), Place::new());
        network.set_fault("a", fault);
        let mut order = place.order("a/x");
        order.output = Output::Writer(Box::new(Vec::new()));
        fetch(&network.client(), order).await.unwrap_err();
        assert_eq!(network.requests("a"), requests, "{fault:?}");
    }
}
