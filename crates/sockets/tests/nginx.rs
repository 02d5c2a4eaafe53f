//! Real nginx: behind our cache, before our server, beside it, and as what `sockets get` asks.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use lab::noise;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::origin::Origin;
use crate::support::place::{Port, Site, directory, tree};
use crate::support::process::{Process, Role, run, sockets};
use crate::support::until;
use crate::support::wire::{Answer, Wire, ask, request};

/// nginx with its own configuration in a directory of its own, whose files it serves unless told otherwise.
struct Nginx {
    files: TempDir,
    /// Held, so that nobody else gets it while nginx starts.
    port: Port,
    process: Process,
    _place: TempDir,
    log: PathBuf,
}

/// What nginx writes of each request, in [`Nginx::logged`].
const LOG: &str = "'$request_method $request_uri $status \"$http_if_none_match\" \"$http_via\"'";

impl Nginx {
    /// Starts it with `locations` in its one server; `None` where it is not installed; CI has it.
    fn start(files: &[(&str, &[u8])], locations: &str) -> Option<Self> {
        let installed = Command::new("nginx").arg("-v").output().is_ok();
        assert!(installed || std::env::var_os("CI").is_none(), "CI has to have nginx");
        if !installed {
            println!("not tried: nginx is not installed");
            return None;
        }
        let (files, place, port) = (directory(files), directory(&[]), Port::reserve());
        let (root, home, address) = (files.path().display(), place.path().display(), port.address());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {home}/{name};\n"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;
             events {{}}
             http {{
                 {temporary}
                 log_format plain {LOG}; access_log {home}/access.log plain;
                 types {{ text/html html; }}
                 server {{ listen {address}; root {root}; {locations} }}
             }}"
        );
        let path = place.path().join("nginx.conf");
        fs::write(&path, configuration).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(place.path()).arg("-e").arg(place.path().join("error.log")).arg("-c").arg(path);
        let process = Process::start(&mut command);
        until("nginx listens", || TcpStream::connect(address).ok());
        let log = place.path().join("access.log");
        Some(Self { files, port, process, _place: place, log })
    }

    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The last line of its log, when there are so many.
    fn logged(&self, lines: usize) -> String {
        until("nginx has logged it", || {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            assert!(log.lines().count() <= lines, "more than {lines} requests:\n{log}");
            (log.lines().count() == lines && log.ends_with('\n'))
                .then(|| log.lines().last().unwrap().to_owned())
        })
    }
}

/// A cache before nginx, and how it is asked.
struct Cached {
    cache: Role,
    /// What is put before a path.
    prefix: String,
    host: SocketAddr,
    _dir: TempDir,
}

/// As a forward proxy, and as a reverse proxy.
fn caches(nginx: &Nginx) -> [Cached; 2] {
    let url = nginx.url("");
    [(&["--size", "1GiB"][..], url.clone()), (&["--origin", &url], String::new())].map(|(args, prefix)| {
        let dir = directory(&[]);
        let cache = Role::start("cache", &[&["--dir", dir.path().to_str().unwrap()], args].concat());
        Cached { cache, prefix, host: nginx.address(), _dir: dir }
    })
}

impl Cached {
    fn ask(&self, method: &str, path: &str, fields: &[&str]) -> Answer {
        let mut wire = Wire::to(self.cache.address);
        wire.send(request(self.host, &format!("{method} {}{path} HTTP/1.1", self.prefix), fields));
        if method == "HEAD" { wire.answer_to_head() } else { wire.answer() }
    }
}

