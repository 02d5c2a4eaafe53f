//! Who may ask, and whose scripts may read.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::features::get;
use crate::support::PATIENCE;
use crate::support::place::{Site, directory};
use crate::support::process::{Role, sockets};
use crate::support::wire::{Answer, Wire, ask};

const FILES: [(&str, &[u8]); 1] = [("file", b"content")];

/// "open sesame", by htpasswd(1) of Apache.
const BCRYPT: &str = "Aladdin:$2y$04$7IX6lTctSEK09HMNU9L7WuO97EOZs9iPN3tC5H4JKaYiUOqffTlHq";

/// "password", from the tests of the reference implementation of Argon2.
const ARGON2: &str =
    "arg:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// The field for Aladdin with the right password, and with a wrong one.
const RIGHT: &str = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
const WRONG: &str = "Authorization: Basic QWxhZGRpbjpvcGVuIHNheXMgbWU=";

#[test]
fn who_has_an_account_is_let_in_and_nobody_else_7617() {
    let site = Site::with(&FILES, &["--auth", BCRYPT, "--auth", ARGON2, "--auth", "joe:plain"]);
    let mut wire = Wire::to(site.role.address);
    let refused = |answer: &Answer| {
        assert_eq!(answer.status(), "401 Unauthorized");
        assert!(answer.field("www-authenticate").starts_with("Basic realm=\"files\""));
        assert_eq!(answer.field("cache-control"), "no-store");
        assert!(!answer.text().contains("content"));
    };
    for fields in [
        &[][..],
        &[WRONG],
        &["Authorization: Basic QWxhZGRpbg=="],
        &["Authorization: Basic !!!"],
        &["Authorization: Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
        &[RIGHT, WRONG],
    ] {
        refused(&wire.ask("GET /file HTTP/1.1", fields));
        refused(&wire.ask("GET /none HTTP/1.1", fields)); // nor is it told what there is
    }
    for right in [
        RIGHT,
        "authorization: bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Authorization: Basic YXJnOnBhc3N3b3Jk",
        "Authorization: Basic am9lOnBsYWlu",
    ] {
        for _ in 0..2 {
            let answer = wire.ask("GET /file HTTP/1.1", &[right]);
            assert_eq!((answer.status(), answer.text()), ("200 OK", "content"), "{right}");
            assert_eq!(answer.field("cache-control"), "private", "{right}");
        }
    }
    refused(&wire.ask("GET /file HTTP/1.1", &[])); // a connection is not let in for good
    assert_eq!(wire.ask("GET /none HTTP/1.1", &[RIGHT]).status(), "404 Not Found");
    let head = wire.ask("HEAD /file HTTP/1.1", &[RIGHT]);
    assert_eq!(head.field("content-length"), "7");
}

#[test]
fn accounts_may_stand_in_the_environment_and_are_shown_nowhere() {
    let home = directory(&FILES);
    let mut command = sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]);
    let role = Role::of(command.arg(home.path()).env("SOCKETS_AUTH", BCRYPT));
    assert_eq!(ask(role.address, "GET /file HTTP/1.1", &[]).status(), "401 Unauthorized");
    assert_eq!(ask(role.address, "GET /file HTTP/1.1", &[RIGHT]).text(), "content");
    let help = crate::support::process::run(sockets(&["server", "--help"]).env("SOCKETS_AUTH", BCRYPT));
    assert!(help.stdout_text().contains("SOCKETS_AUTH") && !help.stdout_text().contains("$2y$04$"));
}

/// What somebody at that address of this machine is answered.
fn from(source: [u8; 4], to: SocketAddr, target: &str) -> Answer {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::from(source), 0)).into()).unwrap();
    socket.connect_timeout(&to.into(), PATIENCE).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut wire = Wire::over(socket.into());
    wire.ask(&format!("GET {target} HTTP/1.1"), &[])
}

/// All of 127.0.0.0/8 is this machine, on Linux.
#[test]
#[cfg(target_os = "linux")]
fn networks_are_let_in_or_kept_out_by_their_addresses() {
    const FORBIDDEN: &str = "403 Forbidden";
    for (args, one, two) in [
        (&["--allow", "127.0.0.1"][..], "200 OK", FORBIDDEN),
        (&["--allow", "127.0.0.0/8"], "200 OK", "200 OK"),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.2"], "200 OK", FORBIDDEN),
        (&["--allow", "192.0.2.0/24,2001:db8::/32"], FORBIDDEN, FORBIDDEN),
        (&["--deny", "127.0.0.0/31"], FORBIDDEN, "200 OK"),
        (&["--deny", "::/0"], "200 OK", "200 OK"),
    ] {
        let site = Site::with(&FILES, args);
        for (source, expected) in [([127, 0, 0, 1], one), ([127, 0, 0, 2], two)] {
            let answer = from(source, site.role.address, "/file");
            assert_eq!(answer.status(), expected, "{args:?} {source:?}");
            let none = from(source, site.role.address, "/none");
            let expected = if expected == FORBIDDEN { FORBIDDEN } else { "404 Not Found" };
            assert_eq!(none.status(), expected, "{args:?} {source:?}: who may not ask is told nothing");
        }
    }
}

