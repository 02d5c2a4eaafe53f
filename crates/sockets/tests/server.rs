//! `sockets server`: files over the wire, and nothing else.

use std::fs::{self, File};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use lab::noise;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::PATIENCE;
use crate::support::place::{Site, directory};
use crate::support::process::{Role, run, sockets};
use crate::support::wire::{Answer, Wire, ask, request};

const INDEX: &[u8] = b"<!doctype html>\n<title>Hello</title>\n";

/// What is in files that must not be served.
const SECRET: &[u8] = b"nobody may read this";

const GET: &str = "GET /index.html HTTP/1.1";

fn site() -> Site {
    Site::of(&[("index.html", INDEX)])
}

#[test]
fn a_get_is_answered_with_the_contents_of_the_file_over_the_same_connection() {
    let site = site();
    let mut wire = Wire::to(site.role.address);
    for _ in 0..2 {
        let answer = wire.ask(GET, &[]);
        assert_eq!(answer.head.line, "HTTP/1.1 200 OK");
        assert_eq!(answer.body, INDEX);
        assert_eq!(answer.field("content-length"), INDEX.len().to_string());
        assert!(answer.field("content-type").starts_with("text/html"));
        assert_eq!(answer.field("accept-ranges"), "bytes");
        assert!(answer.field("date").ends_with(" GMT") && answer.field("last-modified").ends_with(" GMT"));
        assert!(answer.field("etag").ends_with('"'));
    }
}

#[test]
fn requests_that_are_sent_together_are_answered_in_order() {
    let site = Site::of(&[("1", b"one"), ("2", b"two"), ("3", b"three")]);
    let mut wire = Wire::to(site.role.address);
    let all = ["1", "2", "3"].map(|name| request(site.role.address, &format!("GET /{name} HTTP/1.1"), &[]));
    wire.send(all.concat());
    for body in ["one", "two", "three"] {
        assert_eq!(wire.answer().text(), body);
    }
}

#[test]
fn a_request_may_come_one_byte_at_a_time() {
    let site = site();
    let mut wire = Wire::to(site.role.address);
    for byte in request(site.role.address, GET, &[]).bytes() {
        wire.send([byte]);
    }
    assert_eq!(wire.answer().body, INDEX);
}

#[test]
fn a_file_of_many_megabytes_comes_whole() {
    let content = noise(9_000_001);
    let site = Site::of(&[("big.bin", &content)]);
    let answer = ask(site.role.address, "GET /big.bin HTTP/1.1", &[]);
    assert!(answer.body == content, "{} bytes came", answer.body.len());
}

#[test]
fn head_is_answered_as_get_without_the_contents() {
    let site = site();
    let mut wire = Wire::to(site.role.address);
    let head = wire.ask("HEAD /index.html HTTP/1.1", &[]);
    assert_eq!(head.head.line, "HTTP/1.1 200 OK");
    assert_eq!(head.field("content-length"), INDEX.len().to_string());
    let get = wire.ask(GET, &[]);
    assert_eq!(get.body, INDEX, "right behind the head: no byte of contents was in between");
    assert_eq!(get.field("etag"), head.field("etag"));
}

#[test]
fn a_request_needs_exactly_one_host() {
    let site = site();
    for (request, status) in [
        ("GET /index.html HTTP/1.1\r\nHost: any.test\r\n\r\n", "200 OK"),
        ("GET /index.html HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET /index.html HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", "400 Bad Request"),
        ("GET /index.html HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Bad Request"),
    ] {
        let mut wire = Wire::to(site.role.address);
        wire.send(request);
        assert_eq!(wire.answer().status(), status, "{request:?}");
    }
}

#[test]
fn any_method_but_get_and_head_is_501_method_not_implemented() {
    let site = site();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get", "GETS"] {
        for path in ["/index.html", "/none"] {
            let answer = ask(site.role.address, &format!("{method} {path} HTTP/1.1"), &["Content-Length: 0"]);
            assert_eq!(answer.head.line, "HTTP/1.1 501 Method Not Implemented", "{method} {path}");
        }
    }
    assert_eq!(fs::read(site.files.path().join("index.html")).unwrap(), INDEX);
}

