//! The side that asks.

mod http1;
mod idle;
pub mod pool;
pub mod terms;
