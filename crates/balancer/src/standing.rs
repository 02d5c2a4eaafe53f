//! What the tests have made of all replicas together. Pure.

use std::time::{Duration, SystemTime};

use crate::health::{Health, Reason};
use crate::length::LengthRule;
use crate::score::Score;
use crate::trial::{Belief, Verdict};

/// One replica's standing.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The administrator's weight.
    weight: f64,
    score: Score,
    health: Health,
    /// Length of the last test's content, if it was whole: its vote on what is right.
    length: Option<u64>,
}

/// Every replica's standing, by index, and what they agree on.
#[derive(Clone, Debug)]
pub struct Standings {
    all: Vec<Standing>,
    rule: LengthRule,
    length: Option<u64>,
}

/// A replica about which something is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Which replica.
    pub index: usize,
    /// What it is now.
    pub health: Health,
}

/// What verdicts have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Changes of state, for the log.
    pub news: Vec<News>,
    /// Whether clients must feel it at once: somebody is in or out, or has become much faster or
    /// slower. Otherwise weights have drifted.
    pub urgent: bool,
}

impl Standing {
    /// Whether it gets clients.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The median time of its last tests; `None` while there is none.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        self.score.median()
    }

    /// What its part of the clients is in proportion to.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight * self.score.rate() * self.health.part()
    }

    fn turn(&mut self, health: Health) {
        if !health.is_in() {
            // What it was like before it failed says nothing about how it will come back.
            self.score = Score::new();
        }
        self.health = health;
    }
}

impl Standings {
    /// Of replicas of these administrators' weights, none of them tested.
    #[must_use]
    pub fn new(weights: impl Iterator<Item = u32>, rule: LengthRule, now: SystemTime) -> Self {
        let untested = |weight| Standing {
            weight: f64::from(weight),
            score: Score::new(),
            health: Health::untested(now),
            length: None,
        };
        Self { all: weights.map(untested).collect(), rule, length: None }
    }

