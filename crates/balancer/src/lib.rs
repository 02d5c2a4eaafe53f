//! A redirector that measures: clients go to each replica in proportion to its speed.
//!
//! Two loops that meet at one published snapshot:
//! - control: [`roster`] (who there is, by whose word) -> [`probe`] a replica by a timed GET of what all others are asked
//!   for -> [`trial`] (is it believed at once, or asked twice more?) -> [`standing`] with its [`score`], [`health`] and
//!   [`load`] -> publish;
//! - data: load the snapshot -> [`choose`] among those that may be chosen (who has the file, [`rules`] for networks)
//!   -> [`redirect`]. No lock and no wait on a client's way, but for the first client of a path.
//!
//! In [proxy mode](mode) the chosen replica is asked instead, others in its place while nothing has been passed on, and its
//! answer is carried; one that breaks off goes on from another replica that certainly has the same.
//!
//! What it promises: nobody is sent to a replica that has not passed its last test, whatever status,
//! length or speed it answers with; among those that have, no replica is ever a whole client away from
//! its share (in a lap of [`choose::LAP_MIN`] clients) where all may be chosen; `Location` is always on one of
//! the replicas.
//!
//! What it does *not* do: it opens no socket and reads no clock on the wall (a
//! [`Service`](message::Service) to ask through and the time are given to it), it keeps nothing of what it
//! carries, it does not scan replicas for what they have (it asks for what clients ask for), and it takes no
//! replica out for being slow as long as the test goes on and ends within an interval: a slow one gets few clients.

#![forbid(unsafe_code)]

pub mod admin;
mod answer;
pub mod balancer;
mod check;
pub mod choose;
pub mod config;
pub mod discovery;
mod errand;
mod exchange;
mod forward;
pub mod gate;
pub mod geography;
pub mod health;
mod holdings;
pub mod known;
mod length;
mod links;
pub mod load;
mod markup;
pub mod member;
mod metalink;
pub mod mode;
pub mod policy;
pub mod probe;
pub mod redirect;
mod relay;
pub mod replica;
pub mod report;
mod rhythm;
pub mod roster;
pub mod rules;
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
pub use gate::Room;
pub use geography::{Geography, GeographyFault};
pub use health::{Health, Reason, State};
pub use known::FileFault;
pub use length::LengthRule;
pub use load::Load;
pub use mode::{Forwarding, ForwardingFault, Mode};
pub use policy::Policy;
pub use redirect::RedirectStatus;
pub use replica::{Replica, ReplicaFault};
pub use report::{Alarm, Row};
pub use roster::{Change, ChangeFault, Source};
pub use rules::{Rule, RuleFault};
pub use size::ProbeSize;
pub use status::Status;
pub use weigh::Bounds;
