//! Who may ask: by the network they are in, and by a user name and password (RFC 7617).
//!
//! What it promises:
//! - Of a password that is given in plain nothing is kept but a keyed digest; nothing that is shown for
//!   debugging holds a secret.
//! - How long an answer takes doesn't tell whether there is such a user, nor how much of a password is
//!   right.
//! - Passwords are checked off the threads that serve, a few at a time, the same one once for however
//!   many ask with it, and one that was right is remembered for a while.
//!
//! - What a proxy says of its clients (`Forwarded`, `X-Forwarded-For`) counts if it is one of those that are
//!   trusted, and not otherwise, for anybody can send it.
//!
//! What it does *not* do: it gives no answer: what becomes of who
//! may not is the role's business. And it hides nothing on the way: over a connection that is not
//! encrypted a password can be read by whoever carries it (RFC 7617 §4).

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod forwarded;
pub mod gate;
pub mod network;
pub(crate) mod seal;
pub mod secret;

pub use forwarded::{Trust, TrustedField};
pub use gate::{Accounts, Denied, Gate, Side};
pub use network::{Network, Networks, NotANetwork};
pub use secret::Account;
