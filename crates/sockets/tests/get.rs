//! `sockets get`: a file that is whole, or none.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use lab::noise;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::origin::{Origin, Reply, redirect, response};
use crate::support::place::{Port, Site, directory, tree};
use crate::support::process::{Ended, Process, Role, run, sockets};
use crate::support::until;

const INDEX: &[u8] = b"<!doctype html>\n<title>Hello</title>\n";

/// `sockets get` in `home`, once.
fn get(home: &Path, args: &[&str]) -> Ended {
    run(sockets(&[&["get", "--tries", "1"], args].concat()).current_dir(home))
}

/// A directory to download into.
fn home() -> TempDir {
    directory(&[])
}

fn assert_saved(ended: &Ended, home: &TempDir, name: &str, content: &[u8]) {
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(tree(home.path()), [name]);
    assert!(fs::read(home.path().join(name)).unwrap() == content, "other content");
}

/// A URL without its scheme.
fn bare(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

#[test]
fn a_200_is_saved_under_the_name_in_the_url() {
    let big = noise(3_000_001);
    let site = Site::of(&[("index.html", INDEX), ("a/b c.bin", &big), ("empty", b"")]);
    for (path, name, content) in [
        ("/index.html", "index.html", INDEX),
        ("/index.html?version=2", "index.html", INDEX),
        ("/a/b%20c.bin", "b c.bin", &*big),
        ("/empty", "empty", b""),
        ("/", "index.html", INDEX),
    ] {
        let home = home();
        assert_saved(&get(home.path(), &[bare(&site.role.url(path))]), &home, name, content);
    }
    let (home, port) = (home(), site.role.address.port());
    let by_name = get(home.path(), &[&format!("localhost:{port}/index.html")]);
    assert_saved(&by_name, &home, "index.html", INDEX);
}

#[test]
fn it_sends_a_get_with_the_right_host() {
    let (origin, home) = (Origin::of(b"x"), home());
    let port = origin.address.port();
    assert_eq!(get(home.path(), &[&format!("localhost:{port}/a/x?q=1#part")]).status, 0);
    let asked = origin.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "GET /a/x?q=1 HTTP/1.1");
    assert_eq!(asked[0].field("host"), Some(&*format!("localhost:{port}")));
}

#[test]
fn it_saves_into_the_directory_that_is_named() {
    let (site, home) = (Site::of(&[("x", b"new")]), directory(&[("here/other", b"")]));
    let ended = get(home.path(), &["--dir", "here", &site.role.url("/x")]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(tree(home.path()), ["here", "here/other", "here/x"]);

    let missing = get(home.path(), &["--dir", "nowhere", &site.role.url("/x")]);
    assert_eq!(missing.status, 3);
    assert!(missing.stderr.contains("mkdir -p nowhere"), "{}", missing.stderr);
    let file = get(home.path(), &["--dir", "here/other", &site.role.url("/x")]);
    assert_eq!(file.status, 3);
    assert!(file.stderr.contains("here/other is not a directory"), "{}", file.stderr);
}

#[test]
fn content_that_is_chunked_or_ends_with_the_connection_is_saved_too() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    let until_close = b"HTTP/1.1 200 OK\r\n\r\nabcde";
    for bytes in [&chunked[..], until_close] {
        let origin = Origin::start(|_| Reply::Close(bytes.to_vec()));
        let home = home();
        assert_saved(&get(home.path(), &[&origin.url("/x")]), &home, "x", b"abcde");
    }
}

#[test]
fn a_proxy_is_asked_for_the_whole_url() {
    let (proxy, home) = (Origin::of(b"from the proxy"), home());
    let proxy_at = proxy.address.to_string();
    let ended = get(home.path(), &["--proxy", &proxy_at, "files.test:8000/a/index.html?q"]);
    assert_saved(&ended, &home, "index.html", b"from the proxy");
    let asked = proxy.asked();
    assert_eq!(asked[0].line, "GET http://files.test:8000/a/index.html?q HTTP/1.1");
    assert_eq!(asked[0].field("host"), Some("files.test:8000"));
}

