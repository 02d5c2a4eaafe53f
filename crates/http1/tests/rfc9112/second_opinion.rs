//! What we accept, another parser reads the same way.
//!
//! `httparse` is more lenient than we are; so it must accept every head that we accept, and find the
//! same method, target, status, names and values in it.

use bytes::BytesMut;
use http1::{Connection, Event, Limits};
use message::{Fields, Method};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes that matter to a parser more often than others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let matters = prop::sample::select(b" \t\r\n:,;\"=\0/\x7f".to_vec());
    vec(prop_oneof![40 => b'a'..=b'z', 2 => any::<u8>(), 3 => matters], 0..9)
}

fn section(name: &[u8], value: &[u8], other: &[u8]) -> Vec<u8> {
    [b"Host: a\r\nX-".as_slice(), name, b":", value, b"\r\nY: ", other, b"\r\n\r\n"].concat()
}

/// The lines of a section that were not judged and taken out, by name.
fn lines(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    let lines = fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

fn lines_of(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    let lines = headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn of_requests(method in bytes(), path in bytes(), name in bytes(), value in bytes(), other in bytes()) {
        let start = [b"M".as_slice(), &method, b" /", &path, b" HTTP/1.1\r\n"].concat();
        let bytes = [start, section(&name, &value, &other)].concat();
        let mut inbox = BytesMut::from(bytes.as_slice());
        let received = Connection::server(Limits::default()).inbound.receive(&mut inbox);
        if let Ok(Some(Event::Request(head, _))) = received {
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut headers);
            let len = request.parse(&bytes).map(|status| if status.is_complete() { status.unwrap() } else { 0 });
            prop_assert_eq!(len, Ok(bytes.len() - inbox.len()));
            prop_assert_eq!(request.method, Some(head.method.as_str()));
            prop_assert_eq!(request.path.map(str::to_owned), Some(head.target.to_string()));
            prop_assert_eq!(lines_of(request.headers), lines(&head.fields));
        }
    }

    #[test]
    fn of_responses(code in 90..610_u16, reason in bytes(), name in bytes(), value in bytes(), other in bytes()) {
        let start = [format!("HTTP/1.1 {code:03} ").as_bytes(), &reason, b"\r\n"].concat();
        let bytes = [start, section(&name, &value, &other)].concat();
        let mut inbox = BytesMut::from(bytes.as_slice());
        let mut client = Connection::client(Limits::default());
        client.inbound.expect_response_to(&Method::GET);
        if let Ok(Some(Event::Response(head, _))) = client.inbound.receive(&mut inbox) {
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut headers);
            let len = response.parse(&bytes).map(|status| if status.is_complete() { status.unwrap() } else { 0 });
            prop_assert_eq!(len, Ok(bytes.len() - inbox.len()));
            prop_assert_eq!(response.code, Some(head.status.as_u16()));
            prop_assert_eq!(lines_of(response.headers), lines(&head.fields));
        }
    }
}
