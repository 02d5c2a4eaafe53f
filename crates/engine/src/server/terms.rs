//! On what terms clients are served: who answers, and every limit.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http1::Limits;
use message::{Service, StatusCode};
use net::dial::Dialer;
use net::pace::Pace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::record::Observer;
use crate::server::announcement::Announcers;
use crate::server::answer::UNREACHABLE;
use crate::server::clients::Clients;
use crate::server::refusals::Refusals;

/// What the server side answers with, and every limit it holds its clients to.
#[derive(Debug)]
pub struct Server<S, O> {
    /// Who answers.
    pub service: S,
    /// Who is told of each exchange.
    pub observer: O,
    /// Limits on the size of messages.
    pub limits: Limits,
    /// Limits on waiting.
    pub patience: Patience,
    /// Connections served at the same time, over all listeners. When there are as many, each listener
    /// accepts one more, which waits, and those behind it wait in the system's backlog.
    pub connections: Arc<Semaphore>,
    /// Who the clients are, and what each of them may have: no limits, unless they are set.
    pub clients: Clients,
    /// What was refused because of a limit.
    pub refusals: Refusals,
    /// Whose connections begin with word of who is behind them; nobody's if `None`.
    pub announcers: Option<Announcers>,
    /// How tunnels are opened (RFC 9110 §9.3.6); there are none if `None`, whatever the service says.
    pub tunnels: Option<Tunnels>,
    /// Whether clients get the interim responses (RFC 9110 §15.2) that the service hears: what a proxy must do, and
    /// nobody else has any.
    pub forwards_interims: bool,
    /// The status where a server further on can't be reached at all: [`UNREACHABLE`] for a cache,
    /// whose origin it is.
    pub unreachable: StatusCode,
}

/// How tunnels are opened, and how long they last.
#[derive(Clone, Debug)]
pub struct Tunnels {
    /// What connects to their other end.
    pub dialer: Dialer,
    /// How long nothing may go either way. More than most protocols are silent for.
    pub idle: Duration,
}

/// [`Tunnels::idle`] by default.
pub const TUNNEL_IDLE: Duration = Duration::from_secs(300);

impl Tunnels {
    /// Tunnels to whatever `dialer` reaches.
    #[must_use]
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, idle: TUNNEL_IDLE }
    }
}

/// How long the server side waits for a client.
#[derive(Clone, Debug)]
pub struct Patience {
    /// For a request's head, from its first byte to its last: then 408.
    pub head: Duration,
    /// For the next request on a connection that has none.
    pub idle: Duration,
    /// For some of a request's content, or as much of it as `min_rate` asks for: then 408.
    pub content: Duration,
    /// For the client to take some of the response, or as much of it as `min_rate` asks for: then the
    /// connection is reset.
    pub send: Duration,
    /// How many bytes per second a client has to send or take of a message's content, on average over each
    /// `content` or `send` in which it is waited for, which so are the time of grace as well. 0 asks for a
    /// byte in that time, which lets a client hold a connection for hours.
    pub min_rate: u64,
    /// Content that nobody wanted is read away up to this many bytes, so that the connection can go
    /// on; beyond it, the connection is closed.
    pub discard_bytes: usize,
    /// How long content that nobody wanted, or whatever comes after a last answer, is read away.
    pub discard: Duration,
    /// What a client still sends after a last answer is read away up to this many bytes, so that it
    /// gets to read the answer; beyond it, the connection is reset. More than is under way at a time on
    /// a fast connection.
    pub linger_bytes: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            content: Duration::from_secs(30),
            send: Duration::from_secs(60),
            min_rate: 256,
            discard_bytes: 64 * 1024,
            discard: Duration::from_secs(2),
            linger_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Patience {
    /// How a client has to send a request's content.
    pub(super) fn content_pace(&self) -> Pace {
        Pace::average(self.min_rate, self.content)
    }

    /// How a client has to take a response.
    pub(super) fn send_pace(&self) -> Pace {
        Pace::average(self.min_rate, self.send)
    }
}

impl<S, O> Server<S, O> {
    /// Whether a connection from there begins with word of who is behind it.
    pub(super) fn hears_from(&self, address: IpAddr) -> bool {
        self.announcers.as_ref().is_some_and(|announcers| announcers.include(address.to_canonical()))
    }

    /// A place among the connections that are served at the same time; `None` if there are to be none any
    /// more.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).acquire_owned().await.ok()
    }
}

impl<S: Service, O: Observer> Server<S, O> {
    /// `service` with the default limits and at most `connections` connections.
    #[must_use]
    pub fn new(service: S, observer: O, connections: usize) -> Self {
        Self {
            service,
            observer,
            limits: Limits::default(),
            patience: Patience::default(),
            connections: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            clients: Clients::default(),
            refusals: Refusals::default(),
            announcers: None,
            tunnels: None,
            forwards_interims: false,
            unreachable: StatusCode::from_u16(UNREACHABLE).unwrap_or(StatusCode::BAD_GATEWAY),
        }
    }
}
