//! One exchange with one server, and what its outcome says of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use message::forward::is_worth_another;
use message::{Body, Failure, Request, Response, Service};
use tokio::time::{Instant, timeout};

use crate::balancer::Balancer;
use crate::errand::{Errand, Repeat};
use crate::gate::Pass;
use crate::member::{InFlight, Member};

/// A place at a server, as long as an exchange with it goes on.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) member: Arc<Member>,
    _pass: Pass,
    _in_flight: InFlight,
}

impl Place {
    pub(crate) fn new(member: Arc<Member>, pass: Pass) -> Self {
        let in_flight = member.tally.begin();
        Self { member, _pass: pass, _in_flight: in_flight }
    }
}

/// What came of asking, while its content may still be coming.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Where it comes from; `None` if nobody could be asked.
    pub(crate) place: Option<Place>,
    pub(crate) outcome: Result<Response, Failure>,
}

impl Reply {
    /// Whether another server may have a better one.
    pub(crate) fn is_worth_another(&self) -> bool {
        is_worth_another(&self.outcome)
    }
}

/// Somebody who waits for the head of an answer. If he goes before it comes, it took that long at least.
struct Waiting<'a> {
    member: &'a Member,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.member.tally.note_latency(self.since.elapsed());
    }
}

impl<S: Service + Clone> Balancer<S> {
    /// Asks the server at that place. `repeat` is the request's: a failure that may have come of its content is not the
    /// server's.
    pub(crate) async fn exchange(&self, place: Place, request: Request, repeat: Repeat) -> Reply {
        place.member.tally.send();
        let waiting = Waiting { member: &place.member, since: Instant::now() };
        let outcome = self.upstream().call(request).await;
        drop(waiting);
        match &outcome {
            Err(failure) if repeat == Repeat::Never && !failure.retry_safe() => {}
            outcome if is_worth_another(outcome) => self.blame(&place.member),
            Ok(_) => place.member.tally.forgive(),
            Err(_) => {}
        }
        Reply { place: Some(place), outcome }
    }

    /// Asks the server at that place, and if the head of its answer has not come `after` so long, `another` one beside it;
    /// the first good answer counts, and who is slower is left.
    pub(crate) async fn hedged(
        &self,
        errand: &Errand,
        place: Place,
        after: Duration,
        another: impl FnOnce() -> Option<Place>,
    ) -> Reply {
        let ask = |place: Place| {
            let request = errand.to(&place.member.replica, Body::Empty);
            self.exchange(place, request, errand.repeat)
        };
        let mut first = pin!(ask(place));
        if let Ok(reply) = timeout(after, &mut first).await {
            return reply;
        }
        let Some(place) = another() else { return first.await };
        let mut second = pin!(ask(place));
        tokio::select! {
            reply = &mut first => if reply.is_worth_another() { second.await } else { reply },
            reply = &mut second => if reply.is_worth_another() { first.await } else { reply },
        }
    }
}