#[test]
fn our_cache_stores_and_validates_what_nginx_serves() {
    let large = noise(3 << 20);
    let Some(nginx) = Nginx::start(&[("index.html", b"<p>first"), ("x.bin", &large)], "") else { return };
    let mut count = 0;
    let mut logged = |nginx: &Nginx| {
        count += 1;
        nginx.logged(count)
    };
    for (way, cached) in caches(&nginx).iter().enumerate() {
        fs::write(nginx.files.path().join("index.html"), b"<p>first").unwrap();
        let answer = cached.ask("GET", "/index.html", &[]);
        assert_eq!((answer.status(), answer.text()), ("200 OK", "<p>first"));
        assert_eq!(answer.field("content-type"), "text/html");
        assert!(logged(&nginx).starts_with("GET /index.html 200 \"-\" \"1.1 sockets"));

        let answer = cached.ask("GET", "/index.html", &[]);
        assert_eq!((answer.status(), answer.text()), ("200 OK", "<p>first"));
        assert!(logged(&nginx).starts_with("GET /index.html 304 \"\\x22"), "a conditional GET");

        fs::write(nginx.files.path().join("index.html"), format!("<p>the second, {way}")).unwrap();
        let answer = cached.ask("GET", "/index.html", &[]);
        assert_eq!(answer.text(), format!("<p>the second, {way}"));
        assert!(logged(&nginx).starts_with("GET /index.html 200 \"\\x22"));

        for _ in 0..2 {
            assert!(cached.ask("GET", "/x.bin", &[]).body == large, "other bytes came");
            logged(&nginx);
        }
        let answer = cached.ask("GET", "/x.bin", &["Range: bytes=1000000-2000000"]);
        assert_eq!(answer.status(), "206 Partial Content");
        assert!(answer.body == large[1_000_000..=2_000_000], "other bytes came");
        assert!(logged(&nginx).starts_with("GET /x.bin 304 "));

        for _ in 0..2 {
            let answer = cached.ask("GET", "/absent", &[]);
            assert_eq!(answer.status(), "404 Not Found");
            assert!(answer.text().contains("nginx"), "{}", answer.text());
            assert!(logged(&nginx).starts_with("GET /absent 404 \"-\""));
        }
        let answer = cached.ask("HEAD", "/x.bin", &[]);
        assert_eq!((answer.status(), answer.field("content-length")), ("200 OK", "3145728"));
        logged(&nginx);
    }
}

#[test]
fn our_cache_stores_what_nginx_sends_in_chunks() {
    let files: Vec<(String, &[u8])> =
        (0..500).map(|number| (format!("list/{number:03}.html"), &b"x"[..])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (&**name, *content)).collect();
    let Some(nginx) = Nginx::start(&files, "autoindex on;") else { return };
    let direct = ask(nginx.address(), "GET /list/ HTTP/1.1", &[]);
    assert_eq!(direct.field("transfer-encoding"), "chunked", "or this is no test");
    for cached in caches(&nginx) {
        for _ in 0..2 {
            let answer = cached.ask("GET", "/list/", &[]);
            assert_eq!(answer.status(), "200 OK");
            assert_eq!(answer.text(), direct.text());
        }
    }
}

#[test]
fn nginx_passes_on_what_our_server_answers() {
    let large = noise(3 << 20);
    let site = Site::of(&[("index.html", b"<p>ours"), ("x.bin", &large)]);
    let proxy = format!(
        "location / {{ proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}",
        site.role.address
    );
    let Some(nginx) = Nginx::start(&[], &proxy) else { return };
    let mut wire = Wire::to(nginx.address());
    let answer = wire.ask("GET /index.html HTTP/1.1", &[]);
    assert_eq!((answer.status(), answer.text()), ("200 OK", "<p>ours"));
    let tag = answer.field("etag").to_owned();
    assert_eq!(
        wire.ask("GET /index.html HTTP/1.1", &[&format!("If-None-Match: {tag}")]).status(),
        "304 Not Modified"
    );
    assert!(wire.ask("GET /x.bin HTTP/1.1", &[]).body == large, "other bytes came");
    let answer = wire.ask("GET /x.bin HTTP/1.1", &["Range: bytes=1-1000000"]);
    assert_eq!(answer.status(), "206 Partial Content");
    assert!(answer.body == large[1..=1_000_000], "other bytes came");
    let answer = wire.ask("HEAD /x.bin HTTP/1.1", &[]);
    assert_eq!((answer.status(), answer.field("content-length")), ("200 OK", "3145728"));
    assert_eq!(wire.ask("GET /absent HTTP/1.1", &[]).status(), "404 Not Found");
    let answer = wire.ask("DELETE /index.html HTTP/1.1", &[]);
    assert_eq!(answer.status(), "501 Method Not Implemented");
}

