//! The server side: requests with content.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::Refusal;
use lab::Answers;
use message::{Body, FailureKind, HeaderName, Request, Response, StatusCode};
use tokio::sync::{Notify, mpsc};
use tokio::time::interval;

use crate::support::content::read;
use crate::support::peer::{End, Peer};
use crate::support::served::{Script, served, served_with};
use crate::support::soon;

const GET: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

/// What must never be answered: it is content.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers with the target, and leaves the content unread.
fn ignores_content() -> Answers {
    Answers::new(|request| Response::text(StatusCode::OK, request.target.to_string()))
}

/// Reads the content and answers with it, and with the trailer that it came with.
async fn mirror(request: Request) -> Result<Response, message::Failure> {
    let (content, trailers, failure) = read(request.body).await;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let mut response = Response { body: Body::from(content), ..Response::new(StatusCode::OK) };
    let name = HeaderName::from_static("x-sum");
    if let Some(value) = trailers.as_ref().and_then(|fields| fields.get(&name)) {
        response.fields.set(name, value.clone());
    }
    Ok(response)
}

fn post(head: &str, content: &str) -> String {
    format!("POST /post HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{content}")
}

fn post_of_length(length: usize, content: &str) -> String {
    post(&format!("Content-Length: {length}"), content)
}

#[tokio::test]
async fn content_by_length_and_in_chunks_reaches_the_service_whole() {
    let server = served(Script(mirror));
    let mut client = Peer::connect(server.address).await;
    assert_eq!(client.ask(post_of_length(5, "hello")).await.content, "hello");
    let chunked = "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 42\r\n\r\n";
    let answer = client.ask(post("Transfer-Encoding: chunked", chunked)).await;
    assert_eq!((&answer.content[..], answer.head.field("X-Sum")), (&b"hello"[..], Some("42")));
    assert_eq!(client.ask(post_of_length(0, "")).await.content, "");
    assert_eq!(client.ask(GET).await.content, "");
}

#[tokio::test]
async fn content_reaches_the_service_as_it_comes() {
    let server = served(Script(|request: Request| async move {
        Ok(Response { body: request.body, ..Response::new(StatusCode::OK) })
    }));
    let mut client = Peer::connect(server.address).await;
    client.send(post("Transfer-Encoding: chunked", "")).await;
    assert_eq!(client.head().await.field("Transfer-Encoding"), Some("chunked"));
    for text in ["one", "two"] {
        client.send(format!("3\r\n{text}\r\n")).await;
        assert_eq!(client.until(b"\r\n").await, "3\r\n");
        assert_eq!(client.until(b"\r\n").await, format!("{text}\r\n"));
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.until(b"\r\n\r\n").await, "0\r\n\r\n");
    client.send(GET).await;
    assert_eq!(client.head().await.status(), 200, "the connection goes on");
}

