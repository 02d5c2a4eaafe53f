//! One response of the origin, written to the file of a body as it comes.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use message::{BodyStream, Failure, FailureKind, Fields, HeaderValue, Response, Segment};
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;

use crate::body::demand::{Course, SKIP_MAX};
use crate::body::gather::{Gathered, Wait, gather};
use crate::body::growing::{Announced, Growing};
use crate::body::window::cut_all;
use crate::key::CacheKey;
use crate::policy::combining::{Part, Version, judge};
use crate::store::Store;
use crate::store::draft::{Draft, Pen};
use crate::store::fault::Unstored;
use crate::store::sheet::Sheet;
use crate::stored::StoredResponse;

/// How much is gathered for one write, in bytes.
const BATCH_MAX: u64 = 1 << 20;

/// A response, when it was asked for and when it came.
pub(crate) struct Received {
    pub(crate) response: Response,
    pub(crate) requested_at: SystemTime,
    pub(crate) received_at: SystemTime,
}

/// What the head of an answer to a request for a part has told.
pub(crate) struct Told {
    pub(crate) fields: Fields,
    pub(crate) requested_at: SystemTime,
    pub(crate) received_at: SystemTime,
}

/// Who is asked for a part of a body.
pub(crate) trait Parts: Send + Sync + 'static {
    /// The answer to a request for the bytes from `start` on, to `last` if it is given, under `If-Range`.
    fn part(
        &self,
        start: u64,
        last: Option<u64>,
        if_range: HeaderValue,
    ) -> impl Future<Output = Result<Received, Failure>> + Send;

    /// The stored head after the answer to such a request has told of it (RFC 9111 §3.4); `None` if it may not
    /// be stored any more.
    fn freshened(&self, key: &CacheKey, stored: &StoredResponse, told: &Told) -> Option<StoredResponse>;
}

/// Where a body is written, with the room that is set aside for it; all its courses share it.
pub(crate) struct Place {
    pub(crate) store: Arc<Store>,
    pub(crate) sheet: Mutex<Sheet>,
}

/// What a course needs.
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) growing: Growing,
    pub(crate) place: Arc<Place>,
    /// Rung when it is to stop.
    pub(crate) stop: Arc<Notify>,
    /// Whether what it does not bring can be asked for.
    pub(crate) is_rangeable: bool,
}

/// What became of a course.
pub(crate) struct Ended {
    pub(crate) id: u64,
    pub(crate) how: How,
    /// Whether it has brought the last bytes that were missing; they are not shown yet.
    pub(crate) is_last: bool,
    /// Bytes that it has brought, those left out that were there.
    pub(crate) gained: u64,
    /// Why the file could not be written.
    pub(crate) unstored: Option<Unstored>,
    /// What the answer to a request for a part has told of the whole.
    pub(crate) told: Option<Told>,
}

/// How a course ended.
#[derive(Debug)]
pub(crate) enum How {
    /// It brought all that it was needed for, or was stopped.
    Over,
    /// It ended well, and that tells how long the whole is, in bytes.
    Whole(u64),
    /// It broke off, or there was none.
    Broken(Failure),
    /// The origin has another version now.
    Changed,
    /// The origin gives no ranges, and another course brings the whole.
    NoRanges,
}

impl Place {
    /// What writes to the file of `growing`, with room for `weight` bytes of disk. Whoever is first makes the file.
    async fn pen(&self, growing: &Growing, weight: u64) -> Result<Pen, Unstored> {
        let mut sheet = self.sheet.lock().await;
        let draft = sheet.draft(&self.store).await?;
        growing.set_file(draft.file());
        self.store.extend(draft, weight).await?;
        Ok(draft.pen())
    }

    /// What was written.
    pub(crate) async fn into_draft(self) -> Result<Draft, Unstored> {
        self.sheet.into_inner().into_draft(&self.store).await
    }
}

impl Run {
    /// Asks for what `asked` notes, and brings what comes.
    pub(crate) async fn ask(self, parts: Arc<impl Parts>, version: Version, asked: Course) -> Ended {
        let last = (asked.end != u64::MAX).then(|| asked.end.saturating_sub(1));
        let stop = Arc::clone(&self.stop);
        let response = tokio::select! {
            response = parts.part(asked.at, last, version.to_if_range()) => response,
            () = stop.notified() => return self.ended(How::Over),
        };
        let Received { response, requested_at, received_at } = match response {
            Ok(received) => received,
            Err(failure) => return self.ended(How::Broken(failure)),
        };
        let Response { status, fields, body } = response;
        let (length, whole) = (body.length(), self.growing.length());
        let (start, end, is_rangeable) = match judge(status, &fields, length, &version, asked.at, whole) {
            Part::Bytes { range, complete } => {
                self.growing.set_length(complete);
                (range.first(), Some(range.last().saturating_add(1)), true)
            }
            // From its beginning, if nobody else brings anything.
            Part::Whole if self.growing.courses().is_empty() => (0, length.or(whole), false),
            Part::Whole => return self.ended(How::NoRanges),
            Part::Changed => return self.ended(How::Changed),
            Part::Unusable(why) => return self.ended(How::Broken(incomplete(why))),
        };
        let run = Self { is_rangeable, ..self };
        run.growing.begin(Some(run.id), start, end);
        let ended = run.bring(body.into_stream(), Gathered::nothing(), start, end).await;
        Ended { told: Some(Told { fields, requested_at, received_at }), ..ended }
    }

