//! The server side: what is refused, what takes too long, what is too much.

use std::sync::Arc;
use std::time::Duration;

use engine::Ending;
use lab::Answers;
use message::{Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, interval};

use crate::support::content::gives_hole;
use crate::support::peer::{End, Peer};
use crate::support::served::{Served, served, served_with};
use crate::support::soon;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Short, where the wait has to end in the test.
const SHORT: Duration = Duration::from_millis(100);

/// Long enough that no test sees its end.
const LONG: Duration = Duration::from_secs(600);

fn hello() -> Answers {
    Answers::new(|_| Response::text(StatusCode::OK, "hello"))
}

fn served_within(idle: Duration, head: Duration) -> Served {
    served_with(hello(), |server| {
        server.patience.idle = idle;
        server.patience.head = head;
    })
}

#[tokio::test]
async fn what_is_no_request_is_refused_by_its_fault_and_closes() {
    let server = served_with(hello(), |server| {
        server.limits.target_bytes = 100;
        server.limits.field_bytes = 200;
        server.limits.body_bytes = 10;
    });
    let long = "x".repeat(300);
    for (request, status_line) in [
        ("GET /\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 414 URI Too Long"),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n".to_owned(),
            "HTTP/1.1 413 Payload Too Large",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned(),
            "HTTP/1.1 501 Method Not Implemented",
        ),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n".to_owned(), "HTTP/1.1 505 Version Not Supported"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), "HTTP/1.1 505 Version Not Supported"),
    ] {
        let mut client = Peer::connect(server.address).await;
        client.send([request.as_str(), GET].concat()).await;
        let answer = client.answer().await;
        assert_eq!(answer.head.start_line(), status_line, "{request:?}");
        assert_eq!(answer.head.field("Connection"), Some("close"));
        assert!(answer.head.field("Date").is_some());
        assert!(!answer.content.is_empty(), "it says what is wrong");
        client.hang_up().await;
        assert_eq!(client.end().await, End::Closed, "nothing after {request:?} is looked at");
    }
}

#[tokio::test]
async fn a_fault_is_explained_with_its_section() {
    let server = served(hello());
    let answer = Peer::connect(server.address).await.ask("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer.content, "the Host field is missing (RFC 9112 section 3.2)\n");
}

#[tokio::test]
async fn a_client_that_is_still_sending_can_read_why_it_is_refused() {
    const MUCH: usize = 4 * 1024 * 1024;
    let server = served_with(hello(), |server| server.limits.body_bytes = 10);
    let mut client = Peer::connect(server.address).await;
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {MUCH}\r\n\r\n")).await;
    client.send(vec![b'x'; MUCH]).await;
    let answer = client.answer().await;
    assert_eq!((answer.head.status(), answer.head.field("Connection")), (413, Some("close")));
    client.hang_up().await;
    assert_eq!(client.end().await, End::Closed, "RFC 9112 §9.6: the close is not a reset");
}

#[tokio::test]
async fn a_client_that_sends_without_end_after_its_last_answer_is_cut() {
    let server = served_with(hello(), |server| {
        server.patience.linger_bytes = 1024;
        server.patience.discard = LONG;
    });
    let mut client = Peer::connect(server.address).await;
    client.send("GET /\r\n\r\n").await;
    assert_eq!(client.answer().await.head.status(), 400);
    let begin = Instant::now();
    while client.try_send([b'x'; 4096]).await.is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it is cut");
    }
}

#[tokio::test]
async fn a_client_that_says_it_is_done_is_waited_for_only_if_it_is_not() {
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let server = served_with(hello(), |server| server.patience.discard = LONG);
    let mut true_to_its_word = Peer::connect(server.address).await;
    assert_eq!(true_to_its_word.ask(last).await.content, "hello");
    assert_eq!(true_to_its_word.end().await, End::Closed);
    server.stop.start();
    soon(server.stop.finished()).await;
    drop(true_to_its_word);

    let server = served(hello());
    let mut sends_on = Peer::connect(server.address).await;
    sends_on.send([last.as_bytes(), &[b'x'; 1024 * 1024]].concat()).await;
    assert_eq!(sends_on.answer().await.content, "hello");
    sends_on.send("and on").await; // RFC 9112 §9.6: no reset that could lose it the answer
    sends_on.hang_up().await;
    assert_eq!(sends_on.end().await, End::Closed);
}

#[tokio::test]
async fn a_head_that_trickles_is_408_however_it_trickles() {
    let server = served_within(LONG, SHORT);
    let mut client = Peer::connect(server.address).await;
    assert_eq!(client.ask(GET).await.content, "hello", "the time of a head begins with its first byte");
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_vec();
    let mut trickle = interval(SHORT / 20);
    let begin = Instant::now();
    while client.is_quiet() {
        trickle.tick().await;
        head.push(b'x');
        client.send(&head).await;
        head.clear();
        assert!(begin.elapsed() < Duration::from_secs(20), "it ends");
    }
    assert!(begin.elapsed() >= SHORT, "it had its time");
    let answer = client.answer().await;
    assert_eq!((answer.head.status(), answer.head.field("Connection")), (408, Some("close")));
    client.hang_up().await;
    assert_eq!(client.end().await, End::Closed);
}

#[tokio::test]
async fn a_connection_that_idles_too_long_is_closed_without_a_word() {
    let server = served_within(SHORT, LONG);
    let mut new = Peer::connect(server.address).await;
    let mut used = Peer::connect(server.address).await;
    assert_eq!(used.ask(GET).await.content, "hello");
    assert_eq!(new.end().await, End::Closed);
    assert_eq!(used.end().await, End::Closed);
}

#[tokio::test]
async fn an_empty_line_before_a_request_is_passed_over() {
    let server = served(hello());
    let mut client = Peer::connect(server.address).await;
    client.send("\r\n").await;
    assert_eq!(client.ask(GET).await.content, "hello", "RFC 9112 §2.2");
    let old = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok\r\n";
    assert_eq!(client.ask(old).await.content, "hello");
    assert_eq!(client.ask(GET).await.content, "hello");
}

#[tokio::test]
async fn an_empty_line_alone_is_no_beginning_of_a_request() {
    let server = served_within(SHORT, LONG);
    for before in ["", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"] {
        let mut client = Peer::connect(server.address).await;
        client.send([before, "\r\n"].concat()).await;
        let (rest, end) = client.rest().await;
        assert_eq!(end, End::Closed);
        assert!(!String::from_utf8_lossy(&rest).contains("408"), "{rest:?}");
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    const MUCH: u64 = 256 * 1024 * 1024;
    let mut server = served_with(gives_hole(MUCH), |server| server.patience.send = SHORT);
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    let record = server.records.next().await;
    assert_eq!(record.ending, Ending::ClientGone);
    assert!(record.sent < MUCH);
    let (rest, end) = client.rest().await;
    assert!((rest.len() as u64) <= record.sent);
    assert_eq!(end, End::Reset, "the system does not go on offering the rest");
}

#[tokio::test]
async fn connections_over_the_limit_wait_and_are_served_when_one_ends() {
    let server = served_with(hello(), |server| server.connections = Arc::new(Semaphore::new(1)));
    let mut first = Peer::connect(server.address).await;
    assert_eq!(first.ask(GET).await.content, "hello");
    let mut second = Peer::connect(server.address).await;
    second.send(GET).await;
    for _ in 0..10 {
        assert_eq!(first.ask(GET).await.content, "hello");
    }
    assert!(second.is_quiet(), "it waits");
    drop(first);
    assert_eq!(soon(second.answer()).await.content, "hello");
}
