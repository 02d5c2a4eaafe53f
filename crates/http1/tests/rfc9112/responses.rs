//! Responses as a client receives them. The sections are those of RFC 9112 where nothing else is said.

use bytes::BytesMut;
use http1::{Connection, Event, Fault, Framing, Limits, ResponseHead};
use message::Method;
use message::header::CONTENT_LENGTH;

use crate::drive::{self, Heard};

fn hear_for(method: &Method, bytes: &[u8]) -> Heard {
    drive::same_however_cut(bytes, &[2, 3, 5], |pieces| drive::ask(method, Limits::default(), pieces))
}

fn hear(bytes: &[u8]) -> Heard {
    hear_for(&Method::GET, bytes)
}

fn fault(bytes: &[u8]) -> Option<Fault> {
    let heard = hear(bytes);
    assert!(heard.fault.is_none() || heard.events.is_empty(), "{heard:?}");
    heard.fault
}

fn head(method: &Method, text: &str) -> (ResponseHead, Framing, Connection) {
    let mut client = Connection::client(Limits::default());
    client.inbound.expect_response_to(method);
    match client.inbound.receive(&mut BytesMut::from(text)) {
        Ok(Some(Event::Response(head, framing))) => (head, framing, client),
        other => panic!("{text:?} gives {other:?}"),
    }
}

#[test]
fn section_4_a_status_line_is_a_version_a_code_and_a_reason() {
    for line in
        ["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.1 200 no  \t \u{e4}", "HTTP/1.0 200 OK"]
    {
        assert_eq!(fault(format!("{line}\r\nContent-Length: 0\r\n\r\n").as_bytes()), None, "{line}");
    }
    for (line, expected) in [
        ("", Fault::StatusLine),
        ("HTTP/1.1", Fault::StatusLine),
        ("HTTP/1.1 200 a\u{1}", Fault::StatusLine),
        ("HTTP/1.1 200 a\rb", Fault::StatusLine),
        ("HTTP/1.1  200 OK", Fault::Status),
        ("HTTP/1.1\t200 OK", Fault::Version),
        ("HTTP/1.1 20 OK", Fault::Status),
        ("HTTP/1.1 2000 OK", Fault::Status),
        ("HTTP/1.1 +20 OK", Fault::Status),
        ("HTTP/1.1 20x OK", Fault::Status),
        ("HTTP/1.1 099 OK", Fault::Status),
        ("HTTP/1.1 600 OK", Fault::Status),
        ("HTTP/1.1 999 OK", Fault::Status),
        ("ICY 200 OK", Fault::Version),
        ("http/1.1 200 OK", Fault::Version),
        (" HTTP/1.1 200 OK", Fault::Version),
        ("HTTP/2 200", Fault::VersionNotSupported),
        ("HTTP/1.2 200 OK", Fault::VersionNotSupported),
    ] {
        assert_eq!(fault(format!("{line}\r\n\r\n").as_bytes()), Some(expected), "{line:?}");
    }
    let long = format!("HTTP/1.1 200 {}", "a".repeat(4096));
    assert_eq!(fault(long.as_bytes()), Some(Fault::StatusLineTooLong));
    assert_eq!(fault(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"), Some(Fault::BareLf));
    assert_eq!(fault(b"\r\nHTTP/1.1 200 OK\r\n\r\n"), Some(Fault::StatusLine), "no empty line before it");
}

#[test]
fn section_5_fields_are_as_strict_as_those_of_requests() {
    for (lines, expected) in [
        ("X : a\r\n", Fault::SpaceBeforeColon),
        ("X\r\n", Fault::NoColon),
        (": a\r\n", Fault::FieldName),
        ("X: a\0\r\n", Fault::FieldValue),
        ("X: a\rb\r\n", Fault::BareCr),
        ("X: a\n", Fault::BareLf),
        ("X: a\r\n b\r\n", Fault::Folding),
        (" X: a\r\n", Fault::SpaceBeforeFields),
        ("Content-Length: 5, 5\r\n", Fault::LengthInvalid),
        ("Content-Length:\r\n", Fault::LengthInvalid),
        ("Content-Length: +5\r\n", Fault::LengthInvalid),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Fault::LengthRepeated),
        ("Content-Length: 18446744073709551616\r\n", Fault::LengthOverflow),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Fault::LengthWithCoding),
        ("Transfer-Encoding: gzip\r\n", Fault::CodingUnknown),
        ("Transfer-Encoding: chunked, gzip\r\n", Fault::CodingNotLast),
        ("Transfer-Encoding:\r\n", Fault::CodingInvalid),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{lines}\r\nhello");
        assert_eq!(fault(bytes.as_bytes()), Some(expected), "{lines:?}");
    }
    assert_eq!(
        fault(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Some(Fault::CodingInHttp10)
    );
}

#[test]
fn section_6_3_rule_1_some_responses_never_have_content() {
    for (method, status) in [(Method::HEAD, 200), (Method::HEAD, 404), (Method::GET, 204), (Method::GET, 304)]
    {
        for lines in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let text = format!("HTTP/1.1 {status} x\r\n{lines}\r\n");
            let (head, framing, client) = head(&method, &text);
            assert_eq!(framing, Framing::Empty, "{method} {text}");
            assert!(client.inbound.is_complete());
            let kept = head.fields.contains(&CONTENT_LENGTH);
            assert_eq!(kept, status != 204 && lines.starts_with("Content-Length"), "{method} {text}");
        }
    }
    let repeated = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n";
    assert_eq!(hear_for(&Method::HEAD, repeated).fault, Some(Fault::LengthRepeated), "still judged");
}

