//! `sockets balancer` as an administrator has it, and as downloaders that know mirrors see it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use lab::noise;
use rustix::process::Signal;

use crate::support::place::{Site, directory};
use crate::support::process::{Ended, Role, run, sockets};
use crate::support::until;
use crate::support::wire::{Wire, ask};

/// A balancer with an administrator's listener.
struct Administered {
    role: Role,
    admin: SocketAddr,
}

fn administered(args: &[&str]) -> Administered {
    let terms = ["--admin", "127.0.0.1:0", "--interval", "200ms"];
    let role = Role::start("balancer", &[&terms, args].concat());
    let line = role.process.says("administering it at http://");
    let (_, url) = line.split_once(" at http://").unwrap();
    let admin = url.trim_end_matches('/').parse().unwrap();
    Administered { role, admin }
}

/// `sockets balancer WORDS`, said to that balancer.
fn tell(admin: SocketAddr, words: &[&str]) -> Ended {
    let admin = admin.to_string();
    let (verb, rest) = words.split_first().unwrap();
    run(&mut sockets(&[&["balancer", verb, "--admin", &admin], rest].concat()))
}

fn place(balancer: &Role, path: &str) -> String {
    let answer = ask(balancer.address, &format!("GET {path} HTTP/1.1"), &[]);
    answer.head.field("location").unwrap_or(answer.status()).to_owned()
}

