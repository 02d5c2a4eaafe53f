//! Testing the replicas: once before clients are served, then for as long as they are.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::time::Duration;

use message::Service;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::balancer::Balancer;
use crate::health::{Reason, State};
use crate::load::Load;
use crate::probe::{Finding, Order, Progress, STALL_PART, glance, probe};
use crate::rhythm::Rhythm;
use crate::standing::{Outcome, Subject};
use crate::trial::Trial;

/// In the first round replicas are tested one after the other, so that they do not time each other; but
/// nobody is waited for longer than this before the next one's turn, or than the interval for all
/// together.
const HEAD_START_MAX: Duration = Duration::from_millis(250);

/// Who fails clients is tested out of turn, but not more often than this.
const DOUBTS_PER_INTERVAL: u32 = 16;

impl<S: Service + Clone> Balancer<S> {
    /// Tests every replica, and returns when all tests have ended and clients are sent by what they found: after
    /// two intervals at most, and much sooner if all answer.
    pub async fn test_all(&self) {
        let subjects = self.subjects();
        let shared_out = self.config().interval() / u32::try_from(subjects.len()).unwrap_or(u32::MAX).max(1);
        let head_start = HEAD_START_MAX.min(shared_out);
        let mut tests = JoinSet::new();
        let mut outcomes = Vec::with_capacity(subjects.len());
        for subject in subjects {
            tests.spawn(self.clone().test(subject));
            // Out of time or out of luck: what has not ended is collected below.
            if let Ok(Some(Ok(outcome))) = timeout(head_start, tests.join_next()).await {
                outcomes.extend(outcome);
            }
        }
        while let Some(ended) = tests.join_next().await {
            outcomes.extend(ended.ok().flatten());
        }
        self.judge(outcomes);
        if self.agreed_length() == Some(0) {
            tracing::warn!(
                "the probed file is empty: its transfer times the way there and back, and no speed; \
                 name a larger one with --probe-path"
            );
        }
    }

    /// Tests each replica once per interval, spread over it, until `stop` is ready; one that comes is tested at once.
    ///
    /// Those that are there at first are due within an interval: [`test_all`](Balancer::test_all) comes before it.
    pub async fn keep_testing(&self, stop: impl Future) {
        let mut tests = JoinSet::new();
        let mut running = BTreeMap::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            // Listened for before those who are there are looked at, so that nobody is missed.
            let changed = self.changed();
            self.follow_subjects(&mut tests, &mut running);
            tokio::select! {
                _ = &mut stop => break,
                () = changed => {}
            }
        }
        tests.shutdown().await;
    }

    /// Begins to test those that have come, and ends it for those that have gone.
    fn follow_subjects(&self, tests: &mut JoinSet<()>, running: &mut BTreeMap<u64, AbortHandle>) {
        let subjects = self.subjects();
        running.retain(|id, task| {
            let stays = subjects.iter().any(|subject| subject.member.id == *id);
            if !stays {
                task.abort();
            }
            stays
        });
        let count = subjects.len();
        for (index, subject) in subjects.into_iter().enumerate() {
            let (slot, id) = (subject.slot, subject.member.id);
            running.entry(id).or_insert_with(|| {
                let seed = self.config().seed();
                let rhythm = Rhythm::new(self.config().interval(), index, count, seed);
                tests.spawn(self.clone().keep_testing_one(slot, id, rhythm))
            });
        }
        while tests.try_join_next().is_some() {}
    }

    async fn keep_testing_one(self, slot: usize, id: u64, rhythm: Rhythm) {
        let Some(subject) = self.subject(slot, id) else { return };
        if *subject.health.state() == State::Untested {
            let outcome = self.clone().test(subject).await;
            self.judge(outcome.into_iter().collect());
        }
        let start = Instant::now();
        let (mut round, mut tested) = (0, start);
        loop {
            let Some(subject) = self.subject(slot, id) else { return };
            tokio::select! {
                () = sleep_until(start + rhythm.due(round)) => {}
                () = self.called_for(&subject, tested) => {}
            }
            let Some(subject) = self.subject(slot, id) else { return };
            let outcome = self.clone().test(subject).await;
            self.judge(outcome.into_iter().collect());
            tested = Instant::now();
            if start.elapsed() >= rhythm.due(round) {
                round = rhythm.next_round(round, start.elapsed());
            }
        }
    }

    /// Ready when a server that was `tested` then is to be tested out of turn: it has failed a client, or a glance at it half
    /// way to its next test; or it may have come back, or is on its way to its full share.
    async fn called_for(&self, subject: &Subject, tested: Instant) {
        let interval = self.config().interval();
        let doubted = async {
            sleep_until(tested + interval / DOUBTS_PER_INTERVAL).await;
            subject.member.tally.doubted().await;
        };
        let unsettled = async {
            sleep_until(tested + interval / 2).await;
            let is_wanted = match subject.health.state() {
                State::Returning { .. } => true,
                State::Down(_) => subject.health.has_failed_lately(self.now(), interval),
                State::Up => self.glance(subject).await.is_err(),
                State::Untested | State::Proving { .. } => false,
            };
            if !is_wanted {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = doubted => {}
            () = unsettled => {}
        }
    }

    async fn glance(&self, subject: &Subject) -> Result<(), Reason> {
        let test = Test::new(self, subject);
        glance(self.upstream(), test.order(test.limit), self.now()).await
    }

    /// One test; `None` if nothing was found.
    async fn test(self, subject: Subject) -> Option<Outcome> {
        let mut test = Test::new(&self, &subject);
        // More than one probe may be needed, and each may drag on: what has been found by then decides.
        let end = Instant::now() + self.config().interval().max(test.limit);
        if timeout_at(end, test.run()).await.is_err() && test.trial.is_untried() {
            test.trial.add(Err(Reason::TimedOut(self.config().interval())));
        }
        let (slot, id, load) = (subject.slot, subject.member.id, test.load);
        Some(Outcome { slot, id, verdict: test.trial.verdict()?, load })
    }
}

