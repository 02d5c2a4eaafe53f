//! A range of a file alone (`Order::range`).

use download::{Existing, Order, Output, Url};
use lab::{Answers, Clock, Network, noise};
use message::field::range::Ranges;
use message::{Fields, HeaderValue, Response, Segment, StatusCode, header};

use crate::support::{Pieces, Place, answer, fetch, file, server, slowly};

fn range(text: &str) -> Option<Ranges> {
    let mut fields = Fields::new();
    fields.set(header::RANGE, HeaderValue::from_str(&format!("bytes={text}")).unwrap());
    Ranges::parse(&fields)
}

/// A network where only `a` is.
fn alone(server: Answers) -> Network {
    let network = Network::new(Clock::new());
    network.serve("a", server);
    network
}

fn ranged(place: &Place, url: &str, text: &str) -> Order {
    Order { range: range(text), ..place.order(url) }
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_range_are_the_file_and_no_others_are_asked_for() {
    let content = noise(100_000);
    for (text, expected) in [
        ("0-99", 0..100),
        ("99990-", 99_990..100_000),
        ("-10", 99_990..100_000),
        ("5-5", 5..6),
        ("9-999999", 9..100_000),
    ] {
        let (network, place) = (Network::new(Clock::new()), Place::new());
        network.serve("a", server(&content, "1"));
        let fetched = fetch(&network.client(), ranged(&place, "a/x", text)).await.unwrap();
        assert_eq!(place.read("x"), content[expected.clone()], "{text}");
        assert_eq!(
            (fetched.bytes, place.names()),
            (u64::try_from(expected.len()).unwrap(), vec!["x".to_owned()])
        );
        assert_eq!(network.bytes_sent("a"), fetched.bytes, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_servers_bring_a_long_range_together() {
    let content = noise(40_000_000);
    let (network, place) = (Network::new(Clock::new()), Place::new());
    for host in ["a", "b"] {
        let content = bytes::Bytes::from(content.clone());
        network.serve(host, Answers::new(move |request| slowly(file(&request, &content, "same"), 2_000_000)));
    }
    let mirrors = vec![Url::parse("b/x").unwrap()];
    let order = Order { mirrors, ..ranged(&place, "a/x", "1000-39000000") };
    let fetched = fetch(&network.client(), order).await.unwrap();
    assert!(place.read("x") == content[1000..=39_000_000]);
    assert_eq!(fetched.shares.len(), 2);
    assert!(network.bytes_sent("a").abs_diff(network.bytes_sent("b")) < 8_000_000);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_such_range_there_is_no_file() {
    let whole = |_| answer(200, "hello\n");
    let no_length = |_| Response { body: Pieces::body(None, []), ..Response::new(StatusCode::OK) };
    for (upstream, text, part) in [
        (server(b"hello\n", "1"), "6-", "is 6 bytes long"),
        (server(b"hello\n", "1"), "-0", "is 6 bytes long"),
        (server(b"hello\n", "1"), "9-12", "is 6 bytes long"),
        (Answers::new(no_length), "0-1", "how long it is"),
        (Answers::new(whole), "0-1", "sends the whole"),
    ] {
        let place = Place::new();
        let fault =
            fetch(&alone(upstream).client(), ranged(&place, "a/x", text)).await.unwrap_err().to_string();
        assert!(fault.contains(part), "{text}: {fault}");
        assert_eq!(place.names(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_never_takes_the_place_of_what_is_there() {
    let (network, place) = (alone(server(&noise(1000), "1")), Place::new());
    let upstream = network.client();
    place.write("x", "mine");
    assert_eq!(fetch(&upstream, ranged(&place, "a/x", "0-9")).await.unwrap_err().exit_status(), 3);
    assert_eq!(place.read("x"), b"mine");
    let order = Order { existing: Existing::Replace, ..ranged(&place, "a/x", "0-9") };
    fetch(&upstream, order).await.unwrap();
    assert_eq!(place.read("x").len(), 10);
    // What is left of a whole download is not lost by a range of it.
    let (network, place) = (Network::new(Clock::new()), Place::new());
    let content = bytes::Bytes::from(noise(10_000_000));
    network.serve("a", Answers::new(move |request| slowly(file(&request, &content, "1"), 1_000_000)));
    let client = network.client();
    let limit = std::time::Duration::from_secs(3);
    assert!(tokio::time::timeout(limit, fetch(&client, place.order("a/x"))).await.is_err());
    let fault = fetch(&client, ranged(&place, "a/x", "0-9")).await.unwrap_err().to_string();
    assert!(fault.contains("x.part is the beginning of a whole"), "{fault}");
    let order = Order { output: Output::File(place.path("y")), ..ranged(&place, "a/x", "0-9") };
    fetch(&client, order).await.unwrap();
    assert_eq!(place.names(), ["x.part", "x.part.sockets", "y"]);
}

#[tokio::test(start_paused = true)]
async fn a_range_of_a_file_without_a_validator_comes_from_one_answer() {
    let content = noise(50_000);
    let serve = |changes: bool| {
        let (content, asked) = (content.clone(), std::sync::atomic::AtomicUsize::new(0));
        Answers::new(move |request| {
            let count = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let content = bytes::Bytes::from(content.clone());
            let mut response = file(&request, &content, "1");
            response.fields.remove(&header::ETAG);
            if changes && count == 1 {
                // Breaks off in the middle: what came is of no use to anybody.
                response.body = Pieces::body(Some(20_000), [Ok(Segment::Bytes(content.slice(0..500)))]);
            }
            response
        })
    };
    for changes in [false, true] {
        let place = Place::new();
        fetch(&alone(serve(changes)).client(), ranged(&place, "a/x", "10000-29999")).await.unwrap();
        assert!(place.read("x") == content[10_000..30_000], "{changes}");
    }
}
