//! Who sends clients where: the balancer's own rules, and its rivals.

use std::time::{Duration, SystemTime};

use balancer::choose::Schedule;
use balancer::health::Reason;
use balancer::replica::Replica;
use balancer::score::Sample;
use balancer::size::ProbeSize;
use balancer::standing::{Outcome, Standings, Terms};
use balancer::trial::Trial;
use balancer::{LengthRule, Room};

use crate::chance::Chance;
use crate::server::Server;

/// How clients are sent to servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// As this balancer does.
    Ours,
    /// In turn.
    RoundRobin,
    /// At random.
    Random,
    /// To the one with the fewest transfers, which a proxy knows that sees all of them.
    LeastConnections,
    /// Of two at random the one of less latency times transfers, latency as the peak that decays: a proxy's, too.
    PeakEwma,
    /// All to the one whose last test was the fastest.
    Fastest,
}

impl Rule {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Ours, Self::RoundRobin, Self::Random, Self::LeastConnections, Self::PeakEwma, Self::Fastest];

    /// As it is called in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::RoundRobin => "round robin",
            Self::Random => "random",
            Self::LeastConnections => "least connections *",
            Self::PeakEwma => "peak EWMA, two choices *",
            Self::Fastest => "always the fastest",
        }
    }

    /// Whether it tests servers. The others are told at once who is dead: more than any of them knows.
    pub(crate) fn tests(self) -> bool {
        matches!(self, Self::Ours | Self::Fastest)
    }
}

/// How often drifting weights are published in an interval.
const DRIFTS_PER_INTERVAL: f64 = 16.0;

/// How long a peak of latency is remembered, in seconds.
const PEAK_DECAY: f64 = 10.0;

/// One balancer.
#[derive(Debug)]
pub(crate) struct Chooser {
    rule: Rule,
    standings: Standings,
    trials: Vec<Option<Trial>>,
    schedule: Option<Schedule>,
    taken: u64,
    credits: Vec<f64>,
    turn: usize,
    chance: Chance,
    /// Latency of each server and when it was last seen, in seconds.
    peaks: Vec<(f64, f64)>,
    seed: u64,
    /// In seconds.
    interval: f64,
    /// When shares were last laid out, in seconds.
    published: f64,
}

impl Chooser {
    /// Of so many servers, which it tests once per `interval`.
    pub(crate) fn new(rule: Rule, servers: usize, interval: Duration, seed: u64) -> Self {
        let terms =
            Terms { length: LengthRule::Agreed, size: ProbeSize::Whole, interval, room: Room::default() };
        let mut standings = Standings::new(terms);
        for number in 0..servers {
            if let Ok(replica) = Replica::parse(&format!("s{number}.test")) {
                standings.join(replica, SystemTime::UNIX_EPOCH);
            }
        }
        Self {
            rule,
            standings,
            trials: (0..servers).map(|_| None).collect(),
            schedule: None,
            taken: 0,
            credits: Vec::new(),
            turn: usize::try_from(seed % 1000).unwrap_or_default(),
            chance: Chance::new(seed),
            peaks: vec![(0.0, 0.0); servers],
            seed,
            interval: interval.as_secs_f64(),
            published: 0.0,
        }
    }

    /// Where the next client goes; `None`: nobody is there.
    pub(crate) fn choose(&mut self, servers: &[Server], now: f64) -> Option<usize> {
        let count = servers.len();
        match self.rule {
            Rule::Ours => {
                self.taken += 1;
                self.schedule.as_ref()?.turn(self.taken - 1)
            }
            Rule::Fastest => self.fastest(),
            Rule::RoundRobin => (0..count).find_map(|_| {
                self.turn = (self.turn + 1) % count;
                (!servers.get(self.turn)?.dead).then_some(self.turn)
            }),
            Rule::Random => (0..64).map(|_| self.chance.below(count)).find(|at| is_alive(servers, *at)),
            Rule::LeastConnections => {
                let first = self.chance.below(count);
                let order = (0..count).map(|at| (first + at) % count).filter(|at| is_alive(servers, *at));
                order.min_by_key(|at| servers.get(*at).map_or(usize::MAX, Server::running))
            }
            Rule::PeakEwma => {
                let mut two = [(); 2].map(|()| {
                    (0..64).map(|_| self.chance.below(count)).find(|at| is_alive(servers, *at)).unwrap_or(0)
                });
                two.sort_by(|a, b| self.cost(servers, *a, now).total_cmp(&self.cost(servers, *b, now)));
                two.first().copied()
            }
        }
    }

