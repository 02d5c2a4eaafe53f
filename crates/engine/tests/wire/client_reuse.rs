//! The client side: which connections are used again, and when a request is sent again.

use std::time::Duration;

use message::{Body, FailureKind, Method, Service};

use crate::support::content::read;
use crate::support::origin::{Origin, fetch, pool, pool_with};
use crate::support::peer::{End, Peer};
use crate::support::soon;

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Reads the next request from `server` and answers it.
async fn answer_on(server: &mut Peer, answer: &str) {
    server.head().await;
    server.send(answer).await;
}

#[tokio::test]
async fn a_connection_on_which_both_messages_ended_exactly_is_used_again() {
    let whole = [
        WHOLE,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    ];
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, mut server) = tokio::join!(fetch(&pool, origin.get("/first")), origin.answer(WHOLE));
    got.unwrap();
    for answer in whole {
        let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), answer_on(&mut server, answer));
        assert_eq!(got.unwrap().broken, None, "{answer:?}");
    }
}

#[tokio::test]
async fn a_post_uses_a_kept_connection_too() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, mut server) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
    got.unwrap();
    for _ in 0..2 {
        let (got, ()) =
            tokio::join!(fetch(&pool, origin.request(Method::POST, "/", Body::from("hello"))), async {
                server.head().await;
                server.take(5).await;
                server.send(WHOLE).await;
            });
        assert_eq!(got.unwrap().content, "hello");
    }
}

#[tokio::test]
async fn after_anything_less_a_new_connection_is_made() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n",
    ] {
        let (mut origin, pool) = (Origin::listen(), pool());
        let (got, mut first) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(answer));
        got.unwrap();
        first.rest().await; // the client closes it at once
        let (got, _second) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
        assert_eq!(got.unwrap().content, "hello", "after {answer:?}");
    }
}

#[tokio::test]
async fn a_response_that_ends_with_its_connection_is_followed_by_a_new_one() {
    for answer in ["HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"] {
        let (mut origin, pool) = (Origin::listen(), pool());
        let (got, ()) =
            tokio::join!(fetch(&pool, origin.get("/")), async { drop(origin.answer(answer).await) });
        assert_eq!(got.unwrap().content, "hello");
        let (got, _second) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
        assert_eq!(got.unwrap().content, "hello", "after {answer:?}");
    }
}

#[tokio::test]
async fn a_response_that_is_dropped_unread_takes_its_connection_with_it() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let (mut origin, pool) = (Origin::listen(), pool());
        let call = pool.call(origin.get("/"));
        let (response, mut first) = tokio::join!(soon(call), origin.answer(answer));
        drop(response.unwrap().body);
        first.rest().await; // the client closes it at once
        let (got, _second) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
        assert_eq!(got.unwrap().content, "hello");
    }
}

#[tokio::test]
async fn what_comes_on_a_kept_connection_unasked_is_never_taken_for_a_response() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, mut first) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
    got.unwrap();
    first.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").await;
    let (got, _second) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
    assert_eq!(got.unwrap().content, "hello", "RFC 9112 §9.2");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_not_used() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, first) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
    got.unwrap();
    drop(first);
    let request = origin.request(Method::POST, "/", Body::Empty);
    let (got, _second) = tokio::join!(fetch(&pool, request), origin.answer(WHOLE));
    assert_eq!(got.unwrap().content, "hello", "not even a POST notices");
}

/// Sends a request on a kept connection, where the server says only `last_words` and ends it so. Gives
/// what the client got, if the server answers those that come to it anew.
async fn on_a_dying_connection(
    (method, body): (Method, Body),
    last_words: &str,
    end: End,
) -> Result<String, FailureKind> {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, mut first) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
    got.unwrap();
    let request = origin.request(method, "/", body);
    let answers = async {
        answer_on(&mut first, last_words).await;
        match end {
            End::Closed => drop(first),
            End::Reset => first.reset(),
        }
        let _second = origin.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain").await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        got = fetch(&pool, request) => match got {
            Ok(got) => Ok(String::from_utf8(got.content.to_vec()).unwrap()),
            Err(failure) => Err(failure.kind()),
        },
        () = answers => unreachable!("it stays pending"),
    }
}

