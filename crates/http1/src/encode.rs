//! Heads and chunk lines, from values to bytes.
//!
//! Every message is written anew from its parsed form. Names and values are types that can't hold CR,
//! LF or NUL, so nothing that is written here can end a line or a head but this file.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, EXPECT, HOST, MAX_FORWARDS, PRAGMA, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, StatusCode};
use message::fields::Fields;

/// Ends a line.
pub(crate) const CRLF: &[u8] = b"\r\n";

/// The last chunk and an empty trailer section (RFC 9112 §7.1).
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// `Connection: close`, as a line.
pub(crate) const CONNECTION_CLOSE: &[u8] = b"Connection: close\r\n";

/// `Connection: keep-alive`, as a line: said to HTTP/1.0 clients that asked for it.
pub(crate) const CONNECTION_KEEP_ALIVE: &[u8] = b"Connection: keep-alive\r\n";

/// `Transfer-Encoding: chunked`, as a line.
pub(crate) const CODING_CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n";

/// Names of hop-by-hop fields that the `http` crate does not list.
const KEEP_ALIVE: &str = "keep-alive";
const PROXY_CONNECTION: &str = "proxy-connection";

/// A status line (RFC 9112 §4), with the highest version that we speak (RFC 9110 §2.5).
pub(crate) fn status_line(status: StatusCode, out: &mut BytesMut) {
    let line: &[u8] = match status.as_u16() {
        200 => b"HTTP/1.1 200 OK\r\n",
        206 => b"HTTP/1.1 206 Partial Content\r\n",
        301 => b"HTTP/1.1 301 Moved Permanently\r\n",
        304 => b"HTTP/1.1 304 Not Modified\r\n",
        404 => b"HTTP/1.1 404 Not Found\r\n",
        _ => {
            out.put_slice(b"HTTP/1.1 ");
            out.put_slice(status.as_str().as_bytes());
            out.put_u8(b' '); // also before an empty reason (RFC 9112 §4)
            out.put_slice(reason(status).as_bytes());
            CRLF
        }
    };
    out.put_slice(line);
}

/// The reason phrase: that of the registry, but for the three statuses to which Sockets gives its own.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        501 => "Method Not Implemented",
        505 => "Version Not Supported",
        523 => "Origin Is Unreachable",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}

/// A field line.
pub(crate) fn field(name: &HeaderName, value: &HeaderValue, out: &mut BytesMut) {
    put_name(name, out);
    out.put_slice(b": ");
    out.put_slice(value.as_bytes());
    out.put_slice(CRLF);
}

/// Names are case-insensitive (RFC 9110 §5.1); they are written as people and old programs expect them.
fn put_name(name: &HeaderName, out: &mut BytesMut) {
    match *name {
        ETAG => return out.put_slice(b"ETag"),
        WWW_AUTHENTICATE => return out.put_slice(b"WWW-Authenticate"),
        _ => {}
    }
    let start = out.len();
    out.put_slice(name.as_str().as_bytes());
    let mut first = true;
    for byte in out.iter_mut().skip(start) {
        if first {
            byte.make_ascii_uppercase();
        }
        first = *byte == b'-';
    }
}

/// All lines of a section but those that `skip` names.
pub(crate) fn section(fields: &Fields, skip: impl Fn(&HeaderName) -> bool, out: &mut BytesMut) {
    for (name, value) in fields.iter().filter(|(name, _)| !skip(name)) {
        field(name, value, out);
    }
}

/// All lines of a response's section but those of the connection. The form of a prepared section is
/// made once and kept with it.
pub(crate) fn response_section(fields: &Fields, out: &mut BytesMut) {
    let encode = |fields: &Fields| {
        let mut block = BytesMut::new();
        section(fields, is_of_connection, &mut block);
        block.freeze()
    };
    match fields.encoded(encode) {
        Some(block) => out.put_slice(block),
        None => section(fields, is_of_connection, out),
    }
}

/// Whether a field is about one connection (RFC 9110 §7.6.1) and so is made here or not sent at all.
pub(crate) fn is_of_connection(name: &HeaderName) -> bool {
    matches!(*name, CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | UPGRADE | TE | TRAILER)
        || name == KEEP_ALIVE
        || name == PROXY_CONNECTION
}

/// Whether a field can't be meant in a trailer (RFC 9110 §6.5.1): it frames, routes, modifies or
/// authenticates the request, or says how the content is to be processed.
pub(crate) fn is_forbidden_in_trailers(name: &HeaderName) -> bool {
    is_of_connection(name)
        || matches!(
            *name,
            HOST | EXPECT
                | MAX_FORWARDS
                | CACHE_CONTROL
                | PRAGMA
                | RANGE
                | AUTHORIZATION
                | PROXY_AUTHORIZATION
                | WWW_AUTHENTICATE
                | PROXY_AUTHENTICATE
                | SET_COOKIE
                | CONTENT_ENCODING
                | CONTENT_TYPE
                | CONTENT_RANGE
        )
}

/// `Content-Length: N`, as a line.
pub(crate) fn content_length(length: u64, out: &mut BytesMut) {
    out.put_slice(b"Content-Length: ");
    put_decimal(length, out);
    out.put_slice(CRLF);
}

fn put_decimal(mut number: u64, out: &mut BytesMut) {
    let mut digits = [b'0'; 20]; // u64::MAX has 20
    let mut used = 0_usize;
    for slot in digits.iter_mut().rev() {
        *slot = digit(number % 10);
        used = used.saturating_add(1);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(digits.get(digits.len().saturating_sub(used)..).unwrap_or_default());
}

/// `chunk-size CRLF` (RFC 9112 §7.1), without extensions.
pub(crate) fn chunk_size(mut size: u64) -> Bytes {
    let mut line = *b"0000000000000000\r\n";
    let mut used = CRLF.len();
    for slot in line.iter_mut().rev().skip(CRLF.len()) {
        *slot = digit(size % 16);
        used = used.saturating_add(1);
        size /= 16;
        if size == 0 {
            break;
        }
    }
    Bytes::copy_from_slice(line.get(line.len().saturating_sub(used)..).unwrap_or_default())
}

/// The digit for a value of 0 to 15.
fn digit(value: u64) -> u8 {
    let index = usize::try_from(value).unwrap_or_default();
    b"0123456789abcdef".get(index).copied().unwrap_or(b'0')
}

/// The last chunk with a trailer section (RFC 9112 §7.1.2).
pub(crate) fn last_chunk(trailers: Option<&Fields>) -> Bytes {
    let Some(trailers) = trailers.filter(|fields| !fields.is_empty()) else {
        return Bytes::from_static(LAST_CHUNK);
    };
    let mut out = BytesMut::new();
    out.put_slice(b"0\r\n");
    section(trailers, is_forbidden_in_trailers, &mut out);
    out.put_slice(CRLF);
    out.freeze()
}
