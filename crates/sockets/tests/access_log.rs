//! The access log: a line for each answer, whatever was sent; never in the way of a request.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::place::{Site, directory};
use crate::support::process::{Role, sockets};
use crate::support::until;
use crate::support::wire::{Wire, ask, request};

/// A line without its date, which stands between brackets.
fn without_date(line: &str) -> String {
    let (before, rest) = line.split_once('[').unwrap_or_else(|| panic!("no date in {line:?}"));
    let (date, after) = rest.split_once(']').unwrap_or_else(|| panic!("no date in {line:?}"));
    assert!(date.len() == "06/Nov/1994:08:49:37 +0000".len() && date.ends_with(" +0000"), "{date}");
    format!("{before}[]{after}")
}

/// The whole lines of a file, once there are as many as that.
fn lines(path: &Path, count: usize) -> Vec<String> {
    until("the lines are written", || {
        let text = fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))?;
        (text.lines().count() >= count).then(|| text.lines().map(str::to_owned).collect())
    })
}

#[test]
fn a_line_for_each_answer_is_in_the_file_soon() {
    let home = directory(&[]);
    let log = home.path().join("access.log");
    let site = Site::with(&[("a b.html", b"hello")], &["--access-log", log.to_str().unwrap()]);
    let mut wire = Wire::to(site.role.address);
    let found =
        wire.ask("GET /a%20b.html?c=\"d\" HTTP/1.1", &["Referer: http://b.test/", "User-Agent: curl/8 (x)"]);
    assert_eq!(found.text(), "hello");
    wire.ask("HEAD /a%20b.html HTTP/1.1", &[]);
    let tag = format!("If-None-Match: {}", found.field("etag"));
    assert_eq!(wire.ask("GET /a%20b.html HTTP/1.1", &[&tag]).status(), "304 Not Modified");
    let missing = wire.ask("GET /missing HTTP/1.1", &[]).body.len();
    let method = wire.ask("DELETE /a HTTP/1.1", &[]).body.len();
    wire.send("nonsense\r\n\r\n");
    let refused = wire.answer().body.len();
    let expected = [
        "[] \"GET /a%20b.html?c=\\\"d\\\" HTTP/1.1\" 200 5 \"http://b.test/\" \"curl/8 (x)\"".to_owned(),
        "[] \"HEAD /a%20b.html HTTP/1.1\" 200 - \"-\" \"-\"".to_owned(),
        "[] \"GET /a%20b.html HTTP/1.1\" 304 - \"-\" \"-\"".to_owned(),
        format!("[] \"GET /missing HTTP/1.1\" 404 {missing} \"-\" \"-\""),
        format!("[] \"DELETE /a HTTP/1.1\" 501 {method} \"-\" \"-\""),
        format!("[] \"-\" 400 {refused} \"-\" \"-\""),
    ];
    let expected = expected.map(|line| format!("127.0.0.1 - - {line}"));
    // While it runs, without being asked to.
    let found: Vec<String> = lines(&log, expected.len()).iter().map(|line| without_date(line)).collect();
    assert_eq!(found, expected);
}