#[test]
fn the_content_of_a_refused_request_is_never_taken_for_a_request() {
    let site = Site::of(&[("index.html", INDEX), ("secret", SECRET)]);
    let inner = request(site.role.address, "GET /secret HTTP/1.1", &[]);
    let mut wire = Wire::to(site.role.address);
    wire.send(request(site.role.address, "POST / HTTP/1.1", &[&format!("Content-Length: {}", inner.len())]));
    wire.send(&inner);
    assert_eq!(wire.answer().status(), "501 Method Not Implemented");
    assert_eq!(wire.ask(GET, &[]).body, INDEX);
}

#[test]
fn any_version_but_http_1_1_is_505_version_not_supported() {
    let site = site();
    for version in ["HTTP/1.0", "HTTP/1.2", "HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        let mut wire = Wire::to(site.role.address);
        wire.send(request(site.role.address, &format!("GET /index.html {version}"), &[]));
        assert_eq!(wire.answer().head.line, "HTTP/1.1 505 Version Not Supported", "{version}");
        assert!(wire.is_closed(), "{version}");
    }
}

#[test]
fn http_1_0_is_answered_when_allowed_and_the_connection_ends_unless_it_is_to_be_kept() {
    let site = Site::with(&[("index.html", INDEX)], &["--allow-http10"]);
    let (line, address) = ("GET /index.html HTTP/1.0", site.role.address);
    let mut wire = Wire::to(address);
    wire.send(format!("{line}\r\n\r\n"));
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.field("connection")), ("200 OK", "close"));
    assert_eq!(answer.body, INDEX);
    assert!(wire.is_closed());

    let mut wire = Wire::to(address);
    for _ in 0..2 {
        let answer = wire.ask(line, &["Connection: keep-alive"]);
        assert_eq!((answer.status(), answer.field("connection")), ("200 OK", "keep-alive"));
        assert_eq!(answer.body, INDEX);
    }
    assert_eq!(ask(address, "GET /index.html HTTP/1.2", &[]).status(), "505 Version Not Supported");
}

#[test]
fn a_file_that_is_not_there_is_404() {
    let site = site();
    for path in [
        "/none",
        "/none/",
        "/index.html/",
        "/index.html/none",
        "/INDEX.HTML",
        &format!("/{}", "x".repeat(300)),
    ] {
        assert_eq!(
            ask(site.role.address, &format!("GET {path} HTTP/1.1"), &[]).status(),
            "404 Not Found",
            "{path}"
        );
    }
}

#[test]
fn a_file_that_appears_or_goes_is_seen_by_the_next_request() {
    let site = site();
    let mut wire = Wire::to(site.role.address);
    assert_eq!(wire.ask("GET /new HTTP/1.1", &[]).status(), "404 Not Found");
    fs::write(site.files.path().join("new"), "new").unwrap();
    assert_eq!(wire.ask("GET /new HTTP/1.1", &[]).text(), "new");
    fs::remove_file(site.files.path().join("new")).unwrap();
    assert_eq!(wire.ask("GET /new HTTP/1.1", &[]).status(), "404 Not Found");
}

#[test]
fn a_conditional_get_is_304_while_the_file_is_unchanged() {
    let site = site();
    let mut wire = Wire::to(site.role.address);
    let first = wire.ask(GET, &[]);
    let (etag, modified) = (first.field("etag").to_owned(), first.field("last-modified").to_owned());
    let (same_tag, same_date) = (format!("If-None-Match: {etag}"), format!("If-Modified-Since: {modified}"));
    let (other_tag, old_date) =
        ("If-None-Match: \"other\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT");
    for (fields, status) in [
        (vec![&*same_tag], "304 Not Modified"),
        (vec![&*same_date], "304 Not Modified"),
        (vec!["If-None-Match: *"], "304 Not Modified"),
        (vec![&*same_tag, old_date], "304 Not Modified"),
        (vec![other_tag], "200 OK"),
        (vec![old_date], "200 OK"),
        (vec![other_tag, &*same_date], "200 OK"), // RFC 9110 §13.2.2: the tag decides
        (vec!["If-Match: \"other\""], "412 Precondition Failed"),
    ] {
        let answer = wire.ask(GET, &fields);
        assert_eq!(answer.status(), status, "{fields:?}");
        if status.starts_with("304") {
            assert_eq!(answer.field("etag"), etag);
        }
    }
    fs::write(site.files.path().join("index.html"), "another text").unwrap();
    let changed = wire.ask(GET, &[&same_tag]);
    assert_eq!((changed.status(), changed.text()), ("200 OK", "another text"));
    assert_ne!(changed.field("etag"), etag);
}

