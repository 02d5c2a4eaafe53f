//! A body that arrives once and goes to many: it is written to a file, and everybody reads that file
//! behind the writer, at his own speed.
//!
//! Nobody is held up by anybody: the writer waits for the origin and the disk only, a reader for the
//! writer only. Memory is flat whatever the length, since readers hand out pieces of the file. An end is
//! announced only when the body is whole and published; what breaks off in the origin breaks off for
//! every reader.
//!
//! When the disk fails in the middle, what comes after is *spilled*: handed from memory to those who are
//! reading, at the speed of the slowest of them; but one who takes nothing for a while is left behind.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use message::{Body, BodyStream, Failure, FailureKind, Segment};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use crate::reader::{Interest, Progress, Reader, Spilled};
use crate::store::Store;
use crate::store::draft::Draft;
use crate::store::fault::Unstored;

/// How much is gathered for one write, in bytes.
const BATCH_MAX: u64 = 1 << 20;

/// Pieces that wait in memory for each reader when the disk has failed.
const SPILL_QUEUE: usize = 16;

/// How long the spill waits for one reader, once.
const SPILL_WAIT: Duration = Duration::from_secs(30);

/// A body that is arriving, for those who join.
#[derive(Debug)]
pub(crate) struct Growing {
    length: Option<u64>,
    file: Arc<File>,
    progress: watch::Receiver<Progress>,
    readers: Readers,
}

/// Where each reader listens for what is spilled; `None` once that has begun: then it is too late to join.
type Readers = Arc<Mutex<Option<Vec<mpsc::Sender<Spilled>>>>>;

impl Growing {
    /// Whether it is not too late to join.
    pub(crate) fn is_open(&self) -> bool {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// A body that reads along, from its first byte; `None` if it is too late for that.
    #[must_use]
    pub(crate) fn join(&self, interest: Interest) -> Option<Body> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = readers.as_mut()?;
        readers.retain(|reader| !reader.is_closed());
        let (spill, spilled) = mpsc::channel(SPILL_QUEUE);
        readers.push(spill);
        let reader = Reader::new(Arc::clone(&self.file), self.progress.clone(), spilled, interest);
        Some(Body::from_source(self.length, reader))
    }
}

/// What arrived while it was asked for without waiting.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) segments: Vec<Segment>,
    /// How it ended, if it did.
    pub(crate) end: Option<Result<(), Failure>>,
}

impl Gathered {
    /// Bytes.
    pub(crate) fn len(&self) -> u64 {
        self.segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.len()))
    }
}

/// Whether to wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until there is something, or the end.
    Yes,
    /// Take what is there now, if anything.
    No,
}

