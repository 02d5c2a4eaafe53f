//! What is said of files: their types, and what the operator sets.

use crate::features::get;
use crate::support::place::{Site, directory};
use crate::support::process::{run, sockets};

#[test]
fn each_file_has_its_media_type_and_browsers_are_told_to_believe_it() {
    for (name, media_type) in [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("A.PNG", "image/png"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.wasm", "application/wasm"),
        ("a.mp4", "video/mp4"),
        ("a.pdf", "application/pdf"),
        ("a.woff2", "font/woff2"),
        ("a.tar.gz", "application/gzip"),
        ("a.iso", "application/x-iso9660-image"),
        ("a.unheardof", "application/octet-stream"),
        ("README", "text/plain; charset=utf-8"),
        ("nothing", "application/octet-stream"),
    ] {
        let answer = get(&Site::of(&[(name, b"x")]), &format!("/{name}"), &[]);
        let said = (answer.field("content-type"), answer.field("x-content-type-options"));
        assert_eq!(said, (media_type, "nosniff"), "{name}");
    }
}

/// Each with what is said of all files first, and of some after it.
const ARGS: [&str; 10] = [
    "--cache-control",
    "no-cache",
    "--cache-control",
    "assets/**=max-age=31536000, immutable",
    "--header",
    "X-All: 1",
    "--header",
    "/page.html=Link: </a.css>; rel=preload",
    "--attachment",
    "downloads/",
];

fn ruled() -> Site {
    let files: [(&str, &[u8]); 5] = [
        ("page.html", b"page"),
        ("assets/deep/app.js", b"script"),
        ("sub/page.html", b"another"),
        ("downloads/plain.txt", b"plain"),
        ("downloads/na\u{ef}ve \"q\".txt", b"quoted"),
    ];
    Site::with(&files, &ARGS)
}

#[test]
fn fields_are_set_by_patterns_of_names_and_the_last_for_a_file_holds() {
    let site = ruled();
    for (target, cache_control, link) in [
        ("/page.html", "no-cache", Some("</a.css>; rel=preload")),
        ("/assets/deep/app.js", "max-age=31536000, immutable", None),
        ("/sub/page.html", "no-cache", None),
    ] {
        for range in [&[][..], &["Range: bytes=0-1"]] {
            let answer = get(&site, target, range);
            assert_eq!(
                (answer.field("cache-control"), answer.field("x-all")),
                (cache_control, "1"),
                "{target}"
            );
            assert_eq!(answer.head.field("link"), link, "{target}");
        }
    }
}

#[test]
fn what_is_said_of_files_is_not_said_of_errors() {
    let site = ruled();
    let answer = get(&site, "/assets/none", &[]);
    assert_eq!((answer.status(), answer.head.field("cache-control")), ("404 Not Found", None));
}

#[test]
fn an_attachment_has_a_name_that_every_client_reads_alike_6266() {
    let site = ruled();
    let plain = get(&site, "/downloads/plain.txt", &[]);
    assert_eq!(plain.field("content-disposition"), "attachment; filename=\"plain.txt\"");
    let quoted = get(&site, "/downloads/na%C3%AFve%20%22q%22.txt", &[]);
    assert_eq!(
        quoted.field("content-disposition"),
        "attachment; filename=\"na_ve _q_.txt\"; filename*=UTF-8''na%C3%AFve%20%22q%22.txt"
    );
    assert_eq!(get(&site, "/page.html", &[]).head.field("content-disposition"), None);
}

#[test]
fn what_can_not_be_set_is_refused_before_anything_is_served() {
    let home = directory(&[("index.html", b"x")]);
    let dir = home.path().to_str().unwrap();
    for (flag, value, told) in [
        ("--header", "Content-Length: 1", "made by the server itself"),
        ("--header", "Transfer-Encoding: chunked", "made by the server itself"),
        ("--header", "ETag: \"mine\"", "made by the server itself"),
        ("--header", "X: a\u{1}b", "control character"),
        ("--header", "no colon", "Name: value"),
        ("--cache-control", "[=no-store", "pattern"),
        ("--attachment", "", "pattern"),
        ("--mime", "md=plain", "two words"),
        ("--error-page", "200=ok.html", "400 to 599"),
        ("--error-page", "404=../404.html", "beneath the directory"),
        ("--base", "/a/../b", "'..'"),
        ("--auth", "jane:", "no password"),
        ("--auth", "jane:$1$salt$hash", "htpasswd -nB"),
        ("--allow", "192.0.2.1/24", "did you mean 192.0.2.0/24"),
        ("--deny", "example.org", "not a network"),
        ("--cors", "https://app.test/path", "without a path"),
    ] {
        let ended = run(&mut sockets(&["server", dir, "--port", "0", flag, value]));
        assert_eq!(ended.status, 2, "{flag} {value}: {}", ended.stderr);
        assert!(ended.stderr.contains(told), "{flag} {value:?} does not say {told:?}: {}", ended.stderr);
    }
}
