//! `sockets balancer`: clients where they are served fastest, and nowhere else.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::sleep;
use std::time::Duration;

use lab::places::{Spot, database};

use crate::support::names::{NameServer, Record};
use crate::support::origin::{Origin, Reply, response};
use crate::support::place::{Port, Site, directory};
use crate::support::process::{Role, run, sockets};
use crate::support::until;
use crate::support::wire::{Wire, ask, request};

/// What the servers have at the path that is tested.
const FILE: &[u8] = b"the same file on each server";

/// So long that no second test comes within a test of ours.
const ONCE: &str = "60s";

/// The shortest time between two tests. A test may not take longer, and on a busy machine a good server may
/// fail one now and then.
const SOON: &str = "100ms";

fn balancer(servers: &[&str], args: &[&str]) -> Role {
    let to = servers.iter().flat_map(|server| ["--to", server]);
    Role::start("balancer", &to.chain(args.iter().copied()).collect::<Vec<_>>())
}

/// Where `clients` are sent, one after the other, and how many there; or with which status they are not.
fn sent(balancer: &Role, clients: usize) -> BTreeMap<String, usize> {
    let mut wire = Wire::to(balancer.address);
    let mut counts = BTreeMap::new();
    for _ in 0..clients {
        let answer = wire.ask("GET / HTTP/1.1", &[]);
        let place = answer.head.field("location").unwrap_or(answer.status());
        *counts.entry(place.to_owned()).or_insert(0) += 1;
    }
    counts
}

fn server(delay: Duration) -> Origin {
    Origin::start(move |_| {
        sleep(delay);
        Reply::Keep(response("200 OK", &[], FILE))
    })
}

#[test]
fn a_get_is_sent_to_the_chosen_server_with_the_same_path_and_query() {
    let origin = Origin::of(FILE);
    let balancer = balancer(&[&origin.url("")], &[]);
    for path in [
        "/",
        "/index.html",
        "/a/b%20c.bin?x=1&y=%2F",
        "/a/../b/./c",
        "//evil.test/x",
        "/?",
        "/%0d%0aSet-Cookie:x",
        "/a?b=http://evil.test/",
    ] {
        let answer = ask(balancer.address, &format!("GET {path} HTTP/1.1"), &[]);
        assert_eq!(answer.head.line, "HTTP/1.1 301 Moved Permanently", "{path}");
        assert_eq!(answer.field("location"), origin.url(path));
        assert_eq!(answer.field("cache-control"), "no-store", "{path}");
    }
    let absolute = ask(balancer.address, "GET http://other.test/x?y HTTP/1.1", &[]);
    assert_eq!(absolute.field("location"), origin.url("/x?y"));
}

#[test]
fn head_is_sent_on_as_get_and_any_other_method_or_version_refused() {
    let origin = Origin::of(FILE);
    let balancer = balancer(&[&origin.url("")], &[]);
    let mut wire = Wire::to(balancer.address);
    let head = wire.ask("HEAD /x HTTP/1.1", &[]);
    assert_eq!((head.status(), head.field("location")), ("301 Moved Permanently", &*origin.url("/x")));
    assert_eq!(wire.ask("GET /y HTTP/1.1", &[]).field("location"), origin.url("/y"), "right behind the head");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        let answer = wire.ask(&format!("{method} /x HTTP/1.1"), &["Content-Length: 0"]);
        assert_eq!(answer.head.line, "HTTP/1.1 501 Method Not Implemented", "{method}");
        assert_eq!(answer.head.field("location"), None);
    }
    wire.send(request(balancer.address, "GET /x HTTP/1.0", &[]));
    assert_eq!(wire.answer().head.line, "HTTP/1.1 505 Version Not Supported");
}

#[test]
fn another_redirect_status_can_be_asked_for() {
    let origin = Origin::of(FILE);
    for (status, line) in
        [("302", "302 Found"), ("307", "307 Temporary Redirect"), ("308", "308 Permanent Redirect")]
    {
        let balancer = balancer(&[&origin.url("")], &["--status", status]);
        let answer = ask(balancer.address, "GET /x HTTP/1.1", &[]);
        assert_eq!(answer.status(), line);
        assert_eq!(
            (answer.field("location"), answer.field("cache-control")),
            (&*origin.url("/x"), "no-store")
        );
    }
}

