//! What the tests of the balancer stand on: a network of simulated replicas, and clients.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use balancer::{Balancer, Config, Replica, State};
use bytes::Bytes;
use lab::{Answers, Client, Clock, Link, Network, Seen};
use message::{Authority, Body, Request, Response, Scheme, Service, StatusCode, Target, header};

pub(crate) const A: &str = "a.test:8000";
pub(crate) const B: &str = "b.test:8100";
pub(crate) const C: &str = "c.test:8200";
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Three replicas with links of 4:2:1: the probed file takes 100, 200 and 400 ms.
pub(crate) fn network() -> Network {
    let network = Network::new(clock());
    for (authority, rate) in [(A, 1_000_000), (B, 500_000), (C, 250_000)] {
        network.serve(authority, sends(100_000));
        network.set_link(authority, Link::of_bandwidth(rate));
    }
    network
}

pub(crate) fn ok(length: usize) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.body = Body::from(Bytes::from(vec![b'x'; length]));
    response
}

pub(crate) fn sends(length: usize) -> Answers {
    Answers::new(move |_| ok(length))
}

pub(crate) fn config(replicas: &[&str]) -> Config {
    let replica = |authority: &&str| Replica::new(Scheme::Http, Authority::parse(authority).unwrap());
    let config = Config::new(replicas.iter().map(replica).collect()).unwrap();
    config.with_interval(INTERVAL).unwrap().with_check(None).unwrap()
}

pub(crate) type Tested = Balancer<Client>;

pub(crate) async fn tested(network: &Network, config: Config) -> Tested {
    let balancer = Balancer::new(config, network.client(), network.clock().now());
    balancer.test_all().await;
    balancer
}

/// A balancer that has tested all three and goes on testing them.
pub(crate) async fn running(network: &Network) -> Tested {
    running_of(network, config(&[A, B, C])).await
}

/// One that is told so, and goes on testing.
pub(crate) async fn running_of(network: &Network, config: Config) -> Tested {
    let balancer = tested(network, config).await;
    let control = balancer.clone();
    tokio::spawn(async move { control.keep_testing(pending::<()>()).await });
    balancer
}

/// The clock of a test, which has a thread of its own.
pub(crate) fn clock() -> Clock {
    thread_local!(static CLOCK: OnceCell<Clock> = const { OnceCell::new() });
    CLOCK.with(|clock| *clock.get_or_init(Clock::new))
}

pub(crate) async fn ask(balancer: &Tested, path: &str) -> Response {
    let target = Target::parse(path).unwrap();
    balancer.call(Request::get(target, clock().now())).await.unwrap()
}

/// Where `clients` clients are sent, by authority; "503" where to nobody.
pub(crate) async fn sent(balancer: &Tested, clients: u32) -> BTreeMap<String, u32> {
    let mut sent = BTreeMap::new();
    for _ in 0..clients {
        let response = ask(balancer, "/file").await;
        let place = match response.fields.text(&header::LOCATION) {
            Some(location) => Target::parse_url(location).unwrap().authority().unwrap().to_string(),
            None => response.status.as_u16().to_string(),
        };
        *sent.entry(place).or_default() += 1;
    }
    sent
}

/// How many times `authority` was asked for more than a glance takes, and how many times for that.
pub(crate) fn tests_and_glances(network: &Network, authority: &str) -> (usize, usize) {
    let log = network.log(authority);
    let glances = log.iter().filter(|seen| is_glance(seen)).count();
    (log.len() - glances, glances)
}

/// Whether it is a look between two tests.
pub(crate) fn is_glance(seen: &Seen) -> bool {
    seen.fields.get(&header::RANGE).is_some_and(|range| range == "bytes=0-1023")
}

pub(crate) fn shares(expected: &[(&str, u32)]) -> BTreeMap<String, u32> {
    expected.iter().map(|(place, clients)| ((*place).to_owned(), *clients)).collect()
}

pub(crate) fn state(balancer: &Tested, authority: &str) -> State {
    let rows = balancer.report();
    let row = rows.iter().find(|row| row.replica.authority().to_string() == authority);
    row.unwrap_or_else(|| panic!("{authority} is not in the report")).health.state().clone()
}
