//! Three servers, a cache and a balancer in one process, each on a port of its own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use balancer::{Balancer, Replica};
use bytes::Bytes;
use cache::Cache;
use download::Url;
use engine::{ExchangeRecord, Observer, Pool, Route, Unobserved, clock};
use message::target::TargetFault;
use message::{Authority, PathAndQuery, Response, Scheme, Service};
use origin::Origin;
use tempfile::TempDir;

use crate::args::limits::LimitArgs;
use crate::args::listen::{Addresses, Bind, ListenArgs, Port};
use crate::demo::slowed::Slowed;
use crate::exit::Exit;
use crate::role::pool;
use crate::role::stand::{Stand, connections_each};

/// How long a stopped role may take to finish.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// The servers: their usual ports, and by how much each is slowed down.
const SERVERS: [(u16, Duration); 3] =
    [(8000, Duration::from_millis(20)), (8100, Duration::from_millis(30)), (8200, Duration::from_millis(60))];
/// Servers, caches and the balancer.
const STANDS: usize = 6;
const CACHE_PORT: u16 = 9000;
const SHORT_CACHE_PORT: u16 = 9001;
const BALANCER_PORT: u16 = 8080;

/// What the balancer transfers in a test.
const PROBE_PATH: Bytes = Bytes::from_static(b"/probe.bin");

/// Everything that runs.
pub(super) struct Town {
    home: TempDir,
    pub(super) servers: Vec<Server>,
    pub(super) cache: Place,
    /// A cache that keeps nothing for longer than a moment.
    pub(super) short_cache: Place,
    pub(super) balancer: Balancer<Pool>,
    pub(super) balancer_place: Place,
    caches: [Arc<Cache<Pool>>; 2],
}

/// One of the servers.
pub(super) struct Server {
    root: PathBuf,
    delay: Duration,
    pub(super) tally: Arc<Tally>,
    pub(super) place: Place,
}

/// Something that runs, or ran, at an authority.
pub(super) struct Place {
    pub(super) authority: Authority,
    stand: Option<Stand>,
}

/// What a server answered since it was last asked for.
#[derive(Default)]
pub(super) struct Tally {
    whole: AtomicUsize,
    not_modified: AtomicUsize,
}

impl Observer for Tally {
    fn hears_exchanges(&self) -> bool {
        false
    }