#[test]
fn nginx_that_asks_by_http_1_0_gets_505_or_with_allow_http10_the_file() {
    let large = noise(3 << 20);
    let files: [(&str, &[u8]); 2] = [("index.html", b"<p>ours"), ("x.bin", &large)];
    let (strict, mild) = (Site::of(&files), Site::with(&files, &["--allow-http10"]));
    let [strict_url, mild_url] = [&strict, &mild].map(|site| site.role.url("/"));
    // What nginx up to 1.29 does where nothing is said.
    let proxies = format!(
        "proxy_http_version 1.0;
         location /strict/ {{ proxy_pass {strict_url}; }} location /mild/ {{ proxy_pass {mild_url}; }}"
    );
    let Some(nginx) = Nginx::start(&[], &proxies) else { return };
    let mut wire = Wire::to(nginx.address());
    assert_eq!(wire.ask("GET /strict/index.html HTTP/1.1", &[]).status(), "505 Version Not Supported");
    let answer = wire.ask("GET /mild/index.html HTTP/1.1", &[]);
    assert_eq!((answer.status(), answer.text()), ("200 OK", "<p>ours"));
    assert!(wire.ask("GET /mild/x.bin HTTP/1.1", &[]).body == large, "other bytes came");
    assert_eq!(wire.ask("GET /mild/absent HTTP/1.1", &[]).status(), "404 Not Found");
}

#[test]
fn nginx_passes_on_what_our_cache_answers() {
    let origin = Origin::of(b"from the origin");
    let dir = directory(&[]);
    let args = ["--origin", &*origin.url("/"), "--dir", dir.path().to_str().unwrap()];
    let cache = Role::start("cache", &args);
    let proxy = format!("location / {{ proxy_pass http://{}; proxy_http_version 1.1; }}", cache.address);
    let Some(nginx) = Nginx::start(&[], &proxy) else { return };
    for expected in ["fwd=uri-miss;stored", "fwd=stale;detail=no-validator;stored"] {
        let answer = ask(nginx.address(), "GET /file HTTP/1.1", &[]);
        assert_eq!((answer.status(), answer.text()), ("200 OK", "from the origin"));
        assert!(answer.field("cache-status").ends_with(expected), "{:?}", answer.head);
    }
}

#[test]
fn our_balancer_sends_clients_to_nginx_and_to_our_server() {
    let content = noise(200_000);
    let Some(nginx) = Nginx::start(&[("x.bin", &content)], "") else { return };
    let site = Site::of(&[("x.bin", &content)]);
    let balancer = Role::start(
        "balancer",
        &["--to", &nginx.url(""), "--to", &site.role.url("/"), "--probe-path", "/x.bin"],
    );
    let places = [nginx.url("/x.bin?q=1"), site.role.url("/x.bin?q=1")];
    let mut left: Vec<&String> = places.iter().collect();
    until("somebody is sent to each", || {
        let answer = ask(balancer.address, "GET /x.bin?q=1 HTTP/1.1", &[]);
        assert_eq!(answer.status(), "301 Moved Permanently");
        let location = answer.field("location");
        assert!(places.iter().any(|place| place == location), "{location}");
        left.retain(|place| *place != location);
        left.is_empty().then_some(())
    });
    let home = directory(&[]);
    for number in 0..4 {
        let file = home.path().join(number.to_string());
        let place = balancer.address.to_string();
        let ended = run(sockets(&["get", "--balancer", &place, &nginx.url("/x.bin"), "-o"]).arg(&file));
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(fs::read(file).unwrap() == content, "other bytes were saved");
    }
}

