//! `sockets get` with everything that people expect of a downloader.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lab::noise;

use crate::support::origin::{Origin, Reply, redirect, response};
use crate::support::paced::paced;
use crate::support::place::{Site, directory, tree};
use crate::support::process::{Ended, run, sockets};

fn get(home: &Path, args: &[&str]) -> Ended {
    run(sockets(&[&["get", "--tries", "1"], args].concat()).current_dir(home))
}

#[test]
fn a_list_names_many_files_and_what_is_special_about_each() {
    let site = Site::of(&[("a", b"one"), ("b", b"two"), ("d/a", b"three")]);
    let home = directory(&[("else/seen", b"")]);
    let sum = "sha256=3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
    let list = format!(
        "# a list\n{}\n{} -o 'b 2' --checksum {sum}\n{}\n{} --dir else\n",
        site.role.url("/a"),
        site.role.url("/b"),
        site.role.url("/d/a"),
        site.role.url("/a"),
    );
    fs::write(home.path().join("list"), list).unwrap();
    let ended = get(home.path(), &["-i", "list"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(tree(home.path()), ["a", "a.1", "b 2", "else", "else/a", "else/seen", "list"]);
    assert_eq!(fs::read(home.path().join("a.1")).unwrap(), b"three");
    let wrong = get(home.path(), &["-i", "missing"]);
    assert_eq!(wrong.status, 3, "{wrong:?}");
    fs::write(home.path().join("list"), "a/x\nftp://b/x\n").unwrap();
    let wrong = get(home.path(), &["-i", "list"]);
    assert!(wrong.status == 2 && wrong.stderr.contains("line 2"), "{wrong:?}");
}

#[test]
fn fields_go_to_every_server_and_credentials_to_the_urls_own_only() {
    let other = Origin::of(b"x");
    let target = other.url("/x");
    let first = Origin::start(move |_| Reply::Close(redirect(&target)));
    let home = directory(&[]);
    let url = first.url("/x");
    let args = ["-H", "X-Mine: 1", "-A", "me/1", "-e", "http://from/", "--user", "name:secret", &url];
    let ended = get(home.path(), &args);
    assert_eq!(ended.status, 0, "{ended:?}");
    for (origin, authorization) in [(&first, Some("Basic bmFtZTpzZWNyZXQ=")), (&other, None)] {
        let asked = origin.asked();
        assert_eq!(asked[0].field("x-mine"), Some("1"));
        assert_eq!(asked[0].field("user-agent"), Some("me/1"));
        assert_eq!(asked[0].field("referer"), Some("http://from/"));
        assert_eq!(asked[0].field("authorization"), authorization);
    }
}

#[test]
fn netrc_is_looked_into_unless_it_is_not_to_be() {
    let origin = Origin::of(b"x");
    let home = directory(&[(".netrc", b"machine 127.0.0.1 login name password secret\n")]);
    for (more, authorization) in [(&[][..], Some("Basic bmFtZTpzZWNyZXQ=")), (&["--no-netrc"], None)] {
        let (url, count) = (origin.url("/x"), origin.asked().len());
        let args = [&["get", "--force", &url], more].concat();
        let ended = run(sockets(&args).current_dir(home.path()).env("HOME", home.path()).env_remove("NETRC"));
        assert_eq!(ended.status, 0, "{ended:?}");
        assert_eq!(origin.asked()[count].field("authorization"), authorization);
    }
}

#[test]
fn the_environment_names_a_proxy_and_who_is_asked_without_it() {
    let (proxy, site, home) = (Origin::of(b"by proxy"), Site::of(&[("x", b"straight")]), directory(&[]));
    for (exempt, content) in [("", &b"by proxy"[..]), ("127.0.0.1", b"straight")] {
        let mut command = sockets(&["get", "--force", &site.role.url("/x")]);
        command.current_dir(home.path()).env("http_proxy", proxy.url("/")).env("no_proxy", exempt);
        let ended = run(&mut command);
        assert_eq!(ended.status, 0, "{ended:?}");
        assert_eq!(fs::read(home.path().join("x")).unwrap(), content);
    }
}

#[test]
fn a_file_that_is_there_is_left_alone_replaced_by_a_newer_one_or_already_it() {
    let site = Site::of(&[("x", b"new")]);
    let (home, url) = (directory(&[]), site.role.url("/x"));
    let date = |path: &Path, seconds| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options().write(true).open(path.join("x")).unwrap().set_modified(time).unwrap();
    };
    date(site.files.path(), 1_600_000_000);
    assert_eq!(get(home.path(), &[&url]).status, 0);
    let again = get(home.path(), &[&url]);
    assert!(again.status == 0 && again.stderr.contains("there already"), "{again:?}");
    fs::write(home.path().join("x"), b"mine").unwrap();
    assert_eq!(get(home.path(), &[&url]).status, 3);
    assert_eq!(get(home.path(), &["--no-clobber", &url]).status, 0);
    assert_eq!(get(home.path(), &["-N", &url]).status, 0);
    assert_eq!(fs::read(home.path().join("x")).unwrap(), b"mine", "it is newer than the server's");
    date(home.path(), 1);
    assert_eq!(get(home.path(), &["-N", &url]).status, 0);
    assert_eq!(fs::read(home.path().join("x")).unwrap(), b"new");
}

#[test]
fn no_more_is_taken_than_the_size_the_rate_and_the_time_allow() {
    let content = noise(300_000);
    let site = Site::of(&[("x", &content)]);
    let (home, url) = (directory(&[]), site.role.url("/x"));
    let large = get(home.path(), &["--max-size", "299999", &url]);
    assert_eq!(large.status, 8, "{large:?}");
    assert!(large.stderr.contains("--max-size") && tree(home.path()).is_empty(), "{large:?}");
    let late = get(home.path(), &["--limit-rate", "100k", "--max-time", "500ms", &url]);
    assert_eq!(late.status, 4, "{late:?}");
    assert!(late.stderr.contains("--max-time"), "{late:?}");
    let begin = Instant::now();
    assert_eq!(get(home.path(), &["--limit-rate", "300k", "--force", &url]).status, 0);
    assert!(begin.elapsed().as_millis() > 400, "{:?}", begin.elapsed());
    assert!(fs::read(home.path().join("x")).unwrap() == content);
}

#[test]
fn chunked_content_over_the_size_is_refused_too() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
    let origin = Origin::start(|_| Reply::Close(chunked.to_vec()));
    let home = directory(&[]);
    assert_eq!(get(home.path(), &["--max-size", "4", &origin.url("/x")]).status, 8);
    assert!(tree(home.path()).is_empty());
}

