//! The graceful stop.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use engine::{Server, Unobserved, serve};
use lab::Answers;
use message::{Request, Response, StatusCode};
use net::{Dialer, drain};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;

use crate::support::content::{Feed, fed, piece};
use crate::support::peer::{End, Peer};
use crate::support::served::{ANY_PORT, Script, listener, served};
use crate::support::soon;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn hello() -> Answers {
    Answers::new(|_| Response::text(StatusCode::OK, "hello"))
}

async fn is_refused(address: std::net::SocketAddr) -> bool {
    soon(Dialer::default().dial(&address.ip().to_string(), address.port())).await.is_err()
}

#[tokio::test]
async fn idle_connections_are_closed_at_once_and_no_new_ones_are_taken() {
    let server = served(hello());
    let mut used = Peer::connect(server.address).await;
    assert_eq!(used.ask(GET).await.content, "hello");
    let mut new = Peer::connect(server.address).await;
    server.stop.start();
    assert_eq!(used.end().await, End::Closed);
    assert_eq!(new.end().await, End::Closed);
    soon(server.stop.finished()).await;
    assert!(is_refused(server.address).await);
}

#[tokio::test]
async fn a_transfer_finishes_and_the_next_answer_says_that_it_is_the_last() {
    let (begun, mut bodies) = unbounded_channel::<Feed>();
    let server = served(Script(move |request: Request| {
        let begun = begun.clone();
        async move {
            if request.target.to_string() == "/next" {
                return Ok(Response::text(StatusCode::OK, "next"));
            }
            let (feed, body) = fed(Some(10));
            feed.send(Ok(piece("first"))).unwrap();
            begun.send(feed).unwrap();
            Ok(Response { body, ..Response::new(StatusCode::OK) })
        }
    }));
    let mut client = Peer::connect(server.address).await;
    client.send([GET, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n", GET].concat()).await;
    assert_eq!(client.head().await.field("Connection"), None, "it could not know yet");
    assert_eq!(client.take(5).await, "first");
    server.stop.start();
    assert_eq!(server.stop.running(), 1);
    soon(bodies.recv()).await.unwrap().send(Ok(piece("other"))).unwrap();
    assert_eq!(client.take(5).await, "other");
    let last = client.answer().await;
    assert_eq!((&last.content[..], last.head.field("Connection")), (&b"next"[..], Some("close")));
    client.hang_up().await;
    assert_eq!(client.end().await, End::Closed, "what was sent after it is not answered");
    soon(server.stop.finished()).await;
}

#[tokio::test]
async fn a_request_that_is_being_answered_when_the_stop_begins_is_told_that_it_is_the_last() {
    let (called, mut calls) = unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let server = served(Script(move |_| {
        let (called, opened) = (called.clone(), Arc::clone(&opened));
        async move {
            called.send(()).unwrap();
            let _permit = opened.acquire().await.unwrap();
            Ok(Response::text(StatusCode::OK, "hello"))
        }
    }));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    soon(calls.recv()).await.unwrap();
    client.send(GET).await; // it does not know yet
    server.stop.start();
    gate.add_permits(1);
    let answer = client.answer().await;
    assert_eq!((&answer.content[..], answer.head.field("Connection")), (&b"hello"[..], Some("close")));
    client.send(GET).await; // RFC 9112 §9.6: no reset that could lose it the answer
    client.hang_up().await;
    assert_eq!(client.end().await, End::Closed);
    soon(server.stop.finished()).await;
}

#[tokio::test]
async fn a_head_that_has_begun_when_the_stop_begins_is_waited_for() {
    for is_heard_of_before in [false, true] {
        let server = served(hello());
        let mut client = Peer::connect(server.address).await;
        let mut other = Peer::connect(server.address).await;
        assert_eq!(client.ask(GET).await.content, "hello");
        client.send(&GET[..10]).await;
        if is_heard_of_before {
            // What came first is read first, and who waits first hears of the stop first.
            assert_eq!(other.ask(GET).await.content, "hello");
            server.stop.start();
            assert_eq!(other.end().await, End::Closed);
        }
        server.stop.start();
        let answer = client.ask(&GET[10..]).await;
        assert_eq!((&answer.content[..], answer.head.field("Connection")), (&b"hello"[..], Some("close")));
        drop(client);
        soon(server.stop.finished()).await;
    }
}

#[tokio::test]
async fn who_is_in_the_systems_queue_when_the_stop_begins_is_served() {
    let listener = listener();
    let address = listener.local_addr();
    let mut client = Peer::connect(address).await;
    client.send(GET).await;
    let (stop, draining) = drain();
    stop.start();
    let server = Arc::new(Server::new(hello(), Unobserved, 10));
    soon(serve(listener.start().unwrap(), server, draining)).await;
    let answer = client.answer().await;
    assert_eq!((&answer.content[..], answer.head.field("Connection")), (&b"hello"[..], Some("close")));
    drop(client);
    soon(stop.finished()).await;
    assert!(is_refused(address).await);
}

#[test]
fn the_runtimes_of_several_threads_stop_together() {
    const THREADS: usize = 3;
    const CLIENTS: usize = 12;
    let (stop, draining) = drain();
    let gate = Arc::new(Semaphore::new(0));
    let (called, calls) = mpsc::channel();
    let opened = Arc::clone(&gate);
    let service = Script(move |_| {
        let (called, opened) = (called.clone(), Arc::clone(&opened));
        async move {
            called.send(()).unwrap();
            let _permit = opened.acquire().await.unwrap();
            Ok(Response::text(StatusCode::OK, "hello"))
        }
    });
    let server = Arc::new(Server::new(service, Unobserved, CLIENTS));
    let (halt, halting) = drain();
    let group = net::bind(ANY_PORT, THREADS).unwrap();
    let address = group[0].local_addr();
    let threads: Vec<_> = group
        .into_iter()
        .map(|listener| {
            let (server, draining, halting) = (Arc::clone(&server), draining.clone(), halting.clone());
            thread::spawn(move || {
                Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                    let serving = tokio::spawn(serve(listener.start().unwrap(), server, draining));
                    halting.draining().await;
                    soon(serving).await.unwrap();
                });
            })
        })
        .collect();
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = Peer::connect(address).await;
            client.send(GET).await;
            clients.push(client);
        }
        for _ in 0..CLIENTS {
            calls.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        stop.start();
        assert_eq!(stop.running(), CLIENTS);
        gate.add_permits(CLIENTS);
        for mut client in clients {
            let answer = client.answer().await;
            assert_eq!(
                (&answer.content[..], answer.head.field("Connection")),
                (&b"hello"[..], Some("close"))
            );
        }
        soon(stop.finished()).await;
        halt.start();
    });
    for thread in threads {
        thread.join().unwrap();
    }
}
