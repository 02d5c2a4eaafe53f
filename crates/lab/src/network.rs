//! Services by authority, and the clients that ask them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use message::{Authority, Failure, FailureKind, HeaderValue, Request, Response, Scheme, Service, Target};

use crate::clock::Clock;
use crate::link::{Fault, Link};
use crate::site::{Seen, Site};
use crate::transfer::{over_link, plain};
use crate::wire::{answer_to, request_arrives, response_leaves};

/// Who every client is unless [`Client::with_peer`] says otherwise.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);

/// A network in memory: authorities such as `a.test:80`, each with a service and a link to it. A
/// handle, cheap to clone.
///
/// The methods that take an authority panic if it is not one.
#[derive(Clone)]
pub struct Network {
    clock: Clock,
    sites: Arc<Mutex<BTreeMap<String, Arc<Site>>>>,
}

impl Network {
    /// A network without anybody in it.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, sites: Arc::default() }
    }

    /// The clock that stamps its messages.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Lets `service` answer at `authority` (port 80 if none is given) from now on. Link, counters
    /// and log stay what they were.
    pub fn serve(&self, authority: &str, service: impl Service) {
        self.site(authority).set_service(Some(Arc::new(service)));
    }

    /// Refuses connections to `authority` until it is served again. Answers on their way still arrive
    /// (see [`Fault::Cut`] for those that don't).
    pub fn stop(&self, authority: &str) {
        self.site(authority).set_service(None);
    }

    /// Changes the way to `authority`.
    pub fn set_link(&self, authority: &str, link: Link) {
        self.site(authority).change_link(|current| *current = link);
    }

    /// Changes only the fault of the way to `authority`.
    pub fn set_fault(&self, authority: &str, fault: Fault) {
        self.site(authority).change_link(|current| current.fault = fault);
    }

    /// How many requests have arrived at `authority`, answered or not.
    #[must_use]
    pub fn requests(&self, authority: &str) -> u64 {
        self.site(authority).requests()
    }

    /// How many bytes of content have been sent from `authority`.
    #[must_use]
    pub fn bytes_sent(&self, authority: &str) -> u64 {
        self.site(authority).bytes_sent()
    }

    /// The last requests (10,000 at most) that have arrived at `authority`, oldest first.
    #[must_use]
    pub fn log(&self, authority: &str) -> Vec<Seen> {
        self.site(authority).log()
    }

    /// A client that goes to each target's own authority.
    #[must_use]
    pub fn client(&self) -> Client {
        Client { network: self.clone(), proxy: None, peer: PEER }
    }

    /// A client that goes to the forward proxy at `proxy` for everything.
    #[must_use]
    pub fn via(&self, proxy: &str) -> Client {
        Client { proxy: Some(parse(proxy)), ..self.client() }
    }

    fn site(&self, authority: &str) -> Arc<Site> {
        let key = key(&parse(authority), Scheme::Http);
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sites.entry(key).or_insert_with(|| Arc::new(Site::new())))
    }

    fn find(&self, authority: &Authority, scheme: Scheme) -> Option<Arc<Site>> {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.get(&key(authority, scheme)).cloned()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// Asks services of a [`Network`] as the engine's pool would: for absolute targets.
#[derive(Clone, Debug)]
pub struct Client {
    network: Network,
    proxy: Option<Authority>,
    peer: SocketAddr,
}

impl Client {
    /// The same client at another address.
    #[must_use]
    pub fn with_peer(self, peer: SocketAddr) -> Self {
        Self { peer, ..self }
    }

    /// What `site` makes of the request, as far as its fault lets it.
    async fn ask(&self, site: &Site, mut request: Request) -> Result<Response, Failure> {
        let link = site.link();
        tokio::time::sleep(link.latency).await;
        request.received_at = self.network.clock.now();
        let service = match link.fault {
            Fault::Refuse => None,
            Fault::Fail(kind) => return Err(Failure::new(kind, "the link fails as it was told to")),
            _ => site.service(),
        };
        let Some(service) = service else {
            return Err(Failure::before_sending(FailureKind::ConnectionRefused, "connection refused"));
        };
        site.note(&request);
        match link.fault {
            Fault::Silent => pending().await,
            Fault::Status(status) => Ok(Response::text(status, format!("{status}\n"))),
            // A failure stays behind the server that has it: what comes over the wire is a response.
            _ => Ok(service.answer(request).await.unwrap_or_else(|failure| answer_to(&failure))),
        }
    }
}

impl Service for Client {
    async fn call(&self, mut request: Request) -> Result<Response, Failure> {
        let Target::Absolute(scheme, authority, path) = request.target.clone() else {
            let detail = format!("the client side takes absolute targets, not {}", request.target);
            return Err(Failure::before_sending(FailureKind::HttpRequestError, detail));
        };
        let site = match &self.proxy {
            Some(proxy) => self.network.find(proxy, Scheme::Http),
            None => self.network.find(&authority, scheme),
        };
        let Some(site) = site else {
            let detail = format!("{authority} is not known");
            return Err(Failure::before_sending(FailureKind::DnsError, detail));
        };
        if self.proxy.is_none() {
            request.target = Target::Origin(path);
        }
        request_arrives(&mut request, host(&authority));
        request.peer = Some(self.peer);
        request.body = plain(request.body);
        let method = request.method.clone();
        let response = self.ask(&site, request).await?;
        let mut response = response_leaves(response, &method, self.network.clock.now());
        response.body = over_link(response.body, site);
        Ok(response)
    }
}

fn key(authority: &Authority, scheme: Scheme) -> String {
    format!("{}:{}", authority.host(), authority.port_or_default(scheme))
}

#[expect(clippy::expect_used, reason = "a test that misspells an authority must fail at once")]
fn parse(authority: &str) -> Authority {
    Authority::parse(authority).expect("an authority such as a.test:80")
}

#[expect(clippy::expect_used, reason = "an authority holds visible ASCII only")]
fn host(authority: &Authority) -> HeaderValue {
    HeaderValue::try_from(authority.to_string()).expect("an authority is a field value")
}
