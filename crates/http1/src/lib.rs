//! RFC 9112: HTTP/1.1 as a state machine, in both directions.
//!
//! Bytes go in and [events](Event) come out; heads and [segments](message::Segment) go in and bytes and
//! [things to transmit](Transmit) come out. It promises that
//! - the same bytes give the same events and the same [`Fault`], however they were cut up;
//! - a message that is accepted is framed in one way only, and one that is cut short is never taken for
//!   a shorter one;
//! - what it writes, it reads back as the same message;
//! - nothing after a fault is interpreted, and a connection goes on to the next exchange only when both
//!   messages have ended exactly ([`turn`]);
//! - it holds and leaves in the inbox no more of a message than its [`Limits`] say.
//!
//! What it does *not* do: it reads and writes no socket and no file, waits for nothing, asks for no
//! time, and decides nothing about a message but how it is framed. It does not copy content, does not
//! forward a head as it came (every head is written anew), has no Upgrade, no tunnels, and no transfer
//! coding but chunked.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod chunked;
pub mod connection;
mod encode;
pub mod fault;
pub mod framing;
pub mod head;
pub mod inbound;
pub mod limits;
pub mod outbound;
mod parse;
mod state;

pub use connection::{Connection, turn};
pub use fault::Fault;
pub use framing::Framing;
pub use head::{RequestHead, ResponseHead, Version};
pub use inbound::{Event, Inbound};
pub use limits::Limits;
pub use outbound::{Outbound, Transmit};
