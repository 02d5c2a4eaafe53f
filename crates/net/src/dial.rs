//! Dialling: a name becomes addresses, the addresses are raced, the first that answers is the connection
//! (RFC 8305, "Happy Eyeballs").
//!
//! 1. resolve: an address is itself, `localhost` is the loopback of both families, other names are asked
//!    of the system.
//! 2. order: the families take turns, beginning with the one that the system prefers.
//! 3. race: an attempt gets [`ATTEMPT_DELAY`] before the next begins beside it.
//! 4. judge: of several failures the one that says most is reported.

use crate::socket::Socket;
use crate::stream::Stream;
use rustix::io::Errno;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::timeout;

/// How long an attempt has to itself before the next address is tried beside it (RFC 8305 §5).
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The most addresses of one name that are tried.
pub const ADDRESSES_MAX: usize = 8;

/// The most names that are looked up at once: each takes a thread for as long as the system needs, also
/// when nobody waits for it any more. Those beyond wait, within their own connect timeout.
pub const LOOKUPS_MAX: usize = 32;

/// [`Dialer::connect_timeout`] by default.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// Makes connections.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// The longest that a dial may take, from the name to the connection.
    pub connect_timeout: Duration,
    /// Which addresses of a name may be connected to; all if `None`.
    pub reach: Option<Reach>,
    /// Names that are not looked up.
    pub pins: Pins,
}

/// Addresses that stand for names, whatever the system would say of these.
#[derive(Debug, Clone, Default)]
pub struct Pins(Arc<HashMap<(String, u16), Vec<IpAddr>>>);

impl Pins {
    /// Each host and port with its addresses; of one that is named twice all count.
    pub fn new(pins: impl IntoIterator<Item = ((String, u16), Vec<IpAddr>)>) -> Self {
        let mut map: HashMap<_, Vec<IpAddr>> = HashMap::new();
        for ((host, port), addresses) in pins {
            map.entry((host.to_ascii_lowercase(), port)).or_default().extend(addresses);
        }
        Self(Arc::new(map))
    }

    fn of(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        if self.0.is_empty() {
            return None;
        }
        let addresses = self.0.get(&(host.to_ascii_lowercase(), port))?;
        Some(addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
    }
}

/// Whether an address that a host has may be connected to. Asked for each address after the name was looked
/// up, so that no name leads where none should.
#[derive(Clone)]
pub struct Reach(Arc<Judge>);

type Judge = dyn Fn(&str, IpAddr) -> bool + Send + Sync;

impl Reach {
    /// What `judge` says of a host, as it was asked for, and one of its addresses.
    pub fn new(judge: impl Fn(&str, IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(judge))
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach(..)")
    }
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer { connect_timeout: CONNECT_TIMEOUT, reach: None, pins: Pins::default() }
    }
}

impl Dialer {
    /// A connection to `port` of `host`: a name, or an address (IPv6 without brackets).
    ///
    /// # Errors
    /// See [`DialFault`].
    pub async fn dial(&self, host: &str, port: u16) -> Result<Stream, DialFault> {
        let limit = self.connect_timeout;
        let mut addresses = Vec::new();
        let outcome = timeout(limit, async {
            let found = match self.pins.of(host, port) {
                Some(pinned) => pinned,
                None => resolve(host, port).await?,
            };
            addresses = self.reachable(host, found)?;
            Ok(race(&addresses, connect).await)
        });
        let outcome = outcome.await;
        let tried = || Tried { host: host.to_owned(), port, addresses };
        match outcome {
            Ok(Ok(Ok(stream))) => Ok(stream),
            Ok(Ok(Err(failures))) => Err(judge(tried(), failures, limit)),
            Ok(Err(unresolved)) => Err(unresolved),
            Err(_elapsed) => Err(DialFault::TimedOut { tried: tried(), after: limit }),
        }
    }
}

