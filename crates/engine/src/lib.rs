//! Messages over bytes, in both directions.
//!
//! The engine puts `http1`'s state machine onto `net`'s connections: the server side reads requests
//! and sends what a [`Service`](message::Service) answers, the client side is a `Service` that sends
//! requests and reads responses. It owns every wait and every limit on the way: how long a head may
//! take, how long a peer may make no progress, how much unread content is read away.
//!
//! What it does *not* do: it knows no role and no file name, decides no status but those that stand
//! for the absence of an answer (400 and its like, 502, 504, 523; all in [`server::answer`]), and keeps no
//! content.
//!
//! The same two halves carry both directions: `intake` is what reads from a connection, `outlet` is
//! what writes to it.

#![forbid(unsafe_code)]

pub mod client;
pub mod clock;
mod deadline;
mod intake;
mod outlet;
pub mod record;
pub mod server;

pub use client::pool::{Pool, Route};
pub use client::terms::ClientLimits;
pub use record::{Asked, AskedFields, Ending, ExchangeRecord, Observer, Unobserved};
pub use server::announcement::Announcers;
pub use server::clients::{Clients, RequestRate, Share};
pub use server::refusals::{Refusal, Refusals};
pub use server::serve::serve;
pub use server::terms::{Patience, Server, Tunnels};
