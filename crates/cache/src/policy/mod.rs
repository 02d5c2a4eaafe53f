//! RFC 9111 as pure functions: what may be stored, how old it is, when it may be used again.
//!
//! Nothing in here asks for the time, reads a file or awaits: time is an argument. Decisions are values
//! with their reasons, so that `Cache-Status` can tell them.

pub mod combining;
pub mod explain;
pub mod freshness;
pub mod handling;
pub mod invalidation;
pub mod reuse;
pub mod rules;
pub mod storing;
pub mod tags;
pub mod terms;
pub mod update;
pub mod validation;
pub mod vary;
