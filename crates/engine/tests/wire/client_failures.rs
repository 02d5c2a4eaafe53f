//! The client side: responses that are none, that break off, or that take too long.

use std::time::Duration;

use bytes::Bytes;
use message::{Body, FailureKind, Method, Service};
use tokio::time::Instant;

use crate::support::content::read;
use crate::support::origin::{Origin, fetch, pool, pool_with};
use crate::support::peer::End;
use crate::support::soon;

/// Short, where the wait has to end in the test.
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_response_that_breaks_off_is_a_failure_and_never_shorter() {
    use FailureKind::{HttpProtocolError, HttpResponseIncomplete};
    for (content, came, kind) in [
        ("Content-Length: 10\r\n\r\nhello", "hello", HttpResponseIncomplete),
        ("Content-Length: 10\r\n\r\n", "", HttpResponseIncomplete),
        ("Transfer-Encoding: chunked\r\n\r\n", "", HttpResponseIncomplete),
        ("Transfer-Encoding: chunked\r\n\r\na\r\nhello", "hello", HttpResponseIncomplete),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", HttpResponseIncomplete),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello", HttpResponseIncomplete),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n", "hello", HttpProtocolError),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", "hel", HttpProtocolError),
    ] {
        let (mut origin, pool) = (Origin::listen(), pool());
        let answer = format!("HTTP/1.1 200 OK\r\n{content}");
        let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), async {
            drop(origin.answer(&answer).await);
        });
        let got = got.unwrap();
        assert_eq!((&got.content[..], got.broken), (came.as_bytes(), Some(kind)), "{content:?}");
    }
}

#[tokio::test]
async fn a_reset_is_no_end_of_content_that_goes_on_until_the_close() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let call = pool.call(origin.get("/"));
    let (response, server) = tokio::join!(soon(call), origin.answer("HTTP/1.1 200 OK\r\n\r\nhello"));
    server.reset();
    let (_, _, failure) = read(response.unwrap().body).await;
    assert_eq!(failure.unwrap().kind(), FailureKind::HttpResponseIncomplete, "RFC 9112 §8");
}

#[tokio::test]
async fn what_is_no_response_is_a_protocol_error() {
    for answer in [
        "HELLO\r\n\r\n",
        "HTTP/1.1 2OO OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ] {
        let (mut origin, pool) = (Origin::listen(), pool());
        let (got, _server) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(answer));
        assert_eq!(got.unwrap_err().kind(), FailureKind::HttpProtocolError, "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_as_long_as_the_limit() {
    for answer in ["", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
        let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.head = SHORT));
        let begin = Instant::now();
        let (got, _server) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(answer));
        assert_eq!(got.unwrap_err().kind(), FailureKind::HttpResponseTimeout, "{answer:?}");
        assert!(begin.elapsed() >= SHORT);
    }
}

#[tokio::test]
async fn content_that_stops_coming_is_waited_for_as_long_as_the_limit() {
    for head in ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n", ""] {
        for content in ["", "5\r\nhel"] {
            let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.content = SHORT));
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n{content}");
            let (got, _server) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(&answer));
            let got = got.unwrap();
            assert_eq!(got.broken, Some(FailureKind::HttpResponseTimeout), "{head:?}");
            assert!(content.is_empty() == got.content.is_empty());
        }
    }
}

#[tokio::test]
async fn a_connection_that_failed_is_closed_even_if_somebody_holds_its_content() {
    let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.content = SHORT));
    let call = pool.call(origin.get("/"));
    let (response, mut server) =
        tokio::join!(soon(call), origin.answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"));
    let mut content = response.unwrap().body.into_stream();
    assert!(matches!(soon(content.next()).await, Some(Err(_))));
    assert_eq!(server.end().await, End::Closed);
    drop(content);
}

#[tokio::test]
async fn content_may_take_longer_than_the_limit_if_it_keeps_coming() {
    let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.content = SHORT));
    let begin = Instant::now();
    let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), async {
        let mut server = origin.answer("HTTP/1.1 200 OK\r\n\r\n").await;
        while begin.elapsed() < 2 * SHORT {
            server.send("x").await;
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let got = got.unwrap();
    assert_eq!((got.broken, got.content.first()), (None, Some(&b'x')));
}

#[tokio::test]
async fn a_server_that_does_not_take_the_request_is_given_up() {
    let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.send = SHORT));
    let much = Bytes::from(vec![b'x'; 64 * 1024 * 1024]);
    let request = origin.request(Method::POST, "/", Body::from(much));
    let (got, _server) = tokio::join!(fetch(&pool, request), origin.accept());
    assert_eq!(got.unwrap_err().kind(), FailureKind::ConnectionWriteTimeout);
}
