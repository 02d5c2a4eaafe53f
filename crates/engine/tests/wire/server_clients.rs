//! The server side: what one client may have, and how slow it may be.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use bytes::BytesMut;
use engine::{Clients, Ending, Refusal, RequestRate, Share};
use lab::Answers;
use message::{Response, StatusCode};

use crate::support::content::gives_hole;
use crate::support::peer::{Answer, End, Peer};
use crate::support::served::{Served, served_with};
use crate::support::soon;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Short, where the wait has to end in the test.
const SHORT: Duration = Duration::from_millis(50);

/// Long enough that no test sees its end.
const LONG: Duration = Duration::from_secs(600);

fn hello() -> Answers {
    Answers::new(|_| Response::text(StatusCode::OK, "hello"))
}

/// Each client may have one connection.
fn served_one_each(discard: Duration) -> Served {
    served_with(hello(), |server| {
        let connections = NonZeroUsize::new(1);
        server.clients = Clients::new(Share { connections, requests: None });
        server.patience.discard = discard;
        server.patience.idle = LONG;
    })
}

/// Each client may ask twice, and then once in each `per`.
fn served_twice_then_each(per: Duration) -> Served {
    served_with(hello(), |server| {
        let rate = RequestRate::new(NonZeroU32::MIN, per, NonZeroU32::MIN.saturating_add(1));
        server.clients = Clients::new(Share { connections: None, requests: Some(rate) });
    })
}

fn says_later(answer: &Answer, seconds: &str) {
    assert_eq!(answer.head.field("Retry-After"), Some(seconds));
    assert_eq!(answer.head.field("Cache-Control"), Some("no-store"), "RFC 6585 §4");
}

#[tokio::test]
async fn one_connection_more_than_a_client_may_have_is_answered_503_and_ends() {
    let mut server = served_one_each(LONG);
    let mut first = Peer::connect(server.address).await;
    assert_eq!(first.ask(GET).await.content, "hello");
    assert_eq!(server.records.next().await.status, StatusCode::OK);
    for request in [GET, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"] {
        let mut second = Peer::connect(server.address).await;
        second.send([request, GET].concat()).await;
        let answer = second.answer().await;
        assert_eq!((answer.head.status(), answer.head.field("Connection")), (503, Some("close")));
        says_later(&answer, "1");
        let record = server.records.next().await;
        assert_eq!((&record.asked[..4], record.status.as_u16()), (&request[..4], 503), "it is told");
        second.hang_up().await;
        assert_eq!(second.end().await, End::Closed, "and nothing after it is looked at");
    }
    assert_eq!(first.ask(GET).await.content, "hello", "those that it may have go on");
    assert_eq!((server.refused)(Refusal::Connection), 2);
}

#[tokio::test]
async fn when_a_client_ends_a_connection_it_may_have_another() {
    let server = served_one_each(LONG);
    for _ in 0..3 {
        let mut client = Peer::connect(server.address).await;
        assert_eq!(
            client.ask(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await.content,
            "hello"
        );
        assert_eq!(client.end().await, End::Closed);
    }
}

#[tokio::test]
async fn connections_far_beyond_what_a_client_may_have_are_closed_without_a_word() {
    let server = served_one_each(LONG);
    let mut first = Peer::connect(server.address).await;
    assert_eq!(first.ask(GET).await.content, "hello");
    let mut second = Peer::connect(server.address).await;
    let mut third = Peer::connect(server.address).await;
    assert_eq!(third.end().await, End::Closed);
    assert_eq!(second.ask(GET).await.head.status(), 503);
    assert_eq!(first.ask(GET).await.content, "hello");
}

#[tokio::test]
async fn a_connection_too_many_can_not_be_kept_by_saying_nothing() {
    let server = served_one_each(SHORT);
    let mut first = Peer::connect(server.address).await;
    assert_eq!(first.ask(GET).await.content, "hello");
    let mut second = Peer::connect(server.address).await;
    assert_eq!(second.end().await, End::Closed);
    assert_eq!(first.ask(GET).await.content, "hello");
}

#[tokio::test]
async fn a_request_too_many_is_answered_429_and_the_connection_goes_on() {
    let mut server = served_twice_then_each(LONG);
    let mut client = Peer::connect(server.address).await;
    for status in [200, 200, 429, 429] {
        let answer = client.ask(GET).await;
        assert_eq!((answer.head.status(), answer.head.field("Connection")), (status, None));
        if status == 429 {
            says_later(&answer, "600");
        }
        let record = server.records.next().await;
        assert_eq!((&*record.asked, record.status.as_u16()), ("GET / HTTP/1.1", status));
    }
    assert_eq!(
        Peer::connect(server.address).await.ask(GET).await.head.status(),
        429,
        "on whatever connection"
    );
    assert_eq!((server.refused)(Refusal::Request), 3);
}

#[tokio::test]
async fn the_content_of_a_request_too_many_is_never_taken_for_a_request() {
    let server = served_twice_then_each(LONG);
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        assert_eq!(client.ask(GET).await.content, "hello");
    }
    let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{GET}", GET.len());
    client.send([&post, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", GET].concat()).await;
    assert_eq!(client.answer().await.head.status(), 429);
    assert_eq!(client.head().await.field("Content-Length"), Some("36"), "the answer to HEAD has no content");
    assert_eq!(client.answer().await.head.status(), 429);
    assert!(client.is_quiet());
}

#[tokio::test]
async fn a_request_too_many_whose_content_may_come_or_not_is_the_last() {
    let server = served_twice_then_each(LONG);
    for fields in ["Content-Length: 5\r\nExpect: 100-continue", "Content-Length: 5000000000"] {
        let mut client = Peer::connect(server.address).await;
        let mut status = 200;
        while status == 200 {
            status = client.ask(GET).await.head.status();
        }
        let answer = client.ask(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")).await;
        assert_eq!((answer.head.status(), answer.head.field("Connection")), (429, Some("close")), "{fields}");
        client.hang_up().await;
        assert_eq!(client.end().await, End::Closed);
    }
}

#[tokio::test]
async fn who_waits_may_ask_again() {
    let server = served_twice_then_each(SHORT);
    let mut client = Peer::connect(server.address).await;
    let mut statuses = Vec::new();
    while !statuses.ends_with(&[429, 200]) {
        statuses.push(client.ask(GET).await.head.status());
        assert!(statuses.len() < 1_000_000, "it never could");
    }
    assert_eq!(statuses[..2], [200, 200]);
}

#[tokio::test]
async fn a_client_that_takes_some_but_too_little_is_cut() {
    const MUCH: u64 = 4 * 1024 * 1024 * 1024;
    let mut server = served_with(gives_hole(MUCH), |server| {
        server.patience.send = SHORT;
        server.patience.min_rate = u64::MAX / 1000;
    });
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    let mut inbox = BytesMut::new();
    let record = loop {
        // Its end may be among what is read.
        let _ = soon(client.read.read(&mut inbox)).await;
        inbox.clear();
        tokio::task::yield_now().await;
        if let Some(record) = server.records.try_next() {
            break record;
        }
    };
    assert_eq!(record.ending, Ending::ClientGone);
    assert!(record.sent < MUCH);
    assert_eq!((server.refused)(Refusal::Slowness), 1);
}
