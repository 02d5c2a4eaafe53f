//! Who gets whom: policies, bounds, parts of the tree, and what the administrator changes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::forwarded::Trust;
use balancer::discovery::{Followed, Host, LookUp, Named};
use balancer::{
    Balancer, Bounds, Change, Config, ConfigFault, Geography, Policy, Replica, Rule, Source, State,
};
use lab::Network;
use lab::places::{Spot, database};
use message::{HeaderName, HeaderValue, Request, Response, Service, Target, header};

use crate::support::{
    A, B, C, INTERVAL, Tested, ask, clock, config, network, running, sends, sent, shares, state, tested,
};

async fn place(balancer: &Tested, path: &str) -> String {
    let response = ask(balancer, path).await;
    let location = response.fields.text(&header::LOCATION).unwrap_or_else(|| panic!("{}", response.status));
    Target::parse_url(location).unwrap().authority().unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn all_go_to_the_first_that_is_there_if_that_is_wanted() {
    let network = network();
    let ordered = config(&[C, A, B]).with_policy(Policy::First).unwrap();
    let balancer = tested(&network, ordered).await;
    assert_eq!(sent(&balancer, 10).await, shares(&[(C, 10)]));
    network.stop(C);
    balancer.test_all().await;
    assert_eq!(sent(&balancer, 10).await, shares(&[(A, 10)]));
}

#[tokio::test(start_paused = true)]
async fn by_hash_a_path_keeps_its_server_and_all_get_their_part() {
    let network = network();
    let balancer = tested(&network, config(&[A, B, C]).with_policy(Policy::Hash).unwrap()).await;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let (mut kept, paths) = (0, 300);
    for number in 0..paths {
        let path = format!("/{number}");
        let first = place(&balancer, &path).await;
        *counts.entry(first.clone()).or_default() += 1;
        kept += u32::from(place(&balancer, &path).await == first);
    }
    // The bound of loads moves a few.
    assert!(kept > paths * 9 / 10, "{kept} of {paths}");
    assert!(counts.len() == 3 && counts.values().all(|count| *count < 130), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn no_share_is_smaller_or_larger_than_is_wanted() {
    let network = network();
    let bounded = config(&[A, B, C]).with_bounds(Bounds { least: 0.2, most: 0.5 }).unwrap();
    let balancer = tested(&network, bounded).await;
    assert_eq!(sent(&balancer, 100).await, shares(&[(A, 50), (B, 30), (C, 20)]));
}

#[tokio::test(start_paused = true)]
async fn who_has_a_part_of_the_tree_gets_clients_for_that_only() {
    let network = network();
    let replicas = [A.to_owned(), format!("{B} prefix=/iso/"), format!("{C} prefix=/img/ prefix=/iso/x")];
    let replicas = replicas.iter().map(|line| Replica::parse(line).unwrap()).collect();
    let balancer = tested(&network, Config::new(replicas).unwrap()).await;
    for _ in 0..20 {
        assert_eq!(place(&balancer, "/other").await, A);
    }
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..300 {
        *counts.entry(place(&balancer, "/iso/a?/img/").await).or_default() += 1;
    }
    assert!(counts[A].abs_diff(200) <= 2 && counts[B].abs_diff(100) <= 2, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_path_that_nobody_has_is_answered_503() {
    let network = network();
    let replica = Replica::parse(&format!("{A} prefix=/iso/")).unwrap();
    let balancer = tested(&network, Config::new(vec![replica]).unwrap()).await;
    assert_eq!(ask(&balancer, "/other").await.status.as_u16(), 503);
}

fn change(balancer: &Tested, line: &str) {
    balancer.change(Change::parse(line).unwrap()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_administrator_drains_weighs_removes_and_adds_while_clients_come() {
    let network = network();
    network.serve("d.test:8300", sends(100_000));
    let balancer = running(&network).await;
    change(&balancer, &format!("drain {A}"));
    assert_eq!(sent(&balancer, 30).await, shares(&[(B, 20), (C, 10)]));
    assert_eq!(state(&balancer, A), State::Up, "it is tested on");
    change(&balancer, &format!("undrain {A}"));
    assert_eq!(sent(&balancer, 70).await, shares(&[(A, 40), (B, 20), (C, 10)]));
    change(&balancer, &format!("weight {C} 4"));
    assert_eq!(sent(&balancer, 100).await, shares(&[(A, 40), (B, 20), (C, 40)]));
    change(&balancer, &format!("remove {A}"));
    assert_eq!(sent(&balancer, 30).await, shares(&[(B, 10), (C, 20)]));
    change(&balancer, "add d.test:8300");
    assert!(!sent(&balancer, 30).await.contains_key("d.test:8300"), "not before it has passed a test");
    network.clock().advance(Duration::from_secs(1)).await;
    let counts = sent(&balancer, 100).await;
    assert!(counts["d.test:8300"] > 90, "it is tested at once, and so much faster: {counts:?}");
    assert!(balancer.change(Change::parse("remove x.test").unwrap()).is_err());
}

#[tokio::test(start_paused = true)]
async fn servers_come_and_go_as_a_source_names_them_and_keep_what_they_were() {
    let network: Network = network();
    let balancer = running(&network).await;
    let replicas = |lines: &[&str]| lines.iter().map(|line| Replica::parse(line).unwrap()).collect();
    network.serve("d.test:8300", sends(100_000));
    sent(&balancer, 70).await;
    balancer.name(Source::File, replicas(&["d.test:8300"]));
    network.clock().advance(INTERVAL).await;
    assert_eq!(balancer.report().len(), 4);
    balancer.name(Source::File, Vec::new());
    assert_eq!(balancer.report().len(), 3);
    network.clock().advance(2 * INTERVAL).await;
    let probes = network.requests("d.test:8300");
    network.clock().advance(2 * INTERVAL).await;
    assert_eq!(network.requests("d.test:8300"), probes, "who has left is not tested any more");
    assert_eq!(balancer.report()[0].redirects, 40, "clients are still counted");
}

#[tokio::test(start_paused = true)]
async fn a_balancer_of_none_waits_for_some() {
    let network = network();
    let balancer = Balancer::new(config(&[A]), network.client(), network.clock().now());
    change(&balancer, &format!("remove {A}"));
    assert_eq!(ask(&balancer, "/").await.status.as_u16(), 503);
}

async fn place_of(balancer: &Tested, peer: &str, forwarded: Option<&'static str>) -> (String, Response) {
    let target = Target::parse("/x").unwrap();
    let mut request = Request::get(target, clock().now());
    request.peer = Some(SocketAddr::new(peer.parse().unwrap(), 1234));
    if let Some(value) = forwarded {
        request.fields.set(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static(value));
    }
    let response = balancer.call(request).await.unwrap();
    let location = response.fields.text(&header::LOCATION).unwrap_or("nobody").to_owned();
    (location, response)
}

#[tokio::test(start_paused = true)]
async fn clients_of_some_places_go_by_other_rules_if_a_database_knows_them() {
    let network = network();
    let rules = || -> Vec<_> {
        let lines = ["country:de only b.test:8100", "asn:64496 never a.test:8000"];
        lines.iter().map(|line| Rule::parse(line).unwrap()).collect()
    };
    let unknown = config(&[A, B, C]).with_rules(rules(), Geography::default());
    assert_eq!(unknown.unwrap_err(), ConfigFault::NoGeography);
    let places = database(&[("192.0.2.0/24", Spot::place("DE", "EU"))]);
    let systems = database(&[("2001:db8::/32", Spot::system(64_496))]);
    let geography = Geography::default().with(places).unwrap().with(systems).unwrap();
    let balancer = tested(&network, config(&[A, B, C]).with_rules(rules(), geography).unwrap()).await;
    for _ in 0..20 {
        assert_eq!(place_of(&balancer, "192.0.2.1", None).await.0, format!("http://{B}/x"));
        assert_ne!(place_of(&balancer, "2001:db8::1", None).await.0, format!("http://{A}/x"));
    }
    assert_eq!(place_of(&balancer, "198.51.100.1", None).await.0, format!("http://{A}/x"));
}

#[tokio::test(start_paused = true)]
async fn clients_of_some_networks_go_by_other_rules_and_only_proxies_we_trust_say_who_they_are() {
    let network = network();
    let rules = [
        "192.0.2.0/24 only c.test:8200",
        "198.51.100.0/24 never a.test:8000",
        "203.0.113.0/24 prefer b.test:8100",
    ];
    let rules = rules.iter().map(|line| Rule::parse(line).unwrap()).collect();
    let trust = Trust { proxies: vec![access::Network::parse("10.0.0.0/8").unwrap()], ..Trust::default() };
    let ruled = config(&[A, B, C]).with_rules(rules, Geography::default()).unwrap().with_trust(trust);
    let balancer = tested(&network, ruled).await;
    for _ in 0..20 {
        assert_eq!(place_of(&balancer, "192.0.2.1", None).await.0, format!("http://{C}/x"));
        assert_eq!(place_of(&balancer, "203.0.113.1", None).await.0, format!("http://{B}/x"));
        let (location, response) = place_of(&balancer, "198.51.100.1", None).await;
        let link = response.fields.text(&header::LINK).unwrap().to_owned();
        assert!(!location.contains(A) && !link.contains(A), "{location} {link}");
        let (location, response) = place_of(&balancer, "10.1.1.1", Some("192.0.2.1")).await;
        assert_eq!(location, format!("http://{C}/x"), "a proxy says who asks");
        assert_eq!(response.fields.get(&header::VARY).unwrap(), "x-forwarded-for");
    }
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..20 {
        places.insert(place_of(&balancer, "8.8.8.8", Some("192.0.2.1")).await.0);
    }
    assert_eq!(places.len(), 3, "what a stranger says counts nothing");
    network.stop(B);
    network.stop(C);
    balancer.test_all().await;
    assert_eq!(
        place_of(&balancer, "203.0.113.1", None).await.0,
        format!("http://{A}/x"),
        "a preference only"
    );
    assert_eq!(place_of(&balancer, "192.0.2.1", None).await.1.status.as_u16(), 503);
}

/// Addresses, and for how many seconds they count.
type Answer = (&'static [[u8; 4]], u64);

/// A DNS that says what it is told, and counts how often.
struct Said(Mutex<Result<Answer, String>>, AtomicU32);

impl LookUp for Said {
    async fn look_up(&self, _: &Followed) -> Result<Named, String> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let (addresses, seconds) = self.0.lock().unwrap().clone()?;
        let hosts = addresses.iter().map(|octets| Host::Address((*octets).into())).collect();
        Ok(Named { hosts, ttl: Duration::from_secs(seconds) })
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_asked_for_again_when_what_was_said_does_not_count_any_more() {
    let network = Network::new(clock());
    for authority in ["192.0.2.1:8000", "192.0.2.2:8000"] {
        network.serve(authority, sends(1000));
    }
    let names = Arc::new(Said(Mutex::new(Ok((&[[192, 0, 2, 1]], 20))), AtomicU32::new(0)));
    let followed = vec![Followed::parse("mirrors.test:8000").unwrap()];
    let balancer = Balancer::new(Config::discovering(), network.client(), clock().now());
    let discovery = balancer.discover(&followed, &*names).await;
    balancer.test_all().await;
    let (testing, following, asked) = (balancer.clone(), balancer.clone(), Arc::clone(&names));
    tokio::spawn(async move { testing.keep_testing(std::future::pending::<()>()).await });
    tokio::spawn(async move { following.keep_discovering(&followed, &*asked, discovery).await });
    let servers = || -> Vec<String> {
        let mut all: Vec<_> = balancer.report().iter().map(|row| row.replica.to_string()).collect();
        all.sort();
        all
    };
    let lookups = || names.1.load(Ordering::SeqCst);
    assert_eq!((servers(), lookups()), (vec!["http://192.0.2.1:8000".to_owned()], 1));
    *names.0.lock().unwrap() = Ok((&[[192, 0, 2, 2], [192, 0, 2, 1]], 20));
    clock().advance(Duration::from_secs(19)).await;
    assert_eq!((servers().len(), lookups()), (1, 1), "it counts still");
    clock().advance(Duration::from_secs(2)).await;
    assert_eq!((servers().len(), lookups()), (2, 2));
    assert_eq!(sent(&balancer, 10).await.len(), 2, "who comes is tested at once");
    // What can't be said changes nothing, and is asked again soon.
    *names.0.lock().unwrap() = Err("no DNS server has answered".to_owned());
    clock().advance(Duration::from_secs(21)).await;
    assert_eq!((servers().len(), lookups()), (2, 3));
    clock().advance(Duration::from_secs(5)).await;
    assert_eq!((servers().len(), lookups()), (2, 4));
    *names.0.lock().unwrap() = Ok((&[], 20));
    clock().advance(Duration::from_secs(6)).await;
    assert!(servers().is_empty(), "nobody is named any more");
}
