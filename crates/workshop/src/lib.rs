//! What takes long is made once, off the threads that serve requests, and shared by all who ask for it
//! meanwhile: a digest, a compressed form, the check of a password.
//!
//! What it does *not* do: it keeps nothing of what was made, and knows neither what that is nor who asks.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod workshop;

pub use workshop::{ORDERS, Workshop};