/// A listener on all addresses shows IPv4 ones within IPv6 ones (RFC 4291 §2.5.5.2).
#[test]
fn networks_hold_on_a_listener_for_both_families_too() {
    let home = directory(&FILES);
    let start = |args: &[&str]| {
        let mut command = sockets(&["server", "--port", "0"]);
        Role::of(command.args(args).arg(home.path()))
    };
    let (denied, allowed) = (start(&["--deny", "127.0.0.0/8"]), start(&["--allow", "127.0.0.0/8"]));
    assert_eq!(ask(denied.address, "GET /file HTTP/1.1", &[]).status(), "403 Forbidden");
    assert_eq!(ask(allowed.address, "GET /file HTTP/1.1", &[]).text(), "content");
}

/// The fields of what a browser asks before a request that a plain link could not make.
const PREFLIGHT: [&str; 3] = [
    "Origin: https://app.test",
    "Access-Control-Request-Method: GET",
    "Access-Control-Request-Headers: if-range, range",
];

#[test]
fn a_preflight_is_answered_for_who_may_read_and_only_then() {
    let any = Site::with(&FILES, &["--cors", "*", "--auth", BCRYPT]);
    // Browsers send no credentials with it.
    let allowed = ask(any.role.address, "OPTIONS /file HTTP/1.1", &PREFLIGHT);
    assert_eq!(allowed.status(), "204 No Content");
    assert_eq!(allowed.field("access-control-allow-origin"), "*");
    assert_eq!(allowed.field("access-control-allow-methods"), "GET, HEAD");
    for name in ["Range", "If-Range", "If-None-Match", "Authorization"] {
        assert!(allowed.field("access-control-allow-headers").contains(name), "{name}");
    }
    assert!(allowed.field("access-control-max-age").parse::<u32>().is_ok());

    let some = Site::with(&FILES, &["--cors", "https://app.test"]);
    let allowed = ask(some.role.address, "OPTIONS /file HTTP/1.1", &PREFLIGHT);
    let origin = allowed.field("access-control-allow-origin");
    assert_eq!(
        (allowed.status(), origin, allowed.field("vary")),
        ("204 No Content", "https://app.test", "Origin")
    );
    let stranger = ["Origin: https://evil.test", PREFLIGHT[1]];
    let refused = ask(some.role.address, "OPTIONS /file HTTP/1.1", &stranger);
    assert_eq!(
        (refused.status(), refused.head.field("access-control-allow-origin")),
        ("403 Forbidden", None)
    );

    let none = Site::of(&FILES);
    for (site, fields) in [(&any, &PREFLIGHT[..1]), (&any, &[]), (&none, &PREFLIGHT)] {
        let answer = ask(site.role.address, "OPTIONS /file HTTP/1.1", fields);
        assert_eq!(answer.status(), "501 Method Not Implemented", "{fields:?}");
    }
}

#[test]
fn each_answer_says_whose_scripts_may_read_it() {
    let site = Site::with(&FILES, &["--cors", "https://app.test", "--cors", "http://localhost:3000"]);
    let mut wire = Wire::to(site.role.address);
    for origin in ["https://app.test", "http://localhost:3000"] {
        for (target, range, status) in [
            ("/file", "bytes=0-", "206 Partial Content"),
            ("/file", "bytes=99-", "416 Range Not Satisfiable"),
            ("/none", "bytes=0-", "404 Not Found"),
        ] {
            let fields = [&*format!("Origin: {origin}"), &format!("Range: {range}")];
            let answer = wire.ask(&format!("GET {target} HTTP/1.1"), &fields);
            assert_eq!((answer.status(), answer.field("access-control-allow-origin")), (status, origin));
            assert_eq!(answer.field("vary"), "Origin");
            for exposed in ["Content-Range", "ETag", "Content-Length", "Repr-Digest"] {
                assert!(answer.field("access-control-expose-headers").contains(exposed), "{exposed}");
            }
        }
    }
    for fields in
        [&["Origin: https://evil.test"][..], &["Origin: null"], &["Origin: https://app.test.evil.test"], &[]]
    {
        let answer = wire.ask("GET /file HTTP/1.1", fields);
        let said = (answer.status(), answer.head.field("access-control-allow-origin"), answer.field("vary"));
        assert_eq!(said, ("200 OK", None, "Origin"), "{fields:?}: a cache must not give it to another site");
    }
    let any = get(&Site::with(&FILES, &["--cors", "*"]), "/file", &["Origin: https://app.test"]);
    assert_eq!((any.field("access-control-allow-origin"), any.head.field("vary")), ("*", None));
    let none = get(&Site::of(&FILES), "/file", &["Origin: https://app.test"]);
    assert_eq!(none.head.field("access-control-allow-origin"), None);
}