#[test]
fn heads_can_be_asked_for_and_shown() {
    let (site, home) = (Site::of(&[("x", b"12345")]), directory(&[]));
    let head = get(home.path(), &["-I", &site.role.url("/x")]);
    assert_eq!(head.status, 0, "{head:?}");
    assert!(head.stdout_text().starts_with("HTTP/1.1 200 OK\n"), "{head:?}");
    assert!(head.stdout_text().contains("content-length: 5\n") && tree(home.path()).is_empty(), "{head:?}");
    let shown = get(home.path(), &["-v", "--user", "a:b", &site.role.url("/x")]);
    assert!(shown.stderr.contains("> GET http://") && shown.stderr.contains("< 200 OK"), "{shown:?}");
    assert!(!shown.stderr.contains("YTpi"), "credentials are not shown: {shown:?}");
}

#[test]
fn json_tells_programs_what_happens() {
    let (site, home) = (Site::of(&[("x", b"12345")]), directory(&[]));
    let ended = get(home.path(), &["--json", &site.role.url("/x"), &site.role.url("/none")]);
    assert_eq!(ended.status, 8, "{ended:?}");
    let events: Vec<serde_json::Value> =
        ended.stdout_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |event: &str| events.iter().find(|object| object["event"] == event).unwrap();
    let done = find("done");
    assert_eq!((done["path"].as_str(), done["bytes"].as_u64()), (Some("x"), Some(5)));
    assert_eq!(done["sources"][0]["bytes"].as_u64(), Some(5));
    assert_eq!(find("start")["total"].as_u64(), Some(5));
    let failed = find("failed");
    assert_eq!(failed["exit"].as_u64(), Some(8));
    assert!(failed["message"].as_str().unwrap().contains("404"));
}