impl Dialer {
    /// Those of a host's addresses that may be connected to, in the order in which they are tried.
    fn reachable(&self, host: &str, mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, DialFault> {
        if let Some(Reach(judge)) = &self.reach {
            found.retain(|address| judge(host, address.ip()));
            if found.is_empty() {
                return Err(DialFault::Prohibited { host: host.to_owned() });
            }
        }
        Ok(in_turns(found))
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialFault> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if is_localhost(host) {
        let loopback = [IpAddr::from(Ipv6Addr::LOCALHOST), IpAddr::from(Ipv4Addr::LOCALHOST)];
        return Ok(loopback.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    match look_up(host.to_owned(), port).await {
        Ok(addresses) if addresses.is_empty() => Err(DialFault::NameNotFound { host: host.to_owned() }),
        Ok(addresses) => Ok(addresses),
        Err(error) if cannot_be(&error) || says_not_found(&error) => {
            Err(DialFault::NameNotFound { host: host.to_owned() })
        }
        Err(error) => Err(DialFault::NameLookup { host: host.to_owned(), error }),
    }
}

/// `localhost` and all beneath it are loopback, never a question to anybody (RFC 6761 §6.3): both
/// families, whatever `/etc/hosts` lists, so that a server on either is found.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// getaddrinfo(3), on a thread of its own. The permit goes with the thread: a lookup that nobody waits
/// for any more still counts.
async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let lookup = spawn_blocking(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        drop(permit);
        found
    });
    lookup.await?
}

/// Whether no name can look like that (it holds a NUL).
fn cannot_be(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

/// Whether the system says that the name does not exist, not merely that it could not find out. The
/// standard library passes getaddrinfo's code on only as its text (of glibc, musl, the BSDs and macOS).
fn says_not_found(error: &io::Error) -> bool {
    const NOT_FOUND: [&str; 5] = [
        "Name or service not known",
        "Name does not resolve",
        "No address associated with",
        "nodename nor servname provided",
        "Name has no usable address",
    ];
    let text = error.to_string();
    NOT_FOUND.iter().any(|not_found| text.contains(not_found))
}

/// The addresses in the system's order, but the families in turns (RFC 8305 §4), each once, at most
/// [`ADDRESSES_MAX`].
fn in_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv4 = found.first().is_some_and(SocketAddr::is_ipv4);
    let (first, other): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let (mut first, mut other) = (first.into_iter(), other.into_iter());
    let mut ordered = Vec::new();
    loop {
        let turn = [first.next(), other.next()];
        if turn == [None, None] {
            return ordered;
        }
        for address in turn.into_iter().flatten() {
            if ordered.len() < ADDRESSES_MAX && !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
}

/// The first of `addresses` that `connect` succeeds with; the others are dropped, and with them their
/// sockets. A failure makes the next begin at once (RFC 8305 §5).
async fn race<T, C, F>(addresses: &[SocketAddr], connect: C) -> Result<T, Vec<io::Error>>
where
    T: Send + 'static,
    C: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    if let [only] = addresses {
        return connect(*only).await.map_err(|error| vec![error]);
    }
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    for &address in addresses {
        attempts.spawn(connect(address));
        match timeout(ATTEMPT_DELAY, attempts.join_next()).await.map(|outcome| outcome.map(flatten)) {
            Ok(Some(Ok(winner))) => return Ok(winner),
            Ok(Some(Err(error))) => failures.push(error),
            Ok(None) | Err(_) => {}
        }
    }
    while let Some(outcome) = attempts.join_next().await.map(flatten) {
        match outcome {
            Ok(winner) => return Ok(winner),
            Err(error) => failures.push(error),
        }
    }
    Err(failures)
}

fn flatten<T>(outcome: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    outcome.unwrap_or_else(|broken| Err(io::Error::other(broken)))
}

async fn connect(address: SocketAddr) -> io::Result<Stream> {
    made(Socket::connect(address).await?, address)
}

fn made(tcp: Socket, address: SocketAddr) -> io::Result<Stream> {
    // A connection to a free local port of the range that the system takes its own ports from can meet
    // itself (RFC 9293 §3.5, simultaneous open). Nobody else is there.
    if address.ip().is_loopback() && tcp.options().local_addr()?.as_socket() == Some(address) {
        return Err(Errno::CONNREFUSED.into());
    }
    tcp.options().set_tcp_nodelay(true)?;
    Ok(Stream::new(tcp, address))
}

/// The failure that says most about why none of the addresses could be reached.
fn judge(tried: Tried, failures: Vec<io::Error>, limit: Duration) -> DialFault {
    let Some(error) = failures.into_iter().min_by_key(Reason::of) else {
        return DialFault::NameNotFound { host: tried.host };
    };
    match Reason::of(&error) {
        Reason::DescriptorLimit => DialFault::DescriptorLimit { tried, error },
        Reason::Refused => DialFault::Refused { tried },
        Reason::TimedOut => DialFault::TimedOut { tried, after: limit },
        Reason::Unreachable => DialFault::Unreachable { tried, error },
        Reason::Other => DialFault::Other(error),
    }
}

/// Why one attempt failed, what says most first: our own want, an answer, silence, no way there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    DescriptorLimit,
    Refused,
    TimedOut,
    Other,
    Unreachable,
}

impl Reason {
    fn of(error: &io::Error) -> Reason {
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE) => Reason::DescriptorLimit,
            Some(Errno::CONNREFUSED | Errno::CONNRESET) => Reason::Refused,
            Some(Errno::TIMEDOUT) => Reason::TimedOut,
            Some(
                Errno::NETUNREACH
                | Errno::HOSTUNREACH
                | Errno::NETDOWN
                | Errno::HOSTDOWN
                | Errno::ADDRNOTAVAIL
                | Errno::AFNOSUPPORT
                | Errno::ACCESS
                | Errno::PERM,
            ) => Reason::Unreachable,
            _ => Reason::Other,
        }
    }
}