#[test]
fn it_has_tested_before_it_serves() {
    let (nobody, origin) = (Port::reserve(), Origin::of(FILE));
    let refusing = format!("http://{}", nobody.address());
    let balancer = balancer(&[&refusing, &origin.url("")], &["--interval", ONCE, "--probe-path", "/probe?x"]);
    let asked = origin.asked();
    assert!(!asked.is_empty(), "a test, before anybody was sent anywhere");
    for test in asked {
        assert_eq!(test.line, "GET /probe?x HTTP/1.1");
        assert_eq!(test.field("host"), Some(&*origin.address.to_string()));
    }
    let first = ask(balancer.address, "GET /x HTTP/1.1", &[]);
    assert_eq!(first.field("location"), origin.url("/x"), "the very first client is sent right");
    assert_eq!(sent(&balancer, 20), BTreeMap::from([(origin.url("/"), 20)]));
}

#[test]
fn the_faster_a_server_the_more_clients_it_gets() {
    // Median of three; between two of them there is time enough for a busy machine.
    let [slow, fast, middle] = [500, 20, 100].map(|millis| server(Duration::from_millis(millis)));
    let balancer = balancer(&[&slow.url(""), &fast.url(""), &middle.url("")], &["--interval", ONCE]);
    let counts = sent(&balancer, 120);
    let of = |server: &Origin| counts.get(&server.url("/")).copied().unwrap_or(0);
    assert!(of(&fast) > of(&middle) && of(&middle) > of(&slow) && of(&slow) > 0, "{counts:?}");
    assert_eq!(of(&fast) + of(&middle) + of(&slow), 120);
}

#[test]
fn servers_of_the_same_speed_get_clients_in_turn() {
    let servers = [(); 2].map(|()| server(Duration::from_millis(100)));
    let balancer = balancer(&[&servers[0].url(""), &servers[1].url("")], &["--interval", ONCE]);
    let counts = sent(&balancer, 40);
    assert!(servers.iter().all(|server| counts[&server.url("/")] >= 12), "{counts:?}");
}

#[test]
fn a_server_that_does_not_give_the_whole_file_gets_nobody() {
    let good = [(); 2].map(|()| server(Duration::from_millis(50)));
    let bad: [fn() -> Reply; 6] = [
        || Reply::Keep(response("500 Internal Server Error", &[], FILE)),
        || Reply::Keep(response("404 Not Found", &[], FILE)),
        || Reply::Keep(response("302 Found", &["Location: /other"], FILE)),
        || Reply::Keep(response("200 OK", &[], b"shorter")),
        || Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\ncut".to_vec()),
        || Reply::Close(b"no HTTP at all\r\n\r\n".to_vec()),
    ];
    let bad = bad.map(|reply| Origin::start(move |_| reply()));
    let nobody = Port::reserve();
    let urls: Vec<_> = bad.iter().chain(&good).map(|server| server.url("")).collect();
    let refusing = format!("http://{}", nobody.address());
    let servers: Vec<_> = urls.iter().map(String::as_str).chain([&*refusing]).collect();
    let balancer = balancer(&servers, &["--interval", ONCE]);
    let counts = sent(&balancer, 60);
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), sorted(good.map(|server| server.url("/"))));
}

fn sorted<const N: usize>(mut all: [String; N]) -> [String; N] {
    all.sort();
    all
}

/// A server that can be told to fail.
fn moody() -> (Origin, Arc<AtomicU8>) {
    let mood = Arc::new(AtomicU8::new(WELL));
    let own = Arc::clone(&mood);
    let origin = Origin::start(move |_| match own.load(Ordering::SeqCst) {
        WELL => Reply::Keep(response("200 OK", &[], FILE)),
        FAILING => Reply::Keep(response("500 Internal Server Error", &[], b"")),
        _ => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\ncut".to_vec()),
    });
    (origin, mood)
}

const WELL: u8 = 0;
const FAILING: u8 = 1;
const CUTTING: u8 = 2;