#[test]
fn three_servers_are_named_with_what_each_gave() {
    let content = Arc::new(noise(12 << 20));
    let servers: Vec<Origin> = (0..3).map(|_| paced(&content, 64 << 10, Duration::from_millis(10))).collect();
    let home = directory(&[]);
    let urls: Vec<String> = servers.iter().map(|server| server.url("/x")).collect();
    let ended = get(home.path(), &[&urls[0], "--mirror", &urls[1], "--mirror", &urls[2]]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(fs::read(home.path().join("x")).unwrap() == *content);
    assert!(ended.stderr.contains("from 3 sources"), "{}", ended.stderr);
    for url in urls {
        assert!(ended.stderr.contains(&format!("from {url}")), "{}", ended.stderr);
    }
}

#[test]
fn a_metalink_names_places_and_digests_as_a_file_and_as_a_url() {
    let content = noise(3 << 20);
    let site = Site::of(&[("x", &content)]);
    let sums: String =
        content.chunks(1 << 20).map(|piece| format!("<hash>{}</hash>", sha256(piece))).collect();
    let metalink = format!(
        "<?xml version=\"1.0\"?><metalink xmlns=\"urn:ietf:params:xml:ns:metalink\"><file name=\"../../x.bin\">\
         <size>3145728</size><hash type=\"sha-256\">{}</hash><pieces length=\"1048576\" type=\"sha-256\">{sums}</pieces>\
         <url>{}</url><url>http://127.0.0.1:1/x</url></file></metalink>",
        sha256(&content),
        site.role.url("/x"),
    );
    fs::write(site.files.path().join("x.meta4"), &metalink).unwrap();
    for by_url in [false, true] {
        let home = directory(&[("x.meta4", metalink.as_bytes())]);
        let place = if by_url { site.role.url("/x.meta4") } else { "x.meta4".to_owned() };
        let ended = get(home.path(), &["--metalink", &place]);
        assert_eq!(ended.status, 0, "{ended:?}");
        assert_eq!(tree(home.path()), ["x.bin", "x.meta4"]);
        assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    }
    let home = directory(&[("no", b"<html></html>")]);
    assert_eq!(get(home.path(), &["--metalink", "no"]).status, 7);
}

#[test]
fn a_list_of_checksums_is_taken_from_a_file_or_a_url() {
    let site = Site::of(&[("x", b"one"), ("y", b"two")]);
    let list = format!("{}  x\n{}  z\n", sha256(b"one"), sha256(b"two"));
    fs::write(site.files.path().join("SHA256SUMS"), &list).unwrap();
    let home = directory(&[("sums", list.as_bytes())]);
    for (list, name, status) in [
        ("sums".to_owned(), "/x", 0),
        (site.role.url("/SHA256SUMS"), "/x", 0),
        ("sums".to_owned(), "/y", 9),
        (site.role.url("/none"), "/x", 8),
    ] {
        let ended = get(home.path(), &["--force", "--checksums", &list, &site.role.url(name)]);
        assert_eq!(ended.status, status, "{list} {name}: {ended:?}");
    }
    fs::write(site.files.path().join("x"), b"another").unwrap();
    assert_eq!(get(home.path(), &["--force", "--checksums", "sums", &site.role.url("/x")]).status, 9);
    assert_eq!(fs::read(home.path().join("x")).unwrap(), b"one", "the old one is intact");
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_answer_of_another_kind_is_no_file() {
    let origin = Origin::start(|_| Reply::Close(response("200 OK", &["Content-Encoding: br"], b"xyz")));
    let home = directory(&[]);
    let ended = get(home.path(), &[&origin.url("/x")]);
    assert_eq!(ended.status, 7, "{ended:?}");
    assert!(ended.stderr.contains("content coding") && tree(home.path()).is_empty(), "{ended:?}");
}