#[test]
fn a_balancer_is_asked_first_and_followed_to_the_server_that_it_chooses() {
    let site = Site::of(&[("index.html", INDEX)]);
    let balancer = Role::start("balancer", &["--to", &site.role.url("/")]);
    let balancer_at = balancer.address.to_string();
    let by_flag = home();
    // Nobody has to be at the URL's own authority.
    let ended = get(by_flag.path(), &["--balancer", &balancer_at, "nobody.test:8000/index.html"]);
    assert_saved(&ended, &by_flag, "index.html", INDEX);
    assert!(ended.stderr.contains(&site.role.url("/index.html")), "{}", ended.stderr);
    let as_a_server = home();
    let ended = get(as_a_server.path(), &[&balancer.url("/index.html")]);
    assert_saved(&ended, &as_a_server, "index.html", INDEX);
}

#[test]
fn any_other_final_status_leaves_no_file_and_has_its_exit_status() {
    let help = run(&mut sockets(&["get", "--help"])).stdout_text().to_owned();
    for (line, exit) in [
        ("204 No Content", 8),
        ("206 Partial Content", 7),
        ("300 Multiple Choices", 8),
        ("304 Not Modified", 8),
        ("400 Bad Request", 8),
        ("401 Unauthorized", 6),
        ("403 Forbidden", 8),
        ("404 Not Found", 8),
        ("407 Proxy Authentication Required", 6),
        ("410 Gone", 8),
        ("500 Internal Server Error", 8),
        ("501 Method Not Implemented", 8),
        ("503 Service Unavailable", 8),
        ("505 Version Not Supported", 8),
        ("523 Origin Is Unreachable", 8),
    ] {
        let origin = Origin::start(move |_| Reply::Close(response(line, &[], b"")));
        let home = home();
        let ended = get(home.path(), &[&origin.url("/x")]);
        assert_eq!(ended.status, exit, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(line.split(' ').next().unwrap()), "{line}: {}", ended.stderr);
        assert!(tree(home.path()).is_empty(), "{line}");
        assert!(help.contains(&format!("{exit} ")), "--help names {exit}");
    }
}

#[test]
fn a_file_that_exists_is_replaced_by_force_only() {
    let site = Site::of(&[("x", b"new")]);
    let home = directory(&[("x", b"old")]);
    let refused = get(home.path(), &[&site.role.url("/x")]);
    assert_eq!(refused.status, 3);
    assert!(refused.stderr.contains("x is there already (--force replaces it)"), "{}", refused.stderr);
    assert_eq!(fs::read(home.path().join("x")).unwrap(), b"old");
    assert_saved(&get(home.path(), &["--force", &site.role.url("/x")]), &home, "x", b"new");
}

#[test]
fn an_output_file_is_named_or_standard_output() {
    let content = noise(300_000);
    let site = Site::of(&[("x", &content)]);
    let home_of_file = home();
    let ended = get(home_of_file.path(), &[&site.role.url("/x"), "-o", "y.bin"]);
    assert_saved(&ended, &home_of_file, "y.bin", &content);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("y.bin: "), "{}", ended.stderr);

    let home = home();
    let ended = get(home.path(), &[&site.role.url("/x"), "-o", "-"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stdout == content, "{} other bytes", ended.stdout.len());
    assert!(tree(home.path()).is_empty());
    let absent = get(home.path(), &[&site.role.url("/none"), "-o", "-"]);
    assert_eq!((absent.status, absent.stdout), (8, Vec::new()), "an error page is not the file");
}

