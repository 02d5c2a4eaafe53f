//! One connection's work: ask, have the answer judged, bring its content home.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use message::body::{FileSlice, Segment};
use message::failure::{Failure, FailureKind};
use message::service::Service;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::crew::give_way;
use crate::decode::Decoder;
use crate::fault::GetFault;
use crate::fetch::Fetch;
use crate::file_fault::FileFault;
use crate::plan::source::SourceId;
use crate::plan::task::TaskId;
use crate::progress::{Event, Progress};
use crate::throttle::Throttle;
use crate::transfer::{Kept, Taken, Transfer};

/// How much of a file is copied at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// What all connections of a download share.
#[derive(Debug)]
pub(crate) struct Work<'a, S, P: Progress> {
    pub(crate) fetch: Fetch<'a, S, P>,
    pub(crate) transfer: Mutex<Transfer>,
    pub(crate) stall: Duration,
    pub(crate) throttle: Option<Arc<Throttle>>,
    /// Something has been learned by which the plan may have more to give.
    pub(crate) news: Notify,
}

impl<S, P: Progress> Drop for Work<'_, S, P> {
    /// Given up, or dropped in the middle: what can be gone on with is kept.
    fn drop(&mut self) {
        let progress = self.fetch.progress;
        let transfer = self.transfer.get_mut().unwrap_or_else(PoisonError::into_inner);
        if transfer.note() {
            progress.on(Event::Kept { bytes: transfer.plan.spans().total(), total: transfer.length() });
        }
    }
}

/// How a connection's work ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) task: TaskId,
    pub(crate) source: SourceId,
    pub(crate) result: Result<(), Lost>,
}

/// Why it did not bring what it was to bring.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) fault: GetFault,
    /// What it has brought can't be believed: its answer was whole by its length, and yet did not end well.
    pub(crate) tainted: Option<Range<u64>>,
}

impl From<GetFault> for Lost {
    fn from(fault: GetFault) -> Self {
        Self { fault, tainted: None }
    }
}

