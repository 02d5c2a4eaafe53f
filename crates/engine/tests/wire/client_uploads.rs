//! The client side: content that goes out while the response may already be coming.

use std::time::Duration;

use bytes::Bytes;
use message::{Body, Failure, FailureKind, Method, Service};

use crate::support::content::{fed, file_of, noise, piece, slice};
use crate::support::origin::{Origin, fetch, pool, pool_with};
use crate::support::soon;

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// More than the two systems' buffers take between them: sending it waits for the server.
const MORE_THAN_BUFFERS: usize = 32 * 1024 * 1024;

fn much() -> Body {
    Body::from(Bytes::from(vec![b'x'; MORE_THAN_BUFFERS]))
}

#[tokio::test]
async fn a_refusal_counts_also_if_the_server_takes_no_more() {
    let refusal = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    let (mut origin, pool) = (Origin::listen(), pool());
    // It closes at once, with most of the content unread.
    let request = origin.request(Method::POST, "/", much());
    let (got, ()) = tokio::join!(fetch(&pool, request), async { drop(origin.answer(refusal).await) });
    let got = got.unwrap();
    assert_eq!((got.status.as_u16(), &got.content[..]), (413, &b"no"[..]), "RFC 9112 §9.5");
}

#[tokio::test]
async fn after_a_last_answer_no_more_of_the_request_is_sent() {
    let refusal = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    let (mut origin, pool) = (Origin::listen(), pool());
    let request = origin.request(Method::POST, "/", much());
    let (got, mut server) = tokio::join!(fetch(&pool, request), origin.answer(refusal));
    assert_eq!(got.unwrap().content, "no");
    assert!(server.rest().await.0.len() < MORE_THAN_BUFFERS, "RFC 9112 §9.5");
}

#[tokio::test]
async fn a_server_may_answer_first_and_read_later() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let request = origin.request(Method::POST, "/", much());
    let (got, mut server) = tokio::join!(fetch(&pool, request), origin.answer(WHOLE));
    assert_eq!(got.unwrap().content, "hello", "the response is there before the request is");
    let content = server.take(MORE_THAN_BUFFERS).await;
    assert!(content.iter().all(|byte| *byte == b'x'), "and the rest of the request follows");
}

#[tokio::test]
async fn after_an_early_answer_the_connection_is_used_again() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (feed, body) = fed(Some(5));
    let request = origin.request(Method::POST, "/", body);
    let (got, mut server) = tokio::join!(fetch(&pool, request), origin.answer(WHOLE));
    assert_eq!(got.unwrap().content, "hello");
    feed.send(Ok(piece("12345"))).unwrap();
    drop(feed);
    assert_eq!(server.take(5).await, "12345");
    tokio::task::yield_now().await; // the upload ends in a task of its own
    let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), async {
        server.head().await;
        server.send(WHOLE).await;
    });
    assert_eq!(got.unwrap().content, "hello");
}

#[tokio::test]
async fn both_messages_may_go_at_once() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (feed, body) = fed(None);
    let call = pool.call(origin.request(Method::POST, "/", body));
    let (response, mut server) = tokio::join!(soon(call), async {
        let mut server = origin.accept().await;
        server.head().await;
        server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        server
    });
    let mut content = response.unwrap().body.into_stream();
    for text in ["one", "two"] {
        feed.send(Ok(piece(text))).unwrap();
        let (came, ()) = tokio::join!(soon(content.next()), async {
            assert_eq!(server.take(8).await, format!("3\r\n{text}\r\n"));
            server.send(format!("3\r\n{text}\r\n")).await;
        });
        assert!(matches!(came, Some(Ok(message::Segment::Bytes(bytes))) if bytes == text));
    }
    drop(feed);
    let (end, ()) = tokio::join!(soon(content.next()), async {
        server.send("0\r\n\r\n").await;
        assert_eq!(server.take(5).await, "0\r\n\r\n");
    });
    assert!(end.is_none());
}

