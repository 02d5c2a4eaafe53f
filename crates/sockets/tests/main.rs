//! The built binary, over real sockets: every role started as people start it, and asked byte by byte.
//!
//! One file per subject. No port is fixed, no wait is without a limit, and nothing is slept for luck: a test
//! waits for what the program says or does.

#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the other end of the wire is the test itself, with plain blocking sockets"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its supports too")]

mod access_log;
mod balancer;
mod cache;
mod cache_kill;
mod carrying;
mod clients;
mod config;
mod curl;
mod features;
mod first_use;
mod get;
mod get_hostile;
mod get_kill;
mod get_options;
mod get_trees;
mod get_ways;
mod limits;
mod listing;
mod mirrors;
mod nginx;
mod people;
mod server;
mod sites;
mod stopping;
mod support;
