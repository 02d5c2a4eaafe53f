//! `sockets balancer --mode proxy`: what servers answer, through one address.

use crate::support::origin::{Origin, Reply, response};
use crate::support::paced::{asked_range, part};
use crate::support::place::Site;
use crate::support::process::{Role, run, sockets};
use crate::support::until;
use crate::support::wire::{Head, Wire, ask, request};

const FILE: &[u8] = b"the same file on each server";

/// So long that no second test comes within a test of ours.
const ONCE: &str = "60s";

fn proxy(servers: &[&str], args: &[&str]) -> Role {
    let to = servers.iter().flat_map(|server| ["--to", server]);
    let mode = ["--mode", "proxy"];
    Role::start("balancer", &to.chain(mode).chain(args.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn clients_get_what_the_servers_have_and_do_not_notice_when_one_dies() {
    let large = vec![7_u8; 3_000_000];
    let files: &[(&str, &[u8])] = &[("index.html", FILE), ("large.bin", &large), ("dir/index.html", FILE)];
    let (one, two) = (Site::of(files), Site::of(files));
    let balancer = proxy(&[&one.role.url(""), &two.role.url("")], &["--interval", ONCE]);
    let mut wire = Wire::to(balancer.address);
    let mut tags = Vec::new();
    for _ in 0..10 {
        let answer = wire.ask("GET /index.html HTTP/1.1", &[]);
        assert_eq!((answer.status(), &*answer.body), ("200 OK", FILE));
        assert!(answer.field("via").starts_with("1.1 sockets-"));
        tags.push(answer.field("etag").to_owned());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 2, "both are asked");
    assert_eq!(wire.ask("GET /large.bin HTTP/1.1", &[]).body, large);
    assert_eq!(wire.ask("GET /dir HTTP/1.1", &[]).field("location"), "/dir/");
    let range = wire.ask("GET /index.html HTTP/1.1", &["Range: bytes=4-7"]);
    assert_eq!((range.status(), &*range.body), ("206 Partial Content", &FILE[4..=7]));
    let head = wire.ask("HEAD /large.bin HTTP/1.1", &[]);
    assert_eq!((head.status(), head.field("content-length")), ("200 OK", "3000000"));
    assert_eq!(wire.ask("GET /nothing HTTP/1.1", &[]).status(), "404 Not Found");
    assert_eq!(wire.ask("PUT /x HTTP/1.1", &["Content-Length: 0"]).status(), "501 Method Not Implemented");
    drop(one);
    for _ in 0..20 {
        let answer = wire.ask("GET /index.html HTTP/1.1", &[]);
        assert_eq!((answer.status(), &*answer.body), ("200 OK", FILE));
    }
}

#[test]
fn a_transfer_that_breaks_goes_on_from_another_server() {
    let content: &[u8] = &[9; 400_000];
    let tag = "ETag: \"1\"";
    let cut = move |head: &Head| {
        let whole = response("200 OK", &[tag], content);
        if head.line.contains("/large") {
            Reply::Close(whole[..100_000].to_vec())
        } else {
            Reply::Keep(whole)
        }
    };
    let good = move |head: &Head| match asked_range(head) {
        Some(range) if head.line.contains("/large") => Reply::Keep(part(content, range, tag)),
        _ => Reply::Keep(response("200 OK", &[tag], content)),
    };
    let (bad, good) = (Origin::start(cut), Origin::start(good));
    let balancer = proxy(&[&bad.url(""), &good.url("")], &["--interval", ONCE, "--probe-bytes", "whole"]);
    for _ in 0..3 {
        let answer = ask(balancer.address, "GET /large HTTP/1.1", &[]);
        assert_eq!((answer.status(), &*answer.body), ("200 OK", content));
    }
    assert!(good.asked().iter().any(|head| head.field("range").is_some()), "the rest was asked for");
}

#[test]
fn who_can_not_be_reached_is_502_and_who_does_not_answer_504_with_the_reason_9209_2() {
    let site = Site::of(&[("index.html", FILE)]);
    let balancer = proxy(&[&site.role.url("")], &["--interval", ONCE, "--fail-after", "1000"]);
    let first = ask(balancer.address, "GET /index.html HTTP/1.1", &[]);
    assert_eq!(first.status(), "200 OK");
    drop(site);
    let answer = ask(balancer.address, "GET /index.html HTTP/1.1", &[]);
    // Or it is out already, since who fails a client is tested.
    if answer.status() == "502 Bad Gateway" {
        assert!(answer.field("proxy-status").contains("error=connection_refused"));
    }
    let out = until("it is out", || {
        let answer = ask(balancer.address, "GET /index.html HTTP/1.1", &[]);
        (answer.status() == "503 Service Unavailable").then_some(answer)
    });
    assert_eq!((out.field("retry-after"), out.field("cache-control")), ("60", "no-store"));
    let hanging = Origin::start(|head| {
        if head.line.contains("/hangs") {
            return Reply::Hold(Vec::new());
        }
        Reply::Keep(response("200 OK", &[], FILE))
    });
    let balancer = proxy(&[&hanging.url("")], &["--interval", ONCE, "--response-timeout", "200ms"]);
    let answer = ask(balancer.address, "GET /hangs HTTP/1.1", &[]);
    assert_eq!(answer.status(), "504 Gateway Timeout");
    assert!(answer.field("proxy-status").contains("error=http_response_timeout"));
}

#[test]
fn content_of_a_request_goes_on() {
    let origin = Origin::start(|head| {
        let length = head.field("content-length").unwrap_or("none").to_owned();
        Reply::Keep(response("200 OK", &[], format!("{} {length}", head.line).as_bytes()))
    });
    let balancer = proxy(&[&origin.url("")], &["--interval", ONCE]);
    let mut wire = Wire::to(balancer.address);
    wire.send(request(balancer.address, "POST /x HTTP/1.1", &["Content-Length: 4"]) + "GIVE");
    let answer = wire.answer();
    assert_eq!(answer.status(), "200 OK");
    assert_eq!(answer.body, b"POST /x HTTP/1.1 4");
}

#[test]
fn what_needs_exchanges_needs_the_mode_that_sees_them() {
    let ended = run(&mut sockets(&["balancer", "--policy", "power-of-two"]));
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("needs --mode proxy"), "{}", ended.stderr);
    let origin = Origin::of(FILE);
    let balancer = proxy(&[&origin.url("")], &["--policy", "power-of-two", "--interval", ONCE]);
    assert_eq!(ask(balancer.address, "GET /x HTTP/1.1", &[]).body, FILE);
}
