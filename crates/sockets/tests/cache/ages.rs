//! The three ages of a stored response: fresh, kept and expired; and what is not stored at all.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lab::noise;

use crate::cache::town::{Town, WAYS, did, is_full, not_modified, ok, version};
use crate::support::origin::{Reply, response};
use crate::support::until;
use crate::support::wire::Head;

const MODIFIED: &str = "Last-Modified: Sat, 01 Aug 2026 10:00:00 GMT";

#[test]
fn what_is_not_in_the_cache_is_asked_for_stored_and_answered() {
    for way in WAYS {
        let bodies = [("/small", noise(1000)), ("/empty", Vec::new()), ("/large", noise(3 << 20))];
        let served = bodies.clone();
        let town = Town::new(way, &[], move |asked| {
            let path = asked.line.split(' ').nth(1).unwrap().to_owned();
            ok(&["Content-Type: text/x"], &served.iter().find(|(name, _)| *name == path).unwrap().1)
        });
        for (path, body) in bodies {
            let answer = town.get(path);
            assert_eq!(answer.status(), "200 OK", "{way:?} {path}");
            assert!(answer.body == body, "{way:?} {path}: other bytes came");
            assert_eq!(answer.field("content-type"), "text/x");
            assert_eq!(did(&answer), "fwd=uri-miss;stored", "{way:?} {path}");
            assert!(fs::read(town.stored(path)).unwrap() == body, "{way:?} {path}: other bytes are stored");
            let asked = town.origin.asked().pop().unwrap();
            assert_eq!(asked.line, format!("GET {path} HTTP/1.1"), "{way:?}");
            assert_eq!(asked.field("host"), Some(&*town.origin.address.to_string()), "{way:?}");
            assert!(is_full(&asked), "{asked:?}");
        }
        assert_eq!(town.origin.asked().len(), 3, "{way:?}");
    }
}

#[test]
fn what_is_kept_is_validated_and_the_stored_copy_answers_a_304() {
    for way in WAYS {
        for body in [noise(100), noise(3 << 20)] {
            let served = body.clone();
            let town = Town::new(way, &[], move |asked| match asked.field("if-none-match") {
                Some(_) => not_modified(&["ETag: \"v1\"", "X-Checked: yes"]),
                None => ok(&["ETag: \"v1\"", MODIFIED, "X-Checked: no", "X-First: 1"], &served),
            });
            town.get("/index.html");
            for validations in 1..=2 {
                let answer = town.get("/index.html");
                assert_eq!(answer.status(), "200 OK", "{way:?}");
                assert!(answer.body == body, "{way:?}: other bytes came");
                // RFC 9111 §3.2: the fields of the 304 in the place of the stored ones.
                assert_eq!(answer.field("x-checked"), "yes");
                assert_eq!(answer.field("x-first"), "1");
                assert!(did(&answer).starts_with("fwd=stale;fwd-status=304"), "{}", did(&answer));
                let asked = town.origin.asked();
                assert_eq!(asked.len(), 1 + validations, "{way:?}: one request for each use");
                assert_eq!(asked[validations].line, "GET /index.html HTTP/1.1");
                assert_eq!(asked[validations].field("if-none-match"), Some("\"v1\""));
                let date = asked[validations].field("if-modified-since");
                assert_eq!(date, Some("Sat, 01 Aug 2026 10:00:00 GMT"));
            }
        }
    }
}

#[test]
fn a_200_to_the_conditional_get_is_stored_in_its_place() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| match asked.field("if-none-match") {
            None => ok(&["ETag: \"v1\"", MODIFIED], b"the first"),
            Some("\"v1\"") => ok(&["ETag: \"v2\""], b"the second one"),
            Some(_) => not_modified(&["ETag: \"v2\""]),
        });
        assert_eq!(town.get("/index.html").text(), "the first");
        let answer = town.get("/index.html");
        assert_eq!((answer.status(), answer.text()), ("200 OK", "the second one"), "{way:?}");
        assert_eq!(did(&answer), "fwd=stale;stored");
        assert_eq!(fs::read(town.stored("/index.html")).unwrap(), b"the second one");
        let answer = town.get("/index.html");
        assert_eq!(answer.text(), "the second one");
        assert_eq!(answer.field("etag"), "\"v2\"");
        let asked = town.origin.asked();
        assert_eq!(asked.len(), 3, "{way:?}");
        assert_eq!(asked[2].field("if-none-match"), Some("\"v2\""));
        assert_eq!(asked[2].field("if-modified-since"), None, "the second one came without a date");
    }
}

#[test]
fn what_is_expired_is_asked_for_by_a_full_get() {
    for way in WAYS {
        for keep in ["0s", "1ms"] {
            let count = AtomicUsize::new(0);
            let town = Town::new(way, &["--keep", keep], move |_| {
                let count = count.fetch_add(1, Ordering::SeqCst);
                ok(&["ETag: \"v1\"", MODIFIED], format!("number {count}").as_bytes())
            });
            for number in 0..3 {
                let answer = town.get("/index.html");
                assert_eq!((answer.status(), answer.text()), ("200 OK", &*format!("number {number}")));
                assert_eq!(fs::read(town.stored("/index.html")).unwrap(), answer.body);
                let answered = Instant::now();
                until("the time of --keep is over", || {
                    (answered.elapsed() > Duration::from_millis(1)).then_some(())
                });
            }
            let asked = town.origin.asked();
            assert_eq!(asked.len(), 3, "{way:?} {keep}");
            assert!(asked.iter().all(is_full), "{way:?} {keep}: {asked:?}");
        }
    }
}

