//! The configuration file: several roles in one process, several sites on one server, and what is said of mistakes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;

use crate::support::place::{directory, tree};
use crate::support::process::{Ended, Process, run, sockets};
use crate::support::wire::{Wire, ask};

/// Runs a command that takes a file, in the directory where it is.
pub(crate) fn ended(command: &str, home: &Path, text: &str) -> Ended {
    fs::write(home.join("sockets.toml"), text).unwrap();
    run(sockets(&[command]).current_dir(home))
}

pub(crate) fn running(home: &Path, text: &str) -> Process {
    fs::write(home.join("sockets.toml"), text).unwrap();
    Process::start(sockets(&["run"]).current_dir(home))
}

/// Where the role listens that says that it does `what`.
pub(crate) fn address(process: &Process, what: &str) -> SocketAddr {
    let line = process.says(what);
    let (_, url) = line.split_once(" at http://").unwrap();
    url.trim_end_matches('/').parse().unwrap()
}

#[test]
fn every_role_of_the_file_runs_in_one_process_and_stops_with_it() {
    let origin = crate::support::place::Site::of(&[("index.html", b"hello")]);
    let home = directory(&[("files/index.html", b"mine")]);
    let all = running(
        home.path(),
        &format!(
            "[balancer]\nport = 0\nbind = '127.0.0.1'\nto = '{url}'\n\
             [cache]\nport = 0\nbind = '127.0.0.1'\norigin = '{url}'\naccess-log = 'access.log'\n\
             [server]\nport = 0\nbind = '127.0.0.1'\naccess-log = 'access.log'\nlog-format = 'json'\n",
            url = origin.role.url("")
        ),
    );
    let balancer = address(&all, "balancing 1 servers");
    let (server, cache) = (address(&all, "serving "), address(&all, "caching http://"));
    assert_eq!(ask(server, "GET / HTTP/1.1", &[]).text(), "mine");
    assert_eq!(ask(cache, "GET / HTTP/1.1", &[]).text(), "hello");
    assert_eq!(ask(balancer, "GET / HTTP/1.1", &[]).field("location"), origin.role.url("/"));
    let mut kept = Wire::to(server);
    kept.ask("GET / HTTP/1.1", &[]);
    all.signal(Signal::TERM);
    assert!(kept.is_closed());
    let ended = all.end();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // Two roles, one file: each wrote whole lines.
    let log = fs::read_to_string(home.path().join("access.log")).unwrap();
    let json = log.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count();
    assert_eq!((log.lines().count(), json), (3, 2), "{log}");
}

#[test]
fn the_file_may_be_named_by_flag_or_environment() {
    let home = directory(&[("index.html", b"hello")]);
    let file = home.path().join("other.toml");
    fs::write(&file, format!("[server]\nroot = {:?}\nport = 0\nbind = '127.0.0.1'", home.path())).unwrap();
    let by_flag = Process::start(&mut sockets(&["run", "-c", file.to_str().unwrap()]));
    assert_eq!(ask(address(&by_flag, "serving "), "GET / HTTP/1.1", &[]).text(), "hello");
    // A variable that is meant for one role sets nothing in a file for several.
    let mut command = sockets(&["run"]);
    let by_environment =
        Process::start(command.env("SOCKETS_CONFIG", &file).env("SOCKETS_BIND", "192.0.2.1"));
    assert_eq!(ask(address(&by_environment, "serving "), "GET / HTTP/1.1", &[]).text(), "hello");
}

#[test]
fn each_host_has_its_site() {
    let home = directory(&[
        ("a/index.html", b"site a"),
        ("b/page.html", b"site b"),
        ("b/.x", b"dot"),
        ("a/.x", b"dot"),
    ]);
    let server = running(
        home.path(),
        "[server]\nport = 0\nbind = '127.0.0.1'\nheader = 'X-Site: all'\n\
         [[server.site]]\nhost = ['a.test', '*.a.test']\nroot = 'a'\n\
         [[server.site]]\nhost = 'b.test'\nroot = 'b'\nindex = 'page.html'\nhidden = true\nheader = 'X-Site: b'\n",
    );
    let address = address(&server, "serving ");
    let of = |host: &str, path: &str| {
        let mut wire = Wire::to(address);
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        wire.answer()
    };
    for (host, text, field) in
        [("a.test", "site a", "all"), ("www.a.test", "site a", "all"), ("B.test:80", "site b", "b")]
    {
        let answer = of(host, "/");
        assert_eq!((answer.text(), answer.field("x-site")), (text, field), "{host}");
    }
    assert_eq!(of("a.test", "/.x").status(), "404 Not Found");
    assert_eq!(of("b.test", "/.x").text(), "dot");
    assert_eq!(of("c.test", "/").status(), "421 Misdirected Request");
}

