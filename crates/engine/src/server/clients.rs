//! What one client may have: so many connections at a time, so many requests in a while.
//!
//! A client is an IPv4 address or, since whoever has one IPv6 address has the network around it, the /64
//! that an IPv6 address lies in (RFC 6177 §2). Nobody is excepted, loopback neither. Behind one address there
//! may be many people, or a proxy: limits are off unless they are set.
//!
//! They hold exactly, over all threads: there is one table, whose shards have a lock each. Without limits
//! there is no table, and nothing to pay. What it remembers is bounded ([`CLIENTS_MAX`]) and is what counts
//! now: who has no connection and asked long enough ago is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The most clients that are remembered, each in less than 100 bytes. When there are more, those who have no
/// connection are forgotten first; who can't be remembered is not limited.
pub const CLIENTS_MAX: usize = 128 * 1024;

/// Into how many parts with a lock of their own the table is divided.
const SHARDS: usize = 16;

/// What leaves of a 64-bit hash the number of a shard.
const SHARD_SHIFT: u32 = u64::BITS - SHARDS.ilog2();

/// A shard is not looked through for clients to forget before it holds this many.
const SWEEP_MIN: usize = 64;

/// Nor more often than this.
const SWEEP_GAP: Duration = Duration::from_secs(1);

/// What each client may have. The default sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Connections that are served at the same time. As many again are answered 503 with `Retry-After`,
    /// and any more are closed without a word.
    pub connections: Option<NonZeroUsize>,
    /// Requests; beyond it they are answered 429 (RFC 6585 §4) with `Retry-After`.
    pub requests: Option<RequestRate>,
}

/// So many requests in a while, of which some may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// What one request uses up.
    each: Duration,
    /// How far ahead of its time a request may come.
    ahead: Duration,
}

impl RequestRate {
    /// `requests` in each `per`, evenly; after a rest, up to `burst` at once.
    #[must_use]
    pub fn new(requests: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let each = per / requests.get();
        Self { each, ahead: each.saturating_mul(burst.get().saturating_sub(1)) }
    }

    /// Takes one request at `now` from who has used up all time to `used`: the time to which it is used
    /// up then, or else how long to wait until there is one to take.
    fn take(self, used: Instant, now: Instant) -> Result<Instant, Duration> {
        let ahead = used.saturating_duration_since(now);
        match ahead.checked_sub(self.ahead) {
            Some(early) if !early.is_zero() => Err(early),
            _ => Ok(used.max(now).checked_add(self.each).unwrap_or(used)),
        }
    }
}

/// The clients of a server, and what each of them has of its share.
#[derive(Debug, Default)]
pub struct Clients {
    table: Option<Arc<Table>>,
}

impl Clients {
    /// Nobody yet; each who comes may have `share`.
    #[must_use]
    pub fn new(share: Share) -> Self {
        let table = (share != Share::default()).then(|| Arc::new(Table::new(share, CLIENTS_MAX)));
        Self { table }
    }

    /// Somebody has connected from `address`; `None` if that goes too far to be answered.
    pub(super) fn arrive(&self, address: IpAddr) -> Option<Visit> {
        let welcome = Visit { is_welcome: true, held: None };
        let Some(table) = &self.table else { return Some(welcome) };
        let client = Client::from(address);
        let is_welcome = match table.arrive(client, Instant::now()) {
            Arrival::Unknown => return Some(welcome),
            Arrival::Excessive => return None,
            Arrival::Welcome => true,
            Arrival::Unwelcome => false,
        };
        Some(Visit { is_welcome, held: Some((Arc::clone(table), client)) })
    }

    /// `address` asks for something `now`, which is found out where there is a limit.
    ///
    /// # Errors
    /// How long it has to wait before it may.
    pub(super) fn ask(&self, address: IpAddr, now: impl FnOnce() -> Instant) -> Result<(), Duration> {
        self.table.as_ref().map_or(Ok(()), |table| table.ask(address.into(), now()))
    }
}

/// One connection of a client, as long as it is there.
#[derive(Debug)]
pub(super) struct Visit {
    is_welcome: bool,
    held: Option<(Arc<Table>, Client)>,
}

impl Visit {
    /// Whether it is one of those that the client may have.
    pub(super) fn is_welcome(&self) -> bool {
        self.is_welcome
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some((table, client)) = &self.held {
            table.leave(*client, self.is_welcome);
        }
    }
}