#[test]
fn section_6_3_rule_1_content_after_a_204_is_never_taken_for_a_response() {
    for (lines, persistent) in [
        ("", true),
        ("Content-Length: 0\r\n", true),
        ("Content-Length: 5\r\n", false),
        ("Transfer-Encoding: chunked\r\n", false),
    ] {
        let (_, _, client) = head(&Method::GET, &format!("HTTP/1.1 204 No Content\r\n{lines}\r\n"));
        assert_eq!(client.inbound.is_persistent(), persistent, "{lines}");
    }
}

#[test]
fn section_6_3_rule_2_a_2xx_to_connect_ends_http_on_the_connection() {
    let tunnel = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let (_, framing, client) = head(&Method::CONNECT, tunnel);
    assert_eq!((framing, client.inbound.is_persistent()), (Framing::Empty, false));
    let (_, framing, client) = head(&Method::CONNECT, "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n");
    assert_eq!((framing, client.inbound.is_persistent()), (Framing::Length(5), true));
}

#[test]
fn section_6_3_rules_4_6_and_8_the_three_ways_to_end() {
    let by_length = hear(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(by_length.events[1..], ["data hello", "end"]);
    let chunked =
        hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n");
    assert_eq!(chunked.events[1..], ["data hello", r#"end ["x: y"]"#]);
    for version in ["1.0", "1.1"] {
        let until_close = hear(format!("HTTP/{version} 200 OK\r\n\r\nhello\r\n").as_bytes());
        assert_eq!(until_close.events[1..], ["data hello\\r\\n", "end", "closing"]);
        assert_eq!(hear(format!("HTTP/{version} 200 OK\r\n\r\n").as_bytes()).events[1..], ["end", "closing"]);
    }
}

#[test]
fn section_8_a_response_that_is_cut_short_is_never_a_shorter_one() {
    let by_length: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let chunked: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for bytes in [by_length, chunked] {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        for len in 1..bytes.len() {
            let heard = hear(&bytes[..len]);
            let expected = if len < head { Fault::TruncatedHead } else { Fault::TruncatedBody };
            assert_eq!(heard.fault, Some(expected), "{}", bytes[..len].escape_ascii());
            assert!(expected.is_truncation() && !heard.events.iter().any(|event| event.starts_with("end")));
        }
    }
    assert_eq!(hear(b"").fault, Some(Fault::NoResponse));
}

#[test]
fn rfc9110_section_15_2_interim_responses_come_before_the_final_one() {
    let heard = hear(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    assert_eq!(
        heard.events,
        [
            "interim 100 Http11 []",
            r#"interim 103 Http11 ["link: </a>"]"#,
            "200 Http11 [] Length(2)",
            "data ok",
            "end"
        ]
    );
    let mut client = Connection::client(Limits::default());
    client.inbound.expect_response_to(&Method::GET);
    assert!(client.inbound.is_between_messages());
    let mut inbox = BytesMut::from("HTTP/1.1 100 Continue\r\n\r\n");
    assert!(matches!(client.inbound.receive(&mut inbox), Ok(Some(Event::Interim(_)))));
    assert!(!client.inbound.is_between_messages() && !client.inbound.is_complete());
    let only_interim = hear(b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(only_interim.fault, Some(Fault::TruncatedHead), "a response has begun");
    let endless = hear(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(33));
    assert_eq!((endless.events.len(), endless.fault), (32, Some(Fault::TooManyInterim)));
}

#[test]
fn rfc9110_section_15_2_an_interim_response_that_announces_content_is_the_last_but_one() {
    let heard =
        hear(b"HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(heard.events, ["interim 103 Http11 []", "204 Http11 [] Empty", "closing"]);
}

#[test]
fn rfc9110_section_15_2_2_nobody_switches_unasked() {
    assert_eq!(fault(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), Some(Fault::SwitchNotAsked));
}

#[test]
fn section_9_2_bytes_that_belong_to_no_request_are_no_response() {
    let mut client = Connection::client(Limits::default());
    let mut inbox = BytesMut::from("HTTP/1.1 200 OK\r\n");
    assert_eq!(client.inbound.receive(&mut inbox).err(), Some(Fault::NotAsked));

    let mut client = Connection::client(Limits::default());
    assert!(matches!(client.inbound.closed(), Ok(None)), "an idle connection may be closed");
    assert!(!client.inbound.is_persistent());
}

#[test]
fn section_9_3_when_a_connection_may_be_used_again() {
    for (version, lines, persistent) in [
        ("1.1", "Content-Length: 0\r\n", true),
        ("1.1", "Content-Length: 0\r\nConnection: close\r\n", false),
        ("1.1", "Content-Length: 0\r\nConnection: x, Close\r\n", false),
        ("1.1", "", false),
        ("1.0", "Content-Length: 0\r\n", false),
        ("1.0", "Content-Length: 0\r\nConnection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive\r\n", false),
    ] {
        let (_, _, client) = head(&Method::GET, &format!("HTTP/{version} 200 OK\r\n{lines}\r\n"));
        assert_eq!(client.inbound.is_persistent(), persistent, "{version} {lines:?}");
    }
}

#[test]
fn the_limit_on_content_is_for_requests_only() {
    let limits = Limits { body_bytes: 1, ..Limits::default() };
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(drive::ask(&Method::GET, limits.clone(), bytes.chunks(9)).fault, None);
    let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(drive::ask(&Method::GET, limits, bytes.chunks(9)).fault, None);
}