/// Gathers what is there of `body`: about `max` bytes at most.
pub(crate) async fn gather(body: &mut BodyStream, max: u64, wait: Wait) -> Gathered {
    let mut gathered = Gathered { segments: Vec::new(), end: None };
    std::future::poll_fn(|cx| {
        while gathered.len() < max && gathered.end.is_none() {
            match body.poll_next(cx) {
                Poll::Ready(Some(Ok(segment))) => gathered.segments.push(segment),
                Poll::Ready(Some(Err(failure))) => gathered.end = Some(Err(failure)),
                Poll::Ready(None) => gathered.end = Some(Ok(())),
                Poll::Pending if wait == Wait::Yes && gathered.segments.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    gathered
}

/// All of `segments` as bytes, files read.
pub(crate) fn bytes_of(segments: Vec<Segment>) -> io::Result<Bytes> {
    let mut all = Vec::new();
    for segment in segments {
        match segment {
            Segment::Bytes(bytes) => all.push(bytes),
            Segment::File(slice) => {
                let mut at = 0;
                while at < slice.len() {
                    let block = slice.read_at(at, usize::MAX)?;
                    at = at.saturating_add(block.len().try_into().unwrap_or(u64::MAX));
                    all.push(block);
                }
            }
        }
    }
    match all.as_mut_slice() {
        [one] => Ok(std::mem::take(one)),
        pieces => Ok(Bytes::from(pieces.concat())),
    }
}

/// The writing side of a body that arrives.
pub(crate) struct Fill {
    body: BodyStream,
    length: Option<u64>,
    draft: Draft,
    progress: watch::Sender<Progress>,
    readers: Readers,
    store: Arc<Store>,
}

/// How a fill ended before it could be published.
pub(crate) enum Unfinished {
    /// The origin broke off, or nobody wanted it any more: all readers have been told.
    Broken,
    /// The store failed; the readers got the rest from memory.
    Spilled(Unstored),
}

/// A whole body that is not published yet: its readers still wait for the end.
pub(crate) struct Whole {
    pub(crate) draft: Draft,
    progress: watch::Sender<Progress>,
    size: u64,
}

impl Fill {
    /// A fill of `draft` from `body`, and what its readers join.
    pub(crate) fn new(store: Arc<Store>, body: BodyStream, draft: Draft) -> (Self, Growing) {
        let progress = watch::Sender::new(Progress { written: 0, is_spilling: false, end: None });
        let readers = Readers::new(Mutex::new(Some(Vec::new())));
        let growing = Growing {
            length: body.length(),
            file: Arc::clone(draft.file()),
            progress: progress.subscribe(),
            readers: Arc::clone(&readers),
        };
        (Self { length: body.length(), body, draft, progress, readers, store }, growing)
    }

    /// Writes `first`, which was gathered before, and then all that comes. `is_wanted` is asked, with what
    /// is written and what the whole is, whether to go on.
    pub(crate) async fn run(
        mut self,
        first: Gathered,
        is_wanted: impl Fn(u64, Option<u64>) -> bool,
    ) -> Result<Whole, Unfinished> {
        let (mut written, mut gathered) = (0_u64, first);
        loop {
            let size = written.saturating_add(gathered.len());
            if let Err(unstored) = self.write(&gathered.segments, written, size).await {
                self.spill(gathered).await;
                return Err(Unfinished::Spilled(unstored));
            }
            written = size;
            match gathered.end {
                Some(Ok(())) => return self.finish(written),
                Some(Err(failure)) => return Err(self.break_off(written, failure)),
                None if !is_wanted(written, self.length) => {
                    return Err(self.break_off(written, incomplete("nobody waits for it any more")));
                }
                None => {}
            }
            // The last piece is announced with the end: who has it all can rely on its being stored.
            if self.length != Some(written) {
                self.progress.send_modify(|progress| progress.written = written);
            }
            gathered = gather(&mut self.body, BATCH_MAX, Wait::Yes).await;
        }
    }

    async fn write(&mut self, segments: &[Segment], at: u64, end: u64) -> Result<(), Unstored> {
        self.store.extend(&mut self.draft, end).await?;
        if segments.is_empty() {
            return Ok(());
        }
        let (pen, segments) = (self.draft.pen(), segments.to_vec());
        let written = spawn_blocking(move || pen.write(&segments, at)).await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.inspect_err(|error| self.store.note_fault(error))?;
        Ok(())
    }

    /// RFC 9112 §8: a body that is shorter or longer than was said is not the body.
    fn finish(self, size: u64) -> Result<Whole, Unfinished> {
        if self.length.is_some_and(|length| length != size) {
            return Err(self.break_off(size, incomplete("the content is not as long as was said")));
        }
        Ok(Whole { draft: self.draft, progress: self.progress, size })
    }

    fn break_off(self, written: u64, failure: Failure) -> Unfinished {
        let end = Some(Err(failure));
        self.progress.send_replace(Progress { written, is_spilling: false, end });
        Unfinished::Broken
    }

    /// Hands `gathered`, of which nothing is in the file for certain, and all that comes to the readers.
    async fn spill(mut self, gathered: Gathered) {
        let mut readers =
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        self.progress.send_modify(|progress| progress.is_spilling = true);
        let mut gathered = gathered;
        while !readers.is_empty() {
            for segment in gathered.segments {
                hand_out(&mut readers, &Spilled::Piece(segment)).await;
            }
            if let Some(end) = gathered.end {
                return hand_out(&mut readers, &Spilled::End(end)).await;
            }
            gathered = gather(&mut self.body, BATCH_MAX, Wait::Yes).await;
        }
    }
}

/// Hands `spilled` to all readers, waiting for each of them. Who takes nothing for too long, or is gone, gets
/// nothing more: without an end, his body breaks off.
async fn hand_out(readers: &mut Vec<mpsc::Sender<Spilled>>, spilled: &Spilled) {
    let mut kept = Vec::with_capacity(readers.len());
    for reader in readers.drain(..) {
        if reader.send_timeout(spilled.clone(), SPILL_WAIT).await.is_ok() {
            kept.push(reader);
        }
    }
    *readers = kept;
}

impl Whole {
    /// Takes the draft out, to be published, and what the readers are to be told after that.
    pub(crate) fn into_parts(self) -> (Draft, Announcement) {
        (self.draft, Announcement { progress: self.progress, size: self.size })
    }
}

/// The end of a body that is whole; to be given when it has been tried to publish it.
pub(crate) struct Announcement {
    progress: watch::Sender<Progress>,
    size: u64,
}

impl Announcement {
    /// Tells the readers that they have it all: they hold the file, wherever it lies now.
    pub(crate) fn give(self) {
        self.progress.send_replace(Progress { written: self.size, is_spilling: false, end: Some(Ok(())) });
    }
}

fn incomplete(detail: &'static str) -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, detail)
}
