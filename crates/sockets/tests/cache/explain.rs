//! `sockets cache explain`: what it says is what the cache does.

use crate::cache::town::{Town, Way, did};
use crate::support::origin::{Origin, Reply, response};
use crate::support::process::{Ended, run, sockets};

/// A status, the fields of the request and those of the response.
type Exchange = (&'static str, &'static [&'static str], &'static [&'static str]);

const EXCHANGES: [Exchange; 24] = [
    ("200 OK", &[], &[]),
    ("200 OK", &[], &["Cache-Control: max-age=60"]),
    ("200 OK", &[], &["Cache-Control: max-age=60", "Age: 100", "ETag: \"a\""]),
    ("200 OK", &[], &["Cache-Control: no-store"]),
    ("200 OK", &[], &["Cache-Control: private"]),
    ("200 OK", &[], &["Cache-Control: private=\"x\", max-age=60", "X: 1"]),
    ("200 OK", &[], &["Cache-Control: no-cache", "ETag: \"a\""]),
    ("200 OK", &[], &["Cache-Control: no-store, must-understand, max-age=60"]),
    ("200 OK", &[], &["Cache-Control: no-store", "CDN-Cache-Control: max-age=60"]),
    ("200 OK", &[], &["Cache-Control: max-age=60", "CDN-Cache-Control: private"]),
    ("200 OK", &["Cache-Control: no-store"], &["Cache-Control: max-age=60"]),
    ("200 OK", &["Authorization: Basic eDp5"], &["Cache-Control: max-age=60"]),
    ("200 OK", &["Authorization: Basic eDp5"], &["Cache-Control: max-age=60, public"]),
    ("200 OK", &[], &["Vary: *"]),
    ("200 OK", &[], &["Vary: Accept", "Expires: Thu, 18 Aug 2050 02:01:18 GMT"]),
    ("200 OK", &[], &["Set-Cookie: a=b"]),
    ("200 OK", &[], &["Set-Cookie: a=b", "Cache-Control: max-age=60"]),
    ("299 Whatever", &[], &["Cache-Control: max-age=60"]),
    ("299 Whatever", &[], &["Cache-Control: max-age=60, must-understand"]),
    ("301 Moved Permanently", &[], &["Location: /x"]),
    ("404 Not Found", &[], &["ETag: \"a\""]),
    ("404 Not Found", &[], &["Cache-Control: max-age=60"]),
    ("503 Service Unavailable", &[], &["Cache-Control: max-age=60"]),
    ("501 Method Not Implemented", &[], &["Cache-Control: s-maxage=0"]),
];

pub(super) fn explain(url: &str, fields: &[&str], more: &[&str]) -> Ended {
    let mut args = vec!["cache", "explain", url];
    for field in fields {
        args.extend(["-H", field]);
    }
    args.extend(more);
    run(&mut sockets(&args))
}

pub(super) fn line<'a>(page: &'a str, start: &str) -> &'a str {
    page.lines()
        .find_map(|line| line.strip_prefix(start))
        .unwrap_or_else(|| panic!("no {start:?} in:\n{page}"))
}

#[test]
fn what_is_explained_is_what_is_done() {
    let town = Town::new(Way::Forward, &[], |asked| {
        let number: usize = asked.line.split(['/', ' ']).find_map(|word| word.parse().ok()).unwrap();
        let (status, _, fields) = EXCHANGES[number];
        Reply::Keep(response(status, fields, b"x"))
    });
    for (number, (status, request, fields)) in EXCHANGES.iter().enumerate() {
        let path = format!("/{number}");
        let told = explain(&town.origin.url(&path), request, &[]);
        assert_eq!(told.status, 0, "{}", told.stderr);
        let page = told.stdout_text();
        assert!(page.starts_with(&format!("GET {}\n{}", town.origin.url(&path), &status[..3])), "{page}");

        let first = town.ask("GET", &path, request);
        let expected = match line(page, "Stored: ").strip_prefix("no (") {
            None => "fwd=uri-miss;stored".to_owned(),
            // What a request forbids to store goes past the store.
            Some(why) => format!("fwd=uri-miss;detail={}", why.trim_end_matches(')')),
        };
        assert_eq!(did(&first), expected, "{status} {request:?} {fields:?}\n{page}");

        let again = did(&town.ask("GET", &path, request)).to_owned();
        let reused = match line(page, "Reused: ") {
            "yes" => again.starts_with("hit"),
            "after a validation" => town.origin.asked().last().unwrap().field("if-none-match").is_some(),
            "no" => again.starts_with("fwd=stale"),
            _ => again.starts_with("fwd=uri-miss"),
        };
        assert!(reused, "{status} {request:?} {fields:?}: {again}\n{page}");
    }
}

#[test]
fn it_asks_a_running_cache_what_it_has() {
    let town = Town::forward(|_| crate::cache::town::ok(&["Cache-Control: max-age=60"], b"x"));
    let at = town.cache.address.to_string();
    let told = explain(&town.origin.url("/x"), &[], &["--proxy", &at]);
    assert!(told.stdout_text().contains("detail=only-if-cached"), "{}", told.stdout_text());
    town.get("/x");
    let told = explain(&town.origin.url("/x"), &[], &["--proxy", &at]);
    assert!(told.stdout_text().lines().last().unwrap().contains(";hit;ttl="), "{}", told.stdout_text());
}

#[test]
fn it_says_what_is_wrong_with_what_it_is_asked() {
    let origin = Origin::of(b"x");
    for (args, status, words) in [
        (&["not a url"][..], 2, "not a url"),
        (&["localhost:1/x", "-H", "nothing"], 2, "NAME: VALUE"),
        (&[], 2, "URL"),
    ] {
        let told = run(&mut sockets(&[&["cache", "explain"], args].concat()));
        assert_eq!(told.status, status, "{args:?}");
        assert!(told.stderr.contains(words), "{args:?}: {}", told.stderr);
    }
    let url = origin.url("/x");
    let told = explain(&url, &[], &["-X", "PUT"]);
    assert!(told.stdout_text().contains(&format!("Invalidates: {url}")), "{}", told.stdout_text());
    drop(origin);
    let told = explain(&url, &[], &[]);
    assert_eq!((told.status, told.stdout_text()), (1, ""));
    assert!(told.stderr.contains("refused"), "{}", told.stderr);
}
