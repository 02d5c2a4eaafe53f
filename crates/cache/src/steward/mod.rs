//! What the owner of a cache has done: to see what is stored, to have it checked, to have it gone.
//!
//! The same errands come two ways: as requests with the token that a running cache has written into its
//! directory, for those who may read that; and, for purging, by the `PURGE` method from networks that are
//! allowed it.

pub mod door;
pub mod errand;
mod report;
pub mod service;