#[tokio::test]
async fn a_client_is_told_to_continue_when_its_content_is_asked_for_and_not_before() {
    let (called, mut calls) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let server = served(Script(move |request: Request| {
        let (called, opened) = (called.clone(), Arc::clone(&opened));
        async move {
            assert!(request.fields.iter().all(|(name, _)| name != "expect"));
            called.send(()).unwrap();
            opened.notified().await;
            mirror(request).await
        }
    }));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        client.send(post("Content-Length: 5\r\nExpect: 100-continue", "")).await;
        soon(calls.recv()).await.unwrap();
        assert!(client.is_quiet(), "RFC 9110 §10.1.1: nobody has asked for the content yet");
        gate.notify_one();
        assert_eq!(client.until(b"\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        let answer = client.ask("hello").await;
        assert_eq!((answer.head.status(), &answer.content[..]), (200, &b"hello"[..]));
        assert_eq!(answer.head.field("Connection"), None);
    }
}

#[tokio::test]
async fn a_final_answer_instead_of_100_is_the_last_and_what_follows_is_no_request() {
    let server = served(ignores_content());
    let mut client = Peer::connect(server.address).await;
    let length = SMUGGLED.len();
    let answer = client.ask(post(&format!("Content-Length: {length}\r\nExpect: 100-continue"), "")).await;
    assert_eq!((answer.head.status(), &answer.content[..]), (200, &b"/post"[..]));
    assert_eq!(answer.head.field("Connection"), Some("close"), "RFC 9110 §10.1.1");
    client.send([SMUGGLED, GET].concat()).await;
    client.hang_up().await;
    assert_eq!(client.end().await, End::Closed);
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_100_is_answered_and_the_connection_goes_on() {
    let server = served(Script(mirror));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        let answer = client.ask(post("Content-Length: 5\r\nExpect: 100-continue", "hello")).await;
        assert_eq!((answer.head.status(), &answer.content[..]), (200, &b"hello"[..]));
        assert_eq!(answer.head.field("Connection"), None, "its content has come: nothing is in doubt");
    }
}

#[tokio::test]
async fn content_that_nobody_reads_is_read_away_and_never_taken_for_a_request() {
    let server = served(ignores_content());
    let mut client = Peer::connect(server.address).await;
    client.send([post_of_length(SMUGGLED.len(), SMUGGLED), GET.to_owned()].concat()).await;
    assert_eq!(client.answer().await.content, "/post");
    assert_eq!(client.answer().await.content, "/next", "RFC 9112 §9.3");
    let chunked = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    client.send([post("Transfer-Encoding: chunked", &chunked), GET.to_owned()].concat()).await;
    assert_eq!(client.answer().await.content, "/post");
    assert_eq!(client.answer().await.content, "/next");
}

#[tokio::test]
async fn content_that_comes_late_is_read_away_too() {
    let server = served(ignores_content());
    let mut client = Peer::connect(server.address).await;
    let answer = client.ask(post_of_length(SMUGGLED.len(), "")).await;
    assert_eq!((&answer.content[..], answer.head.field("Connection")), (&b"/post"[..], None));
    assert_eq!(client.ask([SMUGGLED, GET].concat()).await.content, "/next");
}

#[tokio::test]
async fn more_unread_content_than_is_read_away_closes_and_never_becomes_a_request() {
    let content = SMUGGLED.repeat(10);
    let chunked = format!("{:x}\r\n{content}\r\n0\r\n\r\n", content.len());
    let by_length = post_of_length(content.len(), &content);
    let in_chunks = post("Transfer-Encoding: chunked", &chunked);
    for (request, said) in [(by_length, Some("close")), (in_chunks, None)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let service = Answers::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Response::text(StatusCode::OK, "once")
        });
        let server = served_with(service, |server| server.patience.discard_bytes = 100);
        let mut client = Peer::connect(server.address).await;
        client.send([request, GET.to_owned()].concat()).await;
        let answer = client.answer().await;
        assert_eq!(answer.head.field("Connection"), said, "said where it is known in time");
        client.hang_up().await;
        assert_eq!(client.end().await, End::Closed);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_service_may_drop_the_content_half_read() {
    let server = served(Script(|request: Request| async move {
        let target = request.target.to_string();
        let mut content = request.body.into_stream();
        let first = content.next().await;
        drop(content);
        assert!(target == "/next" || matches!(first, Some(Ok(_))));
        Ok(Response::text(StatusCode::OK, target))
    }));
    let mut client = Peer::connect(server.address).await;
    let answer = client.ask(post_of_length(SMUGGLED.len(), &SMUGGLED[..5])).await;
    assert_eq!(answer.content, "/post");
    assert_eq!(client.ask([&SMUGGLED[5..], GET].concat()).await.content, "/next");
}

#[tokio::test]
async fn content_that_was_read_to_its_end_may_be_held_for_ever() {
    let (hold, _held) = mpsc::unbounded_channel();
    let server = served(Script(move |request: Request| {
        let hold = hold.clone();
        async move {
            let mut content = request.body.into_stream();
            while content.next().await.is_some() {}
            hold.send(content).unwrap();
            Ok(Response::text(StatusCode::OK, "held"))
        }
    }));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        assert_eq!(client.ask(post_of_length(5, "hello")).await.content, "held");
    }
}

