//! The client side: how requests go out, and responses that come whole.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use engine::{ClientLimits, Pool, Route};
use message::{
    Authority, Body, FailureKind, Fields, HeaderName, HeaderValue, HearInterim, Method, Request, StatusCode,
    Target,
};
use net::Dialer;

use crate::support::content::{fields, file_of, noise, slice, stream};
use crate::support::origin::{Got, Origin, fetch, pool};

/// The head that the origin gets for `request`, which it answers with an empty 200.
async fn head_of(request: Request, origin: &mut Origin) -> String {
    let pool = pool();
    let (got, head) = tokio::join!(fetch(&pool, request), async {
        let mut server = origin.accept().await;
        let head = server.head().await.0;
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        head
    });
    assert_eq!(got.unwrap().status, StatusCode::OK);
    head
}

#[tokio::test]
async fn a_request_goes_in_origin_form_with_its_host() {
    let mut origin = Origin::listen();
    let mut request = origin.get("/a%20b?c");
    request.fields = fields(&[("accept", "text/html"), ("connection", "x-hop")]);
    request.fields.set(HeaderName::from_static("content-length"), HeaderValue::from_static("7"));
    let expected = format!("GET /a%20b?c HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n\r\n", origin.address);
    assert_eq!(head_of(request, &mut origin).await, expected, "RFC 9112 §3.2.1");
}

