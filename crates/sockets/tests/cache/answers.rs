//! What clients get out of a stored response: the whole, a part, the news that they have it already.

use lab::noise;

use crate::cache::town::{Town, WAYS, did, is_full, not_modified, ok, version};
use crate::support::origin::{Origin, Reply, response};
use crate::support::wire::{Head, Wire, ask, request};

const FRESH: &str = "Cache-Control: max-age=60";

/// A response that is fresh, and its body.
fn fresh(way: crate::cache::town::Way) -> (Town, Vec<u8>) {
    let body = noise(200_000);
    let served = body.clone();
    let town = Town::new(way, &[], move |_| ok(&[FRESH, "ETag: \"v1\""], &served));
    town.get("/file");
    (town, body)
}

#[test]
fn a_range_is_taken_out_of_what_is_stored() {
    for way in WAYS {
        let (town, body) = fresh(way);
        for (range, start, end) in
            [("bytes=0-0", 0, 1), ("bytes=100000-150000", 100_000, 150_001), ("bytes=-5", 199_995, 200_000)]
        {
            let answer = town.ask("GET", "/file", &[&format!("Range: {range}")]);
            assert_eq!(answer.status(), "206 Partial Content", "{range}");
            assert_eq!(answer.field("content-range"), format!("bytes {start}-{}/200000", end - 1));
            assert!(answer.body == body[start..end], "{way:?} {range}: other bytes came");
        }
        let answer = town.ask("GET", "/file", &["Range: bytes=200000-"]);
        assert_eq!(answer.status(), "416 Range Not Satisfiable");
        assert_eq!(answer.field("content-range"), "bytes */200000");
        // RFC 9110 §13.1.5.
        let answer = town.ask("GET", "/file", &["Range: bytes=0-0", "If-Range: \"v0\""]);
        assert_eq!((answer.status(), answer.body.len()), ("200 OK", 200_000));
        assert_eq!(town.origin.asked().len(), 1, "{way:?}");
    }
}

#[test]
fn a_range_of_what_is_kept_is_taken_when_the_whole_is_validated() {
    let town = Town::forward(|asked| version(asked, "\"v1\"", b"0123456789"));
    town.get("/file");
    let answer = town.ask("GET", "/file", &["Range: bytes=3-5"]);
    assert_eq!((answer.status(), answer.text()), ("206 Partial Content", "345"));
    let asked = town.origin.asked().pop().unwrap();
    assert_eq!((asked.field("range"), asked.field("if-none-match")), (None, Some("\"v1\"")));
}

#[test]
fn a_range_of_what_is_not_stored_is_the_origins_and_is_never_taken_for_the_whole() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| match asked.field("range") {
            Some("bytes=3-5") => {
                let fields = [FRESH, "ETag: \"v1\"", "Content-Range: bytes 3-5/10"];
                Reply::Keep(response("206 Partial Content", &fields, b"345"))
            }
            _ => ok(&[FRESH, "ETag: \"v1\""], b"0123456789"),
        });
        let answer = town.ask("GET", "/file", &["Range: bytes=3-5"]);
        assert_eq!((answer.status(), answer.text()), ("206 Partial Content", "345"));
        assert_eq!(answer.field("content-range"), "bytes 3-5/10");
        let answer = town.get("/file");
        assert_eq!((answer.status(), answer.text()), ("200 OK", "0123456789"), "{way:?}");
    }
}

#[test]
fn who_has_what_is_stored_is_told_so() {
    for way in WAYS {
        let (town, _) = fresh(way);
        for tag in ["\"v1\"", "W/\"v1\"", "\"v0\", \"v1\"", "*"] {
            let answer = town.ask("GET", "/file", &[&format!("If-None-Match: {tag}")]);
            assert_eq!(answer.status(), "304 Not Modified", "{way:?} {tag}");
            assert_eq!(answer.field("etag"), "\"v1\"");
        }
        let answer = town.ask("GET", "/file", &["If-None-Match: \"v0\""]);
        assert_eq!((answer.status(), answer.body.len()), ("200 OK", 200_000));
        assert_eq!(town.origin.asked().len(), 1, "{way:?}");
    }
}

#[test]
fn of_what_is_kept_the_origin_is_asked_about_the_stored_copy_and_not_the_clients() {
    let town = Town::forward(|asked| match asked.field("if-none-match") {
        Some("\"v1\"") => not_modified(&["ETag: \"v1\""]),
        _ => ok(&["ETag: \"v1\"", "Last-Modified: Sat, 01 Aug 2026 10:00:00 GMT"], b"content"),
    });
    town.get("/file");
    for (fields, expected) in [
        (["If-None-Match: \"v1\""], ("304 Not Modified", "")),
        (["If-None-Match: \"v0\""], ("200 OK", "content")),
        (["If-Modified-Since: Sat, 01 Aug 2026 10:00:00 GMT"], ("304 Not Modified", "")),
        (["If-Modified-Since: Sat, 01 Aug 2026 09:59:59 GMT"], ("200 OK", "content")),
    ] {
        let answer = town.ask("GET", "/file", &fields);
        assert_eq!((answer.status(), answer.text()), expected, "{fields:?}");
        let asked = town.origin.asked().pop().unwrap();
        assert_eq!(asked.field("if-none-match"), Some("\"v1\""), "{fields:?}");
        assert_eq!(asked.field("if-modified-since"), Some("Sat, 01 Aug 2026 10:00:00 GMT"), "{fields:?}");
    }
}

