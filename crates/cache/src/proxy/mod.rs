//! What stands before a cache that strangers can reach: who may use it, and where it may lead them.
//!
//! A forward proxy without these two questions is a hole in every wall it stands behind: its owner's
//! router, metadata service and database are just one request away.

pub mod destination;
pub mod front;
