//! What the tests have made of all replicas together. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::gate::Room;
use crate::health::{FLAP_WINDOW_INTERVALS, Health, Reason};
use crate::length::LengthRule;
use crate::load::Load;
use crate::member::Member;
use crate::replica::{Place, Replica};
use crate::score::{Sample, Score};
use crate::size::{Pace, ProbeSize};
use crate::trial::{Belief, Verdict};

/// One replica's standing.
#[derive(Clone, Debug)]
pub struct Standing {
    member: Arc<Member>,
    score: Score,
    health: Health,
    /// Length of the probed file by the last test, if it was whole: its vote on what is right.
    length: Option<u64>,
    load: Option<Load>,
}

/// What all replicas are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What length the probed file must have.
    pub length: LengthRule,
    /// How much of it is transferred.
    pub size: ProbeSize,
    /// Time between two tests of one replica.
    pub interval: Duration,
    /// What there is room for at each of them, where exchanges go through here.
    pub room: Room,
}

/// Every replica's standing, by its slot, and what they agree on.
#[derive(Clone, Debug)]
pub struct Standings {
    /// `None`: a slot that is free for the next one that joins.
    all: Vec<Option<Standing>>,
    terms: Terms,
    length: Option<u64>,
    /// How much tests ask for, in bytes; `None`: for all.
    asked: Option<u64>,
    next_id: u64,
}

/// Who is tested, or has been.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it stands.
    pub slot: usize,
    /// Who it is: another one may have come in its place meanwhile.
    pub member: Arc<Member>,
    /// What is believed of it; `None` if it gets nobody.
    pub belief: Option<Belief>,
    /// How much is asked for.
    pub size: Option<u64>,
    /// What its tests have made of it.
    pub health: Health,
}

/// A replica about which something is to be told.
#[derive(Clone, Debug)]
pub struct News {
    /// Which replica.
    pub member: Arc<Member>,
    /// What it is now.
    pub health: Health,
}

/// What verdicts have changed.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Changes of state, for the log.
    pub news: Vec<News>,
    /// Whether clients must feel it at once: somebody is in or out, or has become much faster or
    /// slower. Otherwise weights have drifted.
    pub urgent: bool,
}

/// What a test has found of whom.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where it stands.
    pub slot: usize,
    /// Who it is.
    pub id: u64,
    /// What was found.
    pub verdict: Verdict,
    /// What it said of its own load, if it said anything.
    pub load: Option<Load>,
}

impl Standing {
    /// Who it is.
    #[must_use]
    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Whether it gets clients.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// How fast it is.
    #[must_use]
    pub fn score(&self) -> &Score {
        &self.score
    }

    /// What it last said of its own load.
    #[must_use]
    pub fn load(&self) -> Option<&Load> {
        self.load.as_ref()
    }

    /// What its part of the clients is in proportion to.
    #[must_use]
    pub fn weight(&self) -> f64 {
        if self.member.replica.is_drained() {
            return 0.0;
        }
        let load = self.load.map_or(1.0, |load| load.part());
        f64::from(self.member.replica.weight()) * self.score.rate() * self.health.part() * load
    }

    fn turn(&mut self, health: Health) {
        if !health.is_in() {
            // What it was like before it failed says nothing about how it will come back.
            self.score.take_over(&[]);
        }
        self.health = health;
    }
}

