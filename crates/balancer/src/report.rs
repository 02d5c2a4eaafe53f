//! What can be told of a balancer's replicas.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::health::Health;
use crate::holdings::Facts;
use crate::load::Load;
use crate::replica::Replica;
use crate::score::{Sample, Spread};
use crate::snapshot::Snapshot;
use crate::standing::Standing;

/// One replica, as it stands.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub replica: Replica,
    /// Whether it gets clients, since when, and why not.
    pub health: Health,
    /// The median time of its last tests (five at most), to the last byte.
    pub median: Option<Duration>,
    /// How its last tests' times to the first byte lie.
    pub first_byte: Option<Spread>,
    /// How the times from there to the last byte lie.
    pub transfer: Option<Spread>,
    /// Bytes per second of transfer.
    pub throughput: Option<f64>,
    /// Its last tests, oldest first.
    pub samples: Vec<Sample>,
    /// What it said of its own load.
    pub load: Option<Load>,
    /// What its share is in proportion to: the administrator's weight times transfers per second, damped,
    /// and less while it is returning.
    pub weight: f64,
    /// The part of the clients that it is to get: 0 to 1, 1 in all.
    pub share: f64,
    /// How many clients have been sent to it since the start.
    pub redirects: u64,
    /// Exchanges with it that go on, in proxy mode.
    pub in_flight: u32,
    /// Exchanges with it that failed, in proxy mode.
    pub failed: u64,
}

impl Row {
    pub(crate) fn of(slot: usize, standing: &Standing, snapshot: &Snapshot) -> Self {
        let (member, score) = (standing.member(), standing.score());
        Self {
            replica: member.replica.clone(),
            health: standing.health().clone(),
            median: score.median(),
            first_byte: score.spread(|sample| sample.first_byte),
            transfer: score.spread(Sample::transfer),
            throughput: score.throughput(),
            samples: score.samples().copied().collect(),
            load: standing.load().copied(),
            weight: standing.weight(),
            share: snapshot.share(slot),
            redirects: member.tally.sent(),
            in_flight: member.tally.in_flight(),
            failed: member.tally.failed(),
        }
    }
}

/// A replica has something else at a path than the reference server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// When it was found.
    pub at: SystemTime,
    /// `scheme://authority`
    pub replica: String,
    /// Which path.
    pub path: String,
    /// What it has.
    pub(crate) has: Facts,
    /// What it should have.
    pub(crate) right: Facts,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replica, path, has, right, .. } = self;
        match (has.length, right.length) {
            (Some(has), Some(right)) if has != right => {
                write!(f, "{replica} has {has} bytes at {path} where the reference server has {right}")
            }
            _ => write!(f, "{replica} has a file of another digest at {path} than the reference server"),
        }
    }
}

/// Fastest first; those without a time last; equals as they were named.
pub(crate) fn rank(rows: &mut [Row]) {
    rows.sort_by_key(|row| row.median.unwrap_or(Duration::MAX));
}
