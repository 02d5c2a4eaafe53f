//! Which fields are stored, and what a response is given on its way (RFC 9111 §3.1, §4, RFC 9110 §7.6).

use crate::cache::town::{Town, WAYS, did, ok};
use crate::support::origin::{Reply, response};

#[test]
fn section_3_1_every_field_is_stored_but_those_of_one_hop() {
    const KEPT: [&str; 16] = [
        "Test-Header: 1",
        "X-Test-Header: 1",
        "Content-Foo: 1",
        "Content-Type: text/plain",
        "Clear-Site-Data: cache",
        "Content-Location: /foo",
        "Content-MD5: rL0Y20zC+Fzt72VPzMSk2A==",
        "Content-Range: in a 200 it says nothing",
        "Content-Security-Policy: default-src 'self'",
        "ETag: \"a\"",
        "Public-Key-Pins: x",
        "Set-Cookie: a=b",
        "Set-Cookie2: a=b",
        "Strict-Transport-Security: max-age=1",
        "WWW-Authenticate: Basic realm=x",
        "X-XSS-Protection: 1",
    ];
    const HOP: [&str; 9] = [
        "Connection: a, b",
        "A: 1",
        "B: 2",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: x",
        "Proxy-Authentication-Info: x",
        "Proxy-Connection: x",
        "TE: trailers",
        "Upgrade: x",
    ];
    for way in WAYS {
        let town =
            Town::new(way, &[], |_| ok(&[&["Cache-Control: max-age=3600"], &KEPT[..], &HOP].concat(), b"x"));
        for turn in 0..2 {
            let answer = town.get("/x");
            assert_eq!(did(&answer).starts_with("hit"), turn == 1, "{way:?}");
            for field in KEPT {
                let (name, value) = field.split_once(": ").unwrap();
                assert_eq!(answer.field(name), value, "{way:?}");
            }
            for name in ["a", "b", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "upgrade"] {
                assert_eq!(answer.head.field(name), None, "{way:?} {name}");
            }
            assert!(answer.head.field("connection").is_none_or(|value| !value.contains('a')), "{way:?}");
        }
    }
}

#[test]
fn section_5_2_2_4_fields_that_no_cache_or_private_names_are_not_reused() {
    for way in WAYS {
        for control in ["no-cache=\"a, b\"", "private=\"a, b\"", "no-cache=a, private=b"] {
            let field = format!("Cache-Control: {control}");
            let town = Town::new(way, &[], move |_| {
                ok(&[&field, "A: 1", "B: 2", "C: 3", "Cache-Control: max-age=3600"], b"x")
            });
            let first = town.get("/x");
            assert_eq!((first.field("a"), first.field("b"), first.field("c")), ("1", "2", "3"));
            let hit = town.get("/x");
            assert!(did(&hit).starts_with("hit"), "{control}: {}", did(&hit));
            assert_eq!(
                (hit.head.field("a"), hit.head.field("b"), hit.field("c")),
                (None, None, "3"),
                "{control}"
            );
        }
    }
}

#[test]
fn section_5_1_age_goes_up_and_date_stays() {
    for way in WAYS {
        let fields = ["Cache-Control: max-age=3600", "Age: 30", "Date: Thu, 01 Jan 2026 00:00:00 GMT"];
        let fields = if way == WAYS[0] {
            &fields[..2]
        } else {
            &["Cache-Control: max-age=999999999", fields[1], fields[2]]
        };
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let is_dated = fields.len() == 3;
        let town =
            Town::new(way, &[], move |_| ok(&fields.iter().map(String::as_str).collect::<Vec<_>>(), b"x"));
        let first = town.get("/x");
        let hit = town.get("/x");
        assert!(did(&hit).starts_with("hit"), "{}", did(&hit));
        assert_eq!(hit.field("date"), first.field("date"), "{way:?}");
        assert!(!is_dated || hit.field("date") == "Thu, 01 Jan 2026 00:00:00 GMT");
        assert!(hit.field("age").parse::<u32>().unwrap() >= 30, "{way:?}: {:?}", hit.head);
    }
}

#[test]
fn rfc_9211_every_answer_says_what_was_done() {
    for way in WAYS {
        let town = Town::new(way, &["--tell-key"], |asked| match asked.line.contains("/none") {
            true => Reply::Close(Vec::new()),
            false => Reply::Keep(response("200 OK", &["Cache-Control: max-age=3600"], b"x")),
        });
        let key = format!("key=\"{}\"", town.origin.url("/x"));
        for (method, path, fields, expected) in [
            ("GET", "/x", &[][..], format!("fwd=uri-miss;{key};stored")),
            ("GET", "/x", &[], format!("hit;{key};ttl=")),
            ("OPTIONS", "/x", &[], format!("fwd=method;{key}")),
            ("GET", "/x", &["If-Match: \"a\""], format!("fwd=bypass;{key};detail=precondition")),
            ("GET", "/none", &[], "fwd=uri-miss;key=".to_owned()),
            ("POST", "/none", &["Content-Length: 0"], "fwd=method;key=".to_owned()),
            ("GET", "/y", &["Cache-Control: only-if-cached"], "detail=only-if-cached".to_owned()),
        ] {
            let answer = town.ask(method, path, fields);
            assert!(did(&answer).starts_with(&expected), "{way:?} {method} {path}: {}", did(&answer));
        }
    }
}
