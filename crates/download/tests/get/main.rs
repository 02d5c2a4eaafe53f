//! Whole downloads over a network in memory, on a clock that is stepped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod failures;
mod files;
mod pieces;
mod redirects;
mod retries;
mod support;
