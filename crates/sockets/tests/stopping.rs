//! How a role stops: what runs is finished, nothing new begins, and a limit holds.

use std::fs::File;
use std::net::TcpStream;

use rustix::process::Signal;

use crate::support::origin::{Origin, Reply};
use crate::support::place::{Site, directory};
use crate::support::process::Role;
use crate::support::wire::{Head, Wire, ask, request};
use crate::support::{PATIENCE, until};

/// More than sockets and their buffers hold, so that a transfer goes on only while the client reads.
const BIG: u64 = 64 << 20;

fn site(args: &[&str]) -> Site {
    let site = Site::with(&[("index.html", b"hello")], args);
    File::create(site.files.path().join("big")).unwrap().set_len(BIG).unwrap();
    site
}

/// A transfer that has begun and can't end by itself.
fn transfer(site: &Site) -> (Wire, Head) {
    let mut wire = Wire::to(site.role.address);
    wire.send(request(site.role.address, "GET /big HTTP/1.1", &[]));
    let head = wire.head().unwrap();
    assert_eq!(head.status(), "200 OK");
    (wire, head)
}

fn is_refused(site: &Site) -> bool {
    TcpStream::connect_timeout(&site.role.address, PATIENCE).is_err()
}

#[test]
fn each_role_ends_with_status_0_when_it_is_told_to() {
    let (home, origin) = (directory(&[("files/index.html", b"x")]), Origin::of(b"x"));
    let (files, cached) = (home.path().join("files"), home.path().join("cached"));
    for signal in [Signal::TERM, Signal::INT] {
        for (role, args) in [
            ("server", vec![files.to_str().unwrap()]),
            ("balancer", vec!["--to", &origin.url("")]),
            ("cache", vec!["--dir", cached.to_str().unwrap()]),
        ] {
            let role_process = Role::start(role, &args).process;
            // Ready means ready to be stopped as well: nothing is asked, the signal follows the line.
            role_process.signal(signal);
            let ended = role_process.end();
            assert_eq!(ended.status, 0, "{role}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_running_transfer_is_finished_and_nothing_new_begun() {
    let site = site(&[]);
    let mut kept = Wire::to(site.role.address);
    assert_eq!(kept.ask("GET / HTTP/1.1", &[]).text(), "hello");
    let mut silent = Wire::to(site.role.address);
    silent.is_accepted();
    // Both are in the server's hands before the transfer is.
    let (mut wire, head) = transfer(&site);

    site.role.process.signal(Signal::TERM);
    assert!(kept.is_closed() && silent.is_closed(), "who waits for nothing is let go at once");
    until("new connections are refused", || is_refused(&site).then_some(()));

    let body = wire.content(&head);
    assert_eq!(u64::try_from(body.len()).unwrap(), BIG, "whole, after the signal");
    let ended = site.role.process.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("stopping: "), "{}", ended.stderr);
}

#[test]
fn the_last_answer_says_that_it_is_the_last() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |_| {
        let _ = told.lock().unwrap().recv_timeout(PATIENCE);
        Reply::Keep(crate::support::origin::response("200 OK", &[], b"late"))
    });
    let home = directory(&[]);
    let cache = Role::start("cache", &["--dir", home.path().to_str().unwrap(), "--origin", &origin.url("")]);
    let mut wire = Wire::to(cache.address);
    wire.send(request(cache.address, "GET /x HTTP/1.1", &[]));
    until("the origin is asked", || (!origin.asked().is_empty()).then_some(()));
    cache.process.signal(Signal::TERM);
    cache.process.says("stopping: 1 connection");
    tell.send(()).unwrap();
    let answer = wire.answer();
    assert_eq!((answer.text(), answer.field("connection")), ("late", "close"));
    assert!(wire.is_closed());
    drop(wire); // which the other side waits for, for a while (RFC 9112 §9.6)
    assert_eq!(cache.process.end().status, 0);
}

#[test]
fn a_transfer_that_takes_longer_than_the_drain_limit_is_cut() {
    let site = site(&["--drain", "300ms"]);
    let (mut wire, _) = transfer(&site);
    site.role.process.signal(Signal::TERM);
    let ended = site.role.process.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("did not finish in time"), "{}", ended.stderr);
    assert!(u64::try_from(wire.rest().len()).unwrap() < BIG);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let site = site(&["--drain", "1h"]);
        let (mut wire, _) = transfer(&site);
        site.role.process.signal(Signal::TERM);
        site.role.process.says("stopping: 1 connection");
        site.role.process.signal(second);
        let ended = site.role.process.end();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(u64::try_from(wire.rest().len()).unwrap() < BIG);
    }
}

#[test]
fn half_a_request_does_not_keep_it_from_stopping() {
    let site = site(&["--drain", "500ms"]);
    let mut wire = Wire::to(site.role.address);
    wire.send("GET / HTTP/1.1\r\nHost: x");
    assert_eq!(ask(site.role.address, "GET / HTTP/1.1", &[]).text(), "hello");
    site.role.process.signal(Signal::TERM);
    assert_eq!(site.role.process.end().status, 0);
    assert!(wire.is_closed());
}

#[test]
fn it_can_start_again_on_the_same_port_at_once() {
    let home = directory(&[("index.html", b"hello")]);
    let port = crate::support::place::Port::reserve();
    let at = port.address();
    for _ in 0..3 {
        let args = ["server", "--bind", "127.0.0.1", "--port", &at.port().to_string()];
        let role = Role::of(crate::support::process::sockets(&args).arg(home.path()));
        let mut wire = Wire::to(at);
        assert_eq!(wire.ask("GET / HTTP/1.1", &[]).text(), "hello");
        role.process.signal(Signal::TERM);
        assert_eq!(role.process.end().status, 0);
    }
}