/// What an address is one of: IPv4 addresses as they are mapped into IPv6 (RFC 4291 §2.5.5.2), which is in
/// no other /64 with its last half left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client(u128);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().to_bits()),
            IpAddr::V6(v6) => Self(v6.to_bits() >> 64 << 64),
        }
    }
}

/// What to do with a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    Welcome,
    /// One more than the client may have: it is told so.
    Unwelcome,
    /// Not even that.
    Excessive,
    /// There is no room to remember the client.
    Unknown,
}

#[derive(Debug)]
struct Table {
    share: Share,
    /// Clients in one shard.
    shard_max: usize,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    clients: HashMap<Client, Holding>,
    /// How many of them were left when it was last looked through, and when that was.
    swept: Option<(usize, Instant)>,
}

/// What a client has of its share.
#[derive(Debug, Default)]
struct Holding {
    welcome: usize,
    unwelcome: usize,
    /// The time to which it has used up its requests, if it has asked.
    used: Option<Instant>,
}

impl Table {
    fn new(share: Share, clients_max: usize) -> Self {
        let shard_max = clients_max / SHARDS;
        Self { share, shard_max, hasher: RandomState::new(), shards: Default::default() }
    }

    fn arrive(&self, client: Client, now: Instant) -> Arrival {
        let Some(most) = self.share.connections.map(NonZeroUsize::get) else { return Arrival::Unknown };
        let mut shard = self.shard(client);
        match shard.holding(client, now, self.shard_max) {
            None => Arrival::Unknown,
            Some(holding) if holding.welcome < most => {
                holding.welcome += 1;
                Arrival::Welcome
            }
            Some(holding) if holding.unwelcome < most => {
                holding.unwelcome += 1;
                Arrival::Unwelcome
            }
            Some(_) => Arrival::Excessive,
        }
    }

    fn leave(&self, client: Client, was_welcome: bool) {
        let mut shard = self.shard(client);
        let Some(holding) = shard.clients.get_mut(&client) else { return };
        let connections = if was_welcome { &mut holding.welcome } else { &mut holding.unwelcome };
        *connections = connections.saturating_sub(1);
        // Whether its requests are forgotten depends on the time: the next sweep sees to that.
        if self.share.requests.is_none() && !holding.is_here() {
            shard.clients.remove(&client);
        }
    }

    fn ask(&self, client: Client, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.share.requests else { return Ok(()) };
        let mut shard = self.shard(client);
        if let Some(holding) = shard.holding(client, now, self.shard_max) {
            holding.used = Some(rate.take(holding.used.unwrap_or(now), now)?);
        }
        Ok(())
    }

    fn shard(&self, client: Client) -> MutexGuard<'_, Shard> {
        let number = usize::try_from(self.hasher.hash_one(client) >> SHARD_SHIFT).unwrap_or(0);
        // The shift leaves one of as many numbers as there are shards.
        let [first, ..] = &self.shards;
        self.shards.get(number).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// What `client` has; `None` if it has nothing yet and there is no room for it.
    fn holding(&mut self, client: Client, now: Instant, most: usize) -> Option<&mut Holding> {
        if !self.clients.contains_key(&client) && !self.has_room(now, most) {
            return None;
        }
        Some(self.clients.entry(client).or_default())
    }

    /// Makes room for one more client, if there can be room.
    fn has_room(&mut self, now: Instant, most: usize) -> bool {
        let (left, at) = self.swept.map_or((0, None), |(left, at)| (left, Some(at)));
        let is_due = self.clients.len() >= left.saturating_mul(2).max(SWEEP_MIN).min(most);
        if is_due && at.is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_GAP) {
            self.clients.retain(|_, holding| holding.is_here() || holding.used > Some(now));
            self.clients.shrink_to(self.clients.len().saturating_mul(2));
            self.swept = Some((self.clients.len(), now));
        }
        if self.clients.len() < most {
            return true;
        }
        // Whoever is forgotten early gets its requests back: that harms nobody.
        let absent = self.clients.iter().find(|(_, holding)| !holding.is_here());
        let absent = absent.map(|(client, _)| *client);
        absent.is_some_and(|client| self.clients.remove(&client).is_some())
    }
}

impl Holding {
    /// Whether the client has a connection.
    fn is_here(&self) -> bool {
        self.welcome > 0 || self.unwelcome > 0
    }
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
