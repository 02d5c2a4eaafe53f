//! Interim responses (RFC 9110 §15.2): they are forwarded as they come, and never stored.

use crate::cache::town::{Gate, Town, WAYS, Way, did};
use crate::support::origin::{Reply, response};
use crate::support::wire::{Head, Wire, request};

/// Most that are passed on before one answer.
const MOST: usize = 16;

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nConnection: x-hop\r\n\
                    X-Hop: 1\r\nX-All: 2\r\n\r\n";

/// What lets a cache keep the answer for long.
const FRESH: &str = "Cache-Control: max-age=3600";

/// These interim responses at once with a 200 that may be stored, to whoever asks.
fn before_an_answer(way: Way, args: &[&str], interims: String) -> Town {
    Town::new(way, args, move |asked| {
        let content: &[u8] = if asked.line.starts_with("HEAD ") { b"" } else { b"content" };
        Reply::Keep([interims.as_bytes(), &response("200 OK", &[FRESH], content)].concat())
    })
}

/// Reads heads up to and with the final one: the status of each.
fn statuses(wire: &mut Wire) -> (Vec<String>, Head) {
    let mut statuses = Vec::new();
    loop {
        let head = wire.head().unwrap();
        statuses.push(head.status()[..3].to_owned());
        if !head.status().starts_with('1') {
            return (statuses, head);
        }
    }
}

#[test]
fn section_15_2_an_interim_answer_comes_before_the_final_one_and_is_not_stored() {
    for way in WAYS {
        let gate = Gate::default();
        let own = gate.clone();
        let town = Town::new(way, &[], move |_| {
            let own = own.clone();
            Reply::Talk(Box::new(move |wire| {
                wire.send(HINT);
                own.pass();
                wire.send(response("200 OK", &[FRESH], b"content"));
                true
            }))
        });
        let mut wire = town.open("/x");
        // The final answer waits until this one has come.
        let hint = wire.head().unwrap();
        assert_eq!(hint.status(), "103 Early Hints", "{way:?}");
        assert_eq!(hint.field("link"), Some("</style.css>; rel=preload"));
        assert_eq!((hint.field("x-all"), hint.field("x-hop")), (Some("2"), None), "{way:?}: {hint:?}");
        assert!(hint.field("via").unwrap().starts_with("1.1 sockets-"), "{hint:?}");
        assert_eq!(hint.field("connection"), None);
        // Who joins the fetch, or comes too late for that, does not hear it.
        let mut other = town.open("/x");
        gate.open();
        for wire in [&mut wire, &mut other] {
            let answer = wire.answer();
            assert_eq!((answer.status(), answer.text()), ("200 OK", "content"), "{way:?}");
            assert_eq!(answer.head.field("link"), None);
        }
        let hit = town.get("/x");
        assert!(hit.status() == "200 OK" && did(&hit).starts_with("hit;"), "{way:?}: {:?}", hit.head);
        assert_eq!((hit.text(), hit.head.field("link")), ("content", None));
        assert_eq!(town.origin.asked().len(), 1);
    }
}

#[test]
fn section_15_2_each_is_forwarded_but_100_whatever_is_asked() {
    let several = format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{HINT}{HINT}");
    for way in WAYS {
        let town = before_an_answer(way, &[], several.clone());
        for (case, (method, fields)) in [
            ("GET", &[][..]),
            ("GET", &["Cache-Control: no-cache"]),
            ("GET", &["Cache-Control: no-store"]),
            ("GET", &["If-Match: \"a\""]),
            ("HEAD", &["Cache-Control: no-cache"]),
            ("OPTIONS", &[]),
            ("POST", &["Content-Length: 0"]),
        ]
        .into_iter()
        .enumerate()
        {
            let mut wire = Wire::to(town.cache.address);
            // On one connection: what is said of one request is not said of the next.
            for turn in 0..2 {
                let path = format!("/{case}/{turn}");
                wire.send(town.request(method, &path, fields));
                let (statuses, last) = statuses(&mut wire);
                assert_eq!(statuses, ["102", "103", "103", "200"], "{way:?} {method} {fields:?}");
                if method != "HEAD" {
                    assert_eq!(wire.content(&last), b"content");
                }
            }
        }
    }
}

#[test]
fn section_15_2_one_before_a_304_comes_before_what_is_stored() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| {
            let answer = match asked.field("if-none-match") {
                Some(_) => b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n".to_vec(),
                None => response("200 OK", &["ETag: \"a\""], b"content"),
            };
            Reply::Keep([HINT.as_bytes(), &answer].concat())
        });
        for _ in 0..2 {
            let mut wire = town.open("/x");
            let (statuses, last) = statuses(&mut wire);
            assert_eq!(statuses, ["103", "200"], "{way:?}");
            assert_eq!(wire.content(&last), b"content");
        }
        assert_eq!(town.origin.asked().len(), 2);
    }
}

#[test]
fn section_15_2_so_many_are_forwarded_at_most() {
    for way in WAYS {
        for (count, last) in [(MOST, "200"), (MOST + 1, "200"), (32, "200"), (33, "502")] {
            let town = before_an_answer(way, &[], HINT.repeat(count));
            let (mut statuses, _) = statuses(&mut town.open("/x"));
            assert_eq!(statuses.pop().as_deref(), Some(last), "{way:?}: {count}");
            assert_eq!(statuses, vec!["103"; MOST], "{way:?}: {count}");
        }
    }
}

#[test]
fn section_15_2_a_client_of_http_1_0_gets_none() {
    for way in WAYS {
        let town = before_an_answer(way, &["--allow-http10"], HINT.repeat(3));
        let mut wire = Wire::to(town.cache.address);
        let line = format!("GET {} HTTP/1.0", town.target("/x"));
        wire.send(request(town.origin.address, &line, &[]));
        let answer = wire.answer();
        assert_eq!((answer.status(), answer.text()), ("200 OK", "content"), "{way:?}");
    }
}