#[test]
fn a_range_is_a_part_of_the_file() {
    let site = Site::of(&[("digits", b"0123456789")]);
    let mut wire = Wire::to(site.role.address);
    for (range, content_range, body) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=5-99", "bytes 5-9/10", "56789"),
    ] {
        let answer = wire.ask("GET /digits HTTP/1.1", &[&format!("Range: {range}")]);
        assert_eq!(answer.status(), "206 Partial Content", "{range}");
        assert_eq!((answer.field("content-range"), answer.text()), (content_range, body), "{range}");
    }
    let beyond = wire.ask("GET /digits HTTP/1.1", &["Range: bytes=10-"]);
    assert_eq!((beyond.status(), beyond.field("content-range")), ("416 Range Not Satisfiable", "bytes */10"));
}

/// A site with a secret beside it, and every kind of thing in it that must not be served.
fn besieged() -> (Site, tempfile::TempDir) {
    let outside = directory(&[("secret", SECRET), ("passwd", SECRET)]);
    let site = Site::of(&[
        ("index.html", INDEX),
        ("sub/inner", b"inner"),
        (".env", SECRET),
        (".git/config", SECRET),
    ]);
    let at = |name: &str| site.files.path().join(name);
    symlink(outside.path().join("secret"), at("absolute")).unwrap();
    symlink(outside.path(), at("directory")).unwrap();
    let up = Path::new("..").join(outside.path().file_name().unwrap()).join("secret");
    symlink(up, at("relative")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink("/proc/self/environ", at("environ")).unwrap();
    symlink("loop", at("loop")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
    (site, outside)
}

fn shows_secret(answer: &Answer) -> bool {
    answer.body.windows(SECRET.len()).any(|window| window == SECRET)
}

#[test]
fn nothing_leads_out_of_the_directory() {
    let (site, outside) = besieged();
    let beside = outside.path().file_name().unwrap().to_str().unwrap();
    let ways = [
        "/../BESIDE/secret",
        "/%2e%2e/BESIDE/secret",
        "/%2E%2e/BESIDE/secret",
        "/.%2e/BESIDE/secret",
        "/..%2fBESIDE/secret",
        "/%2e%2e%2fBESIDE%2fsecret",
        "/..%5cBESIDE%5csecret",
        "/..\\BESIDE\\secret",
        "/%252e%252e/BESIDE/secret",
        "/%c0%ae%c0%ae/BESIDE/secret",
        "/sub/../../BESIDE/secret",
        "/sub/%2e%2e/%2e%2e/BESIDE/secret",
        "/./../BESIDE/secret",
        "//OUTSIDE/secret",
        "/%2fOUTSIDE/secret",
        "/OUTSIDE/secret",
        "/secret%00.html",
        "/index.html%00",
        "/absolute",
        "/relative",
        "/directory/secret",
        "/directory/",
        "/environ",
        "/loop",
    ];
    for way in ways {
        let path = way.replace("BESIDE", beside).replace("/OUTSIDE", outside.path().to_str().unwrap());
        let answer = ask(site.role.address, &format!("GET {path} HTTP/1.1"), &[]);
        assert!(matches!(answer.status(), "404 Not Found" | "400 Bad Request"), "{path}: {:?}", answer.head);
        assert!(!shows_secret(&answer), "{path}");
    }
    assert_eq!(
        ask(site.role.address, "GET /sub/inner HTTP/1.1", &[]).text(),
        "inner",
        "and what is inside is served"
    );
}

#[test]
fn dot_files_pipes_sockets_and_devices_are_not_there() {
    let (site, _outside) = besieged();
    let device = site.files.path().join("device");
    let null = rustix::fs::makedev(1, 3);
    if mknodat(CWD, &device, FileType::CharacterDevice, Mode::RUSR, null).is_err() {
        println!("not tried: a device can be made by root only");
    }
    for path in ["/.env", "/%2eenv", "/.git/config", "/fifo", "/socket", "/zero", "/device"] {
        let answer = ask(site.role.address, &format!("GET {path} HTTP/1.1"), &[]);
        assert_eq!(answer.status(), "404 Not Found", "{path}");
        let fields = format!("{:?}", answer.head).to_lowercase();
        assert!(!shows_secret(&answer) && !fields.contains("etag"), "{path}");
    }
}

#[test]
fn what_is_no_request_is_400_and_ends_the_connection() {
    let site = site();
    for bytes in [
        "\x16\x03\x01 hello\r\n\r\n",
        "GET /index.html\r\n\r\n",
        "GET  /index.html HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /index.html HTTP/1.1\nHost: x\n\n",
        "GET /index.html HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET /index.html HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    ] {
        let mut wire = Wire::to(site.role.address);
        wire.send(bytes);
        wire.send(request(site.role.address, GET, &[]));
        assert_eq!(wire.answer().status(), "400 Bad Request", "{bytes:?}");
        assert!(wire.is_closed(), "nothing behind it is taken for a request: {bytes:?}");
    }
}

#[test]
fn more_clients_than_descriptors_wait_for_their_turn() {
    let files = directory(&[("index.html", INDEX)]);
    let binary = sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 96 && exec \"$0\" \"$@\""])
        .arg(binary.get_program())
        .args(binary.get_args());
    let role = Role::of(command.arg(files.path()));
    let mut wires = [(); 200].map(|()| Wire::to(role.address));
    for wire in &mut wires {
        wire.send(request(role.address, GET, &["Connection: close"]));
    }
    for wire in &mut wires {
        assert_eq!(wire.answer().body, INDEX);
    }
    assert_eq!(ask(role.address, GET, &[]).body, INDEX);
}

