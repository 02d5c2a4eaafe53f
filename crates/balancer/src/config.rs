//! What a balancer is told, valid once built.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::forwarded::Trust;
use message::PathAndQuery;

use crate::geography::Geography;
use crate::length::LengthRule;
use crate::mode::{ForwardingFault, Mode};
use crate::policy::Policy;
use crate::probe::PROBE_BYTES_MAX;
use crate::redirect::RedirectStatus;
use crate::replica::{Replica, WEIGHT_MAX};
use crate::roster::REPLICAS_MAX;
use crate::rules::{RULES_MAX, Rule};
use crate::size::ProbeSize;
use crate::weigh::Bounds;

/// How often each replica is tested unless told otherwise.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

/// The shortest and the longest interval between two tests of a replica.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// See [`INTERVAL_MIN`].
pub const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a probe is given at least, however fast the replica is otherwise.
pub const PROBE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);

/// What a balancer is told: whom to send clients to, and how to test them.
#[derive(Clone, Debug)]
pub struct Config {
    replicas: Vec<Replica>,
    interval: Duration,
    probe_path: PathAndQuery,
    probe_timeout: Duration,
    probe_size: ProbeSize,
    probe_digest: Option<[u8; 32]>,
    status: RedirectStatus,
    length: LengthRule,
    mode: Mode,
    policy: Policy,
    bounds: Bounds,
    check: Option<Check>,
    reference: Option<Replica>,
    links: usize,
    lists: bool,
    state_file: Option<PathBuf>,
    rules: Vec<Rule>,
    geography: Geography,
    trust: Trust,
    seed: u64,
}

/// How it is found out who has which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Of how many paths at most it is remembered.
    pub paths: usize,
    /// For how long.
    pub ttl: Duration,
}

impl Default for Check {
    fn default() -> Self {
        Self { paths: CHECK_PATHS_DEFAULT, ttl: CHECK_TTL_DEFAULT }
    }
}

/// Of how many paths it is remembered who has them, unless told otherwise.
pub const CHECK_PATHS_DEFAULT: usize = 16_384;

/// Of how many paths it can be remembered.
pub const CHECK_PATHS_MAX: usize = 1 << 22;

/// For how long it is remembered, unless told otherwise.
pub const CHECK_TTL_DEFAULT: Duration = Duration::from_secs(60);

/// How many other servers a redirect names, unless told otherwise.
pub const LINKS_DEFAULT: usize = 5;

/// How many other servers a redirect can name: heads of responses have limits.
pub const LINKS_MAX: usize = 32;

