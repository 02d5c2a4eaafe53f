//! What is written. The sections are those of RFC 9112 where nothing else is said.

use std::fs::File;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http1::{Connection, Fault, Framing, Limits, Version};
use message::body::{FileSlice, Segment};
use message::header::{self, HeaderName};
use message::{Fields, HeaderValue, Method, StatusCode, Target};

use crate::drive::{DATE, request_of};

const DATE_LINE: &str = "Date: Sun, 22 Nov 2026 22:00:00 GMT\r\n";

fn fields(lines: &[(&'static str, &'static str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    fields
}

/// A server that is to answer a request of `method` and `version`.
fn server(method: Method, version: Version, wants_close: bool) -> Connection {
    let mut server = Connection::server(Limits::default());
    let mut request = request_of(method);
    request.version = version;
    request.wants_close = wants_close;
    server.outbound.answer_to(&request);
    server
}

fn get() -> Connection {
    server(Method::GET, Version::Http11, false)
}

fn respond(server: &mut Connection, status: u16, fields: &Fields, length: Option<u64>) -> (String, Framing) {
    let mut out = BytesMut::new();
    let status = StatusCode::from_u16(status).unwrap();
    let framing = server.outbound.response(status, fields, length, &DATE, &mut out);
    (String::from_utf8(out.to_vec()).unwrap(), framing)
}

fn target(text: &'static str) -> Target {
    Target::parse(text).unwrap()
}

/// What a client writes for a request of `method` with content of `length`.
fn request(
    method: &Method,
    url: &'static str,
    fields: &Fields,
    length: Option<u64>,
    absolute_form: bool,
) -> Result<(String, Framing), Fault> {
    let mut client = Connection::client(Limits::default());
    let mut out = BytesMut::new();
    let framing = client.outbound.request(method, &target(url), fields, length, absolute_form, &mut out)?;
    assert_eq!(client.outbound.is_complete(), framing == Framing::Empty);
    Ok((String::from_utf8(out.to_vec()).unwrap(), framing))
}

fn bytes(text: &'static str) -> Segment {
    Segment::Bytes(Bytes::from_static(text.as_bytes()))
}

/// What goes over the wire for a segment of bytes.
fn data(server: &mut Connection, text: &'static str) -> Result<String, Fault> {
    let transmit = server.outbound.data(bytes(text))?;
    let Segment::Bytes(segment) = transmit.segment else { panic!("bytes became something else") };
    let wire = [&transmit.before[..], &segment[..], transmit.after].concat();
    Ok(String::from_utf8(wire).unwrap())
}

#[test]
fn a_response_with_a_length() {
    let (head, framing) = respond(&mut get(), 200, &fields(&[("content-type", "text/html")]), Some(5));
    let expected =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n{DATE_LINE}\r\n");
    assert_eq!((head, framing), (expected, Framing::Length(5)));
}

#[test]
fn a_prepared_section_gives_the_same_bytes() {
    let lines = [("content-type", "text/html"), ("etag", "\"v1\""), ("connection", "x"), ("te", "trailers")];
    let ordinary = respond(&mut get(), 200, &fields(&lines), Some(5));
    let prepared = fields(&lines).prepare();
    for _ in 0..2 {
        assert_eq!(respond(&mut get(), 200, &prepared, Some(5)), ordinary);
    }
    assert_eq!(ordinary.0.matches("ETag: \"v1\"\r\n").count(), 1);
}

#[test]
fn names_are_written_as_people_expect_them() {
    let lines =
        [("etag", "1"), ("www-authenticate", "2"), ("x-a-b", "3"), ("last-modified", "4"), ("_x", "5")];
    let (head, _) = respond(&mut get(), 200, &fields(&lines), Some(0));
    for line in
        ["ETag: 1\r\n", "WWW-Authenticate: 2\r\n", "X-A-B: 3\r\n", "Last-Modified: 4\r\n", "_x: 5\r\n"]
    {
        assert!(head.contains(line), "{head}");
    }
}

#[test]
fn section_4_reason_phrases() {
    for (status, line) in [
        (200, "HTTP/1.1 200 OK\r\n"),
        (206, "HTTP/1.1 206 Partial Content\r\n"),
        (301, "HTTP/1.1 301 Moved Permanently\r\n"),
        (304, "HTTP/1.1 304 Not Modified\r\n"),
        (404, "HTTP/1.1 404 Not Found\r\n"),
        (416, "HTTP/1.1 416 Range Not Satisfiable\r\n"),
        (501, "HTTP/1.1 501 Method Not Implemented\r\n"),
        (502, "HTTP/1.1 502 Bad Gateway\r\n"),
        (505, "HTTP/1.1 505 Version Not Supported\r\n"),
        (523, "HTTP/1.1 523 Origin Is Unreachable\r\n"),
        (599, "HTTP/1.1 599 \r\n"),
    ] {
        let (head, _) = respond(&mut get(), status, &Fields::new(), Some(0));
        assert!(head.starts_with(line), "{head}");
    }
}

#[test]
fn rfc9110_section_6_6_1_date_is_added_only_where_it_is_missing() {
    let own = fields(&[("date", "Mon, 01 Jan 2024 00:00:00 GMT")]);
    for fields in [own.clone(), own.prepare()] {
        let (head, _) = respond(&mut get(), 200, &fields, Some(0));
        assert_eq!(head.matches("Date: ").count(), 1);
        assert!(head.contains("Date: Mon, 01 Jan 2024"));
    }
}

#[test]
fn section_6_fields_of_the_connection_are_made_here_and_nowhere_else() {
    let smuggled = fields(&[
        ("content-length", "7"),
        ("transfer-encoding", "gzip"),
        ("connection", "keep-alive, x"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("x", "y"),
    ]);
    for fields in [smuggled.clone(), smuggled.clone().prepare()] {
        let (head, _) = respond(&mut get(), 200, &fields, Some(5));
        assert_eq!(head, format!("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n{DATE_LINE}\r\n"));
    }
    let (head, _) = request(&Method::GET, "http://a/", &smuggled, Some(0), false).unwrap();
    assert_eq!(head, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
}

#[test]
fn section_6_1_content_of_unknown_length_goes_in_chunks() {
    let mut server = get();
    let (head, framing) = respond(&mut server, 200, &Fields::new(), None);
    assert_eq!(head, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{DATE_LINE}\r\n"));
    assert_eq!(framing, Framing::Chunked);
    assert_eq!(data(&mut server, "hello").unwrap(), "5\r\nhello\r\n");
    assert_eq!(data(&mut server, "").unwrap(), "", "an empty chunk would be the last");
    assert_eq!(data(&mut server, "0123456789abcdef").unwrap(), "10\r\n0123456789abcdef\r\n");
    assert!(!server.outbound.is_complete());
    assert_eq!(server.outbound.end(None).unwrap(), "0\r\n\r\n");
    assert!(server.outbound.is_complete() && server.outbound.is_persistent());
}

#[test]
fn section_7_1_the_size_of_a_file_is_its_chunk_size() {
    let mut server = get();
    respond(&mut server, 200, &Fields::new(), None);
    let file = Arc::new(File::open("/dev/null").unwrap());
    for (len, line) in [(1, "1\r\n"), (0xabc_def0, "abcdef0\r\n"), (u64::MAX, "ffffffffffffffff\r\n")] {
        let slice = FileSlice::new(Arc::clone(&file), u64::MAX, 0, len).unwrap();
        let transmit = server.outbound.data(Segment::File(slice)).unwrap();
        assert_eq!((&transmit.before[..], transmit.after), (line.as_bytes(), &b"\r\n"[..]));
    }
}

#[test]
fn section_7_1_2_trailers_follow_the_last_chunk_but_for_those_that_have_no_place_there() {
    let trailers = fields(&[
        ("x-sum", "1"),
        ("x-sum", "2"),
        ("content-length", "5"),
        ("host", "b"),
        ("set-cookie", "c"),
    ]);
    let mut server = get();
    respond(&mut server, 200, &Fields::new(), None);
    assert_eq!(server.outbound.end(Some(&trailers)).unwrap(), "0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n");

    let mut server = get();
    respond(&mut server, 200, &Fields::new(), Some(2));
    assert_eq!(data(&mut server, "ok").unwrap(), "ok");
    assert_eq!(server.outbound.end(Some(&trailers)).unwrap(), "", "no place for them");
}

#[test]
fn section_6_1_no_chunks_for_http10() {
    let mut old = server(Method::GET, Version::Http10, false);
    let (head, framing) = respond(&mut old, 200, &Fields::new(), None);
    assert_eq!(head, format!("HTTP/1.1 200 OK\r\n{DATE_LINE}Connection: close\r\n\r\n"));
    assert_eq!(framing, Framing::UntilClose);
    assert_eq!(data(&mut old, "hello").unwrap(), "hello");
    assert_eq!(old.outbound.end(None).unwrap(), "");
    assert!(old.outbound.is_complete() && !old.outbound.is_persistent());
}

#[test]
fn section_9_3_what_is_said_about_the_connection() {
    for (version, wants_close, line, persistent) in [
        (Version::Http11, false, "", true),
        (Version::Http11, true, "Connection: close\r\n", false),
        (Version::Http10, false, "Connection: keep-alive\r\n", true),
        (Version::Http10, true, "Connection: close\r\n", false),
    ] {
        let mut server = server(Method::GET, version, wants_close);
        let (head, _) = respond(&mut server, 200, &Fields::new(), Some(0));
        assert_eq!(head, format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{DATE_LINE}{line}\r\n"));
        assert_eq!(server.outbound.is_persistent(), persistent, "{version:?} {wants_close}");
    }
}

#[test]
fn section_9_6_the_last_message_says_so() {
    let mut server = get();
    server.outbound.close_after();
    let (head, _) = respond(&mut server, 200, &Fields::new(), Some(0));
    assert!(head.ends_with("Connection: close\r\n\r\n") && !server.outbound.is_persistent());

    let mut client = Connection::client(Limits::default());
    let mut out = BytesMut::new();
    client.outbound.close_after();
    client
        .outbound
        .request(&Method::GET, &target("http://a/"), &Fields::new(), Some(0), false, &mut out)
        .unwrap();
    assert_eq!(out, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(!client.outbound.is_persistent());
}

#[test]
fn an_answer_to_a_faulty_request_is_the_last() {
    let mut server = Connection::server(Limits::default());
    let (head, framing) = respond(&mut server, 400, &Fields::new(), Some(3));
    let expected =
        format!("HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n{DATE_LINE}Connection: close\r\n\r\n");
    assert_eq!((head, framing), (expected, Framing::Length(3)));
    assert!(!server.outbound.is_persistent());

    let mut server = Connection::server(Limits::default());
    assert_eq!(
        respond(&mut server, 400, &Fields::new(), None).1,
        Framing::UntilClose,
        "the version is not known"
    );
}

#[test]
fn section_6_3_rule_1_responses_that_never_have_content() {
    let none = Fields::new();
    let own = fields(&[("content-length", "007")]);
    let bad = fields(&[("content-length", "5, 5")]);
    for (method, status, fields, length, line) in [
        (Method::HEAD, 200, &none, Some(5), "Content-Length: 5\r\n"),
        (Method::HEAD, 200, &own, Some(5), "Content-Length: 5\r\n"),
        (Method::HEAD, 200, &own, Some(0), "Content-Length: 7\r\n"),
        (Method::HEAD, 200, &own, None, "Content-Length: 7\r\n"),
        (Method::HEAD, 200, &bad, None, ""),
        (Method::HEAD, 200, &none, Some(0), ""),
        (Method::HEAD, 200, &none, None, ""),
        (Method::HEAD, 204, &own, Some(5), ""),
        (Method::GET, 304, &own, Some(0), "Content-Length: 7\r\n"),
        (Method::GET, 304, &none, Some(0), ""),
        (Method::GET, 304, &none, Some(9), "Content-Length: 9\r\n"),
        (Method::GET, 204, &own, Some(5), ""),
        (Method::GET, 204, &none, None, ""),
        (Method::CONNECT, 200, &own, Some(5), ""),
    ] {
        let mut server = server(method.clone(), Version::Http11, false);
        let (head, framing) = respond(&mut server, status, fields, length);
        assert_eq!(framing, Framing::Empty);
        assert!(server.outbound.is_complete(), "{method} {status}");
        let (_, lines) = head.split_once("\r\n").unwrap();
        assert_eq!(lines, format!("{line}{DATE_LINE}\r\n"), "{method} {status} {length:?}");
    }
}

#[test]
fn rfc9110_section_15_2_interim_responses() {
    let mut out = BytesMut::new();
    let mut server = get();
    server.outbound.interim(StatusCode::CONTINUE, &Fields::new(), &mut out);
    server.outbound.interim(StatusCode::EARLY_HINTS, &fields(&[("link", "</a>")]), &mut out);
    assert_eq!(out, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    respond(&mut server, 200, &Fields::new(), Some(5));
    out.clear();
    server.outbound.interim(StatusCode::CONTINUE, &Fields::new(), &mut out);
    assert_eq!(out, "", "not after the final one has begun");
    assert_eq!(data(&mut server, "hello").unwrap(), "hello", "and nothing is broken by it");
}

#[test]
fn rfc9110_section_15_2_no_interim_response_to_http10_nor_to_what_was_not_understood() {
    let mut out = BytesMut::new();
    let mut old = server(Method::POST, Version::Http10, false);
    old.outbound.interim(StatusCode::CONTINUE, &Fields::new(), &mut out);
    Connection::server(Limits::default()).outbound.interim(StatusCode::CONTINUE, &Fields::new(), &mut out);
    get().outbound.interim(StatusCode::OK, &Fields::new(), &mut out);
    assert_eq!(out, "");
}

#[test]
fn a_final_response_can_not_be_interim() {
    let mut server = get();
    let (head, framing) = respond(&mut server, 101, &Fields::new(), Some(5));
    assert!(head.ends_with("Connection: close\r\n\r\n") && !head.contains("Content-Length"));
    assert_eq!((framing, server.outbound.is_persistent()), (Framing::Empty, false));
}

#[test]
fn section_8_more_or_less_content_than_was_said_breaks_the_connection() {
    let mut server = get();
    respond(&mut server, 200, &Fields::new(), Some(5));
    assert_eq!(data(&mut server, "hel").unwrap(), "hel");
    assert_eq!(data(&mut server, "lo!").unwrap_err(), Fault::Overrun);
    assert!(!server.outbound.is_persistent() && !server.outbound.is_complete());
    assert_eq!(data(&mut server, "lo").unwrap_err(), Fault::OutOfTurn);

    let mut server = get();
    respond(&mut server, 200, &Fields::new(), Some(5));
    assert_eq!(data(&mut server, "hell").unwrap(), "hell");
    assert_eq!(server.outbound.end(None).unwrap_err(), Fault::Underrun);
    assert!(!server.outbound.is_persistent() && !server.outbound.is_complete());
}

#[test]
fn what_is_sent_out_of_turn_is_not_sent() {
    assert_eq!(data(&mut get(), "hello").unwrap_err(), Fault::OutOfTurn);
    assert_eq!(get().outbound.end(None).unwrap_err(), Fault::OutOfTurn);

    let mut server = get();
    respond(&mut server, 200, &Fields::new(), Some(0));
    assert!(server.outbound.is_complete());
    assert_eq!(respond(&mut server, 200, &Fields::new(), Some(0)).0, "", "one response to one request");
    assert!(!server.outbound.is_persistent() && !server.outbound.is_complete());

    let mut client = Connection::client(Limits::default());
    let mut out = BytesMut::new();
    let mut send = || {
        client.outbound.request(&Method::GET, &target("http://a/"), &Fields::new(), Some(0), false, &mut out)
    };
    assert_eq!(send(), Ok(Framing::Empty));
    assert_eq!(send(), Err(Fault::OutOfTurn));
    assert_eq!(out, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn section_3_2_requests_to_an_origin_to_a_proxy_and_for_a_tunnel() {
    let (own, none) = (fields(&[("host", "other"), ("accept", "*/*")]), fields(&[("accept", "*/*")]));
    for (method, url, absolute_form, expected) in [
        (Method::GET, "http://a:8000/x?y", false, "GET /x?y HTTP/1.1\r\nHost: a:8000\r\nAccept: */*\r\n\r\n"),
        (Method::GET, "http://a?y", false, "GET /?y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"),
        (Method::GET, "http://[::1]:80/", false, "GET / HTTP/1.1\r\nHost: [::1]:80\r\nAccept: */*\r\n\r\n"),
        (Method::GET, "http://A/", true, "GET http://a/ HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"),
        (Method::CONNECT, "a:443", false, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nAccept: */*\r\n\r\n"),
        (Method::OPTIONS, "*", false, "OPTIONS * HTTP/1.1\r\nHost: other\r\nAccept: */*\r\n\r\n"),
        (Method::GET, "/x", false, "GET /x HTTP/1.1\r\nHost: other\r\nAccept: */*\r\n\r\n"),
    ] {
        let told = if matches!(url, "*" | "/x") || absolute_form || method == Method::CONNECT {
            &own
        } else {
            &none
        };
        let sent = request(&method, url, told, Some(0), absolute_form);
        assert_eq!(sent, Ok((expected.to_owned(), Framing::Empty)));
    }
    // An origin is told the host that the request names: it may stand for another one's site.
    let sent = request(&Method::GET, "http://a:8000/x?y", &own, Some(0), false).unwrap();
    assert_eq!(sent.0, "GET /x?y HTTP/1.1\r\nHost: other\r\nAccept: */*\r\n\r\n");
}

#[test]
fn section_3_2_a_request_that_names_no_host_or_does_not_fit_its_method_is_not_sent() {
    let none = Fields::new();
    assert_eq!(request(&Method::GET, "/x", &none, Some(0), false), Err(Fault::Unaddressed));
    assert_eq!(request(&Method::OPTIONS, "*", &none, Some(0), false), Err(Fault::Unaddressed));
    assert_eq!(request(&Method::GET, "a:443", &none, Some(0), false), Err(Fault::TargetForm));
    assert_eq!(request(&Method::CONNECT, "http://a/", &none, Some(0), false), Err(Fault::TargetForm));
}

#[test]
fn rfc9110_section_8_6_the_length_of_a_request() {
    for (method, length, line, framing) in [
        (Method::GET, Some(0), "", Framing::Empty),
        (Method::HEAD, Some(0), "", Framing::Empty),
        (Method::DELETE, Some(0), "", Framing::Empty),
        (Method::POST, Some(0), "Content-Length: 0\r\n", Framing::Empty),
        (Method::PUT, Some(0), "Content-Length: 0\r\n", Framing::Empty),
        (Method::PATCH, Some(0), "Content-Length: 0\r\n", Framing::Empty),
        (Method::GET, Some(1), "Content-Length: 1\r\n", Framing::Length(1)),
        (Method::POST, Some(u64::MAX), "Content-Length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
        (Method::POST, None, "Transfer-Encoding: chunked\r\n", Framing::Chunked),
    ] {
        let (head, framed) = request(&method, "http://a/", &Fields::new(), length, false).unwrap();
        assert_eq!(head, format!("{method} / HTTP/1.1\r\nHost: a\r\n{line}\r\n"));
        assert_eq!(framed, framing);
    }
}

#[test]
fn lengths_are_written_in_digits() {
    for length in [1, 9, 10, 99, 100, 1024, 4_294_967_296, u64::MAX] {
        let (head, _) = respond(&mut get(), 200, &Fields::new(), Some(length));
        assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");
    }
    assert!(!Fields::new().contains(&header::CONTENT_LENGTH));
}
