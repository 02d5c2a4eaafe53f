//! A request's content, lent to whoever answers the request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http1::{Event, Framing};
use message::{Body, Failure, FailureKind, Fields, Segment, Source};
use tokio::sync::oneshot;

use crate::deadline::Deadline;
use crate::intake::{Intake, IntakeFault};

/// The connection's reading side while it is lent out as a request's body.
///
/// It comes back when the body is dropped, read to its end or not: the connection then knows what is
/// left of the content, so that no byte of it is ever taken for a request.
pub(super) struct Loan {
    pub(super) back: oneshot::Receiver<Intake>,
    /// Told when the content is first asked for.
    pub(super) wanted: oneshot::Receiver<()>,
}

struct RequestBody {
    intake: Option<Intake>,
    back: Option<oneshot::Sender<Intake>>,
    wanted: Option<oneshot::Sender<()>>,
    trailers: Option<Fields>,
    deadline: Deadline,
    /// How long the client may send nothing.
    stall: Duration,
    waiting: bool,
}

/// Lends `intake` out as the content that comes in `framing`.
pub(super) fn lend(intake: Intake, framing: Framing, stall: Duration) -> (Body, Loan) {
    let (give_back, back) = oneshot::channel();
    let (want, wanted) = oneshot::channel();
    let length = if let Framing::Length(length) = framing { Some(length) } else { None };
    let body = RequestBody {
        intake: Some(intake),
        back: Some(give_back),
        wanted: Some(want),
        trailers: None,
        deadline: Deadline::new(),
        stall,
        waiting: false,
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
            ready!(self.poll_stalled(cx));
            return Poll::Ready(Some(Err(failed("the client sent nothing for too long"))));
        };
        self.waiting = false;
        match event {
            Ok(Event::Data(bytes)) => Poll::Ready(Some(Ok(Segment::Bytes(bytes)))),
            Ok(Event::End(trailers)) => {
                self.trailers = trailers;
                self.give_back();
                Poll::Ready(None)
            }
            Ok(_) => Poll::Ready(Some(Err(failed("a message within the content")))),
            Err(IntakeFault::Protocol(fault)) => Poll::Ready(Some(Err(failed(fault.to_string())))),
            Err(IntakeFault::Closed | IntakeFault::Connection(_)) => {
                Poll::Ready(Some(Err(failed("the client left before its content was whole"))))
            }
        }
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        self.trailers.take()
    }
}

impl RequestBody {
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            self.deadline.set(self.stall);
        }
        self.deadline.poll_expired(cx)
    }

    fn give_back(&mut self) {
        if let (Some(intake), Some(back)) = (self.intake.take(), self.back.take()) {
            let _ = back.send(intake); // nobody takes it when the connection has ended meanwhile
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.give_back();
    }
}

fn failed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(FailureKind::HttpRequestError, detail)
}
