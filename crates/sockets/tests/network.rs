//! The whole network in memory, on a clock that is stepped: the downloader asks the balancer, which sends it
//! to a replica; a cache stands between; days go by in no time.
//!
//! The roles are the real ones, without sockets. What happened is read from the logs of the lab's network:
//! what has not been asked there, has not been asked.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::future::pending;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use balancer::{Balancer, ProbeSize, Replica};
use cache::Cache;
use download::{Fetched, GetFault, Order, Output, Url, get};
use lab::{Client, Clock, Link, Network};
use message::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, VIA};
use message::{Authority, PathAndQuery, Scheme, StatusCode};
use origin::{Origin, Rule};
use tempfile::TempDir;

const BALANCER: &str = "balancer.test:80";
const CACHE: &str = "cache.test:80";
/// The replicas, with how many bytes a second get through from each.
const REPLICAS: [(&str, u64); 3] =
    [("a.test:80", 4_000_000), ("b.test:80", 2_000_000), ("c.test:80", 1_000_000)];
const A: &str = REPLICAS[0].0;

const INTERVAL: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// The length of every file, in bytes: a few reads and blocks, and a time that can be measured.
const LENGTH: usize = 200_000;

/// What is in the file `name`.
fn content(name: &str) -> Vec<u8> {
    let mut content = name.as_bytes().repeat(LENGTH / name.len() + 1);
    content.truncate(LENGTH);
    content
}

struct World {
    network: Network,
    balancer: Balancer<Client>,
    files: TempDir,
    saved: TempDir,
    _cached: TempDir,
}

impl World {
    /// Three replicas of the same files, a balancer that tests them, and a caching forward proxy.
    async fn new(cache_control: Option<&'static str>) -> Self {
        let network = Network::new(Clock::new());
        // Long after the files were written: the tags of new ones are weak.
        network.clock().advance(Duration::from_hours(10 * 365 * 24)).await;
        let [files, saved, cached] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        for name in ["probe", "file", "other"] {
            fs::write(files.path().join(name), content(name)).unwrap();
        }
        let world = Self { balancer: balancer(&network), network, files, saved, _cached: cached };
        for (authority, rate) in REPLICAS {
            world.serve(authority, cache_control);
            world.network.set_link(authority, Link::of_bandwidth(rate));
        }
        world.balancer.test_all().await;
        world.network.serve(BALANCER, world.balancer.clone());
        let config = cache::Config::new(world._cached.path());
        world.network.serve(CACHE, Arc::new(Cache::open(config, world.network.client()).unwrap()));
        world
    }

    /// Has the balancer go on testing. Not where days go by: that would be tens of thousands of tests.
    fn keep_testing(&self) {
        let testing = self.balancer.clone();
        tokio::spawn(async move { testing.keep_testing(pending::<()>()).await });
    }

    fn serve(&self, authority: &str, cache_control: Option<&'static str>) {
        let mut config = origin::Config::new(self.files.path());
        config.rules = cache_control.map(|value| Rule::cache_control(value).unwrap()).into_iter().collect();
        self.network.serve(authority, Origin::open(config).unwrap());
    }

    async fn step(&self, by: Duration) {
        self.network.clock().advance(by).await;
    }

    fn proxied(&self) -> Client {
        self.network.via(CACHE)
    }

    /// Downloads, and checks what is saved.
    async fn get(&self, client: &Client, url: &str, balancer: Option<&str>) -> Result<Fetched, GetFault> {
        let url = Url::parse(url).unwrap();
        let order = Order {
            balancer: balancer.map(|place| Authority::parse(place).unwrap()),
            existing: download::Existing::Replace,
            tries: NonZeroU32::MIN,
            ..Order::new(url, Output::Directory(self.saved.path().to_owned()))
        };
        let fetched = get(client, order, self.network.clock().now(), &()).await?;
        let path = fetched.path.clone().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(fs::read(&path).unwrap() == content(&name), "{name}: other bytes were saved");
        Ok(fetched)
    }

    /// Downloads the file from replica A through the cache; gives what A was asked for that: nothing, for the
    /// whole, or whether a version is current.
    async fn get_cached(&self) -> Option<Asked> {
        let before = self.network.log(A).len();
        self.get(&self.proxied(), "a.test/file", None).await.unwrap();
        let log = self.network.log(A);
        let seen = log[before..].iter().find(|seen| seen.target.to_string() == "/file")?;
        assert!(seen.fields.text(&VIA).unwrap().starts_with("1.1 "), "it came through the cache");
        let has = |name| seen.fields.contains(name);
        Some(if has(&IF_NONE_MATCH) || has(&IF_MODIFIED_SINCE) { Asked::Whether } else { Asked::Whole })
    }

    /// How many of so many downloads of the file, one after the other, went to each replica.
    async fn shares(&self, downloads: usize) -> [usize; 3] {
        let before = self.downloads();
        for _ in 0..downloads {
            let fetched =
                self.get(&self.network.client(), "anywhere.test/file", Some(BALANCER)).await.unwrap();
            assert_eq!(fetched.redirects.len(), 1);
            assert_eq!(fetched.redirects[0].from.to_string(), "http://balancer.test/file");
        }
        let after = self.downloads();
        std::array::from_fn(|index| after[index] - before[index])
    }

    /// Requests for the file at each replica so far.
    fn downloads(&self) -> [usize; 3] {
        let is_download = |seen: &&lab::Seen| seen.target.to_string() == "/file";
        REPLICAS.map(|(authority, _)| self.network.log(authority).iter().filter(is_download).count())
    }
}