/// Why a balancer can't be built as it is told.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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
    /// A part that is not one: of a link, or of all clients.
    #[error("{0} is no part of a whole: take more than 0 and at most 1, such as 1% or 0.01")]
    Part(f64),
    /// The smallest share is larger than the largest.
    #[error("a least share of {least} and a most of {most}: nothing is between them")]
    Bounds {
        /// The smallest that is wanted.
        least: f64,
        /// The largest that is wanted.
        most: f64,
    },
    /// No byte, or more than a probe reads.
    #[error("a probe of {0} bytes: take 1 to {PROBE_BYTES_MAX}")]
    ProbeBytes(u64),
    /// None, or more than there is room for.
    #[error("to remember {0} paths: take 1 to {CHECK_PATHS_MAX}, or check nothing")]
    CheckPaths(usize),
    /// Zero.
    #[error("who has a file must be remembered for some time: it can't be zero")]
    CheckTtl,
    /// More than [`LINKS_MAX`].
    #[error("{0} other servers in a redirect are too many: take 0 to {LINKS_MAX}")]
    Links(usize),
    /// More than [`RULES_MAX`].
    #[error("{0} rules are more than the {RULES_MAX} that are looked at for each client")]
    Rules(usize),
    /// A rule is for clients of a place, and nothing tells places.
    #[error(
        "rules for countries, continents and autonomous systems need a database: name it with --geoip FILE"
    )]
    NoGeography,
    /// [`Policy::PowerOfTwo`] goes by exchanges in flight.
    #[error("the policy power-of-two needs --mode proxy: a redirector does not see what is in flight")]
    PowerOfTwo,
    /// Answers can't be carried so.
    #[error(transparent)]
    Forwarding(#[from] ForwardingFault),
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
        if replicas.is_empty() { Err(ConfigFault::NoReplicas) } else { Self::of(replicas) }
    }

    /// Sends clients to those that are named later (see [`Balancer::name`](crate::balancer::Balancer::name)).
    #[must_use]
    pub fn discovering() -> Self {
        Self::of_checked(Vec::new())
    }

    fn of(replicas: Vec<Replica>) -> Result<Self, ConfigFault> {
        if replicas.len() > REPLICAS_MAX {
            return Err(ConfigFault::TooManyReplicas(replicas.len()));
        }
        let mut seen = HashSet::new();
        for replica in &replicas {
            let weight = replica.weight();
            if !(1..=WEIGHT_MAX).contains(&weight) {
                return Err(ConfigFault::Weight { replica: replica.to_string(), weight });
            }
            if !seen.insert(replica.place()) {
                return Err(ConfigFault::Duplicate(replica.to_string()));
            }
        }
        Ok(Self::of_checked(replicas))
    }

    fn of_checked(replicas: Vec<Replica>) -> Self {
        Self {
            replicas,
            interval: INTERVAL_DEFAULT,
            probe_path: PathAndQuery::root(),
            probe_timeout: PROBE_TIMEOUT_DEFAULT,
            probe_size: ProbeSize::default(),
            probe_digest: None,
            status: RedirectStatus::default(),
            length: LengthRule::default(),
            mode: Mode::default(),
            policy: Policy::default(),
            bounds: Bounds::default(),
            check: Some(Check::default()),
            reference: None,
            links: LINKS_DEFAULT,
            lists: true,
            state_file: None,
            rules: Vec::new(),
            geography: Geography::default(),
            trust: Trust::default(),
            seed: 0,
        }
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

    /// Transfers that much of the file in a test; so much that it lasts 100 to 300 ms, within 1 % of the slowest link.
    ///
    /// # Errors
    /// If that is nothing, or more than a probe reads, or no part of a link.
    pub fn with_probe_size(self, probe_size: ProbeSize) -> Result<Self, ConfigFault> {
        match probe_size {
            ProbeSize::First(bytes) if !(1..=PROBE_BYTES_MAX).contains(&bytes) => {
                Err(ConfigFault::ProbeBytes(bytes))
            }
            ProbeSize::Adaptive { link_share } => part(link_share).map(|_| Self { probe_size, ..self }),
            _ => Ok(Self { probe_size, ..self }),
        }
    }

    /// Takes only a file of this SHA-256 digest for the right one; any. Tests then transfer all of it.
    #[must_use]
    pub fn with_probe_digest(self, probe_digest: Option<[u8; 32]>) -> Self {
        Self { probe_digest, ..self }
    }

    /// Sends clients to servers, or carries what these answer; [`Mode::Redirect`].
    ///
    /// # Errors
    /// If answers can't be carried so, or a policy needs to see them and they are not.
    pub fn with_mode(self, mode: Mode) -> Result<Self, ConfigFault> {
        if let Some(forwarding) = mode.forwarding() {
            forwarding.check()?;
        }
        let policy = self.policy;
        Self { mode, ..self }.with_policy(policy)
    }

    /// Shares clients out by `policy`; [`Policy::FastestShare`].
    ///
    /// # Errors
    /// If it needs to see exchanges, and does not.
    pub fn with_policy(self, policy: Policy) -> Result<Self, ConfigFault> {
        if policy == Policy::PowerOfTwo && self.mode == Mode::Redirect {
            return Err(ConfigFault::PowerOfTwo);
        }
        Ok(Self { policy, ..self })
    }

    /// Gives nobody who gets clients less, or more, than this part of them; no bounds.
    ///
    /// # Errors
    /// If they are no parts of a whole, or leave nothing between them.
    pub fn with_bounds(self, bounds: Bounds) -> Result<Self, ConfigFault> {
        let Bounds { least, most } = bounds;
        part(most)?;
        if !(0.0..=most).contains(&least) {
            return Err(ConfigFault::Bounds { least, most });
        }
        Ok(Self { bounds, ..self })
    }

    /// Asks servers whether they have a file, and sends nobody for it to those that lack it; with the [`Check`]'s
    /// defaults. `None`: nobody is asked.
    ///
    /// # Errors
    /// If it is to remember nothing, or too much.
    pub fn with_check(self, check: Option<Check>) -> Result<Self, ConfigFault> {
        match check {
            Some(Check { paths, .. }) if !(1..=CHECK_PATHS_MAX).contains(&paths) => {
                Err(ConfigFault::CheckPaths(paths))
            }
            Some(Check { ttl, .. }) if ttl.is_zero() => Err(ConfigFault::CheckTtl),
            check => Ok(Self { check, ..self }),
        }
    }

    /// Takes what `reference` has for right: a server with a file of another length or digest gets nobody for it.
    /// `None`: nobody is compared.
    #[must_use]
    pub fn with_reference(self, reference: Option<Replica>) -> Self {
        Self { reference, ..self }
    }

    /// Names so many other servers in a redirect; [`LINKS_DEFAULT`].
    ///
    /// # Errors
    /// If they are more than [`LINKS_MAX`].
    pub fn with_links(self, links: usize) -> Result<Self, ConfigFault> {
        if links > LINKS_MAX { Err(ConfigFault::Links(links)) } else { Ok(Self { links, ..self }) }
    }

    /// Whether `PATH.meta4` is a Metalink document and `PATH?mirrorlist` the list of servers; they are. If not,
    /// they are paths as all others.
    #[must_use]
    pub fn with_lists(self, lists: bool) -> Self {
        Self { lists, ..self }
    }

    /// Keeps what the administrator changes in the file at `state_file`, from one start to the next. `None`: it is
    /// forgotten.
    #[must_use]
    pub fn with_state_file(self, state_file: Option<PathBuf>) -> Self {
        Self { state_file, ..self }
    }

    /// Sends clients by these rules where they say something of a client's network, or of its place, which `geography`
    /// tells. None.
    ///
    /// # Errors
    /// If they are more than [`RULES_MAX`], or places can't be told.
    pub fn with_rules(self, rules: Vec<Rule>, geography: Geography) -> Result<Self, ConfigFault> {
        if rules.len() > RULES_MAX {
            return Err(ConfigFault::Rules(rules.len()));
        }
        if geography.is_empty() && rules.iter().any(Rule::is_of_place) {
            return Err(ConfigFault::NoGeography);
        }
        Ok(Self { rules, geography, ..self })
    }

    /// Believes these proxies about who asks; nobody.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
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

    /// How much of the file tests transfer. Where lengths differ, or the digest counts, it is all.
    pub(crate) fn probe_size(&self) -> ProbeSize {
        if self.length == LengthRule::Any || self.probe_digest.is_some() {
            return ProbeSize::Whole;
        }
        self.probe_size
    }

    pub(crate) fn probe_digest(&self) -> Option<[u8; 32]> {
        self.probe_digest
    }

    pub(crate) fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    pub(crate) fn check(&self) -> Option<Check> {
        self.check
    }

    pub(crate) fn reference(&self) -> Option<&Replica> {
        self.reference.as_ref()
    }

    pub(crate) fn state_file(&self) -> Option<&Path> {
        self.state_file.as_deref()
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn geography(&self) -> &Geography {
        &self.geography
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(crate) fn links(&self) -> usize {
        self.links
    }

    pub(crate) fn lists(&self) -> bool {
        self.lists
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
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

fn part(number: f64) -> Result<f64, ConfigFault> {
    let is_part = number > 0.0 && number <= 1.0;
    if is_part { Ok(number) } else { Err(ConfigFault::Part(number)) }
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
    fn parts_and_sizes_are_checked() {
        let config = || Config::new(vec![replica("a.test")]).unwrap();
        for link_share in [0.0, -0.1, 1.1, f64::NAN] {
            let size = ProbeSize::Adaptive { link_share };
            assert!(matches!(config().with_probe_size(size), Err(ConfigFault::Part(_))), "{link_share}");
        }
        for bytes in [0, PROBE_BYTES_MAX + 1] {
            let fault = config().with_probe_size(ProbeSize::First(bytes)).unwrap_err();
            assert_eq!(fault, ConfigFault::ProbeBytes(bytes));
        }
        let bounds = |least, most| config().with_bounds(Bounds { least, most });
        assert!(bounds(0.0, 1.0).is_ok() && bounds(0.2, 0.2).is_ok());
        assert!(matches!(bounds(0.3, 0.2), Err(ConfigFault::Bounds { .. })));
        assert!(matches!(bounds(0.0, 0.0), Err(ConfigFault::Part(_))));
        assert_eq!(config().with_policy(Policy::PowerOfTwo).unwrap_err(), ConfigFault::PowerOfTwo);
        let any = config().with_probe_size(ProbeSize::First(9)).unwrap().with_length(LengthRule::Any);
        assert_eq!(any.probe_size(), ProbeSize::Whole);
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
