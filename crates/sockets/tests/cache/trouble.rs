//! Origins that can't be reached, or that answer with what is no answer.

use std::net::TcpListener;

use crate::cache::town::{Town, WAYS, did, ok, version};
use crate::support::origin::{Origin, Reply, response};
use crate::support::place::Port;
use crate::support::process::Role;
use crate::support::until;
use crate::support::wire::{Answer, Wire, request};

/// A cache before a place where an origin may be, or not.
struct Outpost {
    port: Port,
    cache: Role,
    is_reverse: bool,
    _dir: tempfile::TempDir,
}

impl Outpost {
    fn new(is_reverse: bool) -> Self {
        let port = Port::reserve();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("http://{}", port.address());
        let mut args = vec!["--dir", dir.path().to_str().unwrap()];
        if is_reverse {
            args.extend(["--origin", &*url]);
        }
        let cache = Role::start("cache", &args);
        Self { port, cache, is_reverse, _dir: dir }
    }

    fn get(&self, path: &str) -> Answer {
        let origin = self.port.address();
        let target = if self.is_reverse { path.to_owned() } else { format!("http://{origin}{path}") };
        let mut wire = Wire::to(self.cache.address);
        wire.send(request(origin, &format!("GET {target} HTTP/1.1"), &[]));
        wire.answer()
    }

    /// Has somebody listen there.
    fn opened(&self) -> Origin {
        Origin::on(TcpListener::bind(self.port.address()).unwrap(), |asked| {
            match asked.line.contains("/fresh") {
                true => ok(&["Cache-Control: max-age=60"], b"fresh"),
                false => version(asked, "\"v1\"", b"content"),
            }
        })
    }

    /// Ends it, and waits until connections are refused.
    fn closed(&self, origin: Origin) {
        drop(origin);
        until("nobody listens", || std::net::TcpStream::connect(self.port.address()).is_err().then_some(()));
    }
}

fn assert_unreachable(answer: &Answer) {
    assert_eq!(answer.status(), "523 Origin Is Unreachable");
    assert!(answer.field("proxy-status").contains("error=connection_refused"), "{:?}", answer.head);
    assert_eq!(answer.field("cache-control"), "no-store");
    assert!(answer.text().contains("unreachable"), "{}", answer.text());
}

#[test]
fn an_origin_that_can_not_be_reached_is_523_with_a_stored_copy_and_without() {
    for is_reverse in [false, true] {
        let outpost = Outpost::new(is_reverse);
        assert_unreachable(&outpost.get("/index.html"));
        assert_unreachable(&outpost.get("/index.html"));

        let origin = outpost.opened();
        assert_eq!(outpost.get("/index.html").text(), "content", "523 is not remembered");
        assert_eq!(outpost.get("/fresh").text(), "fresh");
        outpost.closed(origin);

        assert_unreachable(&outpost.get("/index.html"));
        assert_unreachable(&outpost.get("/never-asked"));
        let answer = outpost.get("/fresh");
        assert_eq!((answer.status(), answer.text()), ("200 OK", "fresh"), "what is fresh needs no origin");

        let origin = outpost.opened();
        let answer = outpost.get("/index.html");
        assert_eq!(answer.text(), "content");
        assert!(
            did(&answer).starts_with("fwd=stale;fwd-status=304"),
            "the copy is there still: {}",
            did(&answer)
        );
        assert_eq!(origin.asked().len(), 1);
    }
}

#[test]
fn an_answer_that_breaks_the_protocol_is_502_and_not_stored() {
    for way in WAYS {
        for (bytes, error) in [
            ("", "connection_terminated"),
            ("HELLO\r\n\r\n", "http_protocol_error"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "http_protocol_error"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
                "http_protocol_error",
            ),
            ("HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", "http_protocol_error"),
            ("HTTP/1.1 200 OK\r\nX: 1", "http_response_incomplete"),
        ] {
            let town = Town::new(way, &[], move |_| Reply::Close(bytes.as_bytes().to_vec()));
            let answer = town.get("/index.html");
            assert_eq!(answer.status(), "502 Bad Gateway", "{way:?} {bytes:?}");
            assert!(
                answer.field("proxy-status").contains(&format!("error={error}")),
                "{bytes:?}: {:?}",
                answer.head
            );
            assert_eq!(town.bodies(), [""; 0], "{way:?} {bytes:?}");
        }
    }
}

#[test]
fn bytes_behind_an_answer_are_not_taken_for_the_next_one() {
    // RFC 9112 §9.2: what nobody asked for can only be an attack.
    let town = Town::forward(|asked| {
        let evil = response("200 OK", &["Cache-Control: max-age=60"], b"evil");
        Reply::Keep([response("200 OK", &[], asked.line.as_bytes()), evil].concat())
    });
    for path in ["/a", "/b", "/c"] {
        assert_eq!(town.get(path).text(), format!("GET {path} HTTP/1.1"));
    }
}
