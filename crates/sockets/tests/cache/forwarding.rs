//! What goes through: methods and their content, and the fields of both directions.

use std::sync::OnceLock;
use std::sync::mpsc::channel;

use lab::noise;

use crate::cache::town::{Town, WAYS, Way, did, not_modified, ok};
use crate::support::origin::{Origin, Reply, response};
use crate::support::place::Port;
use crate::support::process::{Role, sockets};
use crate::support::wire::{Wire, ask};

#[test]
fn methods_are_forwarded_with_their_content_and_their_answers_come_back() {
    for way in WAYS {
        let (send, seen) = channel();
        let town = Town::new(way, &[], move |asked| {
            let (asked, send) = (asked.clone(), send.clone());
            Reply::Talk(Box::new(move |wire| {
                let content = if asked.field("content-length").is_some()
                    || asked.field("transfer-encoding").is_some()
                {
                    wire.content(&asked)
                } else {
                    Vec::new()
                };
                send.send((asked.line.clone(), content)).unwrap();
                wire.send(response("202 Accepted", &["X-Answer: yes"], asked.line.as_bytes()));
                true
            }))
        });
        let large = noise(3 << 20);
        for (method, content) in
            [("POST", &b"x=1"[..]), ("PUT", &large), ("PATCH", b"p"), ("DELETE", b""), ("BREW", b"")]
        {
            let line = format!("{method} /form HTTP/1.1");
            for framing in ["length", "chunked"] {
                let mut wire = Wire::to(town.cache.address);
                if framing == "length" {
                    let length = format!("Content-Length: {}", content.len());
                    wire.send([town.request(method, "/form", &[&length]).as_bytes(), content].concat());
                } else {
                    let head = town.request(method, "/form", &["Transfer-Encoding: chunked"]);
                    wire.send([head.as_bytes(), &chunked(content)].concat());
                }
                let answer = wire.answer();
                assert_eq!((answer.status(), answer.text()), ("202 Accepted", &*line), "{way:?} {framing}");
                assert_eq!(answer.field("x-answer"), "yes");
                assert_eq!(did(&answer), "fwd=method");
                let (arrived, with) = seen.recv().unwrap();
                assert_eq!(arrived, line, "{way:?} {framing}");
                assert!(with == content, "{way:?} {line} {framing}: other content arrived");
            }
        }
        assert_eq!(town.bodies(), [""; 0], "{way:?}");
    }
}

