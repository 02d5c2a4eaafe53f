//! Those who read a body that is still arriving, and what they are told about it.

use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use message::{Failure, FailureKind, FileSlice, Segment, Source};
use tokio::sync::{mpsc, watch};

/// How far a body has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Bytes of it in the file.
    pub(crate) written: u64,
    /// Whether the rest goes from memory to memory.
    pub(crate) is_spilling: bool,
    /// How it ended.
    pub(crate) end: Option<Result<(), Failure>>,
}

/// Somebody who wants the body; a fill without any may be given up.
#[derive(Clone, Debug)]
pub(crate) struct Interest(Arc<()>);

impl Interest {
    /// The first of them.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self(Arc::new(()))
    }

    /// Whether nobody but the holder of this one is left.
    #[must_use]
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// What comes past the file.
#[derive(Clone, Debug)]
pub(crate) enum Spilled {
    /// The next piece.
    Piece(Segment),
    /// The end.
    End(Result<(), Failure>),
}

/// Reads the file behind its writer.
pub(crate) struct Reader {
    file: Arc<File>,
    at: u64,
    progress: watch::Receiver<Progress>,
    spilled: mpsc::Receiver<Spilled>,
    waiting: Option<Waiting>,
    _interest: Interest,
}

/// Waits until the writer goes on; `false` if it is gone.
type Waiting = Pin<Box<dyn Future<Output = (watch::Receiver<Progress>, bool)> + Send>>;

/// What a reader can do now.
enum Step {
    Give(Segment),
    End(Option<Failure>),
    AwaitProgress,
    AwaitSpilled,
}

impl Reader {
    pub(crate) fn new(
        file: Arc<File>,
        progress: watch::Receiver<Progress>,
        spilled: mpsc::Receiver<Spilled>,
        interest: Interest,
    ) -> Self {
        Self { file, at: 0, progress, spilled, waiting: None, _interest: interest }
    }

    fn step(&mut self) -> Step {
        let progress = self.progress.borrow_and_update();
        if self.at < progress.written {
            let (start, len) = (self.at, progress.written.saturating_sub(self.at));
            let slice = FileSlice::new(Arc::clone(&self.file), progress.written, start, len);
            return slice.map_or(Step::AwaitProgress, |slice| Step::Give(Segment::File(slice)));
        }
        match &progress.end {
            _ if progress.is_spilling => Step::AwaitSpilled,
            None => Step::AwaitProgress,
            Some(Ok(())) => Step::End(None),
            Some(Err(failure)) => Step::End(Some(failure.clone())),
        }
    }

    fn await_progress(&self) -> Waiting {
        let mut progress = self.progress.clone();
        Box::pin(async move {
            let is_alive = progress.changed().await.is_ok();
            (progress, is_alive)
        })
    }
}

impl Source for Reader {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                let (progress, is_alive) = ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
                // What a writer that is gone said last may be an end.
                let is_over = !is_alive && progress.borrow().end.is_none();
                self.progress = progress;
                if is_over {
                    return Poll::Ready(Some(Err(incomplete("the fetch was given up"))));
                }
            }
            match self.step() {
                Step::Give(segment) => {
                    self.at = self.at.saturating_add(segment.len());
                    return Poll::Ready(Some(Ok(segment)));
                }
                Step::End(failure) => return Poll::Ready(failure.map(Err)),
                Step::AwaitProgress => self.waiting = Some(self.await_progress()),
                Step::AwaitSpilled => {
                    return Poll::Ready(match ready!(self.spilled.poll_recv(cx)) {
                        Some(Spilled::Piece(segment)) => Some(Ok(segment)),
                        Some(Spilled::End(Ok(()))) => None,
                        Some(Spilled::End(Err(failure))) => Some(Err(failure)),
                        None => {
                            Some(Err(incomplete("it was read too slowly while the cache could not store it")))
                        }
                    });
                }
            }
        }
    }
}

fn incomplete(detail: &'static str) -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, detail)
}
