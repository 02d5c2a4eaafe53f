//! What a balancer is told, valid once built.

use std::collections::HashSet;
use std::time::Duration;

use message::PathAndQuery;

use crate::length::LengthRule;
use crate::redirect::RedirectStatus;
use crate::replica::{Replica, WEIGHT_MAX};

/// How often each replica is tested unless told otherwise.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

/// The shortest and the longest interval between two tests of a replica.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// See [`INTERVAL_MIN`].
pub const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a probe is given at least, however fast the replica is otherwise.
pub const PROBE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);

/// How many replicas one balancer can have.
pub const REPLICAS_MAX: usize = 4096;

/// What a balancer is told: whom to send clients to, and how to test them.
#[derive(Clone, Debug)]
pub struct Config {
    replicas: Vec<Replica>,
    interval: Duration,
    probe_path: PathAndQuery,
    probe_timeout: Duration,
    status: RedirectStatus,
    length: LengthRule,
    seed: u64,
}

/// Why a balancer can't be built as it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// There is nobody to send clients to.
    #[error("a balancer needs at least one server: name each with --to URL")]
    NoReplicas,
    /// More than [`REPLICAS_MAX`].
    #[error("{0} servers are more than the {REPLICAS_MAX} that one balancer takes")]
    TooManyReplicas(usize),
    /// The same place twice would be tested and counted twice.
    #[error("{0} is named twice: give a server a larger share by its weight")]
    Duplicate(String),
    /// A weight of zero or over [`WEIGHT_MAX`].
    #[error(
        "weight {weight} of {replica}: a weight is 1 to {WEIGHT_MAX}; leave out a server that is to get nobody"
    )]
    Weight {
        /// Whose weight it is.
        replica: String,
        /// What it is.
        weight: u32,
    },
    /// Not a redirect that a `Location` goes with.
    #[error("status {0} does not send clients elsewhere: take 301, 302, 303, 307 or 308")]
    Status(u16),
    /// Outside of [`INTERVAL_MIN`] to [`INTERVAL_MAX`].
    #[error("interval {0:?}: take 100 ms to 24 h")]
    Interval(Duration),
    /// Zero.
    #[error("a probe needs some time: its timeout can't be zero")]
    ProbeTimeout,
}

impl Config {
    /// Sends clients to `replicas`; all else as documented with each `with_` function.
    ///
    /// The order matters once: where replicas disagree about the length of the probed file and no
    /// majority decides, the first one named is right.
    ///
    /// # Errors
    /// None, too many, or the same place twice (with the scheme's default port or without), or a
    /// weight out of range.
    pub fn new(replicas: Vec<Replica>) -> Result<Self, ConfigFault> {
        if replicas.is_empty() {
            return Err(ConfigFault::NoReplicas);
        }
        if replicas.len() > REPLICAS_MAX {
            return Err(ConfigFault::TooManyReplicas(replicas.len()));
        }
        let mut seen = HashSet::new();
        for replica in &replicas {
            let weight = replica.weight();
            if !(1..=WEIGHT_MAX).contains(&weight) {
                return Err(ConfigFault::Weight { replica: replica.to_string(), weight });
            }
            let place = replica.authority().clone().normalised(replica.scheme());
            if !seen.insert((replica.scheme(), place)) {
                return Err(ConfigFault::Duplicate(replica.to_string()));
            }
        }
        Ok(Self {
            replicas,
            interval: INTERVAL_DEFAULT,
            probe_path: PathAndQuery::root(),
            probe_timeout: PROBE_TIMEOUT_DEFAULT,
            status: RedirectStatus::default(),
            length: LengthRule::default(),
            seed: 0,
        })
    }

