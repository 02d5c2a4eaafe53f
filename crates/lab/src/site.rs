//! What the network knows of one authority.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use message::{Failure, Fields, Method, Request, Response, Service, Target};
use tokio::time::Instant;

use crate::link::Link;

/// How many requests a site remembers; the oldest are forgotten first.
pub(crate) const LOG_MAX: usize = 10_000;

/// tokio's timers end on whole milliseconds: a link whose last block ended less than this ago has
/// been busy all the time. Without it every block would lose up to a millisecond.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// A request as it arrived at an authority.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it arrived.
    pub at: SystemTime,
    /// Its method.
    pub method: Method,
    /// Its target, as the service was given it.
    pub target: Target,
    /// Its fields, as the service was given them.
    pub fields: Fields,
}

/// One authority: who answers there, what the way is like, what has been seen.
pub(crate) struct Site(Mutex<State>);

#[derive(Default)]
struct State {
    service: Option<Arc<dyn Answering>>,
    link: Link,
    /// When the last block that the link has taken will be through.
    busy_until: Option<Instant>,
    requests: u64,
    bytes_sent: u64,
    log: VecDeque<Seen>,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send + 'a>>;

/// [`Service`] with its future in a box, so that services of any type stand in one network.
pub(crate) trait Answering: Send + Sync {
    fn answer(&self, request: Request) -> Answer<'_>;
}

impl<S: Service> Answering for S {
    fn answer(&self, request: Request) -> Answer<'_> {
        Box::pin(self.call(request))
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn set_service(&self, service: Option<Arc<dyn Answering>>) {
        self.state().service = service;
    }

    pub(crate) fn service(&self) -> Option<Arc<dyn Answering>> {
        self.state().service.clone()
    }

    pub(crate) fn change_link(&self, change: impl FnOnce(&mut Link)) {
        change(&mut self.state().link);
    }

    pub(crate) fn link(&self) -> Link {
        self.state().link.clone()
    }

    /// Notes that `request` has arrived.
    pub(crate) fn note(&self, request: &Request) {
        let mut state = self.state();
        state.requests += 1;
        if state.log.len() == LOG_MAX {
            state.log.pop_front();
        }
        state.log.push_back(Seen {
            at: request.received_at,
            method: request.method.clone(),
            target: request.target.clone(),
            fields: request.fields.clone(),
        });
    }

    /// Gives `bytes` of content to the link; they are through at the instant returned. Blocks go one
    /// after the other, whichever transfer they belong to: so transfers share the link fairly.
    pub(crate) fn load(&self, bytes: u64, now: Instant) -> Instant {
        let mut state = self.state();
        state.bytes_sent += bytes;
        let Some(rate) = state.link.bytes_per_second else { return now };
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let begin = state.busy_until.filter(|until| *until + TIMER_STEP > now).unwrap_or(now);
        let until = begin + takes;
        state.busy_until = Some(until);
        until
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state().requests
    }

    pub(crate) fn bytes_sent(&self) -> u64 {
        self.state().bytes_sent
    }

    pub(crate) fn log(&self) -> Vec<Seen> {
        self.state().log.iter().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in one task of a test must not hide behind a second one here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