#[test]
fn a_server_that_fails_a_test_gets_nobody_until_it_passes_one() {
    let (origin, mood) = moody();
    let steady = Origin::of(FILE);
    let balancer = balancer(&[&origin.url(""), &steady.url("")], &["--interval", SOON]);
    for trouble in [FAILING, CUTTING] {
        until("it gets clients", || sent(&balancer, 20).contains_key(&origin.url("/")).then_some(()));
        mood.store(trouble, Ordering::SeqCst);
        // Two bad answers out of three end a test; what is asked after those, is asked of one that is out.
        let tests = origin.asked().len();
        until("a test has failed", || (origin.asked().len() > tests + 4).then_some(()));
        while origin.asked().len() < tests + 8 {
            assert!(!sent(&balancer, 20).contains_key(&origin.url("/")));
        }
        mood.store(WELL, Ordering::SeqCst);
    }
    until("it gets clients again", || sent(&balancer, 20).contains_key(&origin.url("/")).then_some(()));
}

#[test]
fn a_server_that_was_not_there_gets_clients_once_it_is() {
    let (port, steady) = (Port::reserve(), Origin::of(FILE));
    let late = format!("http://{}", port.address());
    let balancer = balancer(&[&late, &steady.url("")], &["--interval", SOON]);
    assert!(!sent(&balancer, 20).contains_key(&format!("{late}/")));
    let _origin = Origin::on(port.listen(), |_| Reply::Keep(response("200 OK", &[], FILE)));
    until("it gets clients", || sent(&balancer, 20).contains_key(&format!("{late}/")).then_some(()));
}

#[test]
fn when_nobody_is_left_clients_are_told_to_come_back() {
    let site = Site::of(&[("index.html", FILE)]);
    let balancer = balancer(&[&site.role.url("")], &["--interval", SOON]);
    until("a client is sent on", || sent(&balancer, 1).contains_key(&site.role.url("/")).then_some(()));
    drop(site);
    let answer = until("503", || {
        let answer = ask(balancer.address, "GET /x HTTP/1.1", &[]);
        (answer.status() != "301 Moved Permanently").then_some(answer)
    });
    assert_eq!(answer.status(), "503 Service Unavailable");
    assert_eq!((answer.field("retry-after"), answer.field("cache-control")), ("1", "no-store"));
    assert_eq!(answer.head.field("location"), None);
}

#[test]
fn it_starts_also_while_no_server_is_there() {
    let nobody = Port::reserve();
    let balancer = balancer(&[&format!("http://{}", nobody.address())], &["--interval", "2s"]);
    let answer = ask(balancer.address, "GET /x HTTP/1.1", &[]);
    assert_eq!((answer.status(), answer.field("retry-after")), ("503 Service Unavailable", "2"));
}