#[tokio::test]
async fn the_time_for_an_answer_begins_when_the_request_is_out() {
    const SHORT: Duration = Duration::from_millis(100);
    let limits = |limits: &mut engine::ClientLimits| (limits.head, limits.content) = (SHORT, SHORT);
    let (mut origin, pool) = (Origin::listen(), pool_with(limits));
    let (feed, body) = fed(Some(2));
    let (got, ()) = tokio::join!(fetch(&pool, origin.request(Method::POST, "/", body)), async {
        let mut server = origin.accept().await;
        server.head().await;
        tokio::time::sleep(2 * SHORT).await; // the content takes longer than an answer may
        feed.send(Ok(piece("1"))).unwrap();
        assert_eq!(server.take(1).await, "1");
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").await;
        tokio::time::sleep(2 * SHORT).await;
        feed.send(Ok(piece("2"))).unwrap();
        assert_eq!(server.take(1).await, "2");
        server.send("llo").await;
    });
    let got = got.unwrap();
    assert_eq!((&got.content[..], got.broken), (&b"hello"[..], None));
}

#[tokio::test]
async fn content_that_fails_fails_the_request_and_is_never_ended_cleanly() {
    let (mut origin, pool) = (Origin::listen(), pool());
    for (length, sent) in [(Some(10), "hello"), (None, "5\r\nhello\r\n")] {
        let (feed, body) = fed(length);
        feed.send(Ok(piece("hello"))).unwrap();
        feed.send(Err(Failure::new(FailureKind::HttpRequestError, "the client left"))).unwrap();
        let request = origin.request(Method::POST, "/", body);
        let (got, rest) = tokio::join!(fetch(&pool, request), async {
            let mut server = origin.accept().await;
            server.head().await;
            server.rest().await.0
        });
        assert_eq!(got.unwrap_err().kind(), FailureKind::HttpRequestError);
        assert_eq!(rest, sent, "RFC 9112 §8");
    }
}

#[tokio::test]
async fn a_file_that_is_cut_short_under_its_upload_fails_the_request_at_once() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let file = file_of(&noise(100));
    let body = Body::from(slice(&file, 0, 100));
    file.set_len(10).unwrap();
    let request = origin.request(Method::PUT, "/", body);
    let (got, rest) = tokio::join!(fetch(&pool, request), async {
        let mut server = origin.accept().await;
        server.head().await;
        server.rest().await.0
    });
    assert_eq!(got.unwrap_err().kind(), FailureKind::ProxyInternalError);
    assert_eq!(rest.len(), 10);
}

#[tokio::test]
async fn content_of_another_length_than_it_said_fails_the_request() {
    let (mut origin, pool) = (Origin::listen(), pool());
    for (length, text) in [(3, "hello"), (9, "hello")] {
        let (feed, body) = fed(Some(length));
        feed.send(Ok(piece(text))).unwrap();
        drop(feed);
        let request = origin.request(Method::PUT, "/", body);
        let (got, ()) = tokio::join!(fetch(&pool, request), async {
            let mut server = origin.accept().await;
            server.head().await;
            assert!(server.rest().await.0.len() < usize::try_from(length).unwrap());
        });
        assert_eq!(got.unwrap_err().kind(), FailureKind::HttpRequestError);
    }
}

#[tokio::test]
async fn a_response_that_is_dropped_takes_the_rest_of_its_request_with_it() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (feed, body) = fed(Some(10));
    feed.send(Ok(piece("hello"))).unwrap();
    let call = pool.call(origin.request(Method::POST, "/", body));
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello";
    let (response, mut server) = tokio::join!(soon(call), origin.answer(endless));
    drop(response.unwrap().body);
    assert!(feed.send(Ok(piece("world"))).is_err(), "nobody reads the content any more");
    assert_eq!(server.rest().await.0, "hello");
}
