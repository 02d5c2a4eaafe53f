//! The server side: what the service hears before its answer goes to the client before it (RFC 9110 §15.2).

use std::sync::Arc;

use lab::Answers;
use message::{HearInterim, Request, Response, Service, StatusCode};
use tokio::sync::{Notify, mpsc};

use crate::support::content::fields;
use crate::support::peer::Peer;
use crate::support::served::{Script, Served, served, served_with};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// Most that are passed on before one answer.
const MOST: usize = 16;

fn forwarding(service: impl Service) -> Served {
    served_with(service, |server| server.forwards_interims = true)
}

fn hint(hearer: &dyn HearInterim, target: &'static str) {
    hearer.hear(StatusCode::EARLY_HINTS, fields(&[("link", target), ("connection", "close")]));
}

async fn answers_yes(client: &mut Peer) {
    let head = client.head().await;
    assert_eq!(head.status(), 200, "{head:?}");
    assert_eq!(client.take(4).await, "yes\n");
}

#[tokio::test]
async fn an_interim_response_goes_out_while_the_answer_is_waited_for() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let server = forwarding(Script(move |request: Request| {
        let gate = Arc::clone(&gate);
        async move {
            let hearer = request.interims.expect("somebody hears");
            hearer.hear(StatusCode::PROCESSING, fields(&[]));
            hint(&*hearer, "</a>");
            gate.notified().await;
            hint(&*hearer, "</b>");
            gate.notified().await;
            Ok(Response::text(StatusCode::OK, "yes\n"))
        }
    }));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        client.send(GET).await;
        assert_eq!(client.head().await.0, "HTTP/1.1 102 Processing\r\n\r\n");
        assert_eq!(client.head().await.0, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        go_on.notify_one();
        assert_eq!(client.head().await.field("link"), Some("</b>"));
        go_on.notify_one();
        answers_yes(&mut client).await;
    }
}

#[tokio::test]
async fn what_is_heard_at_once_with_the_answer_goes_before_it_and_so_many_at_most() {
    let server = forwarding(Answers::new(|request| {
        let hearer = request.interims.unwrap();
        (0..MOST + 3).for_each(|_| hint(&*hearer, "</a>"));
        Response::text(StatusCode::OK, "yes\n")
    }));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        client.send(GET).await;
        for _ in 0..MOST {
            assert_eq!(client.head().await.status(), 103);
        }
        answers_yes(&mut client).await;
    }
}

#[tokio::test]
async fn what_is_heard_behind_the_answer_is_not_said_before_the_next() {
    let (keep, mut kept) = mpsc::unbounded_channel();
    let server = forwarding(Answers::new(move |request| {
        keep.send(request.interims.unwrap()).unwrap();
        Response::text(StatusCode::OK, "yes\n")
    }));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    answers_yes(&mut client).await;
    let late = kept.recv().await.unwrap();
    hint(&*late, "</late>");
    client.send(GET).await;
    answers_yes(&mut client).await;
    hint(&*late, "</later>");
    drop(kept);
}

#[tokio::test]
async fn a_client_of_http10_and_one_of_a_server_that_has_none_gets_none() {
    let old = served_with(Answers::new(|request| hears_nothing(&request)), |server| {
        server.forwards_interims = true;
        server.limits.allow_http10 = true;
    });
    let answer = Peer::connect(old.address).await.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.head.status(), 200);
    let plain = served(Answers::new(|request| hears_nothing(&request)));
    assert_eq!(Peer::connect(plain.address).await.ask(GET).await.head.status(), 200);
}

fn hears_nothing(request: &Request) -> Response {
    assert!(request.interims.is_none(), "nobody would hear it");
    Response::text(StatusCode::OK, "yes\n")
}

#[tokio::test]
async fn an_interim_response_does_not_stand_in_for_100_continue() {
    let server = forwarding(Script(|mut request: Request| async move {
        let hearer = request.interims.take().unwrap();
        hint(&*hearer, "</a>");
        tokio::task::yield_now().await;
        let (content, ..) = crate::support::content::read(request.body).await;
        hint(&*hearer, "</b>");
        assert_eq!(content, "hello");
        Ok(Response::text(StatusCode::OK, "yes\n"))
    }));
    let mut client = Peer::connect(server.address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    let mut came = vec![client.head().await.status(), client.head().await.status()];
    came.sort_unstable();
    assert_eq!(came, [100, 103]);
    client.send("hello").await;
    assert_eq!(client.head().await.field("link"), Some("</b>"));
    answers_yes(&mut client).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!((client.head().await.status(), client.head().await.status()), (103, 103));
    answers_yes(&mut client).await;
}
