//! Requests as a server receives them. The sections are those of RFC 9112 where nothing else is said.

use std::iter::once;

use bytes::BytesMut;
use http1::{Connection, Event, Fault, Framing, Limits, RequestHead, Version};
use message::target::TargetFault;
use message::{Method, StatusCode};

use crate::drive::{self, Heard};

fn limits() -> Limits {
    Limits { allow_http10: true, ..Limits::default() }
}

/// What a server hears; cut up in whatever way, since the same must come of it.
fn hear(bytes: &[u8]) -> Heard {
    hear_within(&limits(), bytes)
}

fn hear_within(limits: &Limits, bytes: &[u8]) -> Heard {
    drive::same_however_cut(bytes, &[2, 3, 5], |pieces| drive::serve(limits.clone(), pieces))
}

fn fault(bytes: &[u8]) -> Option<Fault> {
    let heard = hear(bytes);
    assert!(heard.fault.is_none() || heard.events.is_empty(), "{heard:?}");
    heard.fault
}

/// A request with these lines in its head besides Host.
fn with(lines: &str) -> Vec<u8> {
    format!("POST /x HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n").into_bytes()
}

fn head(bytes: &[u8]) -> (RequestHead, Framing) {
    let mut inbox = BytesMut::from(bytes);
    match Connection::server(limits()).inbound.receive(&mut inbox) {
        Ok(Some(Event::Request(head, framing))) => (head, framing),
        other => panic!("{} gives {other:?}", bytes.escape_ascii()),
    }
}

fn all_are(expected: Fault, heads: &[&str]) {
    for text in heads {
        assert_eq!(fault(text.as_bytes()), Some(expected), "{text:?}");
    }
}

fn all_lines_are(expected: Fault, lines: &[&str]) {
    for text in lines {
        assert_eq!(fault(&with(text)), Some(expected), "{text:?}");
    }
}

#[test]
fn section_2_1_a_request_is_a_request_line_fields_and_content() {
    let heard = hear(b"GET /index.html?q HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\n\r\n");
    let request = r#"GET /index.html?q Http11 ["accept: */*", "host: localhost:8000"] Empty"#;
    assert_eq!(heard.events, [format!("{request} continue=false close=false")]);
    assert_eq!(heard.fault, None);
}

