//! Listening: addresses become listeners, listeners become acceptors, and accepting never ends.
//!
//! 1. [`bind`] or [`bind_all`] takes an address for as many runtimes as there are.
//! 2. [`Listener::start`] moves a listener onto the runtime of the thread it is called on.
//! 3. [`Acceptor::accept`] gives one connection after the other, and waits out every want of the system.

use crate::socket::Socket as Connected;
use crate::stream::Stream;
use crate::sys::{SPREADS_REUSEPORT, accept, defer_accept, holder, watch};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep};

pub use crate::sys::holder::Holder;

/// Connections that the kernel holds for us until they are accepted; it may hold fewer
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// The most listeners that [`bind`] makes for one address.
pub const LISTENERS_MAX: usize = 1024;

/// How long accepting rests when the system is short of descriptors or memory.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long the system keeps a connection back on which nothing comes.
pub const SILENCE_MAX: Duration = Duration::from_secs(1);

/// How many connections in a row may turn out dead before accepting rests as well.
const DEAD_IN_A_ROW_MAX: u32 = 64;

/// Pauses that are less than this apart belong to one episode, which is logged once.
const EPISODE_GAP: Duration = Duration::from_secs(10);

/// A bound and listening socket that no runtime owns yet.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    addr: SocketAddr,
}

/// `count` listeners (1 to [`LISTENERS_MAX`], clamped) on one address. The kernel spreads connections
/// over them by `SO_REUSEPORT`; where it can't, they share one socket. Port 0 is resolved once, for all.
/// An IPv6 address never takes the IPv4 one with it: see [`bind_all`].
///
/// A second process, of the same user or another, does not get in between: see [`ListenFault::Taken`].
///
/// # Errors
/// The first socket that could not be had, in words for people.
pub fn bind(addr: SocketAddr, count: usize) -> Result<Vec<Listener>, ListenFault> {
    bind_group(addr, true, count, SPREADS_REUSEPORT).map_err(|error| ListenFault::new(addr, error))
}

/// As [`bind`], on all addresses of this machine: one socket for IPv6 and IPv4 together
/// (`IPV6_V6ONLY` off, RFC 3493 §5.3), or `0.0.0.0` where there is no IPv6.
///
/// # Errors
/// As [`bind`].
pub fn bind_all(port: u16, count: usize) -> Result<Vec<Listener>, ListenFault> {
    let every = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match bind_group(every, false, count, SPREADS_REUSEPORT) {
        Err(error) if lacks_ipv6(&error) => bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), count),
        outcome => outcome.map_err(|error| ListenFault::new(every, error)),
    }
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

/// The first socket is bound without `SO_REUSEPORT`, so that a port that anybody else has is refused
/// even if they would share it; only then is it opened to the others of the group. Where the kernel
/// doesn't spread the connections over them (`spreads`), they are one socket.
fn bind_group(addr: SocketAddr, only_v6: bool, count: usize, spreads: bool) -> io::Result<Vec<Listener>> {
    let siblings = count.clamp(1, LISTENERS_MAX).saturating_sub(1);
    let first = open(addr, only_v6)?;
    first.bind(&addr.into())?;
    let resolved = first.local_addr()?.as_socket().unwrap_or(addr);
    if siblings > 0 && spreads {
        first.set_reuse_port(true)?;
    }
    let mut group = Vec::with_capacity(siblings.saturating_add(1));
    for _ in 0..siblings {
        group.push(if spreads { sibling(resolved, only_v6)? } else { first.try_clone()? });
    }
    group.push(first);
    group
        .into_iter()
        .map(|socket| {
            socket.listen(BACKLOG)?;
            Ok(Listener { socket, addr: resolved })
        })
        .collect()
}

fn open(addr: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart need not wait for the last connections' TIME-WAIT (RFC 9293 §3.4.2).
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn sibling(addr: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = open(addr, only_v6)?;
    socket.set_reuse_port(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

impl Listener {
    /// The address it listens on, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Has connections accepted only when something has come on them, for protocols in which the client speaks
    /// first, or after about [`SILENCE_MAX`]: it then costs one wake-up instead of two to answer them. Linux only;
    /// elsewhere, and where the system refuses, they are accepted as they come.
    pub fn defer(self) -> Self {
        let _ = defer_accept(&self.socket, SILENCE_MAX);
        self
    }

    /// Hands the socket to the runtime of this thread.
    ///
    /// # Errors
    /// The system's, when the socket can't be watched (its limits on descriptors or watches).
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn start(self) -> io::Result<Acceptor> {
        let listener = watch(&Arc::new(self.socket.into()), Interest::READABLE)?;
        Ok(Acceptor { listener, addr: self.addr, dead_in_a_row: 0, shortage: Shortage::default() })
    }
}

/// A listener at work on a runtime.
#[derive(Debug)]
pub struct Acceptor {
    listener: AsyncFd<Arc<OwnedFd>>,
    addr: SocketAddr,
    dead_in_a_row: u32,
    shortage: Shortage,
}

impl Acceptor {
    /// The address it listens on, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// How often accepting has rested because the system was short of something.
    pub fn pauses(&self) -> u64 {
        self.shortage.pauses
    }

    /// The next connection and who made it (an IPv4 peer as IPv4, also on a socket for both families).
    ///
    /// It never fails: a connection that died in the queue is skipped; a want of descriptors or memory
    /// is waited out in steps of [`ACCEPT_PAUSE`], while the kernel's queue holds those who come. May
    /// be cancelled at any time without losing a connection.
    pub async fn accept(&mut self) -> (Stream, SocketAddr) {
        loop {
            match self.listener.async_io(Interest::READABLE, accept).await {
                Ok((tcp, peer)) => {
                    self.dead_in_a_row = 0;
                    let peer = canonical(peer);
                    return (Stream::new(Connected::new(tcp), peer), peer);
                }
                Err(error) => self.outlast(&error).await,
            }
        }
    }

    async fn outlast(&mut self, error: &io::Error) {
        if of_one_connection(error) && self.dead_in_a_row < DEAD_IN_A_ROW_MAX {
            self.dead_in_a_row = self.dead_in_a_row.saturating_add(1);
            return;
        }
        self.dead_in_a_row = 0;
        if self.shortage.begins(Instant::now()) {
            tracing::warn!(address = %self.addr, %error, "cannot accept connections, they wait");
        }
        sleep(ACCEPT_PAUSE).await;
    }
}

/// An IPv4-mapped address (RFC 4291 §2.5.5.2) as the IPv4 address that it is.
fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::from((ip, v6.port())),
            None => peer,
        },
        SocketAddr::V4(_) => peer,
    }
}