#[test]
fn several_urls_are_got_one_after_the_other_and_the_first_failure_tells() {
    let site = Site::of(&[("1", b"one"), ("2", b"two")]);
    let home = home();
    let urls = ["/1", "/none", "/2"].map(|path| site.role.url(path));
    let ended = get(home.path(), &[&urls[0], &urls[1], &urls[2]]);
    assert_eq!(ended.status, 8, "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("404 Not Found for {}", urls[1])), "{}", ended.stderr);
    assert_eq!(tree(home.path()), ["1", "2"]);
    let two = get(home.path(), &[&urls[0], &urls[2], "-o", "x"]);
    assert_eq!(two.status, 2);
    assert!(two.stderr.contains("--dir"), "{}", two.stderr);
}

#[test]
fn content_that_is_cut_short_leaves_no_file_and_the_old_one_as_it_was() {
    let by_length = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.";
    let by_chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf.\r\n";
    for bytes in [&by_length[..], by_chunks] {
        let origin = Origin::start(|_| Reply::Close(bytes.to_vec()));
        let empty = home();
        let ended = get(empty.path(), &[&origin.url("/x")]);
        assert_eq!(ended.status, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains("broke off after 5 bytes"), "{}", ended.stderr);
        assert!(tree(empty.path()).is_empty());
        let old = directory(&[("x", b"old")]);
        assert_eq!(get(old.path(), &["--force", &origin.url("/x")]).status, 4);
        assert_eq!(tree(old.path()), ["x"]);
        assert_eq!(fs::read(old.path().join("x")).unwrap(), b"old");
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    let count = AtomicUsize::new(0);
    let origin = Origin::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.".to_vec()),
        _ => Reply::Close(response("200 OK", &[], b"whole")),
    });
    let home = home();
    let ended = run(sockets(&["get", &origin.url("/x")]).current_dir(home.path()));
    assert_saved(&ended, &home, "x", b"whole");
    assert!(ended.stderr.contains("broke off") && ended.stderr.contains("again in"), "{}", ended.stderr);
}

#[test]
fn each_way_that_the_network_fails_has_its_exit_status() {
    let nobody = Port::reserve();
    let silent = Origin::start(|_| Reply::Hold(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec()));
    let no_http = Origin::start(|_| Reply::Close(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()));
    let no_answer = Origin::start(|_| Reply::Close(Vec::new()));
    for (url, exit, text) in [
        (format!("http://{}/x", nobody.address()), 4, "refused"),
        (silent.url("/x"), 4, "stalled"),
        (no_answer.url("/x"), 4, "closed"),
        (no_http.url("/x"), 7, "status line"),
    ] {
        let home = home();
        let ended = get(home.path(), &["--stall", "200ms", &url]);
        assert_eq!(ended.status, exit, "{url}: {}", ended.stderr);
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "one line: {}", ended.stderr);
        assert!(tree(home.path()).is_empty());
    }
}

#[test]
fn redirects_are_followed_and_a_loop_is_named() {
    let origin = Origin::start(|asked| {
        Reply::Keep(match asked.line.split(' ').nth(1).unwrap() {
            "/here" => redirect("there?q"),
            "/there?q" => response("200 OK", &[], b"found"),
            "/a" => redirect("/b"),
            "/b" => redirect("/a"),
            endless => redirect(&format!("{endless}x")),
        })
    });
    let found = home();
    assert_saved(&get(found.path(), &[&origin.url("/here")]), &found, "here", b"found");
    let home = home();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    let circle = get(home.path(), &[&a]);
    assert_eq!(circle.status, 8);
    assert!(circle.stderr.contains(&format!("redirect loop: {a} -> {b} -> {a}")), "{}", circle.stderr);
    let endless = get(home.path(), &[&origin.url("/x")]);
    assert_eq!(endless.status, 8);
    assert!(endless.stderr.contains("more than 10 redirects"), "{}", endless.stderr);
    assert!(tree(home.path()).is_empty());
}

