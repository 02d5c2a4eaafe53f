//! What can be said of a site: each flag of the server, seen from outside.

use crate::support::place::Site;
use crate::support::until;
use crate::support::wire::{Answer, ask};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

fn of(site: &Site, path: &str, fields: &[&str]) -> Answer {
    ask(site.role.address, &format!("GET {path} HTTP/1.1"), fields)
}

fn status(site: &Site, path: &str, fields: &[&str]) -> String {
    of(site, path, fields).status()[..3].to_owned()
}

#[test]
fn an_application_answers_its_own_addresses() {
    let site = Site::with(&[("index.html", b"app"), ("app.js", b"1")], &["--spa"]);
    assert_eq!(of(&site, "/users/7", &[BROWSER]).text(), "app");
    assert_eq!(of(&site, "/app.js", &[]).text(), "1");
    assert_eq!(status(&site, "/gone.js", &[]), "404");
}

#[test]
fn clean_addresses_lead_to_pages_and_pages_to_them() {
    let site = Site::with(&[("about.html", b"about")], &["--clean-urls"]);
    assert_eq!(of(&site, "/about", &[]).text(), "about");
    let moved = of(&site, "/about.html?a", &[]);
    assert_eq!((moved.status(), moved.field("location")), ("301 Moved Permanently", "/about?a"));
}

#[test]
fn an_error_has_the_page_that_is_given_for_it() {
    let site = Site::with(&[(".404.html", b"<p>lost")], &["--error-page", "404=.404.html"]);
    let lost = of(&site, "/nowhere", &[]);
    assert_eq!((lost.status(), lost.text()), ("404 Not Found", "<p>lost"));
    assert_eq!(lost.field("content-type"), "text/html; charset=utf-8");
    assert_eq!(status(&site, "/.404.html", &[]), "404");
}

#[test]
fn a_site_may_lie_beneath_a_path_and_have_another_index() {
    let site = Site::with(&[("d/home.htm", b"home")], &["--base", "/docs", "--index", "home.htm"]);
    assert_eq!(of(&site, "/docs/d/", &[]).text(), "home");
    assert_eq!(of(&site, "/docs/d", &[]).field("location"), "/docs/d/");
    assert_eq!(status(&site, "/d/", &[]), "404");
}

#[test]
fn dot_files_are_served_if_that_is_wanted() {
    let files: [(&str, &[u8]); 1] = [(".env", b"secret")];
    assert_eq!(status(&Site::of(&files), "/.env", &[]), "404");
    assert_eq!(of(&Site::with(&files, &["--hidden"]), "/.env", &[]).text(), "secret");
}

#[test]
fn fields_are_set_for_the_files_they_are_for() {
    let site = Site::with(
        &[("a.css", b"a"), ("d/b.pdf", b"b"), ("c.xyz", b"c")],
        &[
            "--cache-control",
            "no-cache",
            "--cache-control",
            "*.css=max-age=60, public",
            "--header",
            "X-Robots-Tag: none",
            "--header",
            "d/**=Content-Language: de, en",
            "--attachment",
            "*.pdf",
            "--mime",
            "xyz=text/x-xyz",
        ],
    );
    let (css, pdf, xyz) = (of(&site, "/a.css", &[]), of(&site, "/d/b.pdf", &[]), of(&site, "/c.xyz", &[]));
    assert_eq!((css.field("cache-control"), css.field("x-robots-tag")), ("max-age=60, public", "none"));
    assert_eq!((pdf.field("cache-control"), pdf.field("content-language")), ("no-cache", "de, en"));
    assert_eq!(pdf.field("content-disposition"), "attachment; filename=\"b.pdf\"");
    assert_eq!(xyz.field("content-type"), "text/x-xyz; charset=utf-8");
    assert!(css.head.field("content-disposition").is_none() && css.head.field("content-language").is_none());
}

#[test]
fn several_values_may_stand_in_a_variable_line_by_line() {
    let files = crate::support::place::directory(&[("a.css", b"a")]);
    let mut command = crate::support::process::sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]);
    let command = command.arg(files.path()).env("SOCKETS_HEADER", "X-A: 1, 2\n*.css=X-B: 3");
    let role = crate::support::process::Role::of(command);
    let answer = ask(role.address, "GET /a.css HTTP/1.1", &[]);
    assert_eq!((answer.field("x-a"), answer.field("x-b")), ("1, 2", "3"));
}