impl Standings {
    /// Nobody yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self { all: Vec::new(), terms, length: None, asked: terms.size.start(), next_id: 0 }
    }

    /// Takes in one that has not been tested; where it stands.
    pub fn join(&mut self, replica: Replica, now: SystemTime) -> usize {
        let member = Arc::new(Member::new(self.next_id, replica, self.terms.room));
        self.next_id = self.next_id.saturating_add(1);
        let (score, health) = (Score::new(self.reference()), Health::untested(now));
        let standing = Some(Standing { member, score, health, length: None, load: None });
        let free = self.all.iter_mut().enumerate().find(|(_, standing)| standing.is_none());
        match free {
            Some((slot, place)) => {
                *place = standing;
                slot
            }
            None => {
                self.all.push(standing);
                self.all.len() - 1
            }
        }
    }

    /// Takes out the one in that slot.
    pub fn leave(&mut self, slot: usize) -> Option<Arc<Member>> {
        self.all.get_mut(slot)?.take().map(|standing| standing.member)
    }

    /// Knows something else of the one in that slot from now on: its weight, what it has, whether it is drained.
    pub fn change(&mut self, slot: usize, replica: Replica) {
        if let Some(Some(standing)) = self.all.get_mut(slot) {
            standing.member = Arc::new(Member { replica, ..Member::clone(&standing.member) });
        }
    }

    /// Where the one of that id stands, if it gets clients.
    #[must_use]
    pub fn serving(&self, id: u64) -> Option<usize> {
        let mut occupied = self.occupied();
        let (slot, standing) = occupied.find(|(_, standing)| standing.member.id == id)?;
        standing.health.is_in().then_some(slot)
    }

    /// Where each replica stands.
    #[must_use]
    pub fn places(&self) -> HashMap<Place, usize> {
        self.occupied().map(|(slot, standing)| (standing.member.replica.place(), slot)).collect()
    }

    /// The standing of one replica.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&Standing> {
        self.all.get(slot)?.as_ref()
    }

    /// Every replica with its slot.
    pub fn occupied(&self) -> impl Iterator<Item = (usize, &Standing)> {
        self.all.iter().enumerate().filter_map(|(slot, standing)| Some((slot, standing.as_ref()?)))
    }

    /// Every slot, free or not.
    #[must_use]
    pub fn slots(&self) -> &[Option<Standing>] {
        &self.all
    }

    /// The one in that slot as the subject of a test.
    #[must_use]
    pub fn subject(&self, slot: usize) -> Option<Subject> {
        let standing = self.get(slot)?;
        let median = standing.score.median().filter(|_| standing.health.is_in());
        let belief = median.map(|median| Belief { median, size: self.reference(), length: self.length });
        let (member, health) = (Arc::clone(&standing.member), standing.health.clone());
        Some(Subject { slot, member, belief, size: self.asked, health })
    }

    /// The length that the probed file is agreed to have, in bytes.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Every slot's weight: its part of the clients before they are added up to 1.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        self.all.iter().map(|standing| standing.as_ref().map_or(0.0, Standing::weight)).collect()
    }

    /// How many bytes times are compared for. Where lengths may differ they are compared as they are: each
    /// replica's file is what its clients get.
    fn reference(&self) -> Option<u64> {
        match (self.terms.length, self.asked, self.length) {
            (LengthRule::Any, ..) => None,
            (_, Some(asked), Some(length)) => Some(asked.min(length)),
            (_, asked, length) => asked.or(length),
        }
    }

    /// Once per interval: tests transfer as much as the links bear and clocks can tell.
    pub fn resize(&mut self) {
        let reference = self.reference();
        let pace = |(_, standing): (usize, &Standing)| {
            let transfer = |sample: &Sample| sample.time_of(reference).saturating_sub(sample.first_byte);
            let throughput = standing.score.throughput()?;
            Some(Pace { transfer: standing.score.spread(transfer)?.median, throughput })
        };
        let paces: Vec<_> = self.occupied().filter_map(pace).collect();
        let next = self.terms.size.next(self.asked, self.terms.interval, &paces);
        // More than there is need not be asked for.
        let is_all = self.length.zip(self.asked).is_some_and(|(length, asked)| length <= asked);
        if next != self.asked && !(is_all && next > self.asked) {
            self.asked = next;
            self.compare();
        }
    }

    fn compare(&mut self) {
        let reference = self.reference();
        self.all.iter_mut().flatten().for_each(|standing| standing.score.compare_for(reference));
    }

    /// Takes what tests that ended together have found. First everybody's vote on the right length is
    /// counted, then each is judged: so it does not matter who was tested first.
    pub fn judge(&mut self, outcomes: Vec<Outcome>, now: SystemTime) -> Judgement {
        for outcome in &outcomes {
            if let Some(standing) = self.still_there(outcome) {
                standing.length = outcome.verdict.length();
            }
        }
        let lengths: Vec<_> =
            self.all.iter().map(|standing| standing.as_ref().and_then(|s| s.length)).collect();
        let right = self.terms.length.right(&lengths, self.length);
        if right != self.length {
            self.length = right;
            self.compare();
        }
        let mut judgement = Judgement::default();
        for outcome in outcomes {
            self.judge_one(outcome, now, &mut judgement);
        }
        judgement
    }

    fn still_there(&mut self, outcome: &Outcome) -> Option<&mut Standing> {
        let standing = self.all.get_mut(outcome.slot)?.as_mut()?;
        (standing.member.id == outcome.id).then_some(standing)
    }

    fn judge_one(&mut self, outcome: Outcome, now: SystemTime, judgement: &mut Judgement) {
        let (agreed, window) = (self.length, self.terms.interval.saturating_mul(FLAP_WINDOW_INTERVALS));
        let Some(standing) = self.still_there(&outcome) else { return };
        let before = standing.health.clone();
        standing.load = outcome.load;
        match (outcome.verdict, standing.length.zip(agreed)) {
            (Verdict::Bad(reason), _) => standing.turn(before.after_bad(reason, now)),
            (_, Some((sent, agreed))) if sent != agreed => {
                standing.turn(before.after_bad(Reason::Length { sent, agreed }, now));
            }
            (Verdict::Good(sample), _) => {
                standing.score.add(sample);
                standing.turn(before.after_good(now, window));
            }
            (Verdict::New(samples), _) => {
                standing.score.take_over(&samples);
                standing.turn(before.after_good(now, window));
                judgement.urgent = true;
            }
        }
        let after = &standing.health;
        if after.is_in() {
            standing.member.tally.forgive();
            // So that whoever gets nobody for a while is known, too.
            if let Some(sample) = standing.score.last() {
                standing.member.tally.note_latency(sample.first_byte);
            }
        }
        judgement.urgent |= after.state() != before.state() && (after.is_in() || before.is_in());
        if after.is_news_after(&before) {
            judgement.news.push(News { member: Arc::clone(&standing.member), health: after.clone() });
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
        let terms = Terms {
            length: LengthRule::Agreed,
            size: ProbeSize::Whole,
            interval: Duration::from_secs(5),
            room: Room::default(),
        };
        let mut standings = Standings::new(terms);
        for (index, weight) in weights.iter().enumerate() {
            standings.join(Replica::parse(&format!("r{index}.test weight={weight}")).unwrap(), NOW);
        }
        standings
    }

    fn sample(millis: u64, length: u64) -> Sample {
        Sample { first_byte: Duration::ZERO, took: Duration::from_millis(millis), bytes: length, length }
    }

    fn new(millis: u64, length: u64) -> Verdict {
        Verdict::New(vec![sample(millis, length)])
    }

    fn good(millis: u64, length: u64) -> Verdict {
        Verdict::Good(sample(millis, length))
    }

    /// Judges those in these slots; whether it was urgent, and how much news there was.
    fn judge(standings: &mut Standings, verdicts: Vec<(usize, Verdict)>) -> (bool, usize) {
        let outcome = |(slot, verdict)| {
            let id = standings.get(slot).unwrap().member().id;
            Outcome { slot, id, verdict, load: None }
        };
        let outcomes = verdicts.into_iter().map(outcome).collect();
        let judgement = standings.judge(outcomes, NOW);
        (judgement.urgent, judgement.news.len())
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
        judge(&mut standings, vec![(0, new(100, 7)), (1, new(100, 7)), (2, new(400, 7))]);
        assert_eq!(standings.weights(), [10.0, 30.0, 2.5]);
    }

    #[test]
    fn the_short_and_fast_answer_loses_whoever_was_first() {
        let mut standings = standings(&[1, 1, 1]);
        let (_, news) = judge(&mut standings, vec![(0, new(1, 3)), (1, new(100, 7)), (2, new(100, 7))]);
        assert_eq!(news, 3);
        assert!(is_down_for_length(&standings, 0));
        assert_eq!(standings.weights()[0], 0.0);
    }

    #[test]
    fn a_new_version_goes_round_and_somebody_always_serves() {
        let mut standings = standings(&[1, 1]);
        judge(&mut standings, vec![(0, new(10, 7)), (1, new(10, 7))]);
        judge(&mut standings, vec![(0, new(10, 8))]);
        assert!(is_down_for_length(&standings, 0), "one against one: it stays what it was");
        assert!(standings.get(1).unwrap().health().is_in());
        judge(&mut standings, vec![(1, new(10, 8))]);
        assert!(standings.get(1).unwrap().health().is_in(), "both have the new one now");
        judge(&mut standings, vec![(0, new(10, 8))]);
        assert!(standings.get(0).unwrap().health().is_in());
    }

    #[test]
    fn who_is_out_has_no_vote_and_no_history() {
        let mut standings = standings(&[1, 1, 1]);
        judge(&mut standings, vec![(0, new(10, 7)), (1, new(10, 8)), (2, bad())]);
        assert_eq!(standings.length(), Some(7));
        assert!(judge(&mut standings, vec![(0, bad())]).0);
        assert_eq!(standings.subject(0).unwrap().belief, None);
        assert_eq!(standings.get(0).unwrap().score().median(), None);
        judge(&mut standings, vec![(1, new(10, 8))]);
        assert_eq!(standings.length(), Some(8), "only one whole answer is left");
    }

    #[test]
    fn drifting_weights_are_not_urgent_and_changes_of_state_are() {
        let mut standings = standings(&[1]);
        assert!(judge(&mut standings, vec![(0, new(10, 7))]).0);
        assert_eq!(judge(&mut standings, vec![(0, good(11, 7))]), (false, 0));
        assert!(judge(&mut standings, vec![(0, bad())]).0);
        assert_eq!(judge(&mut standings, vec![(0, bad())]), (false, 0), "still out");
        assert!(judge(&mut standings, vec![(0, new(10, 7))]).0);
        assert!(judge(&mut standings, vec![(0, good(10, 7))]).0, "a half instead of a quarter");
    }

    #[test]
    fn who_leaves_frees_a_slot_and_what_was_found_of_it_is_not_the_next_ones() {
        let mut standings = standings(&[1, 1]);
        judge(&mut standings, vec![(0, new(10, 7)), (1, new(10, 7))]);
        let gone = standings.leave(0).unwrap();
        assert_eq!(standings.join(Replica::parse("new.test").unwrap(), NOW), 0);
        let late = Outcome { slot: 0, id: gone.id, verdict: good(10, 7), load: None };
        standings.judge(vec![late], NOW);
        assert_eq!(*standings.get(0).unwrap().health().state(), State::Untested);
        assert_eq!(standings.weights()[0], 0.0);
    }

    #[test]
    fn who_is_drained_gets_nobody_and_is_tested_on() {
        let mut standings = standings(&[1]);
        judge(&mut standings, vec![(0, new(10, 7))]);
        let replica = standings.get(0).unwrap().member().replica.clone();
        standings.change(0, replica.clone().with_drain(true));
        assert_eq!(standings.weights(), [0.0]);
        judge(&mut standings, vec![(0, good(20, 7))]);
        standings.change(0, replica);
        assert!(standings.weights()[0] > 50.0, "what it was known for is still known");
    }

    #[test]
    fn who_is_near_its_own_limit_gets_less() {
        let mut standings = standings(&[1]);
        let load = Some(Load { utilization: Some(1.0), ..Load::default() });
        standings.judge(vec![Outcome { slot: 0, id: 0, verdict: new(100, 7), load }], NOW);
        assert!((standings.weights()[0] - 1.0).abs() < 1e-9, "a tenth of 10");
    }

    #[test]
    fn tests_become_larger_while_transfers_are_short_and_nobodys_share_changes_by_it() {
        let mut standings = standings(&[1, 1]);
        standings.terms.size = ProbeSize::Adaptive { link_share: 1.0 };
        standings.asked = standings.terms.size.start();
        let ranged = |millis, asked| Sample { bytes: asked, ..sample(millis, 1 << 30) };
        let first = 128 << 10;
        judge(
            &mut standings,
            vec![(0, Verdict::New(vec![ranged(20, first)])), (1, Verdict::New(vec![ranged(40, first)]))],
        );
        let before = standings.weights();
        standings.resize();
        assert_eq!(standings.subject(0).unwrap().size, Some(2 * first));
        let after = standings.weights();
        assert!((before[0] / before[1] - after[0] / after[1]).abs() < 1e-9, "{before:?} {after:?}");
        assert_eq!(standings.get(0).unwrap().score().median(), Some(Duration::from_millis(40)));
    }
}
