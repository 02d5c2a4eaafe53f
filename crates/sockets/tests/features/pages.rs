//! Where addresses lead: pages without files, clean addresses, error pages, a base, dot files.

use crate::features::get;
use crate::support::place::Site;
use crate::support::wire::{Wire, ask};

/// What browsers send when a person goes somewhere.
const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn application() -> Site {
    let files: [(&str, &[u8]); 3] =
        [("index.html", b"the application"), ("app.js", b"script"), ("docs/index.html", b"docs")];
    Site::with(&files, &["--spa"])
}

#[test]
fn an_application_gets_addresses_and_no_missing_files() {
    let site = application();
    for (target, accept, expected) in [
        ("/", BROWSER, Some("the application")),
        ("/users/7", BROWSER, Some("the application")),
        ("/users/jane.doe?tab=1", BROWSER, Some("the application")),
        ("/users/7", "Accept: */*", Some("the application")),
        ("/docs/", BROWSER, Some("docs")),
        ("/app.js", "Accept: */*", Some("script")),
        ("/gone.js", "Accept: */*", None),
        ("/logo.png", "Accept: image/avif,image/webp,*/*;q=0.8", None),
        ("/users/7", "Accept: application/json", None),
    ] {
        let answer = get(&site, target, &[accept]);
        let expected_status = if expected.is_some() { "200 OK" } else { "404 Not Found" };
        assert_eq!(answer.status(), expected_status, "{target} {accept}");
        if let Some(text) = expected {
            assert_eq!(answer.text(), text, "{target} {accept}");
        }
    }
    assert_eq!(get(&site, "/docs", &[BROWSER]).field("location"), "/docs/");
    for (target, status) in [("/.env", "200 OK"), ("/a/../b", "400 Bad Request")] {
        let answer = get(&site, target, &[BROWSER]);
        assert!(matches!(answer.status(), "404 Not Found") || answer.status() == status, "{target}");
    }
}

#[test]
fn an_application_s_page_is_a_file_as_others_at_each_address() {
    let site = application();
    let mut wire = Wire::to(site.role.address);
    let page = wire.ask("GET /users/7 HTTP/1.1", &[BROWSER]);
    assert_eq!((page.field("content-type"), page.field("vary")), ("text/html; charset=utf-8", "Accept"));
    let known = format!("If-None-Match: {}", page.field("etag"));
    let same = wire.ask("GET /users/7 HTTP/1.1", &[BROWSER, &known]);
    assert_eq!((same.status(), same.field("vary")), ("304 Not Modified", "Accept"));
    let missing = wire.ask("GET /users/7 HTTP/1.1", &["Accept: application/json"]);
    assert_eq!(
        (missing.status(), missing.field("vary")),
        ("404 Not Found", "Accept"),
        "it would be for another"
    );
    let head = wire.ask("HEAD /users/7 HTTP/1.1", &[BROWSER]);
    assert_eq!(head.field("content-length"), page.body.len().to_string());
    assert_eq!(
        wire.ask("POST /users/7 HTTP/1.1", &["Content-Length: 0"]).status(),
        "501 Method Not Implemented"
    );
}

#[test]
fn a_page_has_one_address() {
    let files: [(&str, &[u8]); 6] = [
        ("index.html", b"top"),
        ("about.html", b"about"),
        ("docs/index.html", b"docs"),
        ("both.html", b"the page"),
        ("both", b"the file"),
        ("dir.html", b"beside a directory"),
    ];
    let site = Site::with(&files, &["--clean-urls"]);
    std::fs::create_dir(site.files.path().join("dir")).unwrap();
    let mut wire = Wire::to(site.role.address);
    for (target, text) in [
        ("/", "top"),
        ("/about", "about"),
        ("/about?q=1", "about"),
        ("/docs/", "docs"),
        ("/both", "the file"),
        ("/both.html", "the page"),
        ("/dir", "beside a directory"),
    ] {
        let answer = wire.ask(&format!("GET {target} HTTP/1.1"), &[]);
        assert_eq!((answer.status(), answer.text()), ("200 OK", text), "{target}");
    }
    for (target, location) in [
        ("/about.html", "/about"),
        ("/about.html?q=1", "/about?q=1"),
        ("/index.html", "/"),
        ("/docs/index.html", "/docs/"),
        ("/docs", "/docs/"),
    ] {
        let answer = wire.ask(&format!("GET {target} HTTP/1.1"), &[]);
        assert_eq!(
            (answer.status(), answer.field("location")),
            ("301 Moved Permanently", location),
            "{target}"
        );
    }
    for target in ["/about/", "/none", "/about.html.html"] {
        let answer = wire.ask(&format!("GET {target} HTTP/1.1"), &[]);
        assert_eq!(answer.status(), "404 Not Found", "{target}");
    }
}

