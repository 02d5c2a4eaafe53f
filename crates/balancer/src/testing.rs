//! Testing the replicas: once before clients are served, then for as long as they are.

use std::future::Future;
use std::time::Duration;

use message::Service;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::balancer::Balancer;
use crate::probe::probe;
use crate::rhythm::Rhythm;
use crate::trial::{Trial, Verdict};

/// In the first round replicas are tested one after the other, so that they do not time each other; but
/// nobody is waited for longer than this before the next one's turn, or than the interval for all
/// together.
const HEAD_START_MAX: Duration = Duration::from_millis(250);

impl Balancer {
    /// Tests every replica through `upstream`, and returns when all tests have ended and clients are
    /// sent by what they found: after one interval and one test's time at most.
    pub async fn test_all<S: Service + Clone>(&self, upstream: &S) {
        let replicas = self.config().replicas().len();
        let shared_out = self.config().interval() / u32::try_from(replicas).unwrap_or(u32::MAX).max(1);
        let head_start = HEAD_START_MAX.min(shared_out);
        let mut tests = JoinSet::new();
        let mut verdicts = Vec::with_capacity(replicas);
        for index in 0..replicas {
            tests.spawn(self.clone().test(index, upstream.clone()));
            // Out of time or out of luck: what has not ended is collected below.
            if let Ok(Some(Ok(verdict))) = timeout(head_start, tests.join_next()).await {
                verdicts.extend(verdict);
            }
        }
        while let Some(ended) = tests.join_next().await {
            verdicts.extend(ended.ok().flatten());
        }
        self.judge(verdicts);
        if self.agreed_length() == Some(0) {
            tracing::warn!(
                "the probed file is empty: its transfer times the way there and back, and no speed; \
                 name a larger one with --probe-path"
            );
        }
    }

    /// Tests each replica through `upstream` once per interval, spread over it, until `stop` is ready.
    ///
    /// The first tests are due within an interval: [`test_all`](Balancer::test_all) comes before it.
    pub async fn keep_testing<S: Service + Clone>(&self, upstream: S, stop: impl Future) {
        let mut tests = JoinSet::new();
        for index in 0..self.config().replicas().len() {
            tests.spawn(self.clone().keep_testing_one(index, upstream.clone()));
        }
        stop.await;
        tests.shutdown().await;
    }

    async fn keep_testing_one<S: Service + Clone>(self, index: usize, upstream: S) {
        let count = self.config().replicas().len();
        let rhythm = Rhythm::new(self.config().interval(), index, count, self.config().seed());
        let start = Instant::now();
        let mut round = 0;
        loop {
            sleep_until(start + rhythm.due(round)).await;
            let verdict = self.clone().test(index, upstream.clone()).await;
            self.judge(verdict.into_iter().collect());
            round = rhythm.next_round(round, start.elapsed());
        }
    }

    /// One test of one replica; `None` if there is no such replica.
    async fn test<S: Service>(self, index: usize, upstream: S) -> Option<(usize, Verdict)> {
        let config = self.config();
        let replica = config.replicas().get(index)?;
        let belief = self.belief(index);
        let limit = config.probe_limit(belief.map(|belief| belief.median));
        let mut trial = Trial::new(belief);
        while trial.wants_more() {
            trial.add(probe(&upstream, replica, config.probe_path(), self.now(), limit).await);
        }
        Some((index, trial.verdict()?))
    }
}