/// Whether accept(2) failed for the one connection at the head of its queue, so that the next can be
/// tried at once. Linux passes the errors of the new connection itself through accept(2).
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::INTR
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::TIMEDOUT
                | Errno::PERM
        )
    )
}

/// The pauses of an acceptor, and when they belong together.
#[derive(Debug, Default)]
struct Shortage {
    pauses: u64,
    last: Option<Instant>,
}

impl Shortage {
    /// Counts a pause at `now`; true if it begins an episode.
    fn begins(&mut self, now: Instant) -> bool {
        self.pauses = self.pauses.saturating_add(1);
        let previous = self.last.replace(now);
        previous.is_none_or(|previous| now.saturating_duration_since(previous) >= EPISODE_GAP)
    }
}

/// Why an address can't be listened on. `Display` is one line for people that says what to do.
#[derive(Debug)]
pub enum ListenFault {
    /// Somebody listens there already.
    Taken {
        /// The address that was wanted.
        addr: SocketAddr,
        /// Who has it, if this process may know.
        holder: Option<Holder>,
    },
    /// This user may not listen there.
    NotPermitted {
        /// The address that was wanted.
        addr: SocketAddr,
    },
    /// No interface of this machine has that address.
    NotLocal {
        /// The address that was wanted.
        addr: SocketAddr,
    },
    /// This machine has no IPv6, or no IPv4.
    NoFamily {
        /// The address that was wanted.
        addr: SocketAddr,
    },
    /// The process, or the machine, has no descriptor left.
    DescriptorLimit {
        /// The address that was wanted.
        addr: SocketAddr,
    },
    /// Anything else that the system says.
    Other {
        /// The address that was wanted.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

impl ListenFault {
    fn new(addr: SocketAddr, error: io::Error) -> ListenFault {
        match Errno::from_io_error(&error) {
            Some(Errno::ADDRINUSE) => ListenFault::Taken { addr, holder: holder::port_holder(addr) },
            Some(Errno::ACCESS | Errno::PERM) => ListenFault::NotPermitted { addr },
            Some(Errno::ADDRNOTAVAIL) => ListenFault::NotLocal { addr },
            Some(Errno::AFNOSUPPORT) => ListenFault::NoFamily { addr },
            Some(Errno::MFILE | Errno::NFILE) => ListenFault::DescriptorLimit { addr },
            _ => ListenFault::Other { addr, error },
        }
    }
}

impl fmt::Display for ListenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenFault::Taken { addr, holder: Some(holder) } => {
                write!(f, "{} is taken (by {holder}): choose another with --port", place(*addr))
            }
            ListenFault::Taken { addr, holder: None } => {
                write!(f, "{} is taken: choose another with --port", place(*addr))
            }
            ListenFault::NotPermitted { addr } if addr.port() < 1024 => write!(
                f,
                "{} is for privileged programs only: choose one from 1024 up with --port, or grant CAP_NET_BIND_SERVICE",
                place(*addr)
            ),
            ListenFault::NotPermitted { addr } => {
                write!(f, "this user may not listen on {}: choose another with --port", place(*addr))
            }
            ListenFault::NotLocal { addr } => {
                write!(f, "{} is not an address of this machine: give one that is with --bind", addr.ip())
            }
            ListenFault::NoFamily { addr } => {
                let (missing, present) = if addr.is_ipv6() { ("IPv6", "IPv4") } else { ("IPv4", "IPv6") };
                write!(f, "this machine has no {missing}: give an {present} address with --bind")
            }
            ListenFault::DescriptorLimit { addr } => {
                write!(f, "no file descriptor left to listen on {addr}: raise the limit (ulimit -n)")
            }
            ListenFault::Other { addr, error } => write!(f, "cannot listen on {addr}: {error}"),
        }
    }
}

impl std::error::Error for ListenFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ListenFault::Other { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// What a person calls it: the port if it was wanted on all addresses, else the address with it.
fn place(addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() { format!("port {}", addr.port()) } else { addr.to_string() }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
