//! One test of a replica: a probe, and two more at once where it would change what is believed. Pure.
//!
//! A single odd answer is no reason to move clients about, and waiting for the next interval would be
//! too late if it is more than that. So what would take a replica out, bring it in or change its time
//! by more than a factor of two is asked again on the spot, and three answers decide.

use std::time::Duration;

use crate::health::Reason;
use crate::score::{Sample, is_surprise, median};

/// How many probes decide together about a change.
pub const PROBES_MAX: usize = 3;

/// What is believed of a replica that gets clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belief {
    /// The time that a test of it usually takes.
    pub median: Duration,
    /// How many bytes that time is for; `None`: for as many as there are.
    pub size: Option<u64>,
    /// The right length of the probed file, if there is one.
    pub length: Option<u64>,
}

/// One test of a replica.
#[derive(Debug)]
pub struct Trial {
    /// `None` of one that gets nobody.
    belief: Option<Belief>,
    good: Vec<Sample>,
    bad: Vec<Reason>,
}

/// What a test has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As could be expected: one more time for the score.
    Good(Sample),
    /// Good, and not as believed: these take over; at least one.
    New(Vec<Sample>),
    /// No clients.
    Bad(Reason),
}

impl Verdict {
    /// Length of the file, if what came of it was whole.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Good(sample) => Some(sample.length),
            Self::New(samples) => samples.last().map(|sample| sample.length),
            Self::Bad(_) => None,
        }
    }
}

impl Trial {
    /// A test of a replica of which `belief` is believed, or that gets nobody now.
    #[must_use]
    pub fn new(belief: Option<Belief>) -> Self {
        Self { belief, good: Vec::new(), bad: Vec::new() }
    }

    /// Takes the outcome of one more probe.
    pub fn add(&mut self, outcome: Result<Sample, Reason>) {
        match outcome {
            Ok(sample) => self.good.push(sample),
            Err(reason) => self.bad.push(reason),
        }
    }

    /// Whether another probe is needed.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        let probes = self.good.len() + self.bad.len();
        let decided = self.has_failed() || probes >= PROBES_MAX;
        let as_believed = probes == 1 && self.good.first().is_some_and(|sample| self.fits(sample));
        !decided && !as_believed
    }

    /// Whether nothing has been found yet.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.good.is_empty() && self.bad.is_empty()
    }

    /// What the probes add up to, be they as many as were wanted or as many as there was time for; `None`
    /// before the first.
    #[must_use]
    pub fn verdict(mut self) -> Option<Verdict> {
        if self.has_failed() || self.good.is_empty() {
            return self.bad.pop().map(Verdict::Bad);
        }
        let typical = self.typical()?;
        if self.fits(&typical) { Some(Verdict::Good(typical)) } else { Some(Verdict::New(self.good)) }
    }

    /// The good one in the middle.
    fn typical(&self) -> Option<Sample> {
        let size = self.belief.and_then(|belief| belief.size);
        let middle = median(self.good.iter().map(|sample| sample.time_of(size)))?;
        self.good.iter().rev().find(|sample| sample.time_of(size) == middle).copied()
    }

    /// One failure of three is forgiven to a replica that gets clients, and none to one that wants to
    /// get some.
    fn has_failed(&self) -> bool {
        let forgiven = usize::from(self.belief.is_some());
        self.bad.len() > forgiven
    }

    fn fits(&self, sample: &Sample) -> bool {
        self.belief.is_some_and(|belief| {
            !is_surprise(sample.time_of(belief.size), belief.median)
                && belief.length.is_none_or(|length| length == sample.length)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::StatusCode;

    type Outcome = Result<Sample, Reason>;

    fn took(millis: u64) -> Outcome {
        Ok(Sample { first_byte: Duration::ZERO, took: Duration::from_millis(millis), bytes: 7, length: 7 })
    }

    fn bad() -> Outcome {
        Err(Reason::Status(StatusCode::NOT_FOUND))
    }

    fn new(millis: &[u64]) -> Verdict {
        Verdict::New(millis.iter().map(|ms| took(*ms).unwrap()).collect())
    }

    fn good(millis: u64) -> Verdict {
        Verdict::Good(took(millis).unwrap())
    }

    /// The verdict, and how many of the outcomes were asked for.
    fn run(belief: Option<Belief>, outcomes: &[Outcome]) -> (Option<Verdict>, usize) {
        let mut trial = Trial::new(belief);
        let mut probes = 0;
        while trial.wants_more() {
            trial.add(outcomes[probes].clone());
            probes += 1;
        }
        (trial.verdict(), probes)
    }

    #[test]
    fn who_gets_clients_is_asked_again_only_after_a_surprise() {
        let belief = Some(Belief { median: Duration::from_millis(100), size: Some(7), length: Some(7) });
        let out = Verdict::Bad(bad().unwrap_err());
        for (outcomes, verdict, probes) in [
            (vec![took(150)], good(150), 1),
            (vec![took(400), took(100), took(110)], good(110), 3),
            (vec![took(400), took(420), took(110)], new(&[400, 420, 110]), 3),
            (vec![took(400), took(50), took(410)], new(&[400, 50, 410]), 3),
            (vec![took(20), took(21), took(22)], new(&[20, 21, 22]), 3),
            (vec![bad(), took(100), took(120)], good(120), 3),
            (vec![bad(), bad()], out.clone(), 2),
            (vec![bad(), took(100), bad()], out.clone(), 3),
            (vec![took(1), bad(), bad()], out.clone(), 3),
        ] {
            assert_eq!(run(belief, &outcomes), (Some(verdict), probes), "{outcomes:?}");
        }
    }

    #[test]
    fn who_gets_nobody_needs_three_good_answers() {
        let out = Verdict::Bad(bad().unwrap_err());
        for (outcomes, verdict, probes) in [
            (vec![took(5), took(6), took(7)], new(&[5, 6, 7]), 3),
            (vec![bad()], out.clone(), 1),
            (vec![took(5), bad()], out.clone(), 2),
            (vec![took(5), took(6), bad()], out.clone(), 3),
        ] {
            assert_eq!(run(None, &outcomes), (Some(verdict), probes), "{outcomes:?}");
        }
    }

    #[test]
    fn another_length_is_a_surprise_too() {
        let belief = Some(Belief { median: Duration::from_millis(100), size: Some(7), length: Some(8) });
        let outcomes = [took(100), took(101), took(102)];
        assert_eq!(run(belief, &outcomes), (Some(new(&[100, 101, 102])), 3));
        let any = Some(Belief { median: Duration::from_millis(100), size: None, length: None });
        assert_eq!(run(any, &outcomes), (Some(good(100)), 1));
    }

    #[test]
    fn when_time_is_up_what_has_been_found_decides() {
        let verdict = |belief, outcome: Outcome| {
            let mut trial = Trial::new(belief);
            trial.add(outcome);
            trial.verdict()
        };
        let belief = Some(Belief { median: Duration::from_millis(100), size: None, length: None });
        assert_eq!(verdict(belief, bad()), Some(Verdict::Bad(bad().unwrap_err())), "nothing speaks for it");
        assert_eq!(verdict(belief, took(900)), Some(new(&[900])));
        assert_eq!(verdict(None, took(900)), Some(new(&[900])));
    }

    #[test]
    fn nothing_asked_is_nothing_found() {
        assert_eq!(Trial::new(None).verdict(), None);
    }
}