#[test]
fn an_error_has_its_page_and_keeps_its_status() {
    let files: [(&str, &[u8]); 2] = [(".errors/404.html", b"<p>lost"), (".errors/501.html", b"<p>can't")];
    let args = [
        "--error-page",
        "404=.errors/404.html",
        "--error-page",
        "501=.errors/501.html",
        "--error-page",
        "403=missing.html",
        "--cache-control",
        "max-age=60",
    ];
    let site = Site::with(&files, &args);
    let mut wire = Wire::to(site.role.address);
    let lost = wire.ask("GET /none HTTP/1.1", &["Range: bytes=0-1", "If-None-Match: *"]);
    assert_eq!((lost.status(), lost.text()), ("404 Not Found", "<p>lost"));
    assert_eq!(lost.field("content-type"), "text/html; charset=utf-8");
    for field in ["etag", "last-modified", "cache-control", "accept-ranges"] {
        assert_eq!(lost.head.field(field), None, "{field} is of files");
    }
    let head = wire.ask("HEAD /none HTTP/1.1", &[]);
    assert_eq!((head.status(), head.field("content-length")), ("404 Not Found", "7"));
    assert_eq!(wire.ask("GET /.errors/404.html HTTP/1.1", &[]).text(), "<p>lost", "which is one itself");
    std::fs::remove_file(site.files.path().join(".errors/404.html")).unwrap();
    let plain = wire.ask("GET /none HTTP/1.1", &[]);
    assert_eq!((plain.status(), plain.field("content-type")), ("404 Not Found", "text/plain; charset=utf-8"));
}

#[test]
fn a_site_may_lie_beneath_a_path() {
    let files: [(&str, &[u8]); 2] = [("index.html", b"top"), ("d/index.html", b"deep")];
    let site = Site::with(&files, &["--base", "/our docs/v1"]);
    let mut wire = Wire::to(site.role.address);
    for (target, text) in [("/our%20docs/v1/", "top"), ("/our%20docs/v%31/d/", "deep")] {
        assert_eq!(wire.ask(&format!("GET {target} HTTP/1.1"), &[]).text(), text, "{target}");
    }
    for (target, location) in
        [("/our%20docs/v1?q", "/our%20docs/v1/?q"), ("/our%20docs/v1/d", "/our%20docs/v1/d/")]
    {
        let answer = wire.ask(&format!("GET {target} HTTP/1.1"), &[]);
        assert_eq!(
            (answer.status(), answer.field("location")),
            ("301 Moved Permanently", location),
            "{target}"
        );
    }
    for target in ["/", "/index.html", "/our%20docs/", "/our%20docs/v10/", "/our%20docs%2Fv1/"] {
        let answer = wire.ask(&format!("GET {target} HTTP/1.1"), &[]);
        assert_eq!(answer.status(), "404 Not Found", "{target}");
    }
}

#[test]
fn no_redirect_leads_to_another_host() {
    let site = Site::with(&[("evil.test/index.html", b"x")], &["--clean-urls", "--list"]);
    for target in [
        "//evil.test",
        "///evil.test",
        "/%2Fevil.test",
        "/\\evil.test",
        "/%5Cevil.test",
        "//evil.test/..",
        "/evil.test",
    ] {
        let answer = get(&site, target, &[]);
        match answer.head.field("location") {
            Some(location) => assert_eq!((target, location), ("/evil.test", "/evil.test/")),
            None => assert!(matches!(answer.status(), "400 Bad Request" | "404 Not Found"), "{target}"),
        }
    }
}

#[test]
fn dot_files_are_not_there_but_for_what_is_well_known() {
    let files: [(&str, &[u8]); 4] = [
        (".env", b"secret"),
        (".git/config", b"secret"),
        (".well-known/security.txt", b"contact"),
        ("sub/.well-known/x", b"secret"),
    ];
    let hidden = ["/.env", "/%2Eenv", "/.git/config", "/.git/", "/sub/.well-known/x"];
    let site = Site::of(&files);
    for target in hidden {
        assert_eq!(get(&site, target, &[]).status(), "404 Not Found", "{target}");
    }
    assert_eq!(get(&site, "/.well-known/security.txt", &[]).text(), "contact");
    let site = Site::with(&files, &["--hidden"]);
    for target in hidden.into_iter().filter(|target| !target.ends_with('/')) {
        assert_eq!(get(&site, target, &[]).text(), "secret", "{target}");
    }
    assert_eq!(get(&site, "/../etc/passwd", &[]).status(), "400 Bad Request", "'..' is no dot file");
}

#[test]
fn names_are_bytes_and_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let site = Site::of(&[]);
    for (name, target) in [
        (&b"\xff\xfe.txt"[..], "/%FF%FE.txt"),
        (b"caf\xe9", "/caf%e9"),
        ("\u{6f22}".as_bytes(), "/%E6%BC%A2"),
        (b"100%41", "/100%2541"),
        (b"new\nline", "/new%0Aline"),
        (b"a?b#c;d=e&f", "/a%3Fb%23c;d=e&f"),
        (b" ", "/%20"),
    ] {
        std::fs::write(site.files.path().join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
        let answer = get(&site, target, &[]);
        assert_eq!((answer.status(), &*answer.body), ("200 OK", name), "{target}");
        let head = ask(site.role.address, &format!("HEAD {target} HTTP/1.1"), &[]);
        assert_eq!(head.status(), "200 OK", "{target}");
    }
    // A byte over 127 can't stand in a target (RFC 3986 §2).
    let mut wire = Wire::to(site.role.address);
    wire.send(b"GET /caf\xe9 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(wire.answer().status(), "400 Bad Request");
}