/// What a dial was for, and what it tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The name or address as it was asked for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The addresses that were tried or would have been next, in order; empty if the name was still
    /// being looked up.
    pub addresses: Vec<SocketAddr>,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return write!(f, "{}", SocketAddr::new(ip, self.port));
        }
        write!(f, "{}:{}", self.host, self.port)?;
        let mut before = " (";
        for address in &self.addresses {
            write!(f, "{before}{}", address.ip())?;
            before = ", ";
        }
        if self.addresses.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// Why there is no connection. `Display` is one line for people.
#[derive(Debug)]
pub enum DialFault {
    /// The name does not exist, or has no address.
    NameNotFound {
        /// The name.
        host: String,
    },
    /// The name could not be looked up; it may exist.
    NameLookup {
        /// The name.
        host: String,
        /// What the system said.
        error: io::Error,
    },
    /// The host has only addresses that may not be connected to.
    Prohibited {
        /// The name or address.
        host: String,
    },
    /// The machine is there, but nobody listens on the port.
    Refused {
        /// What was tried.
        tried: Tried,
    },
    /// There is no way to the machine.
    Unreachable {
        /// What was tried.
        tried: Tried,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody answered in time.
    TimedOut {
        /// What was tried.
        tried: Tried,
        /// The time that was given.
        after: Duration,
    },
    /// This process, or this machine, has no descriptor left. Not the other side's fault.
    DescriptorLimit {
        /// What was tried.
        tried: Tried,
        /// What the system said.
        error: io::Error,
    },
    /// Anything else that the system says.
    Other(io::Error),
}

impl fmt::Display for DialFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialFault::NameNotFound { host } => write!(f, "there is no host named {host}"),
            DialFault::NameLookup { host, error } => write!(f, "cannot look up {host}: {error}"),
            DialFault::Prohibited { host } => {
                write!(f, "{host} is at an address that may not be reached from here")
            }
            DialFault::Refused { tried } => write!(f, "{tried} refused the connection: is it running?"),
            DialFault::Unreachable { tried, error } => write!(f, "there is no way to {tried}: {error}"),
            DialFault::TimedOut { tried, after } if tried.addresses.is_empty() => {
                write!(f, "looking up {} took longer than {after:?}", tried.host)
            }
            DialFault::TimedOut { tried, after } => write!(f, "{tried} did not answer within {after:?}"),
            DialFault::DescriptorLimit { tried, .. } => {
                write!(f, "no file descriptor left to connect to {tried}: raise the limit (ulimit -n)")
            }
            DialFault::Other(error) => write!(f, "cannot connect: {error}"),
        }
    }
}

impl std::error::Error for DialFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DialFault::NameLookup { error, .. }
            | DialFault::Unreachable { error, .. }
            | DialFault::DescriptorLimit { error, .. }
            | DialFault::Other(error) => Some(error),
            DialFault::NameNotFound { .. }
            | DialFault::Prohibited { .. }
            | DialFault::Refused { .. }
            | DialFault::TimedOut { .. } => None,
        }
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
