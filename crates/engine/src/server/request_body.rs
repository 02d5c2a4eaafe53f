//! A request's content, lent to whoever answers the request.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http1::{Event, Fault, Framing};
use message::{Body, Failure, FailureKind, Fields, Segment, Source};
use net::pace::{Pace, Stopwatch};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::intake::{Intake, IntakeFault};

/// The connection's reading side while it is lent out as a request's body.
///
/// It comes back when the body is dropped, read to its end or not: the connection then knows what is
/// left of the content, so that no byte of it is ever taken for a request.
pub(super) struct Loan {
    pub(super) back: oneshot::Receiver<Returned>,
    /// Told when the content is first asked for.
    pub(super) wanted: oneshot::Receiver<()>,
}

/// What comes back.
pub(super) struct Returned {
    pub(super) intake: Box<Intake>,
    /// Why the content was not had whole, if it was asked for and failed.
    pub(super) shortfall: Option<Shortfall>,
}

/// Why a client's content was not had whole.
#[derive(Debug)]
pub(super) enum Shortfall {
    /// It breaks the protocol, or its limits.
    Faulty(Fault),
    /// It comes too slowly.
    Slow,
    /// The connection ended.
    Gone,
}

struct RequestBody {
    intake: Option<Box<Intake>>,
    back: Option<oneshot::Sender<Returned>>,
    wanted: Option<oneshot::Sender<()>>,
    trailers: Option<Fields>,
    deadline: Deadline,
    stopwatch: Stopwatch,
    /// Since when the client is waited for.
    waits_since: Option<Instant>,
    /// Bytes of content that have come.
    received: u64,
}

/// Lends `intake` out as the content that comes in `framing`, and has to come at `pace`.
pub(super) fn lend(intake: Box<Intake>, framing: Framing, pace: Pace) -> (Body, Loan) {
    let (give_back, back) = oneshot::channel();
    let (want, wanted) = oneshot::channel();
    let length = if let Framing::Length(length) = framing { Some(length) } else { None };
    let body = RequestBody {
        intake: Some(intake),
        back: Some(give_back),
        wanted: Some(want),
        trailers: None,
        deadline: Deadline::new(),
        stopwatch: Stopwatch::new(pace),
        waits_since: None,
        received: 0,
    };
    (Body::from_source(length, body), Loan { back, wanted })
}

impl Source for RequestBody {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        if let Some(wanted) = self.wanted.take() {
            let _ = wanted.send(()); // nobody waits for it when the client did not ask for 100 (Continue)
        }
        let Some(intake) = self.intake.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready(event) = intake.poll_event(cx) else {
            ready!(self.poll_too_slow(cx));
            return Poll::Ready(Some(Err(self.fall_short(Shortfall::Slow))));
        };
        self.stop();
        match event {
            Ok(Event::Data(bytes)) => {
                let segment = Segment::Bytes(bytes);
                self.received = self.received.saturating_add(segment.len());
                Poll::Ready(Some(Ok(segment)))
            }
            Ok(Event::End(trailers)) => {
                self.trailers = trailers;
                self.give_back(None);
                Poll::Ready(None)
            }
            Err(IntakeFault::Protocol(fault)) => {
                Poll::Ready(Some(Err(self.fall_short(Shortfall::Faulty(fault)))))
            }
            // Within content no message begins, so what is left is that the connection ended.
            Ok(_) | Err(IntakeFault::Closed | IntakeFault::Connection(_)) => {
                Poll::Ready(Some(Err(self.fall_short(Shortfall::Gone))))
            }
        }
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        self.trailers.take()
    }
}

impl RequestBody {
    /// Ready when the client, which is waited for from now on, has fallen behind its pace.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.waits_since.is_none() {
                self.waits_since = Some(Instant::now());
                self.deadline.set(self.stopwatch.begin(|| self.received));
            }
            ready!(self.deadline.poll_expired(cx));
            self.stop();
            if !self.stopwatch.is_kept(self.received) {
                return Poll::Ready(());
            }
        }
    }

    /// The client is not waited for any more.
    fn stop(&mut self) {
        if let Some(since) = self.waits_since.take() {
            self.stopwatch.add(since.elapsed());
        }
    }

    /// Gives the connection back at once, and the failure for whoever reads the content.
    fn fall_short(&mut self, shortfall: Shortfall) -> Failure {
        let failure = match &shortfall {
            Shortfall::Faulty(fault) => failed(fault.to_string()),
            Shortfall::Slow => failed("the client sends its content too slowly"),
            Shortfall::Gone => failed("the client left before its content was whole"),
        };
        self.give_back(Some(shortfall));
        failure
    }

    fn give_back(&mut self, shortfall: Option<Shortfall>) {
        if let (Some(intake), Some(back)) = (self.intake.take(), self.back.take()) {
            // Nobody takes it when the connection has ended meanwhile.
            let _ = back.send(Returned { intake, shortfall });
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

fn failed(detail: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(FailureKind::HttpRequestError, detail)
}
