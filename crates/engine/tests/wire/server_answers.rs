//! The server side: answers and how they are framed.

use bytes::Bytes;
use engine::Ending;
use lab::Answers;
use message::{Body, Response, StatusCode};

use crate::support::content::{broken_stream, fed, fields, file_of, noise, piece, slice, stream};
use crate::support::peer::{End, Peer};
use crate::support::served::{Script, served, served_with};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers with the request's target as the content.
fn echo_target() -> Answers {
    Answers::new(|request| Response::text(StatusCode::OK, request.target.to_string()))
}

/// Answers every request with this body.
fn gives(body: impl Fn() -> Body + Send + Sync + 'static) -> Answers {
    Answers::new(move |_| Response { body: body(), ..Response::new(StatusCode::OK) })
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = served(echo_target());
    let mut client = Peer::connect(server.address).await;
    for path in ["/one", "/two", "/three"] {
        let answer = client.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!((answer.head.status(), &answer.content[..]), (200, path.as_bytes()));
        assert!(answer.head.field("Date").is_some(), "RFC 9110 §6.6.1");
        assert_eq!(answer.head.field("Connection"), None);
    }
    let last = client.ask("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(last.head.field("Connection"), Some("close"), "RFC 9112 §9.6");
    assert_eq!(client.end().await, End::Closed);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = served(Script(|request: message::Request| async move {
        // The earlier the request, the longer its answer takes.
        let turns = if request.target.to_string() == "/0" { 50 } else { 0 };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        Ok(Response::text(StatusCode::OK, request.target.to_string()))
    }));
    let mut client = Peer::connect(server.address).await;
    let requests: String = (0..20).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests).await;
    for n in 0..20 {
        assert_eq!(client.answer().await.content, format!("/{n}"), "RFC 9112 §9.3.2");
    }
}

#[tokio::test]
async fn a_client_that_has_sent_all_and_hung_up_gets_every_answer() {
    let server = served(echo_target());
    let mut client = Peer::connect(server.address).await;
    client.send(GET.repeat(3)).await;
    client.hang_up().await;
    for _ in 0..3 {
        assert_eq!(client.answer().await.content, "/");
    }
    assert_eq!(client.end().await, End::Closed);
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_content() {
    let server = served(gives(|| Body::from("twelve bytes")));
    let mut client = Peer::connect(server.address).await;
    let get = client.ask(GET).await;
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.without_date(), get.head.without_date(), "RFC 9110 §9.3.2");
    assert_eq!(head.field("Content-Length"), Some("12"));
    assert_eq!(client.ask(GET).await.content, "twelve bytes", "nothing stands between the two");
}

