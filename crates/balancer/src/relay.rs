//! Content on its way through: what breaks off goes on from another server, if that one has the same.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use message::{BodyStream, Failure, Fields, Segment, Service, Source};

use crate::balancer::Balancer;
use crate::errand::Rest;
use crate::exchange::Place;

/// How many times the content of one answer may break off before the client is told.
const BREAKS_MAX: u32 = 16;

/// Content that comes from a server, and goes on elsewhere if need be.
pub(crate) struct Relay<S> {
    balancer: Balancer<S>,
    course: Course,
    /// How much has come since the rest was what it is.
    come: u64,
    breaks: u32,
    /// Somebody is being looked for who has the rest.
    resuming: Option<Resuming>,
}

/// A response that it comes in, and what has not come yet.
pub(crate) struct Course {
    pub(crate) place: Place,
    pub(crate) stream: BodyStream,
    /// `None` if it can't be asked for anywhere else.
    pub(crate) rest: Option<Rest>,
}

type Resuming = Pin<Box<dyn Future<Output = Result<Course, Failure>> + Send>>;

impl<S: Service + Clone> Relay<S> {
    pub(crate) fn new(balancer: Balancer<S>, course: Course) -> Self {
        Self { balancer, course, come: 0, breaks: 0, resuming: None }
    }

    /// Looks for somebody else, if there is something to be had; the failure that it is not is the answer's.
    fn resume(&mut self, failure: Failure) -> Result<(), Failure> {
        self.balancer.blame(&self.course.place.member);
        self.breaks = self.breaks.saturating_add(1);
        let missing = self.course.rest.take().and_then(|rest| rest.after(self.come));
        let Some(rest) = missing.filter(|_| self.breaks <= BREAKS_MAX) else { return Err(failure) };
        let (balancer, broken) = (self.balancer.clone(), self.course.place.member.id);
        tracing::debug!(replica = %self.course.place.member.replica, %failure, "an answer broke off");
        self.resuming = Some(Box::pin(async move { balancer.resume(rest, broken).await.ok_or(failure) }));
        Ok(())
    }
}

impl<S: Service + Clone> Source for Relay<S> {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        loop {
            if let Some(resuming) = &mut self.resuming {
                match ready!(resuming.as_mut().poll(cx)) {
                    Ok(course) => (self.course, self.come, self.resuming) = (course, 0, None),
                    Err(failure) => return Poll::Ready(Some(Err(failure))),
                }
            }
            match ready!(self.course.stream.poll_next(cx)) {
                Some(Ok(segment)) => {
                    self.come = self.come.saturating_add(segment.len());
                    return Poll::Ready(Some(Ok(segment)));
                }
                Some(Err(failure)) => {
                    if let Err(failure) = self.resume(failure) {
                        return Poll::Ready(Some(Err(failure)));
                    }
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        self.course.stream.trailers()
    }
}
