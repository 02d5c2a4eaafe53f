//! What people see: what is wrong and what to type, in a line; help that teaches; the environment.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::geteuid;

use crate::support::place::directory;
use crate::support::process::{Ended, Role, run, sockets};
use crate::support::wire::ask;

fn ended(args: &[&str]) -> Ended {
    run(&mut sockets(args))
}

#[test]
fn a_port_that_is_taken_is_named_with_who_has_it() {
    let home = directory(&[("index.html", b"x")]);
    let files = home.path().to_str().unwrap();
    let first = Role::start("server", &[files]);
    let (port, holder) = (first.address.port().to_string(), first.process.id());
    let second = ended(&["server", files, "--bind", "127.0.0.1", "--port", &port]);
    assert_eq!(second.status, 1);
    assert_eq!(
        second.stderr,
        format!("sockets: 127.0.0.1:{port} is taken (by sockets, pid {holder}): choose another with --port")
    );
    let everywhere = ended(&["server", files, "--port", &port]);
    assert_eq!(everywhere.status, 1);
    assert_eq!(
        everywhere.stderr,
        format!("sockets: port {port} is taken (by sockets, pid {holder}): choose another with --port")
    );
    assert_eq!(ask(first.address, "GET / HTTP/1.1", &[]).text(), "x", "the first one is not disturbed");
}

#[test]
fn every_role_says_which_port_is_taken() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = directory(&[]);
    let dir = home.path().to_str().unwrap();
    for args in
        [vec!["server", dir], vec!["cache", "--dir", dir], vec!["balancer", "--to", "http://127.0.0.1:9"]]
    {
        let ended = ended(&[&args[..], &["--port", &port, "--bind", "127.0.0.1"]].concat());
        assert_eq!(ended.status, 1, "{args:?}: {}", ended.stderr);
        let line = ended.stderr.lines().last().unwrap();
        assert!(line.starts_with(&format!("sockets: 127.0.0.1:{port} is taken (by ")), "{line}");
    }
}