    /// Tests each replica once per `interval`; [`INTERVAL_DEFAULT`].
    ///
    /// # Errors
    /// If it is not within [`INTERVAL_MIN`] and [`INTERVAL_MAX`].
    pub fn with_interval(self, interval: Duration) -> Result<Self, ConfigFault> {
        if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
            return Err(ConfigFault::Interval(interval));
        }
        Ok(Self { interval, ..self })
    }

    /// Tests by a GET of `probe_path`; `/`. The same file must be there on all replicas.
    #[must_use]
    pub fn with_probe_path(self, probe_path: PathAndQuery) -> Self {
        Self { probe_path, ..self }
    }

    /// Gives a probe at least `probe_timeout`, and four times the replica's usual time if that is
    /// longer, but never more than the interval; [`PROBE_TIMEOUT_DEFAULT`].
    ///
    /// # Errors
    /// If it is zero.
    pub fn with_probe_timeout(self, probe_timeout: Duration) -> Result<Self, ConfigFault> {
        if probe_timeout.is_zero() {
            return Err(ConfigFault::ProbeTimeout);
        }
        Ok(Self { probe_timeout, ..self })
    }

    /// Redirects by `status`: 301 (the default), 302, 303, 307 or 308.
    ///
    /// # Errors
    /// If it is another.
    pub fn with_status(self, status: u16) -> Result<Self, ConfigFault> {
        let status = RedirectStatus::new(status).ok_or(ConfigFault::Status(status))?;
        Ok(Self { status, ..self })
    }

    /// What length the probed file must have; [`LengthRule::Agreed`].
    #[must_use]
    pub fn with_length(self, length: LengthRule) -> Self {
        Self { length, ..self }
    }

    /// Decides where equals are taken first and how tests are jittered, so that several balancers do
    /// not move in step: give each its own. 0.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whom clients are sent to, in the order given.
    #[must_use]
    pub fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// Time between two tests of one replica.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    pub(crate) fn probe_path(&self) -> &PathAndQuery {
        &self.probe_path
    }

    /// How long a probe may take of a replica that usually takes `median`; the whole interval for one
    /// that nothing is known of, so that a slow replica is measured and not taken for a dead one.
    pub(crate) fn probe_limit(&self, median: Option<Duration>) -> Duration {
        median.map_or(self.interval, |median| {
            median.saturating_mul(TIMEOUT_MEDIANS).max(self.probe_timeout).min(self.interval)
        })
    }

    pub(crate) fn status(&self) -> RedirectStatus {
        self.status
    }

    pub(crate) fn length(&self) -> LengthRule {
        self.length
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }
}

/// A probe may take this many times what it usually does.
const TIMEOUT_MEDIANS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Authority, Scheme};

    fn replica(authority: &str) -> Replica {
        Replica::new(Scheme::Http, Authority::parse(authority).unwrap())
    }

    #[test]
    fn what_no_balancer_can_do_is_refused_by_name() {
        assert_eq!(Config::new(vec![]).unwrap_err(), ConfigFault::NoReplicas);
        let twice = Config::new(vec![replica("a.test"), replica("b.test"), replica("A.test:80")]);
        assert_eq!(twice.unwrap_err(), ConfigFault::Duplicate("http://a.test:80".into()));
        for weight in [0, WEIGHT_MAX + 1] {
            let fault = Config::new(vec![replica("a.test").with_weight(weight)]).unwrap_err();
            assert_eq!(fault, ConfigFault::Weight { replica: "http://a.test".into(), weight });
        }
        let many: Vec<_> = (0..=REPLICAS_MAX).map(|i| replica(&format!("r{i}.test"))).collect();
        assert_eq!(Config::new(many).unwrap_err(), ConfigFault::TooManyReplicas(REPLICAS_MAX + 1));
        let config = Config::new(vec![replica("a.test")]).unwrap();
        for status in [200, 300, 304, 305, 306, 404, 1000] {
            let fault = config.clone().with_status(status).unwrap_err();
            assert_eq!(fault, ConfigFault::Status(status));
        }
        for interval in [Duration::ZERO, Duration::from_millis(99), INTERVAL_MAX + Duration::from_nanos(1)] {
            let fault = config.clone().with_interval(interval).unwrap_err();
            assert_eq!(fault, ConfigFault::Interval(interval));
        }
        assert_eq!(config.with_probe_timeout(Duration::ZERO).unwrap_err(), ConfigFault::ProbeTimeout);
    }

    #[test]
    fn http_and_https_at_one_name_are_two_places() {
        let secure = Replica::new(Scheme::Https, Authority::parse("a.test").unwrap());
        assert!(Config::new(vec![replica("a.test"), secure]).is_ok());
    }

    #[test]
    fn a_probe_is_given_four_medians_at_least_a_second_and_at_most_the_interval() {
        let config = Config::new(vec![replica("a.test")]).unwrap();
        let seconds = Duration::from_secs;
        for (median, limit) in [
            (None, seconds(5)),
            (Some(Duration::from_millis(1)), seconds(1)),
            (Some(Duration::from_millis(500)), seconds(2)),
            (Some(seconds(3)), seconds(5)),
        ] {
            assert_eq!(config.probe_limit(median), limit, "{median:?}");
        }
    }
}
