//! `sockets server --list`: directories shown to people, to programs, and as archives.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use lab::noise;

use crate::support::place::{Site, directory};
use crate::support::process::{Ended, HEADLESS, run};
use crate::support::wire::{Answer, Wire, ask};

/// A served directory `d` with entries of each kind, as a browser in the tests expects it.
fn site() -> Site {
    let files: &[(&str, &[u8])] = &[
        ("d/alpha.txt", b"first"),
        ("d/Beta.tar.gz", &[0; 3000]),
        ("d/gamma10.iso", &[0; 10]),
        ("d/gamma9.iso", &[0; 20]),
        ("d/sub/deep.txt", b"deep"),
        ("d/.hidden", b"nobody sees this"),
        ("d/<img src=x onerror=alert(1)>", b"nasty"),
        ("web/index.html", b"a page of its own"),
    ];
    let site = Site::with(files, &["--list"]);
    fs::write(site.files.path().join("d").join(OsStr::from_bytes(b"\xff.bin")), "bytes").unwrap();
    symlink("/etc/passwd", site.files.path().join("d/outside")).unwrap();
    site
}

fn get(site: &Site, target: &str, fields: &[&str]) -> Answer {
    ask(site.role.address, &format!("GET {target} HTTP/1.1"), fields)
}

/// The values of all strings `key` in JSON of ours, which has one entry to a line.
fn strings(json: &str, key: &str) -> Vec<String> {
    let before = format!("\"{key}\":\"");
    let starts = json.split(&before).skip(1);
    starts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn without_the_flag_no_directory_is_shown() {
    let site = Site::of(&[("d/file", b"")]);
    for target in ["/", "/d/", "/d/?archive=tar", "/d/?format=json"] {
        assert_eq!(get(&site, target, &[]).status(), "404 Not Found", "{target}");
    }
}

#[test]
fn a_directory_without_an_index_is_a_page() {
    let site = site();
    let page = get(&site, "/d/", &["Accept: text/html"]);
    assert_eq!(page.status(), "200 OK");
    assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
    assert_eq!((page.field("x-content-type-options"), page.field("cache-control")), ("nosniff", "no-cache"));
    assert!(page.field("content-security-policy").starts_with("default-src 'none';"));
    assert!(page.field("vary").contains("Accept"));
    assert!(page.text().contains("<a href=\"./alpha.txt\">") && page.text().contains("<a href=\"./sub/\">"));
    for hidden in ["<bdi>.hidden", "outside", "passwd", "<img"] {
        assert!(!page.text().contains(hidden), "{hidden}");
    }
    assert_eq!(get(&site, "/d", &[]).field("location"), "/d/");
    assert_eq!(get(&site, "/web/", &[]).text(), "a page of its own");
    let etag = page.field("etag");
    let same = get(&site, "/d/", &["Accept: text/html", &format!("If-None-Match: {etag}")]);
    assert_eq!(same.status(), "304 Not Modified");
    let head = ask(site.role.address, "HEAD /d/ HTTP/1.1", &["Accept: text/html"]);
    assert_eq!((head.field("etag"), head.field("content-length")), (etag, &*page.body.len().to_string()));
}

#[test]
fn each_link_of_a_program_s_list_leads_to_its_file() {
    let site = site();
    let list = get(&site, "/d/", &["Accept: application/json"]);
    assert_eq!(list.field("content-type"), "application/json");
    let urls = strings(list.text(), "url");
    let expected = [
        "./sub/",
        "./%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E",
        "./alpha.txt",
        "./Beta.tar.gz",
        "./gamma9.iso",
        "./gamma10.iso",
        "./%FF.bin",
    ];
    assert_eq!(urls, expected);
    for url in urls {
        let target = format!("/d/{}", url.strip_prefix("./").unwrap());
        assert_eq!(get(&site, &target, &[]).status(), "200 OK", "{target}");
    }
    assert_eq!(get(&site, "/d/%FF.bin", &[]).text(), "bytes");
    let by_size = get(&site, "/d/?format=json&sort=size&q=gamma", &[]);
    assert_eq!(strings(by_size.text(), "name"), ["gamma9.iso", "gamma10.iso"]);
}

/// A program, or `None` where it is not installed; CI has all of them.
fn program(name: &str, home: &Path, args: &[&str]) -> Option<Ended> {
    let installed = Command::new(name).arg("--help").output().is_ok();
    assert!(installed || std::env::var_os("CI").is_none(), "CI has to have {name}");
    if !installed {
        println!("not tried: {name} is not installed");
        return None;
    }
    Some(run(Command::new(name).args(args).current_dir(home)))
}

#[test]
fn a_directory_comes_as_one_archive() {
    let site = site();
    let content = noise(1_000_003);
    fs::write(site.files.path().join("d/sub/large.bin"), &content).unwrap();
    for (packing, command) in [("tar", ["tar", "-xf"]), ("zip", ["unzip", "-q"])] {
        let archive = get(&site, &format!("/d/?archive={packing}"), &[]);
        assert_eq!(archive.field("content-disposition"), format!("attachment; filename=\"d.{packing}\""));
        let home = directory(&[("archive", &archive.body)]);
        let [name, flag] = command;
        let Some(ended) = program(name, home.path(), &[flag, "archive"]) else { continue };
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(fs::read(home.path().join("d/sub/large.bin")).unwrap() == content);
        assert_eq!(fs::read(home.path().join("d/alpha.txt")).unwrap(), b"first");
        assert!(!home.path().join("d/.hidden").exists() && !home.path().join("d/outside").exists());
    }
}

/// What is already in the kernel's hands is not taken back, so the file is larger than that by far.
#[test]
fn an_archive_whose_file_becomes_shorter_is_never_whole() {
    for packing in ["tar", "zip"] {
        let site = Site::with(&[("d/a", b"")], &["--list"]);
        let large = site.files.path().join("d/large");
        fs::File::create(&large).unwrap().set_len(1 << 30).unwrap();
        let mut wire = Wire::to(site.role.address);
        wire.send(format!("GET /d/?archive={packing} HTTP/1.1\r\nHost: {}\r\n\r\n", site.role.address));
        let head = wire.head().unwrap();
        assert_eq!(head.field("transfer-encoding"), Some("chunked"));
        // The file has begun: more has come than stands before it.
        wire.exactly(300_000);
        fs::File::options().write(true).open(&large).unwrap().set_len(1000).unwrap();
        let rest = wire.rest();
        assert!(rest.len() < 1 << 30, "{packing}: {} bytes came", rest.len());
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{packing}: it ends as if it were whole");
        assert_eq!(get(&site, "/d/", &[]).status(), "200 OK", "the server goes on");
    }
}

#[test]
fn a_hundred_thousand_entries_come_while_others_are_served() {
    let site = Site::with(&[("small", b"small")], &["--list", "--threads", "1"]);
    let many = site.files.path().join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..100_000 {
        fs::File::create(many.join(format!("file-{number}"))).unwrap();
    }
    let mut slow = Wire::to(site.role.address);
    slow.send(format!("GET /many/ HTTP/1.1\r\nHost: {}\r\n\r\n", site.role.address));
    // It is read now, and then sent to somebody who takes nothing of it yet.
    for _ in 0..20 {
        assert_eq!(get(&site, "/small", &[]).text(), "small");
    }
    let page = slow.answer();
    assert_eq!(page.status(), "200 OK");
    assert_eq!(page.text().matches("<tr role=row class=bin>").count(), 100_000);
    assert!(page.text().contains("100,000 files") && page.text().ends_with("</html>\n"));
    let again = get(&site, "/many/?format=json", &[]);
    assert_eq!(again.text().lines().count(), 100_002);
}

/// Chromium's view of a page that drives the one under test; `None` where it is not installed.
fn browse(site: &Site, driver: &str) -> Option<Ended> {
    let home = directory(&[]);
    let profile = format!("--user-data-dir={}", home.path().join("profile").display());
    let url = site.role.url(driver);
    let args = ["--enable-logging=stderr", "--virtual-time-budget=15000", &profile, "--dump-dom", &url];
    program("chromium", home.path(), &[&HEADLESS[..], &args].concat())
}

#[test]
fn chromium_searches_and_sorts_without_a_complaint() {
    let site = site();
    fs::write(site.files.path().join("driver.html"), include_str!("listing.html")).unwrap();
    let Some(ended) = browse(&site, "/driver.html") else { return };
    let page = ended.stdout_text();
    let result = page.split("<pre id=\"result\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let expected = include_str!("listing.txt");
    assert_eq!(result.unwrap_or(page).trim(), expected.trim(), "{}", ended.stderr);
    let complaints: Vec<_> = ended.stderr.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