impl<S: Service, P: Progress> Work<'_, S, P> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Transfer> {
        self.transfer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what the plan has given to `task`.
    pub(crate) async fn run(&self, task: TaskId, source: SourceId, range: Option<Range<u64>>) -> Outcome {
        Outcome { task, source, result: self.bring(task, source, range).await }
    }

    async fn bring(&self, task: TaskId, source: SourceId, range: Option<Range<u64>>) -> Result<(), Lost> {
        let Some(question) = self.lock().question(source, range) else { return Ok(()) };
        let found = self.fetch.find(&question.url, question.asked.as_ref()).await?;
        let taken = self.lock().adopt(task, source, found, question.asked.as_ref(), self.fetch.progress)?;
        self.news.notify_one();
        match taken {
            Some(taken) => self.receive(task, source, taken).await,
            None => Ok(()),
        }
    }

    /// Takes the content in until its end, or until no more of it is wanted.
    async fn receive(&self, task: TaskId, source: SourceId, taken: Taken) -> Result<(), Lost> {
        let Taken { url, mut content, coding, natural_end } = taken;
        let decoder = coding.map(Decoder::new).transpose();
        let mut decoder =
            decoder.map_err(|error| GetFault::from(FileFault::of("decode", Path::new(url.path()), error)))?;
        let length = content.length();
        let first = self.lock().plan.position(task);
        let (mut received, mut at) = (0, first);
        let failure = loop {
            match timeout(self.stall, content.next()).await {
                Err(_) => return Err(GetFault::Stalled { url, received, waited: self.stall }.into()),
                Ok(None) if length.is_some_and(|length| received < length) => break too_short(),
                Ok(None) => {
                    if let Some(decoder) = &mut decoder {
                        decoder.end();
                        if let Err(failure) = self.keep_decoded(task, source, decoder).await? {
                            break failure;
                        }
                    }
                    match self.ended(task, natural_end, at) {
                        Ok(()) => return Ok(()),
                        Err(failure) => break failure,
                    }
                }
                Ok(Some(Err(failure))) => break failure,
                Ok(Some(Ok(segment))) => {
                    received = segment.len().saturating_add(received);
                    if length.is_some_and(|length| received > length) || at >= natural_end {
                        received = received.saturating_sub(segment.len());
                        break too_long();
                    }
                    let kept = match &mut decoder {
                        Some(decoder) => self.decode(task, source, segment, decoder).await?,
                        None => self.keep(task, source, &segment).await?,
                    };
                    let room = match kept {
                        Ok(Kept { end, room, .. }) => {
                            at = end;
                            room
                        }
                        Err(failure) => break failure,
                    };
                    // The end of the answer is waited for, since it says whether all was well, and the
                    // connection can be used again then.
                    if room == 0 && at < natural_end {
                        return Ok(());
                    }
                }
            }
        };
        let tainted = (at >= natural_end).then_some(first..at);
        Err(Lost { fault: GetFault::Broken { url, received, length, failure }, tainted })
    }

    /// The content has ended well, at `at`.
    fn ended(&self, task: TaskId, natural_end: u64, at: u64) -> Result<(), Failure> {
        if natural_end == u64::MAX {
            let mut transfer = self.lock();
            if transfer.plan.room(task) > 0 {
                let length = transfer.plan.ended_at(task);
                if let Some(version) = &mut transfer.version {
                    version.length = Some(length);
                }
            }
            return Ok(());
        }
        if at < natural_end && self.lock().plan.room(task) > 0 { Err(too_short()) } else { Ok(()) }
    }

    /// Writes one segment. The outer error is ours, the inner one the other side's.
    async fn keep(
        &self,
        task: TaskId,
        source: SourceId,
        segment: &Segment,
    ) -> Result<Result<Kept, Failure>, GetFault> {
        match segment {
            Segment::Bytes(bytes) => self.keep_block(task, source, bytes).await.map(Ok),
            Segment::File(slice) => {
                let mut at = 0;
                loop {
                    let block = match block_of(slice, at) {
                        Ok(block) => block,
                        Err(failure) => return Ok(Err(failure)),
                    };
                    let kept = self.keep_block(task, source, &block).await?;
                    at = at.saturating_add(kept.bytes);
                    if kept.room == 0 || at >= slice.len() {
                        return Ok(Ok(kept));
                    }
                }
            }
        }
    }

    /// Decodes one segment, and writes what comes of it.
    async fn decode(
        &self,
        task: TaskId,
        source: SourceId,
        segment: Segment,
        decoder: &mut Decoder,
    ) -> Result<Result<Kept, Failure>, GetFault> {
        let mut at = 0;
        loop {
            let block = match &segment {
                Segment::Bytes(bytes) => bytes.clone(),
                Segment::File(slice) => match block_of(slice, at) {
                    Ok(block) => block,
                    Err(failure) => return Ok(Err(failure)),
                },
            };
            at = at.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
            decoder.feed(block);
            let kept = self.keep_decoded(task, source, decoder).await?;
            if kept.is_err() || at >= segment.len() {
                return Ok(kept);
            }
        }
    }

    /// Writes all that can be decoded at present.
    async fn keep_decoded(
        &self,
        task: TaskId,
        source: SourceId,
        decoder: &mut Decoder,
    ) -> Result<Result<Kept, Failure>, GetFault> {
        let mut kept = {
            let transfer = self.lock();
            Kept { bytes: 0, end: transfer.plan.position(task), room: transfer.plan.room(task) }
        };
        loop {
            match decoder.next() {
                Ok(Some(block)) => kept = self.keep_block(task, source, &block).await?,
                Ok(None) => return Ok(Ok(kept)),
                Err(error) => return Ok(Err(not_coded(&error))),
            }
        }
    }

    async fn keep_block(&self, task: TaskId, source: SourceId, block: &Bytes) -> Result<Kept, GetFault> {
        let kept = {
            let mut transfer = self.lock();
            let kept = transfer.keep(task, source, block, self.fetch.clock.elapsed())?;
            if transfer.mosaic.is_some() && kept.bytes > 0 {
                let arrived = kept.end.saturating_sub(kept.bytes)..kept.end;
                transfer.check_pieces(Some(&arrived), self.fetch.progress)?;
            }
            if let Some(place) = transfer.places.get(source)
                && kept.bytes > 0
            {
                let event =
                    Event::Advanced { source: place.at.as_ref().unwrap_or(&place.start), bytes: kept.bytes };
                self.fetch.progress.on(event);
            }
            kept
        };
        if let Some(throttle) = &self.throttle {
            throttle.spend(kept.bytes).await;
        }
        // A source that is always ready must keep neither its peers nor whoever wants to interrupt us waiting.
        give_way().await;
        Ok(kept)
    }
}

fn block_of(slice: &FileSlice, at: u64) -> Result<Bytes, Failure> {
    slice.read_at(at, BLOCK).map_err(|error| {
        Failure::new(FailureKind::ProxyInternalError, format!("its content can't be read: {error}"))
    })
}

fn not_coded(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof => FailureKind::HttpResponseIncomplete,
        _ => FailureKind::HttpProtocolError,
    };
    Failure::new(kind, format!("its content coding can't be undone: {error}"))
}

fn too_short() -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, "the content ended too early")
}

fn too_long() -> Failure {
    Failure::new(FailureKind::HttpProtocolError, "more came than was announced")
}
