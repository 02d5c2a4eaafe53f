//! What can be told of a balancer's replicas.

use std::time::Duration;

use crate::health::Health;
use crate::replica::Replica;

/// One replica, as it stands.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub replica: Replica,
    /// Whether it gets clients, since when, and why not.
    pub health: Health,
    /// The median time of its last tests (five at most), to the last byte.
    pub median: Option<Duration>,
    /// What its share is in proportion to: the administrator's weight times transfers per second, damped,
    /// and less while it is returning.
    pub weight: f64,
    /// The part of the clients that it is to get: 0 to 1, 1 in all.
    pub share: f64,
    /// How many clients have been sent to it since the start.
    pub redirects: u64,
}

/// Fastest first; those without a time last; equals as they were named.
pub(crate) fn rank(rows: &mut [Row]) {
    rows.sort_by_key(|row| row.median.unwrap_or(Duration::MAX));
}
