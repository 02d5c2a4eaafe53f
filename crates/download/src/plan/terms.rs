//! The limits of a plan.

use std::time::Duration;

/// The limits of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Connections altogether.
    pub(crate) connections: usize,
    /// Connections to one source.
    pub(crate) per_source: usize,
    /// How often a source may fail in a row.
    pub(crate) tries: u32,
    /// How long a source may be far behind its peers.
    pub(crate) stall: Duration,
    /// The bytes have to come in order, from one connection.
    pub(crate) in_order: bool,
}