#[test]
fn our_client_saves_what_nginx_serves_by_length_and_in_chunks() {
    let large = noise(3 << 20);
    let Some(nginx) = Nginx::start(&[("x.bin", &large), ("list/a.html", b"a")], "autoindex on;") else {
        return;
    };
    let home = directory(&[]);
    let dir = home.path().to_str().unwrap();
    let ended = run(&mut sockets(&["get", &nginx.url("/x.bin"), "--dir", dir]));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == large, "other bytes were saved");

    let listing = home.path().join("listing.html");
    let ended = run(&mut sockets(&["get", &nginx.url("/list/"), "-o", listing.to_str().unwrap()]));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let direct = ask(nginx.address(), "GET /list/ HTTP/1.1", &[]);
    assert_eq!(direct.field("transfer-encoding"), "chunked", "or this is no test");
    assert_eq!(fs::read_to_string(listing).unwrap(), direct.text());

    // nginx sends /list to /list/.
    let followed = home.path().join("followed.html");
    let ended = run(&mut sockets(&["get", &nginx.url("/list"), "-o", followed.to_str().unwrap()]));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(followed).unwrap(), direct.text());

    let ended = run(&mut sockets(&["get", &nginx.url("/absent"), "--dir", dir]));
    assert_eq!(ended.status, 8, "{}", ended.stderr);
    assert!(!home.path().join("absent").exists());
}

#[test]
fn nginx_that_is_killed_in_the_middle_leaves_nothing_in_the_cache() {
    // More than the system takes in for a client that does not read.
    let large = noise(32 << 20);
    let Some(nginx) = Nginx::start(&[("x.bin", &large)], "location / { limit_rate 1m; }") else { return };
    let [_, cached] = caches(&nginx);
    let mut wire = Wire::to(cached.cache.address);
    wire.send(request(nginx.address(), "GET /x.bin HTTP/1.1", &[]));
    let head = wire.head().unwrap();
    assert_eq!(head.field("content-length"), Some("33554432"));
    wire.arrives(1000);
    nginx.process.signal(Signal::KILL);
    assert!(wire.rest().len() < large.len(), "it was filled up");
    assert_eq!(cached.ask("GET", "/x.bin", &[]).status(), "523 Origin Is Unreachable");
}

#[test]
fn our_client_gets_the_tree_that_nginx_lists_as_html_and_as_json() {
    let large = noise(300_000);
    let files: [(&str, &[u8]); 4] =
        [("a b&c.txt", b"a"), ("d/e/x.bin", &large), ("d/\u{fc}.txt", b"u"), ("d/%41.txt", b"p")];
    for format in ["html", "json"] {
        let locations = format!("autoindex on; autoindex_format {format};");
        let Some(nginx) = Nginx::start(&files, &locations) else { return };
        let home = directory(&[]);
        let dir = home.path().to_str().unwrap();
        let ended = run(&mut sockets(&["get", "-R", &nginx.url("/"), "--dir", dir]));
        assert_eq!(ended.status, 0, "{format}: {}", ended.stderr);
        assert_eq!(tree(home.path()), tree(nginx.files.path()), "{format}");
        assert!(fs::read(home.path().join("d/e/x.bin")).unwrap() == large);
        let again = run(&mut sockets(&["get", "-R", &nginx.url("/"), "--dir", dir, "--delete"]));
        assert_eq!(again.status, 0, "{format}: {}", again.stderr);
        assert_eq!(again.stderr.matches("there already").count(), 4, "{format}: {}", again.stderr);
        assert!(!again.stderr.contains("removed"), "{format}: {}", again.stderr);
    }
}