#[tokio::test]
async fn statuses_without_content_have_none() {
    let server = served(Answers::new(|request| {
        let status = request.target.to_string()[1..].parse().unwrap();
        Response { body: Body::from("never"), ..Response::new(status) }
    }));
    let mut client = Peer::connect(server.address).await;
    for status in [204, 304] {
        client.send(format!("GET /{status} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!((head.status(), head.field("Transfer-Encoding")), (status, None));
        assert_eq!(client.ask("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n").await.content, "never");
    }
}

#[tokio::test]
async fn a_stream_of_known_length_goes_by_length() {
    let server = served(gives(|| stream(Some(11), &["hello", " ", "world"], None)));
    let mut client = Peer::connect(server.address).await;
    let answer = client.ask(GET).await;
    assert_eq!(answer.head.field("Content-Length"), Some("11"));
    assert_eq!(answer.head.field("Transfer-Encoding"), None);
    assert_eq!(answer.content, "hello world");
    assert_eq!(client.ask(GET).await.content, "hello world");
}

#[tokio::test]
async fn a_stream_of_unknown_length_goes_in_chunks_with_its_trailers() {
    let trailers = || Some(fields(&[("x-sum", "42"), ("content-length", "7")]));
    let server = served(gives(move || stream(None, &["hello", "0123456789abcdef"], trailers())));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    let head = client.head().await;
    assert_eq!(head.field("Transfer-Encoding"), Some("chunked"));
    assert_eq!(head.field("Content-Length"), None);
    let content = client.until(b"\r\n\r\n").await;
    assert_eq!(content, "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 42\r\n\r\n", "RFC 9112 §7.1");
    client.send(GET).await;
    assert_eq!(client.head().await.status(), 200);
}

#[tokio::test]
async fn a_piece_goes_out_before_the_next_one_is_there() {
    let (feed, body) = fed(None);
    let body = std::sync::Mutex::new(Some(body));
    let server = served(gives(move || body.lock().unwrap().take().unwrap()));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    client.head().await;
    for text in ["one", "two"] {
        feed.send(Ok(piece(text))).unwrap();
        assert_eq!(client.until(text.as_bytes()).await, format!("3\r\n{text}"));
        assert_eq!(client.take(2).await, "\r\n");
    }
    drop(feed);
    assert_eq!(client.until(b"\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn much_content_of_every_kind_arrives_as_it_was() {
    const BIG: usize = 8 * 1024 * 1024;
    let (bytes, small) = (noise(BIG), noise(100));
    let file = file_of(&noise(BIG));
    let segments = vec![piece(small.clone()), piece(bytes.clone()), slice_of(&file), piece(small.clone())];
    let expected = [&small[..], &bytes, &noise(BIG), &small].concat();
    let server = served(gives(move || Body::Segments(segments.clone())));
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        let answer = client.ask(GET).await;
        assert_eq!(answer.content.len(), expected.len());
        assert!(answer.content == expected, "the content differs");
    }
}

fn slice_of(file: &std::sync::Arc<std::fs::File>) -> message::Segment {
    message::Segment::File(slice(file, 0, file.metadata().unwrap().len()))
}

#[tokio::test]
async fn a_stream_that_fails_leaves_its_length_unreached() {
    let mut server = served(gives(|| broken_stream(Some(100), &["hello", "world"])));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    assert_eq!(client.head().await.field("Content-Length"), Some("100"));
    assert_eq!(client.rest().await.0, "helloworld", "RFC 9112 §8: short, and never padded");
    assert_eq!(server.records.next().await.ending, Ending::Aborted);
}

#[tokio::test]
async fn a_stream_that_fails_never_gets_its_last_chunk() {
    let mut server = served(gives(|| broken_stream(None, &["hello"])));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    client.head().await;
    assert_eq!(client.rest().await.0, "5\r\nhello\r\n", "RFC 9112 §8");
    assert_eq!(server.records.next().await.ending, Ending::Aborted);
}

#[tokio::test]
async fn a_stream_that_gives_more_or_less_than_it_said_is_cut() {
    for (length, text) in [(3, "hello"), (9, "hello")] {
        let mut server = served(gives(move || stream(Some(length), &[text], None)));
        let mut client = Peer::connect(server.address).await;
        client.send(GET).await;
        client.head().await;
        let (rest, _) = client.rest().await;
        assert!(rest.len() < usize::try_from(length).unwrap(), "{rest:?} of {length}");
        assert_eq!(server.records.next().await.ending, Ending::Aborted);
    }
}

#[tokio::test]
async fn until_close_a_whole_answer_ends_in_good_order_and_a_broken_one_is_reset() {
    let whole = || stream(None, &["hello"], None);
    let broken = || broken_stream(None, &["hello"]);
    for (body, expected) in [(whole as fn() -> Body, End::Closed), (broken, End::Reset)] {
        let server = served_with(gives(body), |server| server.limits.allow_http10 = true);
        let mut client = Peer::connect(server.address).await;
        client.send("GET / HTTP/1.0\r\n\r\n").await;
        let head = client.head().await;
        assert_eq!((head.field("Transfer-Encoding"), head.field("Content-Length")), (None, None));
        let (rest, end) = client.rest().await;
        assert_eq!(end, expected, "RFC 9112 §8");
        assert!(end == End::Reset || rest == "hello");
    }
}

#[tokio::test]
async fn http_1_0_keeps_the_connection_only_if_asked_to() {
    let server = served_with(echo_target(), |server| server.limits.allow_http10 = true);
    let mut client = Peer::connect(server.address).await;
    for _ in 0..2 {
        let answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        assert_eq!(answer.head.field("Connection"), Some("keep-alive"));
    }
    let answer = client.ask("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.head.field("Connection"), Some("close"));
    assert_eq!(client.end().await, End::Closed);
}

#[tokio::test]
async fn a_small_answer_is_one_piece_on_the_wire() {
    let server = served(gives(|| Body::from(Bytes::from(vec![b'x'; 1024]))));
    let mut client = Peer::connect(server.address).await;
    client.send(GET).await;
    let mut inbox = bytes::BytesMut::new();
    crate::support::soon(client.read.read(&mut inbox)).await.unwrap();
    assert!(inbox.ends_with(&[b'x'; 1024]), "head and content came in one read: {}", inbox.len());
}