#[test]
fn what_is_fresh_is_answered_without_asking() {
    for way in WAYS {
        let town = Town::new(way, &[], |_| ok(&["Cache-Control: max-age=60", "ETag: \"v1\""], b"fresh"));
        assert_eq!(did(&town.get("/index.html")), "fwd=uri-miss;stored");
        for _ in 0..3 {
            let answer = town.get("/index.html");
            assert_eq!((answer.status(), answer.text()), ("200 OK", "fresh"));
            assert!(answer.field("age").parse::<u64>().unwrap() < 60, "{answer:?}");
            assert!(did(&answer).starts_with("hit;ttl="), "{}", did(&answer));
        }
        assert_eq!(town.origin.asked().len(), 1, "{way:?}");
    }
}

#[test]
fn the_age_that_a_response_had_when_it_came_counts() {
    // RFC 9111 §4.2.3.
    let town = Town::forward(|asked| {
        let age = if asked.line.contains("/old") { "Age: 60" } else { "Age: 30" };
        match asked.field("if-none-match") {
            Some(_) => not_modified(&["ETag: \"v1\""]),
            None => ok(&["Cache-Control: max-age=60", "ETag: \"v1\"", age], b"aged"),
        }
    });
    for path in ["/old", "/young"] {
        assert_eq!(town.get(path).field("age"), if path == "/old" { "60" } else { "30" });
    }
    assert!(did(&town.get("/old")).starts_with("fwd=stale;fwd-status=304"));
    let young = town.get("/young");
    assert!(did(&young).starts_with("hit"), "{}", did(&young));
    assert!((30..60).contains(&young.field("age").parse::<u64>().unwrap()), "{young:?}");
}

#[test]
fn a_client_can_have_what_is_fresh_validated() {
    let town = Town::forward(|asked| match asked.field("if-none-match") {
        Some(_) => not_modified(&["ETag: \"v1\"", "Cache-Control: max-age=60"]),
        None => ok(&["Cache-Control: max-age=60", "ETag: \"v1\""], b"fresh"),
    });
    town.get("/a");
    // RFC 9111 §5.2.1.4, §5.4.
    for (count, field) in ["Cache-Control: no-cache", "Pragma: no-cache"].iter().enumerate() {
        let answer = town.ask("GET", "/a", &[field]);
        assert_eq!(answer.text(), "fresh");
        assert!(did(&answer).starts_with("fwd=request;"), "{field}: {}", did(&answer));
        assert!(did(&answer).contains(";fwd-status=304"), "{field}: {}", did(&answer));
        assert_eq!(town.origin.asked().len(), 2 + count);
    }
    assert!(did(&town.get("/a")).starts_with("hit"), "others may have it without asking");
}

#[test]
fn only_if_cached_is_never_forwarded() {
    // RFC 9111 §5.2.1.7.
    let town = Town::forward(|_| ok(&["Cache-Control: max-age=60"], b"fresh"));
    let field = ["Cache-Control: only-if-cached"];
    assert_eq!(town.ask("GET", "/a", &field).status(), "504 Gateway Timeout");
    assert_eq!(town.origin.asked().len(), 0);
    town.get("/a");
    assert_eq!(town.ask("GET", "/a", &field).text(), "fresh");
    assert_eq!(town.origin.asked().len(), 1);
}

#[test]
fn answers_of_404_501_and_505_are_passed_on_and_not_stored() {
    for way in WAYS {
        for status in ["404 Not Found", "501 Method Not Implemented", "505 Version Not Supported"] {
            let town = Town::new(way, &[], move |_| {
                let fields = ["X-Why: because", "ETag: \"e\""];
                Reply::Keep(response(status, &fields, b"not this time"))
            });
            for count in 1..=3 {
                let answer = town.get("/index.html");
                assert_eq!(answer.status(), status, "{way:?}");
                assert_eq!(answer.text(), "not this time");
                assert_eq!(answer.field("x-why"), "because");
                assert!(did(&answer).starts_with("fwd=uri-miss"), "{}", did(&answer));
                assert!(!did(&answer).contains("stored"), "{}", did(&answer));
                assert_eq!(town.origin.asked().len(), count, "{way:?} {status}: asked again each time");
            }
            assert!(town.origin.asked().iter().all(is_full));
            assert_eq!(town.bodies(), [""; 0], "{way:?} {status}");
        }
    }
}

#[test]
fn an_error_instead_of_a_validation_is_passed_on_and_the_copy_outlives_it() {
    // RFC 9111 §4.3.3; 404 is the origin's word that the copy is of no use any more.
    for (status, survives) in
        [("404 Not Found", false), ("501 Method Not Implemented", true), ("503 Service Unavailable", true)]
    {
        let count = AtomicUsize::new(0);
        let town = Town::forward(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
            1 => Reply::Keep(response(status, &[], b"not now")),
            _ => version(asked, "\"v1\"", b"content"),
        });
        town.get("/index.html");
        let answer = town.get("/index.html");
        assert_eq!((answer.status(), answer.text()), (status, "not now"));
        assert_eq!(town.get("/index.html").text(), "content");
        let last: Head = town.origin.asked().pop().unwrap();
        assert_eq!(is_full(&last), !survives, "{status}");
    }
}