#[test]
fn who_has_no_password_is_asked_for_one() {
    // Of "secret", as htpasswd -nbB -C 4 makes it.
    let hash = "jane:$2y$04$76ePAMEjhKReQTSMqnzcpeKbXuk6BF4A2Jri8pjwz9pVGe96vLAaC";
    let site = Site::with(&[("a", b"hello")], &["--auth", hash, "--auth", "joe:plain"]);
    let stranger = of(&site, "/a", &[]);
    assert_eq!(stranger.status(), "401 Unauthorized");
    assert!(stranger.field("www-authenticate").starts_with("Basic realm="));
    assert_eq!(of(&site, "/a", &["Authorization: Basic am9lOnBsYWlu"]).text(), "hello");
    assert_eq!(of(&site, "/a", &["Authorization: Basic amFuZTpzZWNyZXQ="]).text(), "hello");
    assert_eq!(status(&site, "/a", &["Authorization: Basic am9lOnBsYWlv"]), "401");
    // It says of whom, and not which.
    assert!(!site.role.process.says("the password of joe is given as it is").contains("plain"));
}

#[test]
fn networks_are_let_in_or_kept_out() {
    let files: [(&str, &[u8]); 1] = [("a", b"hello")];
    for (args, expected) in [
        (&["--allow", "127.0.0.0/8"][..], "200"),
        (&["--allow", "192.0.2.0/24,2001:db8::/32"], "403"),
        (&["--deny", "127.0.0.1"], "403"),
    ] {
        assert_eq!(status(&Site::with(&files, args), "/a", &[]), expected, "{args:?}");
    }
}

#[test]
fn scripts_of_other_sites_may_read_if_they_are_let() {
    let files: [(&str, &[u8]); 1] = [("a", b"hello")];
    let site = Site::with(&files, &["--cors", "https://app.test,http://localhost:3000"]);
    let answer = of(&site, "/a", &["Origin: https://app.test"]);
    assert_eq!(answer.field("access-control-allow-origin"), "https://app.test");
    let stranger = of(&site, "/a", &["Origin: https://evil.test"]);
    assert!(stranger.head.field("access-control-allow-origin").is_none());
    let any = of(&Site::with(&files, &["--cors", "*"]), "/a", &[]);
    assert_eq!(any.field("access-control-allow-origin"), "*");
}

#[test]
fn text_is_sent_compressed_to_who_accepts_it() {
    let text = "all work and no play ".repeat(100);
    let files: [(&str, &[u8]); 3] = [("a.txt", text.as_bytes()), ("b.txt", b"plain"), ("b.txt.gz", b"coded")];
    let plain = Site::of(&files);
    assert!(of(&plain, "/a.txt", &["Accept-Encoding: gzip"]).head.field("content-encoding").is_none());

    let site = Site::with(&files, &["--compress"]);
    // Not before the file's clock can tell this version from the next.
    let answer = until("the file is old enough", || {
        let answer = of(&site, "/a.txt", &["Accept-Encoding: gzip"]);
        answer.head.field("content-encoding").is_some().then_some(answer)
    });
    assert_eq!((answer.field("content-encoding"), answer.field("vary")), ("gzip", "Accept-Encoding"));
    assert!(answer.body.len() < text.len() / 4);
    assert_eq!(of(&site, "/a.txt", &[]).text(), text);
    assert!(of(&site, "/b.txt", &["Accept-Encoding: gzip"]).head.field("content-encoding").is_none());

    let site = Site::with(&files, &["--precompressed"]);
    let answer = of(&site, "/b.txt", &["Accept-Encoding: gzip"]);
    assert_eq!((answer.field("content-encoding"), answer.text()), ("gzip", "coded"));
    let long = Site::with(&files, &["--compress", "--compress-max", "1k"]);
    assert!(
        of(&long, "/a.txt", &["Accept-Encoding: gzip"]).head.field("vary").is_none(),
        "there is no choice"
    );
}