#[test]
fn check_says_what_would_run_and_runs_nothing() {
    let home = directory(&[("files/x", b"x")]);
    let text = "[server]\n[cache]\nport = 0\n[balancer]\nbind = ['::1', '127.0.0.1']\n";
    let checked = ended("check", home.path(), text);
    assert_eq!((checked.status, &*checked.stderr), (0, ""));
    let files = home.path().canonicalize().unwrap().join("files");
    let expected = format!(
        "server: serving {} on all addresses, port 8000\n\
         cache: caching forward proxy on loopback, a free port\n\
         balancer: balancing 3 servers on ::1, 127.0.0.1, port 8080\n",
        files.display()
    );
    assert_eq!(checked.stdout_text(), expected);
    assert_eq!(tree(home.path()), ["files", "files/x", "sockets.toml"], "nothing was made");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let home = directory(&[]);
    let text = "[server]\nprot = 1\n\n[cache]\nsize = 'ten'\n";
    for command in ["check", "run"] {
        let wrong = ended(command, home.path(), text);
        assert_eq!(wrong.status, 2);
        assert_eq!(
            wrong.stderr,
            "sockets: sockets.toml:2:1: prot is no setting of [server]; did you mean port?\n\
             sockets: sockets.toml:5:8: size: \"ten\" is no size: write 500k, 10M, 64Ki or 10GiB"
        );
        assert_eq!(wrong.stdout_text(), "");
    }
}

#[test]
fn what_is_well_written_and_can_not_be_is_told_for_each_role() {
    let home = directory(&[]);
    let text = "[server]\nroot = 'missing'\n[balancer]\nto = ['a.test', 'a.test:80']\n";
    let wrong = ended("check", home.path(), text);
    assert_eq!(wrong.status, 2);
    let lines: Vec<&str> = wrong.stderr.lines().collect();
    assert!(lines[0].starts_with("sockets: missing is not a directory here"), "{lines:?}");
    assert!(lines[1].contains("named twice"), "{lines:?}");
}

#[test]
fn an_error_page_that_is_not_there_is_told_by_check() {
    let home = directory(&[("files/x", b"x"), ("files/lost.html", b"lost")]);
    let text = "[server]\nerror-page = ['404=lost.html', '503=later.html']\n";
    let wrong = ended("check", home.path(), text);
    assert_eq!(wrong.status, 2);
    let told = "sockets: the page for 503 is no file: create files/later.html or name another";
    assert_eq!(wrong.stderr.trim_end(), told);
    let right = ended("check", home.path(), &text.replace(", '503=later.html'", ""));
    assert_eq!((right.status, &*right.stderr), (0, ""));
}

#[test]
fn a_host_has_one_site() {
    let home = directory(&[("a/x", b"x")]);
    let text = "[[server.site]]\nhost = ['a.test', 'A.test']\nroot = 'a'\n";
    let wrong = ended("check", home.path(), text);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("a.test is given twice"), "{}", wrong.stderr);
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_that() {
    let home = directory(&[]);
    for command in ["run", "check"] {
        let ended = run(sockets(&[command]).current_dir(home.path()));
        assert_eq!(ended.status, 2);
        assert!(ended.stderr.starts_with("sockets: there is no sockets.toml: "), "{}", ended.stderr);
    }
}

#[test]
fn a_file_that_is_no_configuration_is_not_read_to_its_end() {
    let home = directory(&[]);
    let ended = run(sockets(&["check", "-c", "/dev/zero"]).current_dir(home.path()));
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("longer than a configuration can be"), "{}", ended.stderr);
}
