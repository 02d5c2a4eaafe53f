//! What a plan knows of a source.

use std::time::Duration;

/// A source by number: sources are never taken out, so it is its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceId(pub(crate) usize);

/// Whether a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// It has another version of the file: of use only if the one that is being fetched is given up.
    OtherVersion,
    /// It may have brought something wrong: not asked while that is found out.
    Benched,
    /// It has failed for good.
    Dropped,
}

/// How a source came to an end of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lapse {
    /// It may go better later: after the pause, if the source asked for one.
    Passing(Option<Duration>),
    /// It never will.
    Lasting,
    /// It has another version of the file.
    OtherVersion,
    /// It ignores `Range`.
    NoRanges,
}

#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) standing: Standing,
    /// Lower is asked first, all else being equal.
    pub(crate) rank: u32,
    /// Whether pieces can be had of it; taken for granted until it shows otherwise.
    pub(crate) ranges: bool,
    /// Failures since it last delivered something that was kept.
    pub(crate) failures: u32,
    /// It is not asked before.
    pub(crate) not_before: Duration,
    /// What one connection to it delivered last, in bytes per second.
    pub(crate) rate: Option<f64>,
    /// How many connections it may have at present.
    pub(crate) allowed: usize,
    /// A further connection has been found to be of no use.
    pub(crate) settled: bool,
}

impl Source {
    pub(crate) fn new(rank: u32) -> Self {
        Self {
            standing: Standing::Good,
            rank,
            ranges: true,
            failures: 0,
            not_before: Duration::ZERO,
            rate: None,
            allowed: 1,
            settled: false,
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.standing == Standing::Good
    }
}
