//! The server side: failures, panics, and what is told of each exchange.

use std::sync::Arc;
use std::time::Duration;

use engine::{AskedFields, Ending, ExchangeRecord, Observer, Server, clock, serve};
use lab::Answers;
use message::{Body, Failure, FailureKind, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use net::drain;
use tokio::sync::mpsc;

use crate::support::content::{broken_stream, fed, piece, read};
use crate::support::peer::{End, Peer};
use crate::support::served::{Entry, Script, listener, served, served_with};
use crate::support::soon;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_failure_is_a_status_with_its_reason() {
    for (kind, status_line) in [
        (FailureKind::ConnectionRefused, "523 Origin Is Unreachable"),
        (FailureKind::ConnectionTimeout, "523 Origin Is Unreachable"),
        (FailureKind::DnsError, "523 Origin Is Unreachable"),
        (FailureKind::DnsTimeout, "523 Origin Is Unreachable"),
        (FailureKind::DestinationIpUnroutable, "523 Origin Is Unreachable"),
        (FailureKind::HttpProtocolError, "502 Bad Gateway"),
        (FailureKind::HttpResponseIncomplete, "502 Bad Gateway"),
        (FailureKind::ConnectionTerminated, "502 Bad Gateway"),
        (FailureKind::ProxyLoopDetected, "502 Bad Gateway"),
        (FailureKind::HttpResponseTimeout, "504 Gateway Timeout"),
        (FailureKind::ConnectionWriteTimeout, "504 Gateway Timeout"),
        (FailureKind::ConnectionLimitReached, "503 Service Unavailable"),
        (FailureKind::DestinationIpProhibited, "403 Forbidden"),
        (FailureKind::HttpRequestError, "400 Bad Request"),
        (FailureKind::ProxyInternalError, "500 Internal Server Error"),
    ] {
        let server = served(Answers::or_fails(move |_| Err(Failure::new(kind, "a reason for people"))));
        let mut client = Peer::connect(server.address).await;
        for _ in 0..2 {
            let answer = client.ask(GET).await;
            assert_eq!(answer.head.start_line(), format!("HTTP/1.1 {status_line}"));
            let reason = answer.head.field("Proxy-Status").expect("RFC 9209");
            assert!(reason.contains(&format!("error={}", kind.name())), "{reason}");
            assert_eq!(answer.head.field("Cache-Control"), Some("no-store"));
            assert!(answer.content.ends_with(b"a reason for people\n"));
        }
    }
}

#[tokio::test]
async fn every_exchange_is_told_once() {
    let mut server = served(Answers::new(|request| match request.target.to_string().as_str() {
        "/broken" => Response { body: broken_stream(None, &["x"]), ..Response::new(StatusCode::OK) },
        "/missing" => Response::text(StatusCode::NOT_FOUND, "no"),
        _ => Response::text(StatusCode::OK, "yes"),
    }));
    let mut client = Peer::connect(server.address).await;
    for (method, target, status, content, ending) in [
        ("GET", "/x", 200, "yes", Ending::Whole),
        ("HEAD", "/x?y", 200, "", Ending::Whole),
        ("GET", "/missing", 404, "no", Ending::Whole),
        ("GET", "/broken", 200, "1\r\nx\r\n", Ending::Aborted),
    ] {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let mut received = client.head().await.0.len();
        let record = server.records.next().await;
        received += match target {
            "/broken" => client.rest().await.0.len(),
            _ => client.take(content.len()).await.len(),
        };
        let expected = Entry {
            asked: format!("{method} {target} HTTP/1.1"),
            fields: Some(AskedFields { host: Some(HeaderValue::from_static("a")), ..AskedFields::default() }),
            status: StatusCode::from_u16(status).unwrap(),
            sent: received as u64,
            content: if target == "/broken" { 1 } else { content.len() as u64 },
            ending,
        };
        assert_eq!(record, expected, "what was sent is what came");
    }
    assert!(server.records.is_empty());
}

#[tokio::test]
async fn what_is_no_request_is_told_with_the_answer_that_it_got() {
    let mut server = served_with(Answers::new(|_| Response::text(StatusCode::OK, "yes")), |server| {
        server.patience.head = Duration::from_millis(50);
    });
    for (bytes, status) in [("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/0.9\r\n\r\n", 505), ("GET /", 408)]
    {
        let mut client = Peer::connect(server.address).await;
        let answer = client.ask(bytes).await;
        assert_eq!(answer.head.status(), status, "{bytes:?}");
        let record = server.records.next().await;
        let told = (&*record.asked, record.status.as_u16(), record.content, record.ending);
        assert_eq!(told, ("-", status, answer.content.len() as u64, Ending::Whole), "{bytes:?}");
    }
}

#[tokio::test]
async fn what_a_request_says_of_itself_is_told() {
    let mut server = served(Answers::new(|_| Response::new(StatusCode::OK)));
    let fields = "Host: a\r\nReferer: http://b/\r\nUser-Agent: c \"d\"\r\nUser-Agent: e\r\n\
                  Authorization: Basic amFuZTpzZWNyZXQ=\r\n";
    Peer::connect(server.address).await.ask(format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;
    let value = |text| Some(HeaderValue::from_static(text));
    let user = Some(b"jane".as_slice().into());
    let expected =
        AskedFields { host: value("a"), referer: value("http://b/"), user_agent: value("c \"d\""), user };
    assert_eq!(server.records.next().await.fields, Some(expected));
}

#[tokio::test]
async fn an_interim_response_is_not_content() {
    let mut server = served(Script(|request: Request| async move {
        let (content, ..) = read(request.body).await;
        Ok(Response { body: Body::from(content), ..Response::new(StatusCode::OK) })
    }));
    let mut client = Peer::connect(server.address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    let interim = client.head().await;
    client.send("hello").await;
    let head = client.head().await;
    let record = server.records.next().await;
    let received = (interim.0.len() + head.0.len() + 5) as u64;
    assert_eq!((record.sent, record.content), (received, 5));
}

/// Notes what a response says of itself before it is sent.
struct Overhears(mpsc::UnboundedSender<(StatusCode, Option<HeaderValue>)>);

impl Observer for Overhears {
    fn answering(&self, response: &Response) {
        let said = response.fields.get(&CACHE_STATUS).cloned();
        self.0.send((response.status, said)).unwrap();
    }

    fn exchange(&self, _: &ExchangeRecord) {}
}

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

#[tokio::test]
async fn what_a_response_says_is_told_before_it_is_sent() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = Answers::or_fails(|request| {
        let hit = HeaderValue::from_static("Sockets; hit");
        match request.method {
            Method::GET => Ok(Response::text(StatusCode::OK, "x").with(CACHE_STATUS, hit)),
            _ => Err(Failure::new(FailureKind::ConnectionRefused, "nobody there")),
        }
    });
    let (listener, (_stop, draining)) = (listener(), drain());
    let address = listener.local_addr();
    let server = Arc::new(Server::new(service, Overhears(tell), 10));
    tokio::spawn(serve(listener.start().unwrap(), server, draining));
    let mut client = Peer::connect(address).await;
    client.ask(GET).await;
    client.ask("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (first, second) = (told.try_recv().unwrap(), told.try_recv().unwrap());
    assert_eq!(first, (StatusCode::OK, Some(HeaderValue::from_static("Sockets; hit"))));
    assert_eq!((second.0.as_u16(), second.1), (523, None), "a failure is told as what it became");
}

#[tokio::test]
async fn a_service_is_told_who_asks_what_and_when() {
    let before = clock::now();
    let server = served(Answers::new(move |request| {
        assert!(request.received_at >= before && request.received_at <= clock::now());
        let peer = request.peer.unwrap();
        Response::text(StatusCode::OK, format!("{peer} {} {}", request.method, request.target))
    }));
    for _ in 0..2 {
        let mut client = Peer::connect(server.address).await;
        let answer = client.ask("PURGE http://b/x?y HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(answer.content, format!("{} PURGE http://b/x?y", client.address));
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_told_as_gone() {
    let (feed, body) = fed(None);
    let body = std::sync::Mutex::new(Some(body));
    let mut server = served(Answers::new(move |_| Response {
        body: body.lock().unwrap().take().unwrap(),
        ..Response::new(StatusCode::OK)
    }));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    client.head().await;
    client.reset();
    let record = soon(async {
        loop {
            // The first writes may go out before the reset is heard of.
            let _ = feed.send(Ok(piece("x")));
            tokio::task::yield_now().await;
            if let Some(record) = server.records.try_next() {
                break record;
            }
        }
    })
    .await;
    assert_eq!((record.status, record.ending), (StatusCode::OK, Ending::ClientGone));
}

#[tokio::test]
async fn a_panic_costs_one_connection_and_no_other() {
    let server = served(Answers::new(|request| {
        assert!(request.target.to_string() != "/panic", "a panic in a service, on purpose");
        Response { body: Body::from("fine"), ..Response::new(StatusCode::OK) }
    }));
    let mut other = Peer::connect(server.address).await;
    assert_eq!(other.ask(GET).await.content, "fine");
    let mut client = Peer::connect(server.address).await;
    client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.end().await, End::Closed);
    assert_eq!(other.ask(GET).await.content, "fine");
    assert_eq!(Peer::connect(server.address).await.ask(GET).await.content, "fine");
}