#[test]
fn section_2_2_one_empty_line_before_a_request_is_skipped_and_no_more() {
    assert_eq!(hear(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").events.len(), 1);
    assert_eq!(fault(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Some(Fault::RequestLine));
    // One before each request: some clients send it after the content of a POST.
    let post = [with("Content-Length: 2\r\n"), b"ok\r\n".to_vec(), with("")].concat();
    assert_eq!(hear(&post).events.len(), 4);
}

#[test]
fn section_2_2_lines_end_in_crlf() {
    all_are(
        Fault::BareLf,
        &[
            "\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
        ],
    );
}

#[test]
fn section_2_2_a_bare_cr_ends_nothing() {
    all_lines_are(Fault::BareCr, &["X: a\rb\r\n", "X: a\r\r\n", "X: \rY: b\r\n", "X:\r\r\n"]);
    all_are(Fault::Method, &["\rGET / HTTP/1.1\r\n", "GE\rT / HTTP/1.1\r\n"]);
    assert_eq!(fault(b"GET /\r HTTP/1.1\r\n"), Some(Fault::Target(TargetFault::Character)));
    all_are(Fault::Version, &["GET / HTTP/1.1\r\r\n"]);
}

#[test]
fn section_2_2_no_white_space_before_the_first_field() {
    all_are(
        Fault::SpaceBeforeFields,
        &[
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n \r\n\r\n",
        ],
    );
}

#[test]
fn section_2_3_a_version_that_is_not_spoken_is_told_from_none() {
    for version in
        ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/9.9", "HTTP/2", "HTTP/3", "HTTP/1.10", "HTTP/01.1"]
    {
        let bytes = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(fault(bytes.as_bytes()), Some(Fault::VersionNotSupported), "{version}");
    }
    for version in
        ["http/1.1", "HTTP/1.", "HTTP/.1", "HTTP/", "HTTP/1.1.1", "HTTP/1,1", "HTTPS/1.1", "1.1", "HTTP/-1.1"]
    {
        let bytes = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(fault(bytes.as_bytes()), Some(Fault::Version), "{version}");
    }
    let long = format!("GET / HTTP/{}\r\nHost: a\r\n\r\n", "1".repeat(9000));
    assert_eq!(fault(long.as_bytes()), Some(Fault::Version));
    // RFC 9113 §3.4: the preface of HTTP/2.
    assert_eq!(fault(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some(Fault::VersionNotSupported));
}

#[test]
fn section_2_3_http10_is_taken_only_if_it_is_allowed() {
    let bytes = b"GET / HTTP/1.0\r\n\r\n";
    assert_eq!(head(bytes).0.version, Version::Http10);
    let refused = drive::serve(Limits::default(), once(&bytes[..]));
    assert_eq!(refused.fault, Some(Fault::VersionNotSupported));
}

#[test]
fn section_3_a_request_line_is_three_words_with_one_space_between() {
    all_are(
        Fault::RequestLine,
        &[
            "GET\r\n",
            "GET /\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET /  HTTP/1.1\r\n",
            " GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1 \r\n",
            "GET /a b HTTP/1.1\r\n",
            "GET /\tHTTP/1.1\r\n",
        ],
    );
    // An empty word for the version is no version.
    assert_eq!(fault(b"GET / \r\n"), Some(Fault::Version));
}

#[test]
fn section_3_1_a_method_is_a_token_of_some_length() {
    all_are(
        Fault::Method,
        &["G(T / HTTP/1.1\r\n", "GET\t/ HTTP/1.1\r\n", "\u{16}\u{3}\u{1}", "G\0T / HTTP/1.1\r\n"],
    );
    assert_eq!(head(b"gEt-!# / HTTP/1.1\r\nHost: a\r\n\r\n").0.method.as_str(), "gEt-!#");
    let (most, over) = ("M".repeat(32), "M".repeat(33));
    assert_eq!(head(format!("{most} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).0.method.as_str(), most);
    assert_eq!(fault(format!("{over} / HTTP/1.1\r\n").as_bytes()), Some(Fault::MethodTooLong));
    assert_eq!(fault(over.as_bytes()), Some(Fault::MethodTooLong));
}

#[test]
fn section_3_2_a_target_is_one_of_four_forms() {
    for (line, target) in [
        ("GET /a?b HTTP/1.1", "/a?b"),
        ("GET //a HTTP/1.1", "//a"),
        ("GET http://b.example/c HTTP/1.1", "http://b.example/c"),
        ("OPTIONS * HTTP/1.1", "*"),
        ("CONNECT b.example:443 HTTP/1.1", "b.example:443"),
    ] {
        let (head, _) = head(format!("{line}\r\nHost: a.example\r\n\r\n").as_bytes());
        assert_eq!(head.target.to_string(), target);
    }
    for (line, expected) in [
        ("GET index.html HTTP/1.1", Fault::Target(TargetFault::Form)),
        ("GET http://u@b/ HTTP/1.1", Fault::Target(TargetFault::Userinfo)),
        ("GET ftp://b/ HTTP/1.1", Fault::Target(TargetFault::Scheme)),
        ("GET http:/// HTTP/1.1", Fault::Target(TargetFault::Host)),
        ("GET http://b:99999/ HTTP/1.1", Fault::Target(TargetFault::Port)),
        ("GET /a#b HTTP/1.1", Fault::Target(TargetFault::Character)),
        ("GET /\u{7f} HTTP/1.1", Fault::Target(TargetFault::Character)),
        ("CONNECT b.example HTTP/1.1", Fault::Target(TargetFault::Form)),
        ("GET * HTTP/1.1", Fault::TargetForm),
        ("GET b.example:80 HTTP/1.1", Fault::TargetForm),
        ("CONNECT / HTTP/1.1", Fault::TargetForm),
        ("CONNECT http://b.example:80/ HTTP/1.1", Fault::TargetForm),
        ("OPTIONS b.example:80 HTTP/1.1", Fault::TargetForm),
    ] {
        assert_eq!(fault(format!("{line}\r\nHost: a\r\n\r\n").as_bytes()), Some(expected), "{line}");
    }
}

#[test]
fn section_3_a_target_over_the_limit_is_414_before_its_end_has_come() {
    let limits = Limits { target_bytes: 10, ..limits() };
    let hear = |text: &str| hear_within(&limits, text.as_bytes()).fault;
    assert_eq!(hear("GET /123456789 HTTP/1.1\r\nHost: a\r\n\r\n"), None);
    assert_eq!(hear("GET /1234567890 HTTP/1.1\r\nHost: a\r\n\r\n"), Some(Fault::TargetTooLong));
    assert_eq!(hear("GET /1234567890"), Some(Fault::TargetTooLong));
    assert_eq!(hear("GET /123456789"), Some(Fault::TruncatedHead));
    assert_eq!(hear("GET /123456789\r"), Some(Fault::TruncatedHead));
}

#[test]
fn section_3_2_a_request_of_http11_has_one_valid_host() {
    assert_eq!(fault(b"GET / HTTP/1.1\r\n\r\n"), Some(Fault::HostMissing));
    assert_eq!(fault(b"GET http://a/ HTTP/1.1\r\n\r\n"), Some(Fault::HostMissing));
    all_lines_are(Fault::HostRepeated, &["Host: b\r\n", "Host: a.example\r\n", "hOST: a.example\r\n"]);
    for host in
        ["", " ", "a b", "a,b", "a/b", "u@a", "a:b", "a:0", "a:65536", "[::1", "ä", "a\tb", "http://a"]
    {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(fault(bytes.as_bytes()), Some(Fault::HostInvalid), "{host}");
    }
    for host in ["a", "A.example", "a:80", "127.0.0.1:8000", "[::1]", "[::1]:8000", "a_b", "xn--4ca.example"]
    {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(fault(bytes.as_bytes()), None, "{host}");
    }
}

#[test]
fn section_3_2_a_request_of_http10_may_lack_host_but_not_have_a_bad_one() {
    assert_eq!(fault(b"GET / HTTP/1.0\r\n\r\n"), None);
    assert_eq!(fault(b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), Some(Fault::HostInvalid));
    assert_eq!(fault(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Some(Fault::HostRepeated));
}

#[test]
fn section_3_2_2_an_absolute_target_wins_over_host() {
    let (head, _) = head(b"GET http://B.Example:8000/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(head.fields.text(&message::header::HOST), Some("b.example:8000"));
    let valid = b"GET http://b.example/ HTTP/1.1\r\nHost: not valid\r\n\r\n";
    assert_eq!(fault(valid), Some(Fault::HostInvalid));
}

#[test]
fn section_5_a_field_line_is_a_name_a_colon_and_a_value() {
    all_lines_are(Fault::NoColon, &["X\r\n", "X a\r\n"]);
    all_lines_are(
        Fault::FieldName,
        &[": a\r\n", "X Y: a\r\n", "X(: a\r\n", "\"X\": a\r\n", "X\0: a\r\n", "ä: a\r\n"],
    );
}

#[test]
fn section_5_1_no_white_space_before_the_colon() {
    all_lines_are(
        Fault::SpaceBeforeColon,
        &["X : a\r\n", "X\t: a\r\n", "Content-Length : 5\r\n", "Transfer-Encoding : chunked\r\n"],
    );
}

#[test]
fn section_5_2_folded_lines_are_refused() {
    all_lines_are(
        Fault::Folding,
        &["X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "Transfer-Encoding:\r\n chunked\r\n", " \r\n"],
    );
}

#[test]
fn rfc9110_section_5_5_values_have_no_control_characters_and_no_space_around() {
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r')) {
        let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\nX: a".as_slice(), &[byte], b"b\r\n\r\n"].concat();
        assert_eq!(fault(&bytes), Some(Fault::FieldValue), "{byte:#x}");
    }
    let (head, _) = head(&with("X: \t a\t b \t\r\nY:\r\nZ:a\u{e4}\r\n"));
    let lines = drive::lines(&head.fields);
    assert_eq!(lines[1..], ["x: a\\t b", "y: ", "z: a\\xc3\\xa4"]);
}

#[test]
fn rfc6585_section_5_fields_over_a_limit_are_431_before_their_end_has_come() {
    let limits = Limits { field_bytes: 40, field_lines: 3, ..limits() };
    let hear = |fields: &str| hear_within(&limits, format!("GET / HTTP/1.1\r\n{fields}").as_bytes()).fault;
    assert_eq!(hear("Host: a\r\nX: 012345678901234567890123\r\n\r\n"), None, "40 bytes");
    assert_eq!(hear("Host: a\r\nX: 0123456789012345678901234\r\n\r\n"), Some(Fault::FieldsTooLong));
    assert_eq!(hear("Host: a\r\nX: 01234567890123456789012345678"), Some(Fault::FieldsTooLong));
    assert_eq!(
        hear("Host: a\r\nX: 0123456789012345678901234567"),
        Some(Fault::FieldsTooLong),
        "40 bytes, no end"
    );
    assert_eq!(hear("Host: a\r\nX: 012345678901234567890123456"), Some(Fault::TruncatedHead), "39 bytes");
    assert_eq!(hear("Host: a\r\nA: 1\r\nB: 2\r\n\r\n"), None, "3 lines");
    assert_eq!(hear("Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n"), Some(Fault::TooManyFields));
}

#[test]
fn no_limit_on_lines_can_break_the_map_beneath() {
    let limits = Limits { field_bytes: usize::MAX, field_lines: usize::MAX, ..limits() };
    let lines: String = (0..5000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let heard = drive::serve(limits, once(with(&lines).as_slice()));
    assert_eq!(heard.fault, Some(Fault::TooManyFields));
}

#[test]
fn section_6_1_the_only_coding_is_chunked() {
    for line in ["chunked", "Chunked", "\tCHUNKED "] {
        let (head, framing) = head(&with(&format!("Transfer-Encoding: {line}\r\n")));
        assert_eq!(framing, Framing::Chunked);
        assert!(!head.fields.contains(&message::header::TRANSFER_ENCODING), "it was judged");
    }
    for (value, expected) in [
        ("gzip", Fault::CodingUnknown),
        ("identity", Fault::CodingUnknown),
        ("gzip, chunked", Fault::CodingUnknown),
        ("gzip;q=1, chunked", Fault::CodingUnknown),
        ("xchunked", Fault::CodingUnknown),
        ("chunked, gzip", Fault::CodingNotLast),
        ("chunked, chunked", Fault::CodingNotLast),
        ("chunked,", Fault::CodingNotLast),
        ("", Fault::CodingInvalid),
        (", chunked", Fault::CodingInvalid),
        ("chunked;a=b", Fault::CodingInvalid),
        ("\"chunked\"", Fault::CodingInvalid),
        ("chunked chunked", Fault::CodingInvalid),
    ] {
        let line = format!("Transfer-Encoding: {value}\r\n");
        assert_eq!(fault(&with(&line)), Some(expected), "{value}");
    }
    all_lines_are(Fault::CodingNotLast, &["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"]);
    all_lines_are(Fault::CodingUnknown, &["Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"]);
}

#[test]
fn section_6_1_there_are_no_codings_in_http10() {
    let bytes = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(fault(bytes), Some(Fault::CodingInHttp10));
}

#[test]
fn section_6_3_rule_3_length_and_coding_together_are_refused() {
    all_lines_are(
        Fault::LengthWithCoding,
        &[
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: nonsense\r\nContent-Length: 0\r\n",
        ],
    );
}

#[test]
fn section_6_3_rule_5_a_length_is_one_line_of_digits() {
    for (value, expected) in [
        ("", Fault::LengthInvalid),
        ("+5", Fault::LengthInvalid),
        ("-5", Fault::LengthInvalid),
        ("5, 5", Fault::LengthInvalid),
        ("5,", Fault::LengthInvalid),
        ("5 5", Fault::LengthInvalid),
        ("0x5", Fault::LengthInvalid),
        ("5.0", Fault::LengthInvalid),
        ("5_0", Fault::LengthInvalid),
        ("\u{665}", Fault::LengthInvalid),
        ("18446744073709551616", Fault::LengthOverflow),
        ("99999999999999999999999", Fault::LengthOverflow),
    ] {
        let line = format!("Content-Length: {value}\r\n");
        assert_eq!(fault(&with(&line)), Some(expected), "{value}");
    }
    all_lines_are(
        Fault::LengthRepeated,
        &["Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\ncontent-length: 6\r\n"],
    );
}

#[test]
fn section_6_3_rules_6_and_7_content_is_as_long_as_the_length_says_or_not_there() {
    for (value, framing) in [
        ("0", Framing::Empty),
        ("000", Framing::Empty),
        ("007", Framing::Length(7)),
        ("18446744073709551615", Framing::Length(u64::MAX)),
    ] {
        let (head, framed) = head(&with(&format!("Content-Length: {value}\r\n")));
        assert_eq!(framed, framing);
        assert!(!head.fields.contains(&message::header::CONTENT_LENGTH), "it was judged");
    }
    assert_eq!(head(&with("")).1, Framing::Empty);
    let bytes = [with("Content-Length: 5\r\n"), b"helloGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()].concat();
    let events = hear(&bytes).events;
    assert_eq!(events[1..3], ["data hello", "end"]);
    assert!(events[3].starts_with("GET / "), "{events:?}");
}

#[test]
fn rfc9110_section_15_5_14_content_over_the_limit_is_413() {
    let limits = Limits { body_bytes: 5, ..limits() };
    let hear = |head: &str, content: &[u8]| hear_within(&limits, &[&with(head), content].concat());
    assert_eq!(hear("Content-Length: 5\r\n", b"hello").fault, None);
    let over = hear("Content-Length: 6\r\n", b"hello!");
    assert_eq!((over.events.len(), over.fault), (0, Some(Fault::BodyTooLarge)));
    let chunked = "Transfer-Encoding: chunked\r\n";
    assert_eq!(hear(chunked, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n").fault, None);
    let over = hear(chunked, b"2\r\nhe\r\n4\r\n");
    assert_eq!((over.events.len(), over.fault), (2, Some(Fault::BodyTooLarge)), "before it has come");
}

fn chunks(bytes: &str) -> Heard {
    hear(&[&with("Transfer-Encoding: chunked\r\n"), bytes.as_bytes()].concat())
}

#[test]
fn section_7_1_chunks_are_put_together() {
    let heard = chunks("5\r\nhello\r\n00000006\r\n world\r\n0\r\n\r\n");
    assert_eq!(heard.events[1..], ["data hello world", "end"]);
    assert_eq!(chunks("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n").events.len(), 3);
    assert_eq!(chunks("0\r\n\r\n").events[1..], ["end"]);
}

#[test]
fn section_7_1_a_chunk_size_is_hexadecimal_digits_and_nothing_else() {
    for size in ["", " 5", "5 ", "+5", "-5", "0x5", "5_0", "G", "5h", "\t5", "5,", "٥"] {
        let expected = if size == "5 " { Fault::ChunkExtension } else { Fault::ChunkSize };
        assert_eq!(chunks(&format!("{size}\r\nhello\r\n0\r\n\r\n")).fault, Some(expected), "{size:?}");
    }
    for size in ["10000000000000000", "00000000000000005", "FFFFFFFFFFFFFFFFF"] {
        assert_eq!(chunks(&format!("{size}\r\nhello\r\n")).fault, Some(Fault::ChunkSizeOverflow), "{size:?}");
    }
    let sum = chunks("1\r\nx\r\nffffffffffffffff\r\n");
    assert_eq!(sum.fault, Some(Fault::ChunkSizeOverflow));
    assert_eq!(chunks("5\nhello\r\n0\r\n\r\n").fault, Some(Fault::BareLf));
}

#[test]
fn section_7_1_crlf_follows_the_data_where_the_size_says() {
    for bytes in
        ["5\r\nhello0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n"]
    {
        assert_eq!(chunks(bytes).fault, Some(Fault::ChunkEnd), "{bytes:?}");
    }
}

#[test]
fn section_7_1_1_extensions_are_checked_and_ignored() {
    for extension in [";a", ";a=b", ";a=\"b\"", ";a;b=c;d=\"e;\\\"f\"", " ; a = b", "\t;\ta\t=\t\"\""] {
        let heard = chunks(&format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n"));
        assert_eq!((heard.events.len(), heard.fault), (3, None), "{extension:?}");
    }
    for extension in
        [";", ";;a", ";a=", ";a=\"b", ";a b", ";a ", ";a=b=c", " a", ";a=\"b\"c", ";a=\"b\u{1}\"", ";a\rb"]
    {
        let fault = chunks(&format!("5{extension}\r\nhello\r\n0\r\n\r\n")).fault;
        assert_eq!(fault, Some(Fault::ChunkExtension), "{extension:?}");
    }
}

#[test]
fn section_7_1_1_extensions_have_limits_in_one_line_and_in_all() {
    let most = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(1020));
    assert_eq!(chunks(&most).fault, None);
    let over = format!("5;{}", "a".repeat(1022));
    assert_eq!(chunks(&over).fault, Some(Fault::ChunkExtensionsTooLong), "1024 bytes, no end");
    let open = format!("5;{}", "a".repeat(1021));
    assert_eq!(chunks(&open).fault, Some(Fault::TruncatedBody));
    let crumbs = format!("1;{}\r\nx\r\n", "a".repeat(1000)).repeat(20);
    assert_eq!(chunks(&crumbs).fault, Some(Fault::ChunkExtensionsTooLong));
}

#[test]
fn section_7_1_2_trailers_are_kept_but_for_those_that_have_no_place_there() {
    let heard = chunks("1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nContent-Length: 9\r\nhost: b\r\n\r\n");
    assert_eq!(heard.events[2], r#"end ["x-sum: 1", "x-sum: 2"]"#);
    assert_eq!(chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n").events[1..], ["end"]);
}

#[test]
fn section_7_1_2_trailers_are_as_strict_as_fields() {
    for (trailers, expected) in [
        ("X : a\r\n\r\n", Fault::SpaceBeforeColon),
        (": a\r\n\r\n", Fault::FieldName),
        ("X\r\n\r\n", Fault::NoColon),
        ("X: a\0\r\n\r\n", Fault::FieldValue),
        ("X: a\rb\r\n\r\n", Fault::BareCr),
        ("X: a\n\r\n", Fault::BareLf),
        ("X: a\r\n b\r\n\r\n", Fault::Folding),
        (" X: a\r\n\r\n", Fault::SpaceBeforeFields),
    ] {
        assert_eq!(chunks(&format!("0\r\n{trailers}")).fault, Some(expected), "{trailers:?}");
    }
    let long = format!("0\r\nX: {}", "a".repeat(8 * 1024));
    assert_eq!(chunks(&long).fault, Some(Fault::FieldsTooLong));
    let many = format!("0\r\n{}", "X: a\r\n".repeat(101));
    assert_eq!(chunks(&many).fault, Some(Fault::TooManyFields));
}

#[test]
fn section_8_what_is_cut_short_is_never_whole() {
    let whole = [with("Content-Length: 5\r\n"), b"hello".to_vec()].concat();
    let chunked =
        [with("Transfer-Encoding: chunked\r\n"), b"5\r\nhello\r\n0\r\nX: y\r\n\r\n".to_vec()].concat();
    for bytes in [whole, chunked] {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        for len in 1..bytes.len() {
            let expected = if len < head { Fault::TruncatedHead } else { Fault::TruncatedBody };
            assert_eq!(hear(&bytes[..len]).fault, Some(expected), "{}", bytes[..len].escape_ascii());
        }
        assert_eq!(hear(&bytes).fault, None);
    }
    for nothing in ["", "\r", "\r\n"] {
        assert_eq!(hear(nothing.as_bytes()), Heard::default(), "{nothing:?}");
    }
}

#[test]
fn section_9_3_who_may_send_another_request() {
    for (version, connection, closes) in [
        ("1.1", "", false),
        ("1.1", "Connection: keep-alive\r\n", false),
        ("1.1", "Connection: close\r\n", true),
        ("1.1", "Connection: Foo,\tCLOSE , bar\r\n", true),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", true),
        ("1.1", "Connection: closed\r\n", false),
        ("1.1", "Connection: \"close\r\nConnection: close\r\n", true),
        ("1.0", "", true),
        ("1.0", "Connection: keep-alive\r\n", false),
        ("1.0", "Connection: Keep-Alive, close\r\n", true),
    ] {
        let (head, _) = head(format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n").as_bytes());
        assert_eq!(head.wants_close, closes, "{version} {connection:?}");
    }
    let (to_a_proxy, _) = head(b"GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(to_a_proxy.wants_close);
    let (tunnel, _) = head(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    assert!(tunnel.wants_close);
}

#[test]
fn rfc9110_section_10_1_1_the_expectation_of_100_continue() {
    for (version, lines, expects) in [
        ("1.1", "Expect: 100-continue\r\nContent-Length: 5\r\n", true),
        ("1.1", "expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", true),
        ("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", false),
        ("1.1", "Expect: 100-continue\r\n", false),
        ("1.0", "Expect: 100-continue\r\nContent-Length: 5\r\n", false),
        ("1.1", "Content-Length: 5\r\n", false),
    ] {
        let (head, _) = head(format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n").as_bytes());
        assert_eq!(head.expects_continue, expects, "{version} {lines}");
        assert!(!head.fields.contains(&message::header::EXPECT), "{version} {lines}");
    }
    let (other, _) = head(&with("Expect: 100-continue, x=y\r\nContent-Length: 5\r\n"));
    assert!(!other.expects_continue && other.fields.contains(&message::header::EXPECT), "not ours to judge");
}

#[test]
fn a_fault_says_with_which_status_it_is_answered() {
    for (fault, status) in [
        (Fault::BareLf, 400),
        (Fault::RequestLine, 400),
        (Fault::Target(TargetFault::Host), 400),
        (Fault::HostMissing, 400),
        (Fault::LengthWithCoding, 400),
        (Fault::CodingNotLast, 400),
        (Fault::ChunkSize, 400),
        (Fault::TruncatedBody, 400),
        (Fault::BodyTooLarge, 413),
        (Fault::TargetTooLong, 414),
        (Fault::FieldsTooLong, 431),
        (Fault::TooManyFields, 431),
        (Fault::MethodTooLong, 501),
        (Fault::CodingUnknown, 501),
        (Fault::VersionNotSupported, 505),
        (Fault::StatusLine, 502),
        (Fault::NoResponse, 502),
        (Fault::Overrun, 500),
    ] {
        assert_eq!(fault.status(), StatusCode::from_u16(status).unwrap(), "{fault:?}");
        assert!(fault.section().starts_with("RFC ") && !fault.to_string().contains('\n'), "{fault:?}");
    }
}

#[test]
fn nothing_after_a_fault_is_interpreted() {
    let mut server = Connection::server(limits());
    let mut inbox = BytesMut::from("GET / HTTP/1.1\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(server.inbound.receive(&mut inbox).err(), Some(Fault::HostMissing));
    let mut good = BytesMut::from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(server.inbound.receive(&mut good).err(), Some(Fault::HostMissing));
    assert_eq!(server.inbound.closed().err(), Some(Fault::HostMissing));
    assert!(!server.inbound.is_complete() && !server.inbound.is_persistent());
    assert!(!server.inbound.is_between_messages());
}

#[test]
fn content_is_given_as_it_comes_and_not_copied() {
    let mut server = Connection::server(limits());
    let mut inbox = BytesMut::from(with("Content-Length: 10\r\n").as_slice());
    assert!(matches!(server.inbound.receive(&mut inbox), Ok(Some(Event::Request(..)))));
    assert!(matches!(server.inbound.receive(&mut inbox), Ok(None)));
    inbox.extend_from_slice(b"hello");
    let place = inbox.as_ptr();
    match server.inbound.receive(&mut inbox) {
        Ok(Some(Event::Data(data))) => assert_eq!((data.as_ptr(), &data[..]), (place, &b"hello"[..])),
        other => panic!("{other:?}"),
    }
    assert!(!server.inbound.is_complete());
    assert_eq!(head(&with("")).0.method, Method::POST);
}

#[test]
fn how_much_content_is_left_is_known_only_with_a_length() {
    for (lines, content, left) in [
        ("Content-Length: 10\r\n", "", [Some(10), Some(10), Some(10)]),
        ("Content-Length: 10\r\n", "hello", [Some(10), Some(5), Some(5)]),
        ("Content-Length: 5\r\n", "hello", [Some(5), Some(0), Some(0)]),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello", [None, None, None]),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", [None, Some(0), Some(0)]),
        ("", "", [Some(0), Some(0), Some(0)]),
    ] {
        let mut server = Connection::server(limits());
        let mut inbox = BytesMut::from([&with(lines), content.as_bytes()].concat().as_slice());
        assert_eq!((server.inbound.content_left(), server.inbound.is_in_content()), (Some(0), false));
        for expected in left {
            server.inbound.receive(&mut inbox).unwrap();
            assert_eq!(server.inbound.content_left(), expected, "{lines:?} {content:?}");
            assert_eq!(server.inbound.is_in_content(), !server.inbound.is_complete());
        }
    }
}

#[test]
fn between_messages_is_before_the_first_byte_of_one() {
    for (bytes, between) in
        [("", true), ("\r", true), ("\r\n", true), ("\r\n\r", false), ("\r\nG", false), ("G", false)]
    {
        let mut server = Connection::server(limits());
        assert!(matches!(server.inbound.receive(&mut BytesMut::from(bytes)), Ok(None)));
        assert_eq!(server.inbound.is_between_messages(), between, "{bytes:?}");
    }
}
