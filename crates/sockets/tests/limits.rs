//! What clients may have, as the flags say: each limit, met by a client that goes beyond it.

use std::fs;

use crate::support::place::{Site, directory};
use crate::support::until;
use crate::support::wire::{Wire, ask, request};

fn site(args: &[&str]) -> Site {
    Site::with(&[("a", b"hello")], args)
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_ask_again() {
    let site = site(&["--client-requests", "2/1h"]);
    let mut wire = Wire::to(site.role.address);
    for _ in 0..2 {
        assert_eq!(wire.ask("GET /a HTTP/1.1", &[]).text(), "hello");
    }
    let refused = ask(site.role.address, "GET /a HTTP/1.1", &[]);
    assert_eq!(refused.status(), "429 Too Many Requests");
    let wait: u32 = refused.field("retry-after").parse().unwrap();
    assert!((1..=1800).contains(&wait), "{wait}");
}

#[test]
fn requests_may_come_at_once_only_so_many() {
    let site = site(&["--client-requests", "3600/1h", "--client-burst", "1"]);
    let address = site.role.address;
    let mut wire = Wire::to(address);
    wire.send(request(address, "GET /a HTTP/1.1", &[]).repeat(2));
    assert_eq!(wire.answer().status(), "200 OK");
    assert_eq!(wire.answer().status(), "429 Too Many Requests");
}

#[test]
fn a_client_with_too_many_connections_is_told_so() {
    let site = site(&["--client-connections", "1"]);
    let mut first = Wire::to(site.role.address);
    assert_eq!(first.ask("GET /a HTTP/1.1", &[]).text(), "hello");
    let refused = ask(site.role.address, "GET /a HTTP/1.1", &[]);
    assert_eq!(refused.status(), "503 Service Unavailable");
    assert!(refused.field("retry-after").parse::<u32>().is_ok());
    assert_eq!(first.ask("GET /a HTTP/1.1", &[]).text(), "hello");
}

#[test]
fn who_comes_when_all_places_are_taken_waits() {
    let site = site(&["--max-connections", "1", "--threads", "1"]);
    let mut first = Wire::to(site.role.address);
    assert_eq!(first.ask("GET /a HTTP/1.1", &[]).text(), "hello");
    let mut second = Wire::to(site.role.address);
    second.send(request(site.role.address, "GET /a HTTP/1.1", &[]));
    assert_eq!(first.ask("GET /a HTTP/1.1", &[]).text(), "hello");
    drop(first);
    assert_eq!(second.answer().text(), "hello");
}

#[test]
fn what_is_too_long_is_refused_by_its_status() {
    let site = site(&["--max-target", "100", "--max-fields", "200", "--max-content", "10"]);
    let long = "x".repeat(200);
    for (line, field, status) in [
        (format!("GET /{long} HTTP/1.1"), String::new(), "414"),
        ("GET /a HTTP/1.1".to_owned(), format!("X: {long}"), "431"),
        ("POST /a HTTP/1.1".to_owned(), "Content-Length: 11".to_owned(), "413"),
        ("GET /a HTTP/1.1".to_owned(), "X: y".to_owned(), "200"),
    ] {
        let fields: Vec<&str> = [&*field].into_iter().filter(|field| !field.is_empty()).collect();
        assert_eq!(&ask(site.role.address, &line, &fields).status()[..3], status, "{line} {field}");
    }
}

#[test]
fn a_head_that_does_not_come_is_given_up_and_logged() {
    let home = directory(&[]);
    let log = home.path().join("access.log");
    let site = site(&["--head-timeout", "50ms", "--access-log", log.to_str().unwrap()]);
    let mut wire = Wire::to(site.role.address);
    wire.send("GET /a");
    assert_eq!(wire.answer().status(), "408 Request Timeout");
    let line = until("it is logged", || fs::read_to_string(&log).ok().filter(|text| text.ends_with('\n')));
    assert!(line.contains("] \"-\" 408 "), "{line}");
}

#[test]
fn a_connection_that_idles_is_closed() {
    let site = site(&["--idle-timeout", "50ms"]);
    let mut wire = Wire::to(site.role.address);
    assert_eq!(wire.ask("GET /a HTTP/1.1", &[]).text(), "hello");
    assert!(wire.is_closed());
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    const BIG: u64 = 64 << 20;
    let home = directory(&[]);
    let log = home.path().join("access.log");
    let site = site(&["--send-timeout", "100ms", "--access-log", log.to_str().unwrap()]);
    fs::File::create(site.files.path().join("big")).unwrap().set_len(BIG).unwrap();
    let mut wire = Wire::to(site.role.address);
    wire.send(request(site.role.address, "GET /big HTTP/1.1", &[]));
    let line = until("it is logged", || fs::read_to_string(&log).ok().filter(|text| text.ends_with('\n')));
    let content: u64 = line.split(' ').nth(9).unwrap().parse().unwrap();
    assert!(line.contains("\"GET /big HTTP/1.1\" 200 ") && content < BIG, "{line}");
    assert!(u64::try_from(wire.rest().len()).unwrap() < BIG);
}