    /// Writes `first`, which comes from `start` on, and then all that comes of `body`, which ends before
    /// `end`, if that is known.
    pub(crate) async fn bring(
        self,
        body: BodyStream,
        first: Gathered,
        start: u64,
        end: Option<u64>,
    ) -> Ended {
        let (mut body, mut at, mut gathered) = (body, start, first);
        let mut ended = self.ended(How::Over);
        loop {
            let to = at.saturating_add(gathered.len());
            // RFC 9112 §8: a body that is shorter or longer than was said is not the body.
            if end.is_some_and(|end| to > end) {
                return Ended {
                    how: How::Broken(incomplete("the content is longer than was said")),
                    ..ended
                };
            }
            ended = self.take(gathered.segments, at, to, ended).await;
            at = to;
            if let Some(over) = gathered.end {
                let how = match over {
                    Err(failure) => How::Broken(failure),
                    Ok(()) if end.is_none() => How::Whole(at),
                    Ok(()) if end == Some(at) => How::Over,
                    Ok(()) => How::Broken(incomplete("the content is not as long as was said")),
                };
                return Ended { how, ..ended };
            }
            if self.is_needless(at, end) {
                return ended;
            }
            gathered = tokio::select! {
                gathered = gather(&mut body, BATCH_MAX, Wait::Yes) => gathered,
                () = self.stop.notified() => return ended,
            };
        }
    }

    /// Whether it need not go on: what comes is there already, or somebody else brings it.
    fn is_needless(&self, at: u64, end: Option<u64>) -> bool {
        let end = end.unwrap_or(u64::MAX);
        // With its last byte come and nothing else missing, only its end is waited for.
        let Some(next) = self.growing.next_use(self.id).filter(|_| at < end) else { return false };
        next >= end || (self.is_rangeable && next.saturating_sub(at) > SKIP_MAX)
    }

    /// Writes what comes from `at` to before `to`; where that fails, hands it on from memory.
    async fn take(&self, segments: Vec<Segment>, at: u64, to: u64, ended: Ended) -> Ended {
        if segments.is_empty() {
            return ended;
        }
        if self.growing.is_spilling() {
            return self.spill(segments, at, to, ended).await;
        }
        match self.write(&segments, at, to).await {
            Err(unstored) => {
                let ended = Ended { unstored: ended.unstored.or(Some(unstored)), ..ended };
                self.spill(segments, at, to, ended).await
            }
            Ok(gained) => {
                let is_last = self.growing.advance(self.id, at, to) == Announced::Held;
                Ended { is_last, gained: ended.gained.saturating_add(gained), ..ended }
            }
        }
    }

    async fn spill(&self, segments: Vec<Segment>, at: u64, to: u64, ended: Ended) -> Ended {
        self.growing.spill(self.id, at, segments).await;
        Ended { gained: ended.gained.saturating_add(to.saturating_sub(at)), ..ended }
    }

    /// Writes those bytes that are not there yet; gives how many they were.
    async fn write(&self, segments: &[Segment], at: u64, to: u64) -> Result<u64, Unstored> {
        let pen = self.place.pen(&self.growing, self.growing.weight_with(at, to)).await?;
        let gaps = self.growing.gaps(at, to);
        let gained =
            gaps.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.end.saturating_sub(gap.start)));
        let missing: Vec<_> = gaps
            .into_iter()
            .map(|gap| {
                let (skip, length) = (gap.start.saturating_sub(at), gap.end.saturating_sub(gap.start));
                (gap.start, cut_all(segments, skip, length))
            })
            .collect();
        let written = spawn_blocking(move || {
            missing.iter().try_for_each(|(from, segments)| pen.write(segments, *from))
        });
        let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.inspect_err(|error| self.place.store.note_fault(error))?;
        Ok(gained)
    }

    fn ended(&self, how: How) -> Ended {
        Ended { id: self.id, how, is_last: false, gained: 0, unstored: None, told: None }
    }
}

fn incomplete(detail: &'static str) -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, detail)
}