#[tokio::test]
async fn on_a_kept_connection_that_turns_out_dead_an_idempotent_request_is_sent_once_more() {
    for end in [End::Closed, End::Reset] {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let expected = if method == Method::HEAD { "" } else { "again" };
            let got = on_a_dying_connection((method, Body::Empty), "", end).await;
            assert_eq!(got.as_deref(), Ok(expected), "RFC 9110 §9.2.2");
        }
        for request in
            [(Method::POST, Body::Empty), (Method::PATCH, Body::Empty), (Method::PUT, Body::from("x"))]
        {
            let got = on_a_dying_connection(request, "", end).await;
            assert_eq!(got, Err(FailureKind::ConnectionTerminated));
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_again_once_a_byte_of_a_response_has_come() {
    for end in [End::Closed, End::Reset] {
        for last_words in ["H", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 100 Continue\r\n\r\n"] {
            let got = on_a_dying_connection((Method::GET, Body::Empty), last_words, end).await;
            assert_eq!(got, Err(FailureKind::HttpResponseIncomplete), "{last_words:?}");
        }
    }
}

#[tokio::test]
async fn on_a_new_connection_nothing_is_sent_again() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), async { drop(origin.answer("").await) });
    let failure = got.unwrap_err();
    assert_eq!((failure.kind(), failure.retry_safe()), (FailureKind::ConnectionTerminated, false));
}

#[tokio::test]
async fn what_a_server_says_before_it_hangs_up_is_heard() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy";
    let (mut origin, pool) = (Origin::listen(), pool());
    let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), async {
        let mut server = origin.accept().await;
        // It does not read the request, so its close is a reset.
        while server.is_quiet() {
            tokio::task::yield_now().await;
        }
        server.send(busy).await;
    });
    let got = got.unwrap();
    assert_eq!((got.status.as_u16(), &got.content[..]), (503, &b"busy"[..]));
}

#[tokio::test]
async fn a_response_that_has_come_whole_frees_its_connection_before_it_is_read() {
    let (mut origin, pool) = (Origin::listen(), pool());
    let call = pool.call(origin.get("/first"));
    let (first, mut server) = tokio::join!(soon(call), origin.answer(WHOLE));
    let (got, ()) = tokio::join!(fetch(&pool, origin.get("/second")), answer_on(&mut server, WHOLE));
    assert_eq!(got.unwrap().content, "hello");
    assert_eq!(read(first.unwrap().body).await.0, "hello");
}

#[tokio::test]
async fn no_more_connections_are_kept_than_the_limit() {
    let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.idle_connections = 1));
    let (one, two, mut servers) =
        tokio::join!(fetch(&pool, origin.get("/1")), fetch(&pool, origin.get("/2")), {
            let origin = &mut origin;
            async move {
                let mut servers = [origin.accept().await, origin.accept().await];
                for server in &mut servers {
                    answer_on(server, WHOLE).await;
                }
                servers
            }
        });
    assert_eq!([one, two].map(|got| got.unwrap().status.as_u16()), [200, 200]);
    let ended = |server: &Peer| !server.is_quiet();
    let kept = servers.iter().filter(|server| !ended(server)).count();
    assert_eq!(kept, 1, "the other one was closed at once");
    for server in &mut servers {
        if ended(server) {
            assert_eq!(server.end().await, End::Closed);
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_kept_too_long_is_not_used() {
    let (mut origin, pool) = (Origin::listen(), pool_with(|limits| limits.idle = Duration::ZERO));
    let mut servers = Vec::new();
    for _ in 0..2 {
        let (got, server) = tokio::join!(fetch(&pool, origin.get("/")), origin.answer(WHOLE));
        assert_eq!(got.unwrap().content, "hello");
        servers.push(server); // which would go on
    }
}