#[tokio::test]
async fn content_that_is_held_after_the_answer_does_not_wedge_the_connection() {
    let (hold, mut held) = mpsc::unbounded_channel();
    let service = Answers::new(move |request| {
        hold.send(request.body).unwrap();
        Response::text(StatusCode::OK, "held")
    });
    let server = served_with(service, |server| server.patience.discard = Duration::from_millis(50));
    let mut client = Peer::connect(server.address).await;
    assert_eq!(client.ask(post_of_length(5, "")).await.content, "held");
    assert_eq!(client.end().await, End::Closed, "its content is in doubt, so the connection ends");
    let body = soon(held.recv()).await.unwrap();
    client.send("hello").await;
    assert_eq!(read(body).await.0, "hello", "who holds it has it, to its end");
    assert_eq!(Peer::connect(server.address).await.ask(GET).await.content, "held");
}

#[tokio::test]
async fn content_that_is_cut_short_is_a_failure_for_the_service_and_never_shorter() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = served(Script(move |request: Request| {
        let tell = tell.clone();
        async move {
            let (content, _, failure) = read(request.body).await;
            tell.send((content, failure.as_ref().map(message::Failure::kind))).unwrap();
            Err(failure.unwrap())
        }
    }));
    let chunked = post("Transfer-Encoding: chunked", "3\r\nhel\r\n");
    for request in [post_of_length(5, "hel"), chunked] {
        let mut client = Peer::connect(server.address).await;
        client.send(request).await;
        client.hang_up().await;
        let (content, failure) = soon(told.recv()).await.unwrap();
        assert_eq!((&content[..], failure), (&b"hel"[..], Some(FailureKind::HttpRequestError)));
        let answer = client.answer().await;
        assert_eq!((answer.head.status(), answer.head.field("Connection")), (400, Some("close")));
        assert_eq!(client.end().await, End::Closed);
    }
}

#[tokio::test]
async fn content_that_breaks_the_protocol_is_answered_by_its_fault_and_closes() {
    let server = served_with(Script(mirror), |server| server.limits.body_bytes = 10);
    for (chunks, status) in
        [("x\r\n", 400), ("3\r\nhello\r\n", 400), ("6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n", 413)]
    {
        let mut client = Peer::connect(server.address).await;
        client.send([post("Transfer-Encoding: chunked", chunks), GET.to_owned()].concat()).await;
        let answer = client.answer().await;
        assert_eq!((answer.head.status(), answer.head.field("Connection")), (status, Some("close")));
        client.hang_up().await;
        assert_eq!(client.end().await, End::Closed, "what follows {chunks:?} is not looked at");
    }
}

#[tokio::test]
async fn content_that_drips_is_408_however_long_each_drop_takes() {
    const DRIP: Duration = Duration::from_millis(5);
    let server = served_with(Script(mirror), |server| {
        server.patience.content = 20 * DRIP;
        server.patience.min_rate = 1_000_000;
    });
    let mut client = Peer::connect(server.address).await;
    client.send(post_of_length(1_000_000, "")).await;
    let mut drip = interval(DRIP);
    while client.is_quiet() {
        drip.tick().await;
        client.send("x").await;
    }
    let answer = client.answer().await;
    assert_eq!((answer.head.status(), answer.head.field("Connection")), (408, Some("close")));
    assert_eq!((server.refused)(Refusal::Slowness), 1);
}

#[tokio::test]
async fn content_that_stops_coming_is_408() {
    let server = served_with(Script(mirror), |server| server.patience.content = Duration::from_millis(50));
    let mut client = Peer::connect(server.address).await;
    let answer = client.ask(post_of_length(5, "hel")).await;
    assert_eq!((answer.head.status(), answer.head.field("Connection")), (408, Some("close")));
    client.hang_up().await;
    assert_eq!(client.end().await, End::Closed);
}