#[test]
fn an_administrator_sees_and_changes_what_a_balancer_does_and_it_is_kept() {
    let [one, two] = [(); 2].map(|()| Site::of(&[("index.html", b"the same")]));
    let home = directory(&[]);
    let state = home.path().join("changes.txt");
    let (first, second) = (one.role.url(""), two.role.url(""));
    let args = ["--to", &first, "--state", state.to_str().unwrap()];
    let balancer = administered(&args);

    let added = tell(balancer.admin, &["add", &second, "weight=3"]);
    assert_eq!(added.status, 0, "{}", added.stderr);
    let drained = tell(balancer.admin, &["drain", &first]);
    assert!(drained.stdout_text().contains("drained"), "{}", drained.stdout_text());
    until("only the second gets clients", || (place(&balancer.role, "/") == two.role.url("/")).then_some(()));
    assert!((0..20).all(|_| place(&balancer.role, "/") == two.role.url("/")));

    let table = tell(balancer.admin, &["status"]);
    assert!(table.stdout_text().starts_with("SERVER"), "{}", table.stdout_text());
    let json = tell(balancer.admin, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(json.stdout_text()).unwrap();
    let row = status["servers"].as_array().unwrap().iter().find(|row| row["url"] == *second).unwrap();
    assert_eq!((&row["state"], &row["admin_weight"], &row["share"]), (&"up".into(), &3.into(), &1.0.into()));
    assert!(row["clients"].as_u64().unwrap() >= 20 && row["tests"][0]["total_ms"].as_f64().unwrap() > 0.0);
    let metrics = ask(balancer.admin, "GET /metrics HTTP/1.1", &[]);
    let line = format!("sockets_balancer_up{{server=\"{second}\"}} 1");
    assert!(metrics.text().lines().any(|other| other == line), "{}", metrics.text());

    let refused = tell(balancer.admin, &["remove", "http://localhost:1"]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("no server http://localhost:1"), "{}", refused.stderr);

    drop(balancer);
    let again = administered(&args);
    until("the second gets clients", || (place(&again.role, "/") == two.role.url("/")).then_some(()));
    assert!((0..20).all(|_| place(&again.role, "/") == two.role.url("/")), "it is still drained");
    let written = fs::read_to_string(&state).unwrap();
    assert!(written.contains(&format!("add {second} weight=3")), "{written}");
    assert!(written.contains(&format!("drain {first}")), "{written}");
}

#[test]
fn pages_in_browsers_and_those_without_the_token_change_nothing() {
    let site = Site::of(&[("index.html", b"x")]);
    let url = site.role.url("");
    let open = administered(&["--to", &url]);
    let line = format!("drain {url}\n");
    let post = |admin: SocketAddr, host: &str, fields: &str| {
        let mut wire = Wire::to(admin);
        let length = line.len();
        wire.send(format!(
            "POST /-/balancer HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{fields}\r\n{line}"
        ));
        wire.answer().status().split(' ').next().unwrap().to_owned()
    };
    let host = open.admin.to_string();
    assert_eq!(post(open.admin, &host, "Origin: http://evil.test\r\n"), "403");
    assert_eq!(post(open.admin, "evil.test", ""), "421");
    assert_eq!(post(open.admin, &host, ""), "200");
    let closed = administered(&["--to", &url, "--admin-token", "secret"]);
    assert_eq!(post(closed.admin, "any.test", ""), "401");
    assert_eq!(post(closed.admin, "any.test", "Authorization: Bearer secre\r\n"), "401");
    assert_eq!(post(closed.admin, "any.test", "Authorization: Bearer secret\r\n"), "200");
    assert_eq!(ask(closed.admin, "GET /-/balancer HTTP/1.1", &[]).status(), "401 Unauthorized");
    assert_eq!(ask(open.admin, "DELETE /-/balancer HTTP/1.1", &[]).status(), "405 Method Not Allowed");
    // The administrator's paths are not the clients'.
    let answer = ask(closed.role.address, "GET /-/balancer HTTP/1.1", &[]);
    assert_eq!(answer.status(), "503 Service Unavailable", "its server is drained");
}

#[test]
fn a_list_of_servers_is_followed_when_it_changes() {
    let [one, two] = [(); 2].map(|()| Site::of(&[("index.html", b"the same")]));
    let home = directory(&[("servers.txt", format!("{} # the first\n", one.role.url("")).as_bytes())]);
    let list = home.path().join("servers.txt");
    let balancer = Role::start("balancer", &["--servers", list.to_str().unwrap(), "--interval", "200ms"]);
    assert_eq!(place(&balancer, "/"), one.role.url("/"));
    fs::write(&list, "nonsense weight=x\n").unwrap();
    balancer.process.says("the servers are what they were");
    assert_eq!(place(&balancer, "/"), one.role.url("/"));
    fs::write(&list, format!("{}\n", two.role.url(""))).unwrap();
    until("the second gets clients", || (place(&balancer, "/") == two.role.url("/")).then_some(()));
    let nothing = run(&mut sockets(&["balancer", "--servers", "/does/not/exist", "--port", "0"]));
    assert_eq!(nothing.status, 2, "{}", nothing.stderr);
}

/// Two servers of a file, a third without it, and a balancer in front of them.
fn mirrored(content: &[u8]) -> ([Site; 3], Role) {
    let index: (&str, &[u8]) = ("index.html", b"the same");
    let logs = ["--access-log", "-"];
    let sites = [
        Site::with(&[index, ("d/x.bin", content)], &logs),
        Site::with(&[index, ("d/x.bin", content)], &logs),
        Site::with(&[index], &logs),
    ];
    for site in &sites[..2] {
        // Long ago, and the same everywhere: else nobody could rely on its validators.
        let file = fs::File::options().write(true).open(site.files.path().join("d/x.bin")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    }
    let urls = sites.each_ref().map(|site| site.role.url(""));
    let balancer = Role::start("balancer", &["--to", &urls[0], "--to", &urls[1], "--to", &urls[2]]);
    // Until it is known who has it.
    let link = |_: usize| ask(balancer.address, "GET /d/x.bin HTTP/1.1", &[]).field("link").to_owned();
    until("nobody is named who lacks it", || {
        let named = |url: &String| (0..6).any(|number| link(number).contains(&format!("<{url}/")));
        (!named(&urls[2]) && named(&urls[0]) && named(&urls[1])).then_some(())
    });
    (sites, balancer)
}

/// How many GETs of the file a server has answered.
fn gets(site: Site) -> usize {
    site.role.process.signal(Signal::TERM);
    let ended = site.role.process.end();
    ended.stdout_text().lines().filter(|line| line.contains("\"GET /d/x.bin")).count()
}

fn aria2(home: &Path, args: &[&str]) -> Option<Ended> {
    let mut command = Command::new("aria2c");
    if Command::new("aria2c").arg("--version").output().is_err() {
        println!("aria2 is not here: nothing is tested");
        return None;
    }
    let terms = ["--no-conf", "--quiet", "--timeout=15", "--file-allocation=none", "-k1M", "-s4", "-x2"];
    command.args(terms).args(args).current_dir(home).env("HOME", home).env("XDG_CONFIG_HOME", home);
    Some(run(&mut command))
}

#[test]
fn aria2_reads_the_metalink_document_and_takes_parts_from_all_that_have_the_file() {
    let content = noise(9_000_001);
    let (sites, balancer) = mirrored(&content);
    let home = directory(&[]);
    let url = balancer.url("/d/x.bin.meta4");
    let Some(ended) = aria2(home.path(), &["--follow-metalink=mem", "--check-integrity=true", &url]) else {
        return;
    };
    assert_eq!(ended.status, 0, "{}{}", ended.stdout_text(), ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    let [first, second, third] = sites.map(gets);
    assert!(first > 0 && second > 0 && third == 0, "{first} {second} {third}");
}

#[test]
fn aria2_reads_the_links_of_a_redirect() {
    let content = noise(9_000_001);
    let (sites, balancer) = mirrored(&content);
    let home = directory(&[]);
    let Some(ended) = aria2(home.path(), &[&balancer.url("/d/x.bin")]) else { return };
    assert_eq!(ended.status, 0, "{}{}", ended.stdout_text(), ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    let [first, second, third] = sites.map(gets);
    assert!(first + second > 0 && third == 0, "{first} {second} {third}");
}

#[test]
fn our_own_downloader_takes_parts_from_all_that_a_redirect_names() {
    let content = noise(40_000_001);
    let (sites, balancer) = mirrored(&content);
    let home = directory(&[]);
    let args = ["get", "-q", "--dir", home.path().to_str().unwrap(), &balancer.url("/d/x.bin")];
    let ended = run(&mut sockets(&args));
    assert_eq!(ended.status, 0, "{}{}", ended.stdout_text(), ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    let [first, second, third] = sites.map(gets);
    assert!(first > 0 && second > 0 && third == 0, "{first} {second} {third}");
}
