//! The cache between an origin and clients, all in memory and on a stepped clock.

#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect must fail at once")]

mod collapse;
mod histories;
mod judgement;
mod keeping;
mod ranges;
mod three_ages;
mod world;
