//! Whole downloads over a network in memory, on a clock that is stepped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod described;
mod failures;
mod files;
mod pieces;
mod ranges;
mod redirects;
mod retries;
mod support;