    /// Counted before it is sent, so that whoever has the answer finds it counted.
    fn answering(&self, response: &Response) {
        match response.status.as_u16() {
            200 => self.whole.fetch_add(1, Ordering::Relaxed),
            304 => self.not_modified.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    fn exchange(&self, _: &ExchangeRecord) {}
}

impl Tally {
    /// How many 200 and 304 since the last call.
    pub(super) fn take(&self) -> (usize, usize) {
        (self.whole.swap(0, Ordering::Relaxed), self.not_modified.swap(0, Ordering::Relaxed))
    }
}

impl Town {
    /// Writes the files and starts everything.
    pub(super) async fn found() -> Result<Self, Exit> {
        let home = TempDir::with_prefix("sockets-demo-").map_err(|error| failed(&error))?;
        let mut servers = Vec::with_capacity(SERVERS.len());
        for (port, delay) in SERVERS {
            servers.push(Server::start(&home, port, delay)?);
        }
        let long = cache::Config::new(home.path().join("cache"));
        let rules = cache::Rules { keep: Duration::ZERO, ..cache::Rules::default() };
        let short = cache::Config { rules, ..cache::Config::new(home.path().join("short")) };
        let (long, cache) = start_cache(long, CACHE_PORT)?;
        let (short, short_cache) = start_cache(short, SHORT_CACHE_PORT)?;
        let replicas =
            servers.iter().map(|server| Replica::new(Scheme::Http, server.place.authority.clone()));
        let config = balancer::Config::new(replicas.collect()).map_err(Exit::failed)?;
        let config = config.with_probe_path(PathAndQuery::parse(PROBE_PATH).map_err(Exit::failed)?);
        // A server is to be asked by who downloads, and by nobody else.
        let config = config.with_check(None).map_err(Exit::failed)?;
        let balancer = Balancer::new(config, pool(Route::Direct), clock::now());
        balancer.test_all().await;
        let balancer_place = Place::start("balancer", BALANCER_PORT, &balancer, &Unobserved)?;
        let caches = [long, short];
        Ok(Self { home, servers, cache, short_cache, balancer, balancer_place, caches })
    }

    /// One of the servers, counted round.
    pub(super) fn server(&self, which: usize) -> &Server {
        &self.servers[which % self.servers.len()]
    }

    /// One of the servers, counted round.
    pub(super) fn server_mut(&mut self, which: usize) -> &mut Server {
        let count = self.servers.len();
        &mut self.servers[which % count]
    }

    /// A new, empty directory for what is downloaded.
    pub(super) fn downloads(&self) -> Result<PathBuf, String> {
        let dir =
            TempDir::with_prefix_in("downloads-", self.home.path()).map_err(|error| error.to_string())?;
        Ok(dir.keep())
    }

    /// Where the cache stores the body of a path of a server.
    pub(super) fn stored_body(&self, server: &Server, path: &str) -> PathBuf {
        self.home.path().join("cache").join(server.place.authority.to_string()).join(path)
    }

    /// The lines that say what runs where.
    pub(super) fn map(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.servers.iter().map(Server::describe).collect();
        lines.push(format!("cache     http://{}/ (forward proxy)", self.cache.authority));
        lines.push(format!("balancer  http://{}/", self.balancer_place.authority));
        lines
    }

    /// Stops everything and removes the files.
    pub(super) async fn close(self) -> Result<(), Exit> {
        let Self { home, servers, mut cache, mut short_cache, mut balancer_place, caches, .. } = self;
        for place in [&mut balancer_place, &mut cache, &mut short_cache] {
            place.stop().await;
        }
        for mut server in servers {
            server.place.stop().await;
        }
        for cache in caches {
            cache.close().await;
        }
        home.close().map_err(|error| failed(&error))
    }
}

impl Server {
    fn start(home: &TempDir, port: u16, delay: Duration) -> Result<Self, Exit> {
        let root = home.path().join(format!("files-{port}"));
        write_files(&root).map_err(|error| failed(&error))?;
        let tally = Arc::new(Tally::default());
        let place = Place::start("server", port, &serve(&root, delay)?, &tally)?;
        Ok(Self { root, delay, tally, place })
    }

    /// Writes a file under the server's directory.
    pub(super) fn write(&self, name: &str, contents: &str) -> Result<(), String> {
        fs::write(self.root.join(name), contents).map_err(|error| error.to_string())
    }

    /// The contents of a file under the server's directory.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(self.root.join(name)).map_err(|error| error.to_string())
    }

    /// The URL of a file that it has.
    pub(super) fn url(&self, path: &'static str) -> Result<Url, TargetFault> {
        Url::parse(&format!("http://{}{path}", self.place.authority))
    }

    /// A request line for a proxy.
    pub(super) fn line(&self, method: &str, path: &str) -> String {
        format!("{method} http://{}{path} HTTP/1.1", self.place.authority)
    }

    /// Starts it again, where it was.
    pub(super) fn start_again(&mut self) -> Result<String, Exit> {
        let port = self.place.authority.port_or_default(Scheme::Http);
        self.place = Place::start("server", port, &serve(&self.root, self.delay)?, &self.tally)?;
        Ok(format!("running at http://{}/", self.place.authority))
    }

    fn describe(&self) -> String {
        format!("server    http://{}/ (slowed down by {:?})", self.place.authority, self.delay)
    }
}

impl Place {
    /// Serves on `port`, or on a free one if it is taken.
    fn start(
        name: &str,
        port: u16,
        service: &(impl Service + Clone),
        observer: &(impl Observer + Clone),
    ) -> Result<Self, Exit> {
        let listen = ListenArgs {
            allow_http10: false,
            drain: STOP_WAIT,
            threads: Some(1),
            proxy_protocol: Vec::new(),
            limits: LimitArgs::default(),
        };
        let open = |port| {
            let addresses = Addresses { bind: Bind::Loopback, port: Port::Asked(port) };
            Stand::open(
                name,
                &addresses,
                &listen,
                connections_each(STANDS),
                service.clone(),
                observer.clone(),
                |_| {},
            )
        };
        let stand = open(port).or_else(|_| open(0))?;
        let port = stand.addresses.first().map_or(port, SocketAddr::port);
        let authority = Authority::parse("localhost").map_err(Exit::failed)?.with_port(port);
        Ok(Self { authority, stand: Some(stand) })
    }

    /// Stops what runs here; it can't be connected to afterwards.
    pub(super) async fn stop(&mut self) {
        if let Some(stand) = self.stand.take() {
            stand.close(STOP_WAIT).await;
        }
    }
}

fn serve(root: &Path, delay: Duration) -> Result<Arc<Slowed<Origin>>, Exit> {
    let inner = Origin::open(origin::Config::new(root.to_owned())).map_err(Exit::failed)?;
    Ok(Arc::new(Slowed { inner, delay }))
}

fn start_cache(config: cache::Config, port: u16) -> Result<(Arc<Cache<Pool>>, Place), Exit> {
    let cache = Arc::new(Cache::open(config, pool(Route::Direct)).map_err(Exit::failed)?);
    let place = Place::start("cache", port, &cache, &Unobserved)?;
    Ok((cache, place))
}

/// The same files for every server.
fn write_files(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    fs::write(root.join("index.html"), "<!doctype html><title>Sockets</title><p>Hello from Sockets.</p>\n")?;
    fs::write(root.join("release.bin"), pattern(3 * 1024 * 1024))?;
    fs::write(root.join("probe.bin"), pattern(64 * 1024))
}

/// Bytes that tell where in the file they are.
fn pattern(len: u32) -> Vec<u8> {
    (0..len / 4).flat_map(u32::to_be_bytes).collect()
}

fn failed(error: &io::Error) -> Exit {
    Exit::failed(format_args!("the demo's files: {error}"))
}
