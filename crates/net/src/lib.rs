//! Bytes between machines: sockets that listen, connections that are made, streams that are read and
//! written, and the signal that stops them in good order.
//!
//! What it promises: accepting never ends and never spins, whatever the system is short of; a read costs
//! one system call and an idle stream no buffer; a small write is one system call and a file goes out by
//! sendfile(2); a connection that breaks off in the middle is seen by the peer as broken off; every fault
//! is named in words that say what to do.
//!
//! What it does *not* do: it knows nothing of HTTP, of messages or of roles. It sets no deadline on a
//! read (the caller knows what it waits for) and, unless [`WriteHalf::set_pace`] is called, none
//! on a write. It keeps no connections: pooling is the engine's. It does not encrypt yet; what is behind
//! a [`Stream`] is private, so that it can. And it has no unsafe code but four calls in `sys` that have no
//! safe form: whatever else it needs from the system has one in `rustix` or `socket2`.

#![deny(unsafe_code)] // not forbid: see sys::linux
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod dial;
pub mod drain;
pub mod listen;
pub mod pace;
pub mod resolve;
pub(crate) mod socket;
pub mod stream;
pub mod sys;

pub use dial::{DialFault, Dialer, Pins, Reach, Tried};
pub use drain::{Drain, DrainGuard, DrainSignal, Draining, drain};
pub use listen::{Acceptor, ListenFault, Listener, bind, bind_all};
pub use pace::{Pace, Stopwatch};
pub use stream::{ReadHalf, SendFileFault, Stream, WriteHalf, lingering_close};
pub use sys::{available_cores, raise_descriptor_limit};
