//! RFC 9111: a shared HTTP cache, forward or reverse, whose bodies are ordinary files.
//!
//! [`Cache`] answers requests from its store and from the [`Service`](message::Service) behind it. It
//! promises:
//! - *fresh* responses (explicit freshness; a guess only if configured) answer at once; *kept* ones, for a
//!   day, are validated by a conditional GET before each use; *expired* ones are fetched anew;
//! - one fetch for many simultaneous askers, each of whom reads at his own speed as the bytes arrive;
//! - a body is a file `HOST/PATH` below the cache's directory (see `store::path` for what is not a file
//!   name), there as soon as a client has the whole of it;
//! - what is stored survives a restart, and a kill or a loss of power at any moment: then it is there whole,
//!   or a miss, since after an end that was not clean the checksums of a body are looked at before it is
//!   served for the first time. A body that somebody changed, replaced or deleted by hand is noticed, too;
//! - nothing incomplete is ever stored, or ended as if it were complete;
//! - a store that fails, or is full, costs hits and never answers;
//! - `Cache-Status` says what was done and why.
//!
//! What it does *not* do: it opens no connection and knows no wire. It stores answers to GET (and those to
//! POST that say they are one), and parts only
//! where a strong validator tells their version: what has none goes through unstored. It serves nothing stale but where the response, the client or
//! whoever runs it allows that, and then never against `must-revalidate` and its like. It does not speak TLS to origins. Of a tunnel (CONNECT) it only
//! says whether there may be one: the engine opens it.

#![forbid(unsafe_code)]

mod alongside;
mod answer;
mod begun;
mod body;
pub mod cache;
mod collapse;
pub mod config;
pub mod failover;
mod fetch;
pub mod key;
pub mod policy;
pub mod proxy;
mod route;
pub mod site;
pub mod steward;
mod store;
pub mod stored;
#[cfg(test)]
mod testing;

pub use cache::Cache;
pub use config::{Admission, Config};
pub use failover::Failover;
pub use key::CacheKey;
pub use policy::rules::{Fraction, Rules};
pub use proxy::destination::Destinations;
pub use proxy::front::{Front, Terms, Way};
pub use site::{HostTold, Origin, Site, Sites, SitesFault};
pub use steward::door::Door;
pub use steward::errand::Errand;
pub use steward::service::Steward;
pub use store::fault::OpenFault;
pub use store::selection::{Fate, Selection};
pub use store::tally::Statistics;
