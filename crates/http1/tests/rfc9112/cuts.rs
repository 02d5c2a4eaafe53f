//! Any way to cut the same bytes up gives the same events and the same fault.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{chunked, head, response};

/// Pieces of requests, right and wrong, of which most combinations are nearly a request.
const REQUEST: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /x?y HTTP/1.1\r\nHost: a:80\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET http://b.example/ HTTP/1.1\r\nHost: a\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n",
    "GET / HTTP/1.0\r\n",
    "GET /0123456789012345678901234567890123456789012345",
    "Content-Length: 5\r\n",
    "Content-Length: 65\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, x\r\n",
    "Expect: 100-continue\r\n",
    "X-Name:  some value \r\n",
    "X-Long: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
    "X : y\r\n",
    " folded\r\n",
    "HTTP/1.1",
    "hello",
    "5\r\nhello\r\n",
    "3;a=\"b\"\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nX-Sum: 1\r\n\r\n",
    "\r\n",
    "\r\n\r\n",
    "\r",
    "\n",
    " ",
    ":",
    "\0",
    "\u{e4}",
];

/// As for requests.
const RESPONSE: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.0 404 Not Found\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "ETag: \"a\"\r\n",
    "Set-Cookie: a=b\r\n",
    "X : y\r\n",
    " folded\r\n",
    "hello",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX-Sum: 1\r\nContent-Length: 5\r\n\r\n",
    "\r\n",
    "\r\n\r\n",
    "\r",
    "\n",
    " ",
    "\0",
];

/// As for requests.
const CHUNKED: &[&str] = &[
    "5\r\nhello\r\n",
    "5\r\n",
    "hello",
    "\r\n",
    "a\r\n0123456789\r\n",
    "3;a=b;c=\"d\\\"e\"\r\nabc\r\n",
    ";a",
    "=\"",
    "0\r\n",
    "0\r\n\r\n",
    "0;x\r\nX-Sum: 1\r\n\r\n",
    "X: y\r\n",
    "Content-Length: 5\r\n",
    " ",
    "f",
    "ffffffffffffffff\r\n",
    "\r",
    "\n",
    "\0",
];

fn bytes_of(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let known = vec(select(pieces), 0..9).prop_map(|pieces| pieces.concat().into_bytes());
    // One byte of it changed, now and then.
    (known, any::<Option<(prop::sample::Index, u8)>>()).prop_map(|(mut bytes, change)| {
        if let Some((place, byte)) = change.filter(|_| !bytes.is_empty()) {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 20000, ..ProptestConfig::default() })]

    #[test]
    fn requests_do_not_depend_on_how_they_are_cut_up(bytes in bytes_of(REQUEST)) {
        head::check(&bytes);
    }

    #[test]
    fn responses_do_not_depend_on_how_they_are_cut_up(bytes in bytes_of(RESPONSE)) {
        response::check(&bytes);
    }

    #[test]
    fn chunks_do_not_depend_on_how_they_are_cut_up(bytes in bytes_of(CHUNKED)) {
        chunked::check(&bytes);
    }
}