    /// The standing of one replica.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Standing> {
        self.all.get(index)
    }

    /// What its tests let expect of a replica; `None` if it gets nobody.
    #[must_use]
    pub fn belief(&self, index: usize) -> Option<Belief> {
        let standing = self.all.get(index).filter(|standing| standing.health.is_in())?;
        standing.median().map(|median| Belief { median, length: self.length })
    }

    /// The length that the probed file is agreed to have, in bytes.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Every replica's weight: its part of the clients before they are added up to 1.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        self.all.iter().map(Standing::weight).collect()
    }

    /// Takes what tests that ended together have found. First everybody's vote on the right length is
    /// counted, then each is judged: so it does not matter who was tested first.
    pub fn judge(&mut self, verdicts: Vec<(usize, Verdict)>, now: SystemTime) -> Judgement {
        for (index, verdict) in &verdicts {
            if let Some(standing) = self.all.get_mut(*index) {
                standing.length = verdict.length();
            }
        }
        let lengths: Vec<_> = self.all.iter().map(|standing| standing.length).collect();
        self.length = self.rule.right(&lengths, self.length);
        let mut judgement = Judgement::default();
        for (index, verdict) in verdicts {
            self.judge_one(index, verdict, now, &mut judgement);
        }
        judgement
    }

    fn judge_one(&mut self, index: usize, verdict: Verdict, now: SystemTime, judgement: &mut Judgement) {
        let agreed = self.length;
        let Some(standing) = self.all.get_mut(index) else { return };
        let before = standing.health.clone();
        match (verdict, standing.length.zip(agreed)) {
            (Verdict::Bad(reason), _) => standing.turn(before.after_bad(reason, now)),
            (_, Some((sent, agreed))) if sent != agreed => {
                standing.turn(before.after_bad(Reason::Length { sent, agreed }, now));
            }
            (Verdict::Good(sample), _) => {
                standing.score.add(sample.took);
                standing.turn(before.after_good(now));
            }
            (Verdict::New(times, _), _) => {
                standing.score.take_over(&times);
                standing.turn(before.after_good(now));
                judgement.urgent = true;
            }
        }
        let after = &standing.health;
        judgement.urgent |= after.state() != before.state() && (after.is_in() || before.is_in());
        if after.is_news_after(&before) {
            judgement.news.push(News { index, health: after.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::State;
    use crate::score::Sample;
    use message::StatusCode;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn standings(weights: &[u32]) -> Standings {
        Standings::new(weights.iter().copied(), LengthRule::Agreed, NOW)
    }

    fn new(millis: u64, length: u64) -> Verdict {
        Verdict::New(vec![Duration::from_millis(millis)], length)
    }

    fn good(millis: u64, length: u64) -> Verdict {
        Verdict::Good(Sample { took: Duration::from_millis(millis), length })
    }

    fn bad() -> Verdict {
        Verdict::Bad(Reason::Status(StatusCode::NOT_FOUND))
    }

    fn is_down_for_length(standings: &Standings, index: usize) -> bool {
        matches!(standings.get(index).unwrap().health().state(), State::Down(Reason::Length { .. }))
    }

    #[test]
    fn weight_is_the_administrators_times_the_speed() {
        let mut standings = standings(&[1, 3, 1]);
        assert_eq!(standings.weights(), [0.0; 3]);
        standings.judge(vec![(0, new(100, 7)), (1, new(100, 7)), (2, new(400, 7))], NOW);
        assert_eq!(standings.weights(), [10.0, 30.0, 2.5]);
    }

    #[test]
    fn the_short_and_fast_answer_loses_whoever_was_first() {
        let mut standings = standings(&[1, 1, 1]);
        let judgement = standings.judge(vec![(0, new(1, 3)), (1, new(100, 7)), (2, new(100, 7))], NOW);
        assert_eq!(judgement.news.len(), 3);
        assert!(is_down_for_length(&standings, 0));
        assert_eq!(standings.weights()[0], 0.0);
    }

    #[test]
    fn a_new_version_goes_round_and_somebody_always_serves() {
        let mut standings = standings(&[1, 1]);
        standings.judge(vec![(0, new(10, 7)), (1, new(10, 7))], NOW);
        standings.judge(vec![(0, new(10, 8))], NOW);
        assert!(is_down_for_length(&standings, 0), "one against one: it stays what it was");
        assert!(standings.get(1).unwrap().health().is_in());
        standings.judge(vec![(1, new(10, 8))], NOW);
        assert!(standings.get(1).unwrap().health().is_in(), "both have the new one now");
        standings.judge(vec![(0, new(10, 8))], NOW);
        assert!(standings.get(0).unwrap().health().is_in());
    }

    #[test]
    fn who_is_out_has_no_vote_and_no_history() {
        let mut standings = standings(&[1, 1, 1]);
        standings.judge(vec![(0, new(10, 7)), (1, new(10, 8)), (2, bad())], NOW);
        assert_eq!(standings.length(), Some(7));
        let judgement = standings.judge(vec![(0, bad())], NOW);
        assert!(judgement.urgent);
        assert_eq!(standings.belief(0), None);
        assert_eq!(standings.get(0).unwrap().median(), None);
        standings.judge(vec![(1, new(10, 8))], NOW);
        assert_eq!(standings.length(), Some(8), "only one whole answer is left");
    }

    #[test]
    fn drifting_weights_are_not_urgent_and_changes_of_state_are() {
        let mut standings = standings(&[1]);
        assert!(standings.judge(vec![(0, new(10, 7))], NOW).urgent);
        assert_eq!(standings.judge(vec![(0, good(11, 7))], NOW), Judgement::default());
        assert!(standings.judge(vec![(0, bad())], NOW).urgent);
        assert_eq!(standings.judge(vec![(0, bad())], NOW), Judgement::default(), "still out");
        assert!(standings.judge(vec![(0, new(10, 7))], NOW).urgent);
        assert!(standings.judge(vec![(0, good(10, 7))], NOW).urgent, "a half instead of a quarter");
    }
}
