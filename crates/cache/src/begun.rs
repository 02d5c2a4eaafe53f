//! How far a request has come without waiting.

use std::future::Ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use message::{Failure, Response};
use pin_project_lite::pin_project;

/// What an exchange comes to.
pub(crate) type Outcome = Result<Response, Failure>;

pin_project! {
    /// A request after all that could be done at once. A connection has room for this as long as it is open, so
    /// what takes much room is in a box.
    #[project = Step]
    pub(crate) enum Begun<'s, F> {
        /// There is an answer, until it is taken.
        Answered { outcome: Option<Outcome> },
        /// Another service answers.
        Passed { #[pin] answer: F },
        /// Something is to be waited for.
        Waits { answer: Pin<Box<dyn Future<Output = Outcome> + Send + 's>> },
    }
}

/// Such a one that nobody else answers.
pub(crate) type Alone<'s> = Begun<'s, Ready<Outcome>>;

impl<'s, F> Begun<'s, F> {
    pub(crate) fn answered(outcome: Outcome) -> Self {
        Self::Answered { outcome: Some(outcome) }
    }

    pub(crate) fn waits(answer: impl Future<Output = Outcome> + Send + 's) -> Self {
        Self::Waits { answer: Box::pin(answer) }
    }
}

impl<F: Future<Output = Outcome>> Future for Begun<'_, F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        match self.project() {
            Step::Answered { outcome } => outcome.take().map_or(Poll::Pending, Poll::Ready),
            Step::Passed { answer } => answer.poll(cx),
            Step::Waits { answer } => answer.as_mut().poll(cx),
        }
    }
}