#[test]
fn a_directory_is_its_index_file_behind_a_slash() {
    let site = Site::of(&[("index.html", INDEX), ("sub/index.html", b"sub"), ("bare/file", b"x")]);
    let mut wire = Wire::to(site.role.address);
    assert_eq!(wire.ask("GET / HTTP/1.1", &[]).body, INDEX);
    assert_eq!(wire.ask("GET /sub/ HTTP/1.1", &[]).text(), "sub");
    let moved = wire.ask("GET /sub?q=1 HTTP/1.1", &[]);
    assert_eq!((moved.status(), moved.field("location")), ("301 Moved Permanently", "/sub/?q=1"));
    assert_eq!(wire.ask("GET /bare/ HTTP/1.1", &[]).status(), "404 Not Found");
}

#[test]
fn a_file_that_is_cut_short_under_a_transfer_ends_the_connection_and_is_never_padded() {
    let site = site();
    let path = site.files.path().join("shrinks");
    let length: u64 = 256 << 20;
    File::create(&path).unwrap().set_len(length).unwrap();
    let mut wire = Wire::to(site.role.address);
    wire.send(request(site.role.address, "GET /shrinks HTTP/1.1", &[]));
    let head = wire.head().unwrap();
    assert_eq!(head.field("content-length"), Some(&*length.to_string()));
    File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let came = u64::try_from(wire.rest().len()).unwrap();
    assert!(came < length, "{came} bytes of a file that is 1000 bytes long by now");
    assert_eq!(ask(site.role.address, GET, &[]).body, INDEX, "the others are served on");
}

#[test]
fn cache_control_is_set_on_all_files_when_asked_for() {
    let plain = ask(site().role.address, GET, &[]);
    assert_eq!(plain.head.field("cache-control"), None);
    let site = Site::with(&[("index.html", INDEX)], &["--cache-control", "max-age=3600"]);
    assert_eq!(ask(site.role.address, GET, &[]).field("cache-control"), "max-age=3600");
}

#[test]
fn without_a_directory_it_serves_files_and_without_that_it_says_what_to_type() {
    let home = directory(&[("files/index.html", INDEX)]);
    let role = Role::of(sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]).current_dir(home.path()));
    assert_eq!(ask(role.address, GET, &[]).body, INDEX);

    let empty = directory(&[]);
    let ended = run(sockets(&["server", "--port", "0"]).current_dir(empty.path()));
    assert_eq!(ended.status, 2);
    assert_eq!(
        ended.stderr,
        "sockets: files is not a directory here: create it (mkdir -p files) or name another: sockets server DIR"
    );
}

#[test]
fn it_listens_on_all_addresses_unless_told_otherwise() {
    let home = directory(&[("index.html", INDEX)]);
    let all = Role::of(sockets(&["server", "--port", "0"]).arg(home.path()));
    let port = all.address.port();
    assert_eq!(ask(all.address, GET, &[]).body, INDEX);
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        assert_eq!(ask((Ipv6Addr::LOCALHOST, port).into(), GET, &[]).body, INDEX);
    } else {
        println!("not tried: this machine has no IPv6");
    }
    let one = Role::start("server", &[home.path()]);
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], one.address.port()));
    assert!(std::net::TcpStream::connect_timeout(&elsewhere, PATIENCE).is_err(), "only 127.0.0.1 was named");
}
