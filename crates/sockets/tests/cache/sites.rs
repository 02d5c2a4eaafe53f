//! A reverse proxy for several hosts: who is asked for which, what host he is told, and that what is stored of one is
//! nobody else's.

use std::net::SocketAddr;
use std::path::Path;

use crate::cache::town::{did, ok};
use crate::config::{address, ended, running};
use crate::support::origin::{Origin, Reply, response};
use crate::support::place::directory;
use crate::support::process::{Process, Role};
use crate::support::wire::{Answer, Head, Wire};

/// An origin that says who it is and what host it was told, and changes what it is asked to change.
fn origin(name: &'static str) -> Origin {
    Origin::start(move |asked: &Head| {
        let told = format!("{name} as {}", asked.field("host").unwrap());
        match asked.line.starts_with("GET ") {
            true if asked.line.contains("stale") => {
                ok(&["Cache-Control: max-age=0", "ETag: \"1\""], told.as_bytes())
            }
            true => ok(&["Cache-Control: max-age=3600", "ETag: \"1\""], told.as_bytes()),
            false => Reply::Keep(response("201 Created", &["Location: http://b.test/x"], b"")),
        }
    })
}

fn cache(home: &Path, sites: &str) -> (Process, SocketAddr) {
    let process = running(home, &format!("[cache]\nport = 0\nbind = '127.0.0.1'\ndir = 'cache'\n{sites}"));
    let address = address(&process, "caching http://");
    (process, address)
}

fn ask(cache: SocketAddr, line: &str, host: &str) -> Answer {
    let mut wire = Wire::to(cache);
    wire.send(format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"));
    wire.answer()
}

fn get(cache: SocketAddr, host: &str) -> Answer {
    ask(cache, "GET /x", host)
}

#[test]
fn each_host_has_its_origin_which_is_told_the_host_that_is_wanted() {
    let (a, b, home) = (origin("a"), origin("b"), directory(&[]));
    let (at_a, at_b) = (a.address, b.address);
    let sites = format!(
        "[[cache.site]]\nhost = ['a.test', '*.a.test']\norigin = 'http://{at_a}'\n\
         [[cache.site]]\nhost = ['b.test', '*.b.test']\norigin = 'http://{at_b}'\norigin-host = 'asked'\n\
         [[cache.site]]\nhost = 'c.test'\norigin = 'http://{at_b}'\norigin-host = 'www.example'\n"
    );
    let (_process, cache) = cache(home.path(), &sites);
    for (host, told, is_stored) in [
        ("a.test", format!("a as {at_a}"), false),
        ("www.A.test:81", format!("a as {at_a}"), true),
        ("b.test", "b as b.test".to_owned(), false),
        ("B.test:80", "b as b.test".to_owned(), true),
        ("b.test:81", "b as b.test:81".to_owned(), false),
        ("www.b.test", "b as www.b.test".to_owned(), false),
        ("c.test", "b as www.example".to_owned(), false),
        ("C.test.", "b as www.example".to_owned(), true),
        ("a.test", format!("a as {at_a}"), true),
    ] {
        let answer = get(cache, host);
        assert_eq!(answer.text(), told, "{host}");
        assert_eq!(did(&answer).starts_with("hit"), is_stored, "{host}: {}", did(&answer));
    }
    // RFC 9112 §3.2.2: Host is nothing beside an absolute target.
    assert_eq!(ask(cache, "GET http://a.test/x", "b.test").text(), format!("a as {at_a}"));
    for host in ["other.test", "a.test.evil.test", "test"] {
        let refused = get(cache, host);
        assert_eq!((refused.status(), did(&refused)), ("421 Misdirected Request", "detail=no-way"), "{host}");
    }
    let stored = |host: &str| home.path().join("cache").join(host).join("x").is_file();
    assert!(stored(&at_a.to_string()) && stored("b.test") && stored("b.test:81") && stored("www.example"));
}

#[test]
fn every_request_to_an_origin_tells_it_the_same_host() {
    let (b, home) = (origin("b"), directory(&[]));
    let site = format!("origin = 'http://{}'\norigin-host = 'asked'\n", b.address);
    let (_process, cache) = cache(home.path(), &site);
    get(cache, "b.test");
    for line in ["GET /stale", "GET /stale", "HEAD /y", "OPTIONS /x", "PUT /y"] {
        let mut wire = Wire::to(cache);
        wire.send(format!("{line} HTTP/1.1\r\nHost: b.test\r\nContent-Length: 0\r\n\r\n"));
        assert!(wire.head().is_some(), "{line}");
    }
    let asked = b.asked();
    assert_eq!(asked.len(), 6, "{asked:?}");
    assert!(asked.iter().all(|asked| asked.values("host") == ["b.test"]), "{asked:?}");
    // RFC 9111 §4.4: `Location` names what is stored under the same host.
    assert!(!did(&get(cache, "b.test")).starts_with("hit"));
    assert!(did(&get(cache, "b.test")).starts_with("hit"));
}

#[test]
fn no_client_can_have_one_origins_answers_for_anothers() {
    let (a, b, home) = (origin("a"), origin("b"), directory(&[]));
    let at_a = a.address;
    let sites = format!(
        "origin = 'http://{}'\norigin-host = 'asked'\n\
         [[cache.site]]\nhost = 'a.test'\norigin = 'http://{at_a}'\norigin-host = 'own'\n",
        b.address
    );
    let (_process, cache) = cache(home.path(), &sites);
    // What b would say to that would be found as what a said for a.test.
    assert_eq!(get(cache, &at_a.to_string()).status(), "421 Misdirected Request");
    assert_eq!(get(cache, "a.test").text(), format!("a as {at_a}"));
    assert_eq!(get(cache, &at_a.to_string()).status(), "421 Misdirected Request");
    assert_eq!(get(cache, "anything.test").text(), "b as anything.test");
    let sites = format!(
        "[cache]\n[[cache.site]]\nhost = 'a.test'\norigin = 'http://{at_a}'\norigin-host = 'www.example'\n\
         [[cache.site]]\nhost = 'b.test'\norigin = 'http://{}'\norigin-host = 'WWW.example:80'\n",
        b.address
    );
    let refused = ended("check", home.path(), &sites);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("would both be asked for www.example"), "{}", refused.stderr);
}

#[test]
fn a_site_has_others_that_stand_in_for_its_origin() {
    let (a, b, home) = (origin("a"), origin("b"), directory(&[]));
    let gone = origin("gone").address;
    let sites = format!(
        "[[cache.site]]\nhost = 'a.test'\norigin = ['http://{gone}', 'http://{}']\norigin-host = 'asked'\n\
         [[cache.site]]\nhost = 'b.test'\norigin = 'http://{}'\n",
        a.address, b.address
    );
    let (_process, cache) = cache(home.path(), &sites);
    assert_eq!(get(cache, "a.test").text(), "a as a.test");
    assert_eq!(get(cache, "b.test").text(), format!("b as {}", b.address));
}

#[test]
fn one_origin_may_be_told_another_host_by_flag() {
    let (a, home) = (origin("a"), directory(&[]));
    let dir = home.path().join("cache");
    let url = a.url("/");
    let args = ["--dir", dir.to_str().unwrap(), "--origin", &url, "--origin-host", "www.example"];
    let cache = Role::start("cache", &args);
    assert_eq!(get(cache.address, "whatever.test").text(), "a as www.example");
    assert!(did(&get(cache.address, "other.test")).starts_with("hit"));
}