#[tokio::test]
async fn an_origin_is_told_the_host_that_the_request_names() {
    let mut origin = Origin::listen();
    let mut request = origin.get("/");
    request.fields = fields(&[("host", "site.test")]);
    assert_eq!(head_of(request, &mut origin).await, "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
}

#[tokio::test]
async fn through_a_proxy_it_goes_in_absolute_form() {
    let mut proxy = Origin::listen();
    let route = Route::Proxy(Authority::parse(&proxy.address.to_string()).unwrap());
    let pool = Pool::new(Dialer::default(), route, ClientLimits::default());
    for (url, host) in [("http://a.test/x", "a.test"), ("http://b.test:8000/x", "b.test:8000")] {
        let request = Request::get(Target::parse_url(url).unwrap(), std::time::SystemTime::UNIX_EPOCH);
        let (got, head) = tokio::join!(fetch(&pool, request), async {
            let mut server = proxy.accept().await;
            let head = server.head().await.0;
            server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
            head
        });
        assert_eq!(got.unwrap().status, StatusCode::OK);
        assert_eq!(head, format!("GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"), "RFC 9112 §3.2.2");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let request = |target: &str| {
        let target = Target::parse(target).unwrap();
        Request::get(target, std::time::SystemTime::UNIX_EPOCH)
    };
    for target in ["/x", "https://a.test/"] {
        let failure = fetch(&pool(), request(target)).await.unwrap_err();
        assert_eq!((failure.kind(), failure.retry_safe()), (FailureKind::HttpRequestError, true), "{target}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_named_by_what_is_wrong() {
    let origin = Origin::listen();
    // The port is taken on 127.0.0.1, so nobody gets it by chance on 127.0.0.2.
    let refuses = SocketAddr::from(([127, 0, 0, 2], origin.address.port()));
    // No label of a name has more than 63 characters (RFC 1035 §2.3.4): no resolver needs to be asked.
    let no_name = format!("{}.test", "x".repeat(64));
    for (place, kind) in
        [(refuses.to_string(), FailureKind::ConnectionRefused), (no_name, FailureKind::DnsError)]
    {
        let target = Target::parse_url(&place).unwrap();
        let request = Request::get(target, std::time::SystemTime::UNIX_EPOCH);
        let failure = fetch(&pool(), request).await.unwrap_err();
        assert_eq!((failure.kind(), failure.retry_safe()), (kind, true), "{failure}");
    }
}

#[tokio::test]
async fn content_goes_out_by_length_in_chunks_and_from_files() {
    let mut origin = Origin::listen();
    let content = noise(300_000);
    let file = file_of(&content);
    let bodies = [
        (Body::from("hello"), "Content-Length: 5", b"hello".to_vec()),
        (Body::Empty, "Content-Length: 0", Vec::new()),
        (
            stream(None, &["he", "llo"], Some(fields(&[("x-sum", "42")]))),
            "Transfer-Encoding: chunked",
            b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 42\r\n\r\n".to_vec(),
        ),
        (Body::from(slice(&file, 100_000, 200_000)), "Content-Length: 200000", content[100_000..].to_vec()),
    ];
    for (body, framing, expected) in bodies {
        let pool = pool();
        let (got, ()) = tokio::join!(fetch(&pool, origin.request(Method::POST, "/", body)), async {
            let mut server = origin.accept().await;
            let head = server.head().await.0;
            assert!(head.contains(&format!("\r\n{framing}\r\n")), "{head}");
            assert!(server.take(expected.len()).await == expected, "the content differs");
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        });
        assert_eq!(got.unwrap().content, "ok");
    }
}

/// What a request for `method` gets from a server that sends `answer` and closes.
async fn got_for(method: Method, answer: &str) -> Got {
    let mut origin = Origin::listen();
    let (pool, request) = (pool(), origin.request(method, "/", Body::Empty));
    let (got, _) = tokio::join!(fetch(&pool, request), async { drop(origin.answer(answer).await) });
    got.unwrap()
}

#[tokio::test]
async fn responses_are_read_to_their_end_however_they_are_framed() {
    for (answer, content) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "no"),
    ] {
        let got = got_for(Method::GET, answer).await;
        assert_eq!((&got.content[..], got.broken), (content.as_bytes(), None), "{answer:?}");
    }
}

#[tokio::test]
async fn trailers_come_with_the_end_of_the_content() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n";
    let got = got_for(Method::GET, answer).await;
    let trailers = got.trailers.unwrap();
    assert_eq!(trailers.get(&HeaderName::from_static("x-sum")).unwrap(), "42");
    assert!(!got.fields.contains(&HeaderName::from_static("transfer-encoding")));
}

#[tokio::test]
async fn an_answer_to_head_has_no_content_whatever_it_says() {
    let got = got_for(Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!((&got.content[..], got.broken), (&b""[..], None));
    assert_eq!(got.fields.get(&HeaderName::from_static("content-length")).unwrap(), "5");
}

/// Notes what it hears.
#[derive(Debug, Default)]
struct Hears(Mutex<Vec<(u16, Fields)>>);

impl HearInterim for Hears {
    fn hear(&self, status: StatusCode, fields: Fields) {
        self.0.lock().unwrap().push((status.as_u16(), fields));
    }
}

#[tokio::test]
async fn interim_responses_are_told_to_who_wants_to_hear_them_but_100() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                  HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let hears = Arc::new(Hears::default());
    for interims in [None, Some(Arc::clone(&hears) as Arc<dyn HearInterim>)] {
        let mut origin = Origin::listen();
        let request = Request { interims, ..origin.get("/") };
        let pool = pool();
        let (got, _server) = tokio::join!(fetch(&pool, request), origin.answer(answer));
        let got = got.unwrap();
        assert_eq!((got.status, &got.content[..]), (StatusCode::OK, &b"hello"[..]));
        assert!(!got.fields.contains(&HeaderName::from_static("link")));
    }
    let heard = hears.0.lock().unwrap();
    assert_eq!(heard.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [103, 102]);
    assert_eq!(heard[0].1.text(&HeaderName::from_static("link")), Some("</a>"));
}

#[tokio::test]
async fn a_response_may_come_byte_by_byte() {
    let mut origin = Origin::listen();
    let pool = pool();
    let (got, ()) = tokio::join!(fetch(&pool, origin.get("/")), async {
        let mut server = origin.accept().await;
        server.head().await;
        for byte in *b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" {
            server.send([byte]).await;
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(got.unwrap().content, "hello");
}
