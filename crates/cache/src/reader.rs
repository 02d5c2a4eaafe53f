//! Those who read a body that is still arriving, and what they are told about it.

use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use message::{Failure, FailureKind, FileSlice, Segment, Source};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

type Spill = broadcast::Receiver<Segment>;

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

/// Reads the file behind its writer.
pub(crate) struct Reader {
    file: Arc<File>,
    at: u64,
    progress: watch::Receiver<Progress>,
    spill: Option<Spill>,
    waiting: Option<Pin<Box<dyn Future<Output = Woken> + Send>>>,
    _interest: Interest,
}

/// What a reader waited for.
enum Woken {
    /// The writer went on, or is gone.
    Progress(watch::Receiver<Progress>, Result<(), watch::error::RecvError>),
    /// A piece came past the file.
    Spill(Spill, Result<Segment, RecvError>),
}

/// What a reader can do now.
enum Step {
    Give(Segment),
    End(Option<Failure>),
    AwaitProgress,
    AwaitSpill,
}

impl Reader {
    pub(crate) fn new(
        file: Arc<File>,
        progress: watch::Receiver<Progress>,
        spill: Option<Spill>,
        interest: Interest,
    ) -> Self {
        Self { file, at: 0, progress, spill, waiting: None, _interest: interest }
    }

    fn step(&mut self) -> Step {
        let progress = self.progress.borrow_and_update();
        if self.at < progress.written {
            let (start, len) = (self.at, progress.written.saturating_sub(self.at));
            let slice = FileSlice::new(Arc::clone(&self.file), progress.written, start, len);
            return slice.map_or(Step::AwaitProgress, |slice| Step::Give(Segment::File(slice)));
        }
        match &progress.end {
            // What was handed out is taken first; the end counts after it.
            _ if progress.is_spilling && self.spill.is_some() => Step::AwaitSpill,
            None => Step::AwaitProgress,
            Some(Ok(())) => Step::End(None),
            Some(Err(failure)) => Step::End(Some(failure.clone())),
        }
    }

    fn await_progress(&mut self) {
        let mut progress = self.progress.clone();
        self.waiting = Some(Box::pin(async move {
            let changed = progress.changed().await;
            Woken::Progress(progress, changed)
        }));
    }

    fn await_spill(&mut self, mut spill: Spill) {
        self.waiting = Some(Box::pin(async move {
            let segment = spill.recv().await;
            Woken::Spill(spill, segment)
        }));
    }

    /// Takes in what it waited for; gives what follows at once, if something does.
    fn wake(&mut self, woken: Woken) -> Option<Option<Result<Segment, Failure>>> {
        match woken {
            Woken::Progress(progress, Ok(())) => {
                self.progress = progress;
                None
            }
            // The writer is gone: what it said last may still be an end.
            Woken::Progress(progress, Err(_)) => {
                let has_ended = progress.borrow().end.is_some();
                self.progress = progress;
                (!has_ended).then(|| Some(Err(incomplete("the fetch was given up"))))
            }
            Woken::Spill(spill, Ok(segment)) => {
                self.spill = Some(spill);
                Some(Some(Ok(segment)))
            }
            Woken::Spill(_, Err(RecvError::Lagged(_))) => {
                Some(Some(Err(incomplete("it was read too slowly while the cache could not store it"))))
            }
            // All was handed out: now the end counts.
            Woken::Spill(_, Err(RecvError::Closed)) => None,
        }
    }
}

impl Source for Reader {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                let woken = ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
                if let Some(item) = self.wake(woken) {
                    return Poll::Ready(item);
                }
            }
            match self.step() {
                Step::Give(segment) => {
                    self.at = self.at.saturating_add(segment.len());
                    return Poll::Ready(Some(Ok(segment)));
                }
                Step::End(failure) => return Poll::Ready(failure.map(Err)),
                Step::AwaitProgress => self.await_progress(),
                Step::AwaitSpill => match self.spill.take() {
                    Some(spill) => self.await_spill(spill),
                    None => self.await_progress(),
                },
            }
        }
    }
}

fn incomplete(detail: &'static str) -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, detail)
}
