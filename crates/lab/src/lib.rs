//! For tests only: a clock to step, and a network in memory whose faults are chosen.
//!
//! Roles are [`Service`](message::Service)s in both directions, so a whole network of them (downloader,
//! balancer, cache, origin) runs in one test: no port, no real second, the same every time. The
//! [`Network`] plays the engine's part between them as faithfully as a test of a role can tell: a
//! service sees a request as the engine would hand it over, its client sees an answer as it would
//! come off a wire, at the speed and with the fault of the [`Link`] between.
//!
//! What it does *not* do: no bytes are encoded or parsed (`http1` has its own tests for that), no
//! connections are kept or counted, requests travel without bandwidth (answers have it), interim
//! (1xx) responses and CONNECT are not played, and no deadline of the engine runs. It is a
//! dev-dependency: nothing that is shipped may use it.

#![forbid(unsafe_code)]

pub mod answers;
pub mod clock;
pub mod content;
pub mod link;
pub mod network;
pub mod places;
mod site;
mod transfer;
mod wire;

pub use answers::Answers;
pub use clock::Clock;
pub use content::{body_bytes, noise};
pub use link::{Fault, Link};
pub use network::{Client, Network};
pub use site::Seen;