    fn fastest(&self) -> Option<usize> {
        let last = |slot: usize| {
            let standing = self.standings.get(slot).filter(|standing| standing.health().is_in())?;
            standing.score().samples().last().map(|sample| (sample.took, slot))
        };
        (0..self.trials.len()).filter_map(last).min().map(|(_, slot)| slot)
    }

    fn cost(&self, servers: &[Server], at: usize, now: f64) -> f64 {
        let (peak, seen) = self.peaks.get(at).copied().unwrap_or_default();
        let running = servers.get(at).map_or(0, Server::running);
        let running = f64::from(u32::try_from(running).unwrap_or(u32::MAX));
        peak * (-(now - seen) / PEAK_DECAY).exp() * (running + 1.0)
    }

    /// A client has been served within `latency`.
    pub(crate) fn served(&mut self, at: usize, latency: f64, now: f64) {
        if let Some((peak, seen)) = self.peaks.get_mut(at) {
            let part = (-(now - *seen) / PEAK_DECAY).exp();
            *peak = if latency > *peak { latency } else { *peak * part + latency * (1.0 - part) };
            *seen = now;
        }
    }

    /// A test of the server begins.
    pub(crate) fn begin_test(&mut self, at: usize) {
        let belief = self.standings.subject(at).and_then(|subject| subject.belief);
        if let Some(trial) = self.trials.get_mut(at) {
            *trial = Some(Trial::new(belief));
        }
    }

    /// What a test usually takes; `None` if that is not known.
    pub(crate) fn usual(&self, at: usize) -> Option<Duration> {
        self.standings.get(at)?.score().median()
    }

    /// A probe of the test has ended; whether one more is needed.
    pub(crate) fn probed(&mut self, at: usize, found: Result<Duration, Reason>, now: f64) -> bool {
        let Some(Some(trial)) = self.trials.get_mut(at) else { return false };
        let sample = |took| Sample { first_byte: Duration::ZERO, took, bytes: 1, length: 1 };
        trial.add(found.map(sample));
        if trial.wants_more() {
            return true;
        }
        let verdict = self.trials.get_mut(at).and_then(Option::take).and_then(Trial::verdict);
        let id = self.standings.get(at).map(|standing| standing.member().id);
        if let Some((verdict, id)) = verdict.zip(id) {
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(now);
            let outcome = Outcome { slot: at, id, verdict, load: None };
            let judgement = self.standings.judge(vec![outcome], wall);
            // As often as the balancer does.
            if judgement.urgent || now - self.published >= self.interval / DRIFTS_PER_INTERVAL {
                self.published = now;
                self.publish();
            }
        }
        false
    }

    fn publish(&mut self) {
        if self.rule != Rule::Ours {
            return;
        }
        if let Some(schedule) = &self.schedule {
            self.credits = schedule.credits_after(self.taken);
        }
        self.schedule = Schedule::new(&self.standings.weights(), &self.credits, self.seed);
        self.taken = 0;
    }

    /// What part of the clients a server is to get.
    pub(crate) fn share(&self, at: usize) -> f64 {
        self.schedule.as_ref().map_or(0.0, |schedule| schedule.share(at))
    }
}

fn is_alive(servers: &[Server], at: usize) -> bool {
    servers.get(at).is_some_and(|server| !server.dead)
}