#[test]
fn a_value_that_can_not_be_is_refused_with_the_right_form() {
    for (args, form) in [
        (vec!["server", "--port", "http"], "0 to 65535"),
        (vec!["server", "--port", "70000"], "0 to 65535"),
        (vec!["server", "--bind", "localhost"], "127.0.0.1"),
        (vec!["server", "--drain", "30"], "30s"),
        (vec!["server", "--threads", "0"], "1"),
        (vec!["server", "--cache-control", "a\tb\u{7}"], "control character"),
        (vec!["cache", "--size", "ten"], "10GiB"),
        (vec!["cache", "--origin", "https://a.test"], "http"),
        (vec!["cache", "--origin", "http://a.test/x"], "http://localhost:8000"),
        (vec!["balancer", "--to", "ftp://a.test"], "http://"),
        (vec!["balancer", "--to", "a.test", "--to", "a.test:80"], "named twice"),
        (vec!["balancer", "--interval", "1ms"], "100 ms"),
        (vec!["balancer", "--status", "200"], "301, 302, 303, 307 or 308"),
        (vec!["balancer", "--status", "moved"], "301"),
        (vec!["balancer", "--probe-path", "x"], "path"),
        (vec!["get", "a.test", "--tries", "0"], "1"),
        (vec!["get", "a.test", "--stall", "0s"], "longer than zero"),
        (vec!["get", "a.test", "--proxy", "a b"], "a b"),
        (vec!["serve"], "server"),
        (vec!["server", "--prot", "1"], "--port"),
    ] {
        let ended = ended(&args);
        assert_eq!(ended.status, 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(form), "{args:?} does not say {form:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_directory_that_can_not_be_served_is_said_to_be_what_it_is() {
    let home = directory(&[("file", b"x")]);
    let file = home.path().join("file");
    let ended = ended(&["server", "--port", "0", file.to_str().unwrap()]);
    assert_eq!(ended.status, 2);
    let line = format!("sockets: {} is a file, not a directory: ", file.display());
    assert!(ended.stderr.starts_with(&line), "{}", ended.stderr);
}

/// The same command by a user who may do little: nobody, if the tests run as root.
fn by_nobody(command: &mut Command) -> &mut Command {
    const NOBODY: u32 = 65_534;
    if geteuid().is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// Whether [`by_nobody`] can start the binary at all, wherever it was built.
fn nobody_can_run_it() -> bool {
    let can = by_nobody(&mut sockets(&["--version"])).output().is_ok();
    if !can {
        println!("not tried: the binary is where only root can run it");
    }
    can
}

#[test]
fn what_this_user_may_not_do_is_said_to_be_that() {
    if !nobody_can_run_it() {
        return;
    }
    let home = directory(&[("index.html", b"x"), ("hidden", b"x"), ("private/x", b"x")]);
    let at = |name: &str| home.path().join(name);
    let forbid = |name: &str, mode| fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    forbid("hidden", 0o000);
    forbid("private", 0o000);
    forbid("", 0o555);

    let server = run(by_nobody(sockets(&["server", "--port", "0"]).arg(at("private"))));
    assert_eq!(server.status, 2, "{}", server.stderr);
    assert!(server.stderr.contains("private may not be read by this user"), "{}", server.stderr);

    let role =
        Role::of(by_nobody(sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]).arg(home.path())));
    assert_eq!(ask(role.address, "GET /index.html HTTP/1.1", &[]).text(), "x");
    assert_eq!(ask(role.address, "GET /hidden HTTP/1.1", &[]).status(), "403 Forbidden");

    let get =
        run(by_nobody(sockets(&["get", &role.url("/index.html"), "-o", "new"]).current_dir(home.path())));
    assert_eq!(get.status, 3, "{}", get.stderr);
    assert_eq!(get.stderr, "sockets: no permission to create new.part");

    forbid("", 0o755);
    forbid("private", 0o755);
}

#[test]
fn a_cache_directory_that_can_not_be_is_said_to_be_what_it_is() {
    let home = directory(&[("file", b"x")]);
    let file = home.path().join("file");
    let ended = ended(&["cache", "--port", "0", "--dir", file.to_str().unwrap()]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains(file.to_str().unwrap()) && ended.stderr.contains("director"),
        "{}",
        ended.stderr
    );
}

#[test]
fn help_teaches_by_example_and_tells_the_defaults() {
    let all = ended(&["--help"]);
    assert_eq!(all.status, 0);
    for text in ["server", "cache", "balancer", "get", "demo", "sockets server ."] {
        assert!(all.stdout_text().contains(text), "{text}");
    }
    for (role, texts) in [
        (
            "server",
            vec!["Examples:", "[default: files]", "[default: 8000]", "SOCKETS_PORT", "--allow-http10"],
        ),
        (
            "cache",
            vec![
                "Examples:",
                "[default: 9000]",
                "[default: cache/files]",
                "[default: 24h]",
                "[default: loopback only]",
            ],
        ),
        (
            "balancer",
            vec![
                "Examples:",
                "[default: 8080]",
                "[default: 301]",
                "http://localhost:8000",
                "http://localhost:8100",
                "http://localhost:8200",
            ],
        ),
        ("get", vec!["Examples:", "Exit status:", "--proxy", "--balancer", "--dir", "--force"]),
        ("demo", vec!["--stay", "Exit status 0"]),
    ] {
        let help = ended(&[role, "--help"]);
        assert_eq!(help.status, 0);
        let text = words(help.stdout_text());
        for expected in texts {
            assert!(text.contains(expected), "{role} --help does not say {expected:?}:\n{text}");
        }
        let longest = help.stdout_text().lines().map(str::len).max().unwrap();
        assert!(longest <= 100, "{role} --help has a line of {longest} characters");
    }
}

/// The text with its line breaks and indents as single spaces.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_version_is_told() {
    let version = ended(&["--version"]);
    assert_eq!(version.status, 0);
    assert_eq!(version.stdout_text(), format!("sockets {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_role_it_shows_what_can_be_typed() {
    let bare = ended(&[]);
    assert_eq!(bare.status, 2);
    assert!(bare.stderr.contains("sockets demo") && bare.stderr.contains("Commands:"), "{}", bare.stderr);
}

#[test]
fn a_flag_may_be_set_in_the_environment_and_is_stronger_on_the_command_line() {
    let home = directory(&[("index.html", b"x")]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let server = |args: &[&str]| {
        let mut command = sockets(&["server"]);
        command.args(args).arg(home.path()).env("SOCKETS_PORT", &port).env("SOCKETS_BIND", "127.0.0.1");
        command
    };
    let from_environment = run(&mut server(&[]));
    assert_eq!(from_environment.status, 1);
    assert!(
        from_environment.stderr.contains(&format!("127.0.0.1:{port} is taken")),
        "{}",
        from_environment.stderr
    );
    let from_flag = Role::of(&mut server(&["--port", "0"]));
    assert_ne!(from_flag.address.port().to_string(), port);
    assert_eq!(ask(from_flag.address, "GET / HTTP/1.1", &[]).text(), "x");
}

#[test]
fn a_switch_in_the_environment_is_on_or_off() {
    let home = directory(&[("index.html", b"x")]);
    for (value, line) in [
        ("1", "200 OK"),
        ("true", "200 OK"),
        ("0", "505 Version Not Supported"),
        ("", "505 Version Not Supported"),
    ] {
        let mut command = sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]);
        let role = Role::of(command.arg(home.path()).env("SOCKETS_ALLOW_HTTP10", value));
        assert_eq!(ask(role.address, "GET / HTTP/1.0", &[]).status(), line, "{value:?}");
    }
}

#[test]
fn a_directory_in_the_environment_does_not_stand_in_the_way_of_an_output_file() {
    let home = directory(&[("index.html", b"x")]);
    let server = Role::start("server", &[home.path()]);
    let saved = directory(&[]);
    let mut command = sockets(&["get", &server.url("/"), "-o", "y"]);
    let ended = run(command.current_dir(saved.path()).env("SOCKETS_DIR", "/nowhere"));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(crate::support::place::tree(saved.path()), ["y"]);
}

#[test]
fn the_demo_holds_also_where_its_usual_ports_are_taken() {
    // Whoever has them already takes them as well.
    let _taken = [8000, 8080, 9000].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    let demo = ended(&["demo"]);
    assert_eq!(demo.status, 0, "{}\n{}", demo.stdout_text(), demo.stderr);
    for text in
        ["501 Method Not Implemented", "505 Version Not Supported", "523 Origin Is Unreachable", "301"]
    {
        assert!(demo.stdout_text().contains(text), "{text}");
    }
}
