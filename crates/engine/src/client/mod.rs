//! The side that asks.

pub(crate) mod failure;
mod http1;
mod idle;
pub mod pool;
pub mod terms;