/// How an origin was asked.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Whether,
}

fn balancer(network: &Network) -> Balancer<Client> {
    let replicas =
        REPLICAS.map(|(authority, _)| Replica::new(Scheme::Http, Authority::parse(authority).unwrap()));
    let config = balancer::Config::new(replicas.to_vec()).unwrap();
    let probe = PathAndQuery::parse("/probe").unwrap();
    let config = config.with_probe_path(probe).with_interval(INTERVAL).unwrap();
    // The clock of the tests has no less than milliseconds: a short transfer would not be exact.
    let config = config.with_probe_size(ProbeSize::Whole).unwrap().with_check(None).unwrap();
    Balancer::new(config, network.client(), network.clock().now())
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_file_goes_from_the_origins_over_the_balancer_to_the_downloader() {
    let world = World::new(None).await;
    world.keep_testing();
    // In proportion to speed: 4 to 2 to 1.
    assert_eq!(world.shares(70).await, [40, 20, 10]);

    world.network.stop(A);
    world.step(INTERVAL).await;
    let [a, b, c] = world.shares(30).await;
    assert_eq!((a, b), (0, 20), "nobody is sent to who failed the test, but {c} to the slowest");

    world.serve(A, None);
    world.step(INTERVAL).await;
    let [a, ..] = world.shares(70).await;
    assert!(a > 0, "it has passed a test again");
    // Once it is measured anew it gets its old share.
    world.step(INTERVAL * 20).await;
    assert_eq!(world.shares(70).await, [40, 20, 10]);

    for (authority, _) in REPLICAS {
        world.network.stop(authority);
    }
    world.step(INTERVAL).await;
    let fault = world.get(&world.network.client(), "anywhere.test/file", Some(BALANCER)).await.unwrap_err();
    let GetFault::Status { status, retry_after, .. } = &fault else { panic!("{fault}") };
    assert_eq!((*status, *retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(INTERVAL)));
}

#[tokio::test(start_paused = true)]
async fn a_file_goes_through_the_cache_whatever_its_age() {
    let world = World::new(Some("max-age=60")).await;
    assert_eq!(world.get_cached().await, Some(Asked::Whole), "a miss");
    for _ in 0..2 {
        assert_eq!(world.get_cached().await, None, "fresh");
        world.step(29 * SECOND).await;
    }
    world.step(3 * SECOND).await;
    assert_eq!(world.get_cached().await, Some(Asked::Whether), "kept");
    assert_eq!(world.get_cached().await, None, "fresh again: a 304 says when it was validated");
    // 23 h after the last validation it is kept still: --keep counts from there.
    for _ in 0..2 {
        world.step(Duration::from_hours(23)).await;
        assert_eq!(world.get_cached().await, Some(Asked::Whether), "kept");
    }
    world.step(Duration::from_hours(25)).await;
    assert_eq!(world.get_cached().await, Some(Asked::Whole), "expired");
    assert_eq!(world.get_cached().await, None, "fresh");

    world.network.stop(A);
    assert_eq!(world.get_cached().await, None, "fresh: nobody has to be reached");
    world.step(61 * SECOND).await;
    fs::remove_file(world.saved.path().join("file")).unwrap();
    for path in ["a.test/file", "a.test/other"] {
        let fault = world.get(&world.proxied(), path, None).await.unwrap_err();
        let GetFault::Status { status, .. } = &fault else { panic!("{path}: {fault}") };
        assert_eq!(status.as_u16(), 523, "{path}: with a stored copy and without");
    }
    assert!(!is_there(&world.saved.path().join("file")), "a failed download leaves none");
    world.serve(A, Some("max-age=60"));
    assert_eq!(world.get_cached().await, Some(Asked::Whether), "the copy is there still");
}

#[tokio::test(start_paused = true)]
async fn a_file_goes_over_the_balancer_and_through_the_cache_at_once() {
    let world = World::new(None).await;
    world.keep_testing();
    for round in 1..=14 {
        let client = world.proxied();
        let fetched = world.get(&client, "anywhere.test/file", Some(BALANCER)).await.unwrap();
        assert_eq!(fetched.redirects.len(), 1);
        // The metalink that the balancer names is asked for beside it.
        let log = world.network.log(BALANCER);
        let redirected = log.iter().filter(|seen| seen.target.to_string() == "/file").count();
        assert_eq!(redirected, round, "no redirect is ever stored");
    }
    assert_eq!(world.downloads(), [8, 4, 2], "the cache does not come between clients and their shares");
    for (authority, _) in REPLICAS {
        let log = world.network.log(authority);
        let mut asked = log.iter().filter(|seen| seen.target.to_string() == "/file");
        assert!(!asked.next().unwrap().fields.contains(&IF_NONE_MATCH), "{authority}: a miss at first");
        assert!(
            asked.all(|seen| seen.fields.contains(&IF_NONE_MATCH)),
            "{authority}: validated from then on"
        );
    }
    // Of 14 downloads three brought content from the origins.
    let sent: u64 = REPLICAS.iter().map(|(authority, _)| world.network.bytes_sent(authority)).sum();
    let probed: usize = REPLICAS.iter().map(|(authority, _)| probes_at(&world, authority)).sum();
    assert_eq!(sent, ((3 + probed) * LENGTH) as u64);
}

/// How often a replica was tested.
fn probes_at(world: &World, authority: &str) -> usize {
    world.network.log(authority).iter().filter(|seen| seen.target.to_string() == "/probe").count()
}