#[test]
fn a_304_about_what_only_the_client_has_is_his_alone() {
    let town = Town::forward(|asked| version(asked, "\"v1\"", b"content"));
    let answer = town.ask("GET", "/file", &["If-None-Match: \"v1\""]);
    assert_eq!((answer.status(), answer.field("etag")), ("304 Not Modified", "\"v1\""));
    let answer = town.get("/file");
    assert_eq!((answer.status(), answer.text()), ("200 OK", "content"));
    assert!(is_full(&town.origin.asked()[1]), "there is nothing stored to be validated");
}

#[test]
fn head_is_answered_from_the_store_and_never_stored_as_an_empty_file() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| match asked.line.starts_with("HEAD ") {
            true => Reply::Keep(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: \"v1\"\r\n\r\n".to_vec()),
            false => ok(&[FRESH, "ETag: \"v1\""], b"content"),
        });
        let answer = town.ask("HEAD", "/file", &[]);
        assert_eq!((answer.status(), answer.field("content-length")), ("200 OK", "7"), "{way:?}");
        assert_eq!(town.bodies(), [""; 0], "{way:?}");
        assert_eq!(town.get("/file").text(), "content", "{way:?}");
        let answer = town.ask("HEAD", "/file", &[]);
        assert_eq!((answer.status(), answer.field("content-length")), ("200 OK", "7"), "{way:?}");
        assert!(did(&answer).starts_with("hit"), "{}", did(&answer));
        let methods: Vec<_> = town.origin.asked().iter().map(|head| head.line[..4].to_owned()).collect();
        assert_eq!(methods, ["HEAD", "GET "], "{way:?}");
    }
}

#[test]
fn one_connection_carries_all_kinds_of_answers_one_after_the_other() {
    let (town, body) = fresh(crate::cache::town::Way::Forward);
    let mut wire = Wire::to(town.cache.address);
    let range = ["Range: bytes=7-8"];
    // Pipelined: answered in order (RFC 9112 §9.3.2).
    wire.send(
        [
            town.request("GET", "/file", &[]),
            town.request("GET", "/other", &range),
            town.request("GET", "/file", &["If-None-Match: \"v1\""]),
            town.request("GET", "/file", &range),
            town.request("GET", "/third", &[]),
        ]
        .concat(),
    );
    assert!(wire.answer().body == body);
    assert!(wire.answer().body == body[7..9], "the origin has answered the range with the whole");
    assert_eq!(wire.answer().status(), "304 Not Modified");
    assert!(wire.answer().body == body[7..9]);
    assert!(wire.answer().body == body);
}

#[test]
fn paths_queries_and_cases_never_share() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| ok(&[FRESH], asked.line.as_bytes()));
        let paths = [
            "/a",
            "/A",
            "/a?",
            "/a?b",
            "/a?B",
            "/a/",
            "/a/b",
            "/a//b",
            "/a/./b",
            "/a/../a/b",
            "/%61",
            "/a%2fb",
            "/",
            "/..%2f..%2fetc%2fpasswd",
            "/^index",
            "/a^qb",
            "/a?b=c/d",
            "/a;b",
            "/%00",
        ];
        for _ in 0..2 {
            for path in paths {
                let answer = town.get(path);
                assert_eq!(answer.text(), format!("GET {path} HTTP/1.1"), "{way:?}");
            }
        }
        assert_eq!(town.origin.asked().len(), paths.len(), "{way:?}: each is stored by itself");
        assert_eq!(town.bodies().len(), paths.len(), "{way:?}");
    }
}

#[test]
fn two_hosts_never_share() {
    let town = Town::forward(|asked| ok(&[FRESH], asked.field("host").unwrap().as_bytes()));
    let other = Origin::start(|_| ok(&[FRESH], b"another origin"));
    let port = town.origin.address.port();
    let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("127.0.0.2:{port}")];
    for _ in 0..2 {
        for host in &hosts[..2] {
            let line = format!("GET http://{host}/index.html HTTP/1.1");
            assert_eq!(ask(town.cache.address, &line, &[]).text(), *host);
        }
        let line = format!("GET {} HTTP/1.1", other.url("/index.html"));
        assert_eq!(ask(town.cache.address, &line, &[]).text(), "another origin");
    }
    assert_eq!((town.origin.asked().len(), other.asked().len()), (2, 1));
    // Nobody listens there: what is stored for the others is no answer.
    let line = format!("GET http://{}/index.html HTTP/1.1", hosts[2]);
    assert!(ask(town.cache.address, &line, &[]).status().starts_with("523"));
    // RFC 9112 §3.2.2: the target counts, whatever Host says.
    let mut wire = Wire::to(town.cache.address);
    wire.send(request(other.address, &format!("GET {} HTTP/1.1", town.target("/index.html")), &[]));
    assert_eq!(wire.answer().text(), hosts[0]);
}

#[test]
fn what_is_done_is_told_in_every_answer_that_comes_through() {
    let town = Town::forward(|asked: &Head| match asked.line.split(' ').nth(1).unwrap() {
        "/fresh" => ok(&[FRESH], b"x"),
        "/kept" => version(asked, "\"v1\"", b"x"),
        "/private" => ok(&["Cache-Control: private"], b"x"),
        _ => Reply::Keep(response("404 Not Found", &[], b"")),
    });
    for (path, first, then) in [
        ("/fresh", "fwd=uri-miss;stored", "hit;ttl="),
        ("/kept", "fwd=uri-miss;stored", "fwd=stale;fwd-status=304"),
        ("/private", "fwd=uri-miss;detail=private", "fwd=uri-miss;detail=private"),
        ("/absent", "fwd=uri-miss;detail=status", "fwd=uri-miss;detail=status"),
    ] {
        assert_eq!(did(&town.get(path)), first, "{path}");
        let again = town.get(path);
        assert!(did(&again).starts_with(then), "{path}: {}", did(&again));
    }
    assert_eq!(did(&town.ask("OPTIONS", "/fresh", &[])), "fwd=method");
}