#[test]
fn no_url_and_no_location_writes_outside_of_the_directory() {
    let ways = [
        "/..%2f..%2fevil",
        "/..%5c..%5cevil",
        "/%2e%2e/%2e%2e/evil",
        "/../../evil",
        "/%2fevil",
        "/..",
        "/%2e%2e",
        "/.%2e%2fevil",
        "/%00evil",
        "/a/..;/evil",
    ];
    let origin = Origin::start(|asked| {
        let path = asked.line.split(' ').nth(1).unwrap();
        Reply::Keep(match path.strip_prefix("/to?") {
            Some(location) => redirect(location),
            None => {
                response("200 OK", &["Content-Disposition: attachment; filename=\"../../evil\""], b"evil")
            }
        })
    });
    let outer = directory(&[("evil", b"mine"), ("a/evil", b"mine"), ("a/b/seen", b"mine")]);
    let home = outer.path().join("a/b");
    for way in ways {
        let urls = [origin.url(way), origin.url(&format!("/to?{way}"))];
        for (url, name) in urls.iter().zip([None, Some("to")]) {
            let ended = get(&home, &["--dir", "c", url]);
            assert_eq!(ended.status, 3, "no directory is made");
            fs::create_dir(home.join("c")).unwrap();
            let ended = get(&home, &["--dir", "c", url]);
            assert_eq!(ended.status, 0, "{url}: {ended:?}");
            let saved = tree(&home.join("c"));
            assert_eq!(saved.len(), 1, "{url}: {saved:?}");
            assert!(name.is_none_or(|name| saved == [name]), "{url}: {saved:?}");
            fs::remove_dir_all(home.join("c")).unwrap();
            assert_eq!(tree(outer.path()), ["a", "a/b", "a/b/seen", "a/evil", "evil"], "{url}");
            for mine in ["evil", "a/evil"] {
                assert_eq!(fs::read(outer.path().join(mine)).unwrap(), b"mine", "{url}");
            }
        }
    }
    let elsewhere = get(&home, &[&origin.url("/to?file:///etc/passwd")]);
    assert_eq!(elsewhere.status, 7, "{}", elsewhere.stderr);
    assert_eq!(tree(&home), ["seen"]);
}

#[test]
fn what_needs_tls_is_refused_by_name() {
    let origin = Origin::start(|_| Reply::Close(redirect("https://files.test/x")));
    let home = home();
    for url in ["https://files.test/x".to_owned(), origin.url("/x")] {
        let ended = get(home.path(), &[&url]);
        assert_eq!(ended.status, 5, "{}", ended.stderr);
        assert!(ended.stderr.contains("https://files.test/x needs TLS"), "{}", ended.stderr);
    }
    assert!(tree(home.path()).is_empty());
}

#[test]
fn an_interrupt_in_the_middle_leaves_nothing_unfinished() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf".to_vec();
    let origin = Origin::start(move |_| Reply::Hold(half.clone()));
    for signal in [Signal::INT, Signal::TERM] {
        let home = directory(&[("x", b"old")]);
        let args = ["get", "--force", "--stall", "1m", &origin.url("/x")];
        let process = Process::start(sockets(&args).current_dir(home.path()));
        until("the part is there", || tree(home.path()).contains(&"x.part".to_owned()).then_some(()));
        process.signal(signal);
        let ended = process.end();
        assert_eq!(ended.status, 130, "{}", ended.stderr);
        assert_eq!(tree(home.path()), ["x"]);
        assert_eq!(fs::read(home.path().join("x")).unwrap(), b"old");
    }
}

#[test]
fn quiet_says_nothing_but_what_went_wrong() {
    let site = Site::of(&[("x", b"x")]);
    let home = home();
    let loud = get(home.path(), &[&site.role.url("/x"), "-o", "loud"]);
    assert!(loud.stderr.contains(&format!("from {}", site.role.url("/x"))), "{}", loud.stderr);
    let quiet = get(home.path(), &["-q", &site.role.url("/x")]);
    assert_eq!((quiet.status, &*quiet.stderr), (0, ""));
    assert!(get(home.path(), &["-q", &site.role.url("/none")]).stderr.contains("404"));
}

#[test]
fn a_url_that_is_none_is_refused_before_anything_is_done() {
    let home = home();
    for url in
        ["", "ftp://files.test/x", "http://", "http://user:password@files.test/x", "files.test:99999/x"]
    {
        let ended = get(home.path(), &[url]);
        assert_eq!(ended.status, 2, "{url}: {}", ended.stderr);
        assert!(ended.stderr.contains(url), "{}", ended.stderr);
    }
    assert_eq!(get(home.path(), &[]).status, 2);
    assert!(tree(home.path()).is_empty());
}
