//! The balancer: the way of a client through it, and what control and clients share.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use message::{Failure, Method, Request, Response, Service};
use tokio::time::Instant;

use crate::config::Config;
use crate::redirect;
use crate::replica::Replica;
use crate::report::{self, Row};
use crate::snapshot::Snapshot;
use crate::standing::{Judgement, Standings};
use crate::trial::{Belief, Verdict};

/// Drifting weights are published at most this many times per interval, however many replicas are
/// tested in it; changes of state are at once.
const DRIFTS_PER_INTERVAL: u32 = 16;

/// Sends each client to one of its replicas. A handle, cheap to clone.
///
/// Until [`test_all`](Balancer::test_all) has found a replica that is well, clients are answered 503.
#[derive(Clone)]
pub struct Balancer(Arc<Shared>);

struct Shared {
    config: Config,
    started_at: SystemTime,
    started: Instant,
    published: ArcSwap<Snapshot>,
    /// Clients sent to each replica.
    redirects: Box<[AtomicU64]>,
    /// Control's alone: no client waits for it.
    control: Mutex<Control>,
}

struct Control {
    standings: Standings,
    published: Instant,
}

impl Balancer {
    /// A balancer that has tested nobody yet. `now` is the time on the wall, which it counts on from by
    /// itself, and tells in reports only.
    #[must_use]
    pub fn new(config: Config, now: SystemTime) -> Self {
        let weights = config.replicas().iter().map(Replica::weight);
        let standings = Standings::new(weights, config.length(), now);
        let started = Instant::now();
        Self(Arc::new(Shared {
            started_at: now,
            started,
            published: ArcSwap::from_pointee(Snapshot::empty()),
            redirects: config.replicas().iter().map(|_| AtomicU64::new(0)).collect(),
            control: Mutex::new(Control { standings, published: started }),
            config,
        }))
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// All replicas as they stand now, the fastest first.
    #[must_use]
    pub fn report(&self) -> Vec<Row> {
        let control = self.control();
        let snapshot = self.0.published.load();
        let indexed = self.config().replicas().iter().zip(&self.0.redirects).enumerate();
        let mut rows: Vec<Row> = indexed
            .filter_map(|(index, (replica, redirects))| {
                let standing = control.standings.get(index)?;
                Some(Row {
                    replica: replica.clone(),
                    health: standing.health().clone(),
                    median: standing.median(),
                    weight: standing.weight(),
                    share: snapshot.share(index),
                    redirects: redirects.load(Ordering::Relaxed),
                })
            })
            .collect();
        report::rank(&mut rows);
        rows
    }

    /// The time on the wall, as far as it has been told.
    pub(crate) fn now(&self) -> SystemTime {
        let elapsed = self.0.started.elapsed();
        self.0.started_at.checked_add(elapsed).unwrap_or(self.0.started_at)
    }

    pub(crate) fn belief(&self, index: usize) -> Option<Belief> {
        self.control().standings.belief(index)
    }

    /// The length that the probed file is agreed to have.
    pub(crate) fn agreed_length(&self) -> Option<u64> {
        self.control().standings.length()
    }

    /// Takes what tests have found, and publishes it if it is time to.
    pub(crate) fn judge(&self, verdicts: Vec<(usize, Verdict)>) {
        let mut control = self.control();
        let judgement = control.standings.judge(verdicts, self.now());
        if judgement.urgent || control.published.elapsed() >= self.drift_interval() {
            let weights = control.standings.weights();
            let snapshot = self.0.published.load().followed_by(&weights, self.config().seed());
            self.0.published.store(Arc::new(snapshot));
            control.published = Instant::now();
        }
        drop(control);
        self.tell(&judgement);
    }

    /// One line per change of state, with its reason.
    fn tell(&self, judgement: &Judgement) {
        for news in &judgement.news {
            if let Some(replica) = self.config().replicas().get(news.index) {
                tracing::info!(%replica, "{}", news.health);
            }
        }
    }

    fn drift_interval(&self) -> Duration {
        self.config().interval() / DRIFTS_PER_INTERVAL
    }

    /// Numbered as clients go: 1. only GET and HEAD; 2. a path; 3. somebody to go to.
    fn answer(&self, request: &Request) -> Response {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return redirect::not_implemented();
        }
        let Some(path) = request.target.path_and_query() else {
            return redirect::no_target();
        };
        let config = self.config();
        let chosen = self.0.published.load().choose();
        let replica = chosen.and_then(|index| config.replicas().get(index).zip(self.0.redirects.get(index)));
        let Some((replica, redirects)) = replica else {
            return redirect::nobody_left(config.interval());
        };
        redirects.fetch_add(1, Ordering::Relaxed);
        redirect::to_replica(config.status(), replica, path)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        // What a panic can leave half done is one replica's standing, which its next test sets right.
        self.0.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Balancer {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        Ok(self.answer(&request))
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("config", &self.0.config).finish_non_exhaustive()
    }
}
