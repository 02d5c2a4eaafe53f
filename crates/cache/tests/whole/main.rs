//! The cache between an origin and clients, all in memory and on a stepped clock.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect must fail at once"
)]

mod collapse;
mod cost;
mod dice;
mod fickle;
mod histories;
mod interims;
mod interleavings;
mod judgement;
mod keeping;
mod ranges;
mod three_ages;
mod visit;
mod world;
