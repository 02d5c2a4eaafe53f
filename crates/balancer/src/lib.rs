//! A redirector that measures: clients go to each replica in proportion to its speed.
//!
//! Two loops that meet at one published snapshot:
//! - control: [`probe`] a replica by a whole, timed GET -> [`trial`] (is it believed at once, or asked
//!   twice more?) -> [`standing`] with its [`score`] and [`health`] -> publish;
//! - data: load the snapshot -> [`choose`] -> [`redirect`]. No lock, no wait and no I/O on a client's
//!   way.
//!
//! What it promises: nobody is sent to a replica that has not passed its last test, whatever status,
//! length or speed it answers with; among those that have, no replica is ever a whole client away from
//! its share (in a lap of [`choose::LAP_MIN`] clients); `Location` is always on one of the replicas.
//!
//! What it does *not* do: it opens no socket and reads no clock on the wall (a
//! [`Service`](message::Service) to probe through and the time are given to it), it carries no content
//! itself, it does not know which replica has which file, and it takes no replica out for being slow as
//! long as the test ends within its time: a slow one gets few clients.

#![forbid(unsafe_code)]

pub mod admin;
mod answer;
pub mod balancer;
mod check;
pub mod choose;
pub mod config;
pub mod health;
mod holdings;
pub mod known;
mod length;
mod links;
pub mod load;
mod markup;
pub mod member;
mod metalink;
pub mod policy;
pub mod probe;
pub mod redirect;
pub mod replica;
pub mod report;
mod rhythm;
pub mod roster;
pub mod score;
pub mod size;
mod snapshot;
pub mod standing;
mod state;
pub mod status;
mod testing;
pub mod trial;
pub mod weigh;

pub use admin::Admin;
pub use balancer::Balancer;
pub use config::{Check, Config, ConfigFault};
pub use health::{Health, Reason, State};
pub use known::FileFault;
pub use length::LengthRule;
pub use load::Load;
pub use policy::Policy;
pub use redirect::RedirectStatus;
pub use replica::{Replica, ReplicaFault};
pub use report::{Alarm, Row};
pub use roster::{Change, ChangeFault, Source};
pub use size::ProbeSize;
pub use status::Status;
pub use weigh::Bounds;