/// One test of one replica.
struct Test<'a, S> {
    balancer: &'a Balancer<S>,
    subject: &'a Subject,
    limit: Duration,
    trial: Trial,
    load: Option<Load>,
}

impl<'a, S: Service + Clone> Test<'a, S> {
    fn new(balancer: &'a Balancer<S>, subject: &'a Subject) -> Self {
        let limit = balancer.config().probe_limit(subject.belief.map(|belief| belief.median));
        Self { balancer, subject, limit, trial: Trial::new(subject.belief), load: None }
    }

    /// As many probes as are needed, one after the other so that they do not time each other.
    ///
    /// One that has taken half of its time, which is more than twice the usual, and does not go on is a surprise
    /// already: the two that confirm it start beside it, so that a server that hangs is out when the time of one
    /// probe is up, and not of two.
    async fn run(&mut self) {
        let (order, upstream) = (self.order(self.limit), self.balancer.upstream());
        let (now, progress) = (self.balancer.now(), Progress::default());
        let mut first = std::pin::pin!(probe(upstream, order, &progress, now));
        if self.subject.belief.is_some()
            && let Err(_) = timeout(self.limit / 2, &mut first).await.map(|found| self.add(found))
        {
            if progress.moved() < self.limit / 2 - self.limit / STALL_PART {
                let (rest, unwatched) = (self.order(self.limit / 2), Progress::default());
                let again = || probe(upstream, rest, &unwatched, now);
                let (first, second, third) = tokio::join!(first, again(), again());
                return [first, second, third].into_iter().for_each(|found| self.add(found));
            }
            let found = first.await;
            self.add(found);
        } else if self.trial.is_untried() {
            let found = first.await;
            self.add(found);
        }
        while self.trial.wants_more() {
            let found =
                probe(upstream, self.order(self.limit), &Progress::default(), self.balancer.now()).await;
            self.add(found);
        }
    }

    fn order(&self, limit: Duration) -> Order<'a> {
        let config = self.balancer.config();
        let replica = &self.subject.member.replica;
        Order {
            replica,
            path: replica.probe_path().unwrap_or(config.probe_path()),
            size: self.subject.size,
            digest: config.probe_digest(),
            limit,
            longest: config.interval(),
        }
    }

    fn add(&mut self, found: Result<Finding, Reason>) {
        if let Ok(Finding { load: Some(load), .. }) = &found {
            self.load = Some(*load);
        }
        self.trial.add(found.map(|finding| finding.sample));
    }
}