#[test]
fn who_is_behind_a_load_balancer_and_who_has_an_account_is_named() {
    let home = directory(&[]);
    let log = home.path().join("access.log");
    let args =
        ["--access-log", log.to_str().unwrap(), "--proxy-protocol", "127.0.0.0/8", "--auth", "jane:secret"];
    let site = Site::with(&[("a", b"hello")], &args);
    let mut wire = Wire::to(site.role.address);
    wire.send("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n");
    assert_eq!(wire.ask("GET /a HTTP/1.1", &["Authorization: Basic amFuZTpzZWNyZXQ="]).text(), "hello");
    let found = without_date(&lines(&log, 1)[0]);
    assert_eq!(found, "192.0.2.7 - jane [] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"");
}

#[test]
fn json_goes_to_standard_output_and_the_last_line_comes_before_the_end() {
    let site = Site::with(&[("a", b"hello")], &["--access-log", "-", "--log-format", "json"]);
    ask(site.role.address, "GET /a HTTP/1.1", &["User-Agent: x\"y", "Referer: \u{e9}"]);
    site.role.process.signal(Signal::TERM);
    let host = site.role.address.to_string();
    let ended = site.role.process.end();
    let line: Value = serde_json::from_str(ended.stdout_text().strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(line["logger"], "http.log.access.server");
    let asked = &line["request"];
    assert_eq!(
        (&asked["method"], &asked["uri"], &asked["host"]),
        (&"GET".into(), &"/a".into(), &host.into())
    );
    assert_eq!(asked["headers"], serde_json::json!({ "User-Agent": ["x\"y"], "Referer": ["\u{e9}"] }));
    assert_eq!((&line["status"], &line["size"]), (&200.into(), &5.into()));
    assert!(line["duration"].is_number() && line["ts"].is_number());
}

#[test]
fn each_role_has_its_log() {
    let origin = Site::of(&[("a", b"hello")]);
    let home = directory(&[]);
    let dir = home.path().join("cached");
    let log = home.path().join("cache.log");
    let args = [
        "--dir",
        dir.to_str().unwrap(),
        "--access-log",
        log.to_str().unwrap(),
        "--origin",
        &origin.role.url(""),
    ];
    let cache = Role::start("cache", &args);
    assert_eq!(ask(cache.address, "GET /a HTTP/1.1", &[]).text(), "hello");
    assert!(lines(&log, 1)[0].contains("\"GET /a HTTP/1.1\" 200 5 "));
    let log = home.path().join("balancer.log");
    let balancer = Role::start(
        "balancer",
        &["--to", &origin.role.url(""), "--probe-path", "/a", "--access-log", log.to_str().unwrap()],
    );
    ask(balancer.address, "GET /a HTTP/1.1", &[]);
    assert!(lines(&log, 1)[0].contains("\"GET /a HTTP/1.1\" 301 "));
}

#[test]
fn without_being_told_to_it_writes_nothing_where_no_person_looks() {
    let site = Site::of(&[("a", b"hello")]);
    ask(site.role.address, "GET /a HTTP/1.1", &[]);
    site.role.process.signal(Signal::TERM);
    assert_eq!(site.role.process.end().stdout_text(), "");
}

#[test]
fn what_a_client_sends_forges_no_line() {
    let home = directory(&[]);
    let log = home.path().join("access.log");
    let site = Site::with(&[("a", b"hello")], &["--access-log", log.to_str().unwrap()]);
    let mut wire = Wire::to(site.role.address);
    let fields = b"Host: x\r\nUser-Agent: \" \\ \t \x1b[2J\xff\x9b\r\n";
    wire.send([b"GET /\xc2\x9b\xe2\x80\xae HTTP/1.1\r\n", &fields[..], b"\r\n"].concat());
    let status = wire.answer().status()[..3].to_owned();
    // Control characters are no part of a field (RFC 9110 §5.5), so it may be refused; logged it is.
    let line = lines(&log, 1).remove(0);
    assert!(line.is_ascii() && !line.contains('\x1b'), "{line}");
    assert!(line.contains(&format!("\" {status} ")), "{line}");
    wire = Wire::to(site.role.address);
    wire.send([b"GET /\xc2\x9b HTTP/1.1\r\nHost: x\r\nUser-Agent: \" \\ \xff\r\n\r\n".as_slice()].concat());
    wire.answer();
    let line = lines(&log, 2).remove(1);
    assert!(
        line.contains("\"GET /\\xc2\\x9b HTTP/1.1\" ") && line.ends_with(" \"\\\" \\\\ \\xff\""),
        "{line}"
    );
}

#[test]
fn on_sigusr1_a_file_that_was_renamed_is_begun_anew() {
    let home = directory(&[]);
    let (log, old) = (home.path().join("access.log"), home.path().join("access.log.1"));
    let site = Site::with(&[("a", b"hello")], &["--access-log", log.to_str().unwrap()]);
    ask(site.role.address, "GET /a?first HTTP/1.1", &[]);
    lines(&log, 1);
    fs::rename(&log, &old).unwrap();
    ask(site.role.address, "GET /a?second HTTP/1.1", &[]);
    let old = lines(&old, 2);
    assert!(old[0].contains("?first") && old[1].contains("?second"), "{old:?}");
    site.role.process.signal(Signal::USR1);
    until("the file is there again", || log.exists().then_some(()));
    ask(site.role.address, "GET /a?third HTTP/1.1", &[]);
    assert!(lines(&log, 1)[0].contains("?third"));
}

#[test]
fn a_signal_to_open_logs_anew_ends_no_role_that_has_none() {
    let site = Site::of(&[("a", b"hello")]);
    site.role.process.signal(Signal::USR1);
    assert_eq!(ask(site.role.address, "GET /a HTTP/1.1", &[]).text(), "hello");
}

#[test]
fn a_log_that_can_not_be_opened_is_told_at_the_start() {
    let home = directory(&[("a", b"hello")]);
    let log = home.path().join("no/such/access.log");
    let mut command = sockets(&["server", "--port", "0", "--access-log", log.to_str().unwrap()]);
    let ended = crate::support::process::run(command.arg(home.path()));
    assert_eq!(ended.status, 2);
    let told = format!("sockets: the access log can't be written to {}: No such file", log.display());
    assert!(ended.stderr.starts_with(&told), "{}", ended.stderr);
}

#[test]
fn a_full_disk_is_told_once_and_stops_nothing() {
    let site = Site::with(&[("a", b"hello")], &["--access-log", "/dev/full"]);
    for _ in 0..3 {
        assert_eq!(ask(site.role.address, "GET /a HTTP/1.1", &[]).text(), "hello");
        site.role.process.says("the access log can't be written to /dev/full: No space left on device");
    }
    site.role.process.signal(Signal::TERM);
    let ended = site.role.process.end();
    assert_eq!(ended.status, 0);
    assert_eq!(ended.stderr.matches("No space left").count(), 1, "{}", ended.stderr);
    assert_eq!(lost(&ended.stderr), 3, "{}", ended.stderr);
}

/// How many lines it says were lost, altogether.
fn lost(stderr: &str) -> u64 {
    let told = stderr.lines().filter_map(|line| line.split_once(" lines of the access log were lost"));
    told.map(|(before, _)| before.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn a_log_that_is_not_read_delays_no_request_and_its_losses_are_told() {
    /// Three bytes each become four times as many in a line.
    const LONG: usize = 30_000;
    const REQUESTS: usize = 400;
    let home = directory(&[]);
    let pipe = home.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .unwrap();
    // Open, and never read.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let _reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&pipe).unwrap();
    let site = Site::with(&[("a", b"hello")], &["--access-log", pipe.to_str().unwrap(), "--drain", "1s"]);
    let mut wire = Wire::to(site.role.address);
    let mut asked = request(site.role.address, "GET /a HTTP/1.1", &[]).into_bytes();
    asked.truncate(asked.len() - 2);
    asked.extend_from_slice(&[b"User-Agent: ", &vec![0xff; LONG][..], b"\r\n\r\n"].concat());
    for _ in 0..REQUESTS {
        wire.send(&asked);
        assert_eq!(wire.answer().text(), "hello");
    }
    site.role.process.says(" lines of the access log were lost: ");
    site.role.process.signal(Signal::TERM);
    let ended = site.role.process.end();
    assert_eq!(ended.status, 0, "it ends though the last lines can't be written: {}", ended.stderr);
    assert!(lost(&ended.stderr) > 0, "{}", ended.stderr);
}