/// `content` in chunks of different sizes.
fn chunked(content: &[u8]) -> Vec<u8> {
    let (first, rest) = content.split_at(content.len() / 3);
    let mut bytes = Vec::new();
    for chunk in [first, rest].into_iter().filter(|chunk| !chunk.is_empty()) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[test]
fn the_servers_own_501_comes_through() {
    let site = crate::support::place::Site::of(&[("index.html", b"<p>")]);
    let dir = tempfile::tempdir().unwrap();
    let cache = Role::start("cache", &["--dir", dir.path().to_str().unwrap()]);
    for (line, status) in [
        ("POST", "501 Method Not Implemented"),
        ("DELETE", "501 Method Not Implemented"),
        ("GET", "200 OK"),
        ("GET", "200 OK"),
    ] {
        let line = format!("{line} {} HTTP/1.1", site.role.url("/index.html"));
        let answer = ask(cache.address, &line, &["Content-Length: 0"]);
        assert_eq!(answer.status(), status, "{line}");
    }
    let line = format!("GET {} HTTP/1.1", site.role.url("/absent.html"));
    assert_eq!(ask(cache.address, &line, &[]).status(), "404 Not Found");
}

#[test]
fn what_changes_a_resource_invalidates_what_is_stored_of_it() {
    for way in WAYS {
        for (method, status, invalidates) in [
            ("POST", "200 OK", true),
            ("PUT", "204 No Content", true),
            ("DELETE", "303 See Other", true),
            ("POST", "400 Bad Request", false),
            ("OPTIONS", "200 OK", false),
        ] {
            let town = Town::new(way, &[], move |asked| match asked.line.starts_with("GET ") {
                true => ok(&["Cache-Control: max-age=60", "ETag: \"v1\""], b"content"),
                false if status.starts_with("204") => {
                    Reply::Keep(b"HTTP/1.1 204 No Content\r\nContent-Location: /other\r\n\r\n".to_vec())
                }
                false => Reply::Keep(response(status, &["Content-Location: /other"], b"")),
            });
            let seen =
                |path: &str| town.origin.asked().iter().filter(|asked| asked.line.contains(path)).count();
            for path in ["/file", "/other", "/third"] {
                town.get(path);
            }
            assert_eq!(town.ask(method, "/file", &["Content-Length: 0"]).status(), status, "{way:?}");
            for path in ["/file", "/other", "/third"] {
                let before = seen(path);
                assert_eq!(town.get(path).text(), "content");
                // RFC 9111 §4.4: the target, and what the answer names at the same origin.
                let is_asked_again = seen(path) > before;
                assert_eq!(
                    is_asked_again,
                    invalidates && path != "/third",
                    "{way:?} {method} {status} {path}"
                );
            }
        }
    }
}

#[test]
fn what_is_for_one_hop_does_not_go_on() {
    for way in WAYS {
        let town = Town::new(way, &[], |_| {
            let fields = [
                "Connection: x-mine, keep-alive",
                "X-Mine: 1",
                "Keep-Alive: timeout=5",
                "Proxy-Authenticate: Basic realm=x",
                "Via: 1.0 before",
                "X-Yours: 2",
                "Cache-Control: max-age=60",
            ];
            ok(&fields, b"content")
        });
        for count in 0..2 {
            let fields = [
                "Connection: x-hop, close",
                "X-Hop: 1",
                "Keep-Alive: 5",
                "TE: trailers",
                "Proxy-Connection: keep-alive",
                "Proxy-Authorization: Basic eDp5",
                "Upgrade: h2c",
                "Via: 1.1 earlier",
                "X-End: 2",
            ];
            let answer = town.ask("GET", "/file", &fields);
            for name in ["x-mine", "keep-alive", "proxy-authenticate"] {
                assert_eq!(answer.head.field(name), None, "{way:?} {count}");
            }
            assert_eq!(answer.field("x-yours"), "2");
            let via = answer.head.values("via");
            assert_eq!(via[0], "1.0 before");
            assert!(via[1].starts_with("1.1 ") && via.len() == 2, "{via:?}");
        }
        let asked = town.origin.asked();
        assert_eq!(asked.len(), 1, "{way:?}");
        for name in
            ["x-hop", "keep-alive", "te", "proxy-connection", "proxy-authorization", "upgrade", "connection"]
        {
            assert_eq!(asked[0].field(name), None, "{way:?}");
        }
        assert_eq!(asked[0].field("x-end"), Some("2"));
        let via = asked[0].values("via");
        assert!(via[0] == "1.1 earlier" && via[1].starts_with("1.1 ") && via.len() == 2, "{via:?}");
    }
}

#[test]
fn a_validation_drops_what_was_for_one_hop_too() {
    let town = Town::forward(|asked| match asked.field("if-none-match") {
        Some(_) => not_modified(&["ETag: \"v1\"", "Connection: x-mine", "X-Mine: 1", "X-Yours: 2"]),
        None => ok(&["ETag: \"v1\""], b"content"),
    });
    town.get("/file");
    for _ in 0..2 {
        let answer = town.get("/file");
        assert_eq!(answer.head.field("x-mine"), None);
        assert_eq!(answer.field("x-yours"), "2");
        assert_eq!(answer.head.values("via").len(), 1, "{:?}", answer.head);
    }
}

#[test]
fn a_cache_that_is_its_own_origin_says_so() {
    let port = Port::reserve();
    let url = format!("http://{}", port.address());
    let dir = tempfile::tempdir().unwrap();
    let number = port.address().port().to_string();
    let cache = Role::of(&mut sockets(&[
        "cache",
        "--bind",
        "127.0.0.1",
        "--port",
        &number,
        "--origin",
        &url,
        "--dir",
        dir.path().to_str().unwrap(),
    ]));
    for path in ["/", "/index.html"] {
        let answer = ask(cache.address, &format!("GET {path} HTTP/1.1"), &[]);
        assert_eq!(answer.status(), "502 Bad Gateway");
        assert!(answer.field("proxy-status").contains("proxy_loop_detected"), "{answer:?}");
    }
}

#[test]
fn a_request_goes_round_a_loop_once() {
    static CACHE: OnceLock<std::net::SocketAddr> = OnceLock::new();
    // Another proxy, which passes everything on to the cache.
    let town = Town::new(Way::Reverse, &[], |asked| {
        let via: Vec<String> = asked.values("via").iter().map(|value| format!("Via: {value}")).collect();
        let fields: Vec<&str> = via.iter().map(String::as_str).collect();
        let answer = Wire::to(*CACHE.get().unwrap()).ask(&asked.line, &fields);
        Reply::Keep(response(answer.status(), &[], &answer.body))
    });
    CACHE.set(town.cache.address).unwrap();
    assert_eq!(town.get("/index.html").status(), "502 Bad Gateway");
    assert_eq!(town.origin.asked().len(), 1, "the request came round, and was not sent on again");
}

#[test]
fn a_forward_proxy_that_is_not_asked_as_one_says_how_to() {
    let town = Town::forward(|_| ok(&[], b""));
    let answer = ask(town.cache.address, "GET /index.html HTTP/1.1", &[]);
    assert_eq!(answer.status(), "400 Bad Request");
    assert!(answer.text().contains("--proxy") && answer.text().contains("--origin"), "{}", answer.text());
    assert_eq!(town.origin.asked().len(), 0);
}

#[test]
fn a_reverse_proxy_has_one_origin_whatever_its_clients_name() {
    let town = Town::new(Way::Reverse, &[], |_| ok(&["Cache-Control: max-age=60"], b"its own"));
    let other = Origin::of(b"another");
    for line in [format!("GET {} HTTP/1.1", other.url("/index.html")), "GET /index.html HTTP/1.1".to_owned()]
    {
        let answer = ask(town.cache.address, &line, &[]);
        assert_eq!((answer.status(), answer.text()), ("200 OK", "its own"), "{line}");
    }
    assert_eq!((town.origin.asked().len(), other.asked().len()), (1, 0));
}