#[test]
fn who_is_behind_a_load_balancer_is_sent_by_his_own_network_and_country() {
    let [one, two] = [(); 2].map(|()| Origin::of(FILE));
    let home = directory(&[("places.mmdb", &database(&[("192.0.2.0/24", Spot::place("DE", "EU"))]))]);
    let places = home.path().join("places.mmdb");
    let [country, network] =
        [format!("country:de only {}", two.url("")), format!("2001:db8::/32 never {}", two.url(""))];
    let balancer = balancer(
        &[&one.url(""), &two.url("")],
        &[
            ["--rule", &country, "--rule", &network, "--geoip", places.to_str().unwrap()].as_slice(),
            &["--proxy-protocol", "127.0.0.0/8", "--interval", ONCE],
        ]
        .concat(),
    );
    let sent = |announced: &[u8]| {
        let mut wire = Wire::to(balancer.address);
        wire.send(announced);
        wire.ask("GET /x HTTP/1.1", &[]).field("location").to_owned()
    };
    // Version 2 (binary): TCP over IPv6, 36 bytes of addresses and ports.
    let mut second = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    second.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    second.extend([0; 16]);
    second.extend([0x12, 0x67, 0, 80]);
    for _ in 0..4 {
        assert_eq!(sent(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"), two.url("/x"));
        assert_eq!(sent(&second), one.url("/x"));
    }
    let ended = run(&mut sockets(&["balancer", "--rule", "country:de only http://a.test"]));
    assert!(ended.status == 2 && ended.stderr.contains("--geoip"), "{}", ended.stderr);
    let ended = run(&mut sockets(&["balancer", "--geoip", "Cargo.toml"]));
    assert!(ended.status == 2 && ended.stderr.contains("MaxMind"), "{}", ended.stderr);
}

#[test]
fn its_administrator_sees_it_again_and_again() {
    let origin = Origin::of(FILE);
    let balancer = balancer(&[&origin.url("")], &["--admin", "127.0.0.1:0"]);
    let line = balancer.process.says("administering");
    let (_, url) = line.split_once(" at http://").unwrap();
    let admin = url.trim_end_matches('/').to_owned();
    let mut command = sockets(&["balancer", "status", "--watch", "--every", "10ms", "--admin", &admin]);
    let mut watching = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let heads = lines.map(Result::unwrap).filter(|line| line.starts_with("SERVER")).take(3);
    assert_eq!(heads.count(), 3);
    // Where nobody reads any more it ends.
    assert!(watching.wait().unwrap().success());
}

#[test]
fn servers_are_those_that_the_dns_names_as_long_as_it_says_so() {
    // The same port at two addresses, which somebody else may have at the second.
    let pair = || {
        let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let second = (Ipv4Addr::new(127, 0, 0, 2), one.local_addr().unwrap().port());
        Some((one, TcpListener::bind(second).ok()?))
    };
    let (one, two) = (0..100).find_map(|_| pair()).unwrap();
    let [one, two] =
        [one, two].map(|socket| Origin::on(socket, |_| Reply::Keep(response("200 OK", &[], FILE))));
    let (port, other) = (one.address.port(), two.address);
    let names = NameServer::start(vec![Record::Address(Ipv4Addr::LOCALHOST)]);
    let (followed, asked) = (format!("mirrors.test:{port}"), names.address.to_string());
    let dns = ["--discover", &followed, "--dns-server", &asked, "--interval", ONCE];
    let following = Role::start("balancer", &dns);
    assert_eq!(sent(&following, 4), BTreeMap::from([(one.url("/"), 4)]), "before it serves");
    names.tell(vec![Record::Address(Ipv4Addr::new(127, 0, 0, 2))]);
    let place = format!("http://{other}/");
    until("the other one is found", || {
        (sent(&following, 4) == BTreeMap::from([(place.clone(), 4)])).then_some(())
    });
    names.tell(Vec::new());
    until("nobody is left", || {
        (ask(following.address, "GET / HTTP/1.1", &[]).status() == "503 Service Unavailable").then_some(())
    });
    let service = |weight| Record::Service { target: "localhost", port, weight };
    let names = NameServer::start(vec![service(2), service(2)]);
    let asked = names.address.to_string();
    let dns = ["--discover", "srv:_http._tcp.test", "--dns-server", &asked, "--interval", ONCE];
    let following = Role::start("balancer", &dns);
    assert_eq!(sent(&following, 4), BTreeMap::from([(format!("http://localhost:{port}/"), 4)]));
}

#[test]
fn our_servers_say_how_loaded_they_are_to_who_asks_for_it() {
    let site = Site::with(&[("index.html", FILE)], &["--max-connections", "40"]);
    let format = "Endpoint-Load-Metrics-Format: TEXT";
    let told = ask(site.role.address, "GET / HTTP/1.1", &[format]);
    let load = told.field("endpoint-load-metrics");
    assert!(
        load.starts_with("TEXT named_metrics.in_flight=") && load.ends_with("in_flight_max=40"),
        "{load}"
    );
    assert_eq!(ask(site.role.address, "GET / HTTP/1.1", &[]).head.field("endpoint-load-metrics"), None);
    let balancer = balancer(&[&site.role.url("")], &["--admin", "127.0.0.1:0", "--interval", ONCE]);
    let line = balancer.process.says("administering");
    let (_, url) = line.split_once(" at http://").unwrap();
    let admin = url.trim_end_matches('/').to_owned();
    let ended = run(&mut sockets(&["balancer", "status", "--json", "--admin", &admin]));
    let status: serde_json::Value = serde_json::from_str(ended.stdout_text()).unwrap();
    let load = &status["servers"][0]["load"];
    assert_eq!(load["in_flight_max"], 40.0, "{status}");
    assert!(load["in_flight"].as_f64().unwrap() >= 1.0);
}
