//! The forward proxy's front, and what a reverse proxy tells its origin.

use std::path::Path;

use lab::noise;

use crate::cache::town::{Town, Way, ok};
use crate::support::origin::Origin;
use crate::support::place::{Site, directory};
use crate::support::process::{Ended, Role, run};
use crate::support::wire::{Answer, Wire, ask};

/// A forward proxy with a directory of its own.
fn proxy(home: &Path, args: &[&str]) -> Role {
    let dir = home.join("cache");
    Role::start("cache", &[&["--dir", dir.to_str().unwrap()], args].concat())
}

fn origin() -> Origin {
    Origin::start(|_| ok(&[], b"hello"))
}

fn get(proxy: &Role, url: &str, fields: &[&str]) -> Answer {
    ask(proxy.address, &format!("GET {url} HTTP/1.1"), fields)
}

/// curl through the proxy, or `None` where it is not installed; CI has it.
fn curl(home: &Path, proxy: &Role, args: &[&str]) -> Option<Ended> {
    let installed = std::process::Command::new("curl").arg("--version").output().is_ok();
    assert!(installed || std::env::var_os("CI").is_none(), "CI has to have curl");
    let mut command = std::process::Command::new("curl");
    command.args(["-q", "-sS", "--max-time", "15", "--noproxy", "", "-x", &proxy.url("")]).args(args);
    installed.then(|| run(command.current_dir(home)))
}

#[test]
fn a_tunnel_carries_what_is_not_for_the_proxy_to_read() {
    let content = noise(2_000_003);
    let (site, home) = (Site::of(&[("x.bin", &content)]), directory(&[]));
    let port = site.role.address.port().to_string();
    let proxy = proxy(home.path(), &["--connect-port", &port]);
    let url = site.role.url("/x.bin");
    if let Some(ended) =
        curl(home.path(), &proxy, &["--proxytunnel", "-o", "got", "-w", "%{http_connect}", &url])
    {
        assert_eq!((ended.status, ended.stdout_text()), (0, "200"), "{}", ended.stderr);
        assert!(std::fs::read(home.path().join("got")).unwrap() == content);
    }
    // By hand: what is sent behind the request goes through, too, and each side ends for itself.
    let mut wire = Wire::to(proxy.address);
    let there = site.role.address;
    wire.send(format!(
        "CONNECT {there} HTTP/1.1\r\nHost: {there}\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    ));
    assert_eq!(wire.head().unwrap().status(), "200 OK");
    assert_eq!(wire.answer().status(), "404 Not Found");
    assert!(wire.is_closed());
}

#[test]
fn a_tunnel_goes_to_port_443_unless_others_are_opened() {
    let (origin, home) = (origin(), directory(&[]));
    let proxy = proxy(home.path(), &[]);
    let refused = ask(proxy.address, &format!("CONNECT {} HTTP/1.1", origin.address), &[]);
    assert_eq!(refused.status(), "403 Forbidden");
    assert!(refused.text().contains("--connect-port"), "{}", refused.text());
    assert_eq!(origin.asked().len(), 0);
}

#[test]
fn what_is_not_public_is_not_reached_through_it() {
    let (origin, home) = (origin(), directory(&[]));
    let local = format!("http://localhost:{}/", origin.address.port());
    let of_another = "X-Forwarded-For: 192.0.2.9";
    let args = ["--trust", "127.0.0.1", "--allow", "127.0.0.0/8,192.0.2.0/24", "--connect-port", "443,8443"];
    let strict = proxy(home.path(), &args);
    assert_eq!(get(&strict, &local, &[]).text(), "hello", "this machine is there for its own");
    for (url, fields) in [
        (&*local, &[of_another][..]), // also with what is stored
        ("http://10.255.255.1/", &[]),
        ("http://169.254.169.254/latest/meta-data/", &[]),
        ("http://[fd12::1]/", &[]),
    ] {
        let refused = get(&strict, url, fields);
        assert_eq!(refused.status(), "403 Forbidden", "{url}");
        assert!(refused.field("proxy-status").contains("destination_ip_prohibited"), "{url}");
        assert!(refused.text().contains("--allow-dest"), "{url}: {}", refused.text());
    }
    let tunnel = ask(strict.address, "CONNECT 10.255.255.1:443 HTTP/1.1", &[]);
    assert_eq!(tunnel.status(), "403 Forbidden");
    drop(strict);
    let open = proxy(home.path(), &[&args[..], &["--allow-dest", "127.0.0.0/8,::1"]].concat());
    assert_eq!(get(&open, &local, &[of_another]).text(), "hello");
}

#[test]
fn who_may_use_it_is_said_by_network_and_by_password() {
    let (origin, home) = (origin(), directory(&[]));
    let url = origin.url("/");
    let elsewhere = proxy(home.path(), &["--allow", "192.0.2.0/24"]);
    let refused = get(&elsewhere, &url, &[]);
    assert_eq!(refused.status(), "403 Forbidden");
    assert!(refused.text().contains("--allow"), "{}", refused.text());
    drop(elsewhere);
    // "open sesame", by htpasswd(1) with the least cost.
    let account = "Aladdin:$2y$04$7IX6lTctSEK09HMNU9L7WuO97EOZs9iPN3tC5H4JKaYiUOqffTlHq";
    let asked = proxy(home.path(), &["--proxy-auth", account, "--proxy-auth", "joe:plain"]);
    let refused = get(&asked, &url, &[]);
    assert_eq!(refused.status(), "407 Proxy Authentication Required");
    assert_eq!(refused.field("proxy-authenticate"), "Basic realm=\"proxy\", charset=\"UTF-8\"");
    assert_eq!(origin.asked().len(), 0);
    if let Some(ended) = curl(home.path(), &asked, &["--proxy-user", "Aladdin:open sesame", &url]) {
        assert_eq!((ended.status, ended.stdout_text()), (0, "hello"), "{}", ended.stderr);
    }
    let let_in = get(&asked, &url, &["Proxy-Authorization: Basic am9lOnBsYWlu"]);
    assert_eq!(let_in.text(), "hello");
    for head in origin.asked() {
        assert_eq!(head.field("proxy-authorization"), None, "RFC 9110 §11.7.2: it is used up here");
    }
}

#[test]
fn the_origin_of_a_reverse_proxy_learns_who_asked_and_no_forgery() {
    let town = |args: &[&str]| Town::new(Way::Reverse, args, |_| ok(&[], b"hello"));
    let forged = ["X-Forwarded-For: 192.0.2.9", "Forwarded: for=192.0.2.9", "X-Forwarded-Host: evil.test"];
    let plain = town(&[]);
    plain.ask("GET", "/", &forged);
    let seen = plain.origin.asked().remove(0);
    assert_eq!(seen.values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.values("forwarded"), ["for=127.0.0.1;proto=http"]);
    assert_eq!((seen.field("x-forwarded-host"), seen.field("x-forwarded-proto")), (None, Some("http")));
    let trusting = town(&["--trust", "127.0.0.1"]);
    trusting.ask("GET", "/", &forged);
    let seen = trusting.origin.asked().remove(0);
    assert_eq!(seen.values("x-forwarded-for"), ["192.0.2.9", "127.0.0.1"]);
    assert_eq!(seen.field("x-forwarded-host"), Some("evil.test"), "who is trusted is believed");
}
