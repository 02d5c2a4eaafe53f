//! One probe: a GET of the same bytes from everybody, timed to the last one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use message::field::range::{ByteRange, ContentRange};
use message::{
    BodyStream, Failure, FailureKind, HeaderValue, PathAndQuery, Request, Response, Segment, Service,
    StatusCode, Target, header,
};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout, timeout_at};

use crate::health::Reason;
use crate::load::Load;
use crate::replica::Replica;
use crate::score::Sample;

/// How much content a probe reads, in bytes. More is refused, not cut off: only a whole transfer tells
/// that the file is right, and a larger one every few seconds would be a load of its own.
pub const PROBE_BYTES_MAX: u64 = 64 << 20;

/// How much of the file is looked at between two tests, in bytes.
pub const GLANCE_BYTES_MAX: u64 = 1024;

/// A transfer that is still going on when its time is up gets more, as long as something has come within this
/// part of it: a slow server is measured and not taken for a dead one.
pub(crate) const STALL_PART: u32 = 4;

/// What a probe asks for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Whom.
    pub replica: &'a Replica,
    /// For what.
    pub path: &'a PathAndQuery,
    /// For how many of its first bytes; `None`: for all.
    pub size: Option<u64>,
    /// What the SHA-256 digest of the content must be.
    pub digest: Option<[u8; 32]>,
    /// How long it may take to answer, and then not to go on.
    pub limit: Duration,
    /// How long it may take if it does go on.
    pub longest: Duration,
}

/// How far a probe is, for who waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    /// When something came last, in microseconds after the request; 0: not yet.
    moved_micros: AtomicU64,
}

impl Progress {
    /// When something of the content came last, after the request; zero if nothing has.
    #[must_use]
    pub fn moved(&self) -> Duration {
        Duration::from_micros(self.moved_micros.load(Ordering::Relaxed))
    }

    fn note(&self, since: Duration) {
        self.moved_micros.store(u64::try_from(since.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// What a good probe has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its times.
    pub sample: Sample,
    /// What the server said of its own load.
    pub load: Option<Load>,
}

/// Gets what is ordered through `upstream`, wholly and in time.
///
/// An empty file is whole, too; it times the round trip only.
///
/// # Errors
/// Anything but the whole content of a `200`, or of a `206` with just the range that was asked for: no response,
/// another status (redirects are not followed), content that breaks off, is too long, has another digest, or is
/// not there in time.
pub async fn probe(
    upstream: &impl Service,
    order: Order<'_>,
    progress: &Progress,
    now: SystemTime,
) -> Result<Finding, Reason> {
    let started = Instant::now();
    let late = Reason::TimedOut(order.limit);
    let answered = timeout_at(started + order.limit, upstream.call(request(&order, now))).await;
    let response = answered.map_err(|_| late.clone())?.map_err(Reason::Failed)?;
    let first_byte = started.elapsed();
    let load = Load::of(&response.fields);
    let expected = Expected::of(&response, order.size)?;
    let reading = Reading {
        stream: response.body.into_stream(),
        read: 0,
        started,
        moved: Instant::now(),
        progress,
        hash: order.digest.map(|_| Sha256::new()),
    };
    let (bytes, hash) = reading.all(&order).await?;
    if expected.bytes.is_some_and(|expected| expected != bytes) {
        // The wire finds this before us; a `Service` that is no wire may not.
        let detail = "the content has not the length that was said";
        return Err(Reason::Failed(Failure::new(FailureKind::HttpResponseIncomplete, detail)));
    }
    if hash.zip(order.digest).is_some_and(|(hash, digest)| hash != digest) {
        return Err(Reason::Digest);
    }
    let length = expected.length.unwrap_or(bytes);
    Ok(Finding { sample: Sample { first_byte, took: started.elapsed(), bytes, length }, load })
}

/// Looks whether what is ordered is still there and begins to come, without timing it: the first [`GLANCE_BYTES_MAX`]
/// of it, also where a server knows no ranges.
///
/// # Errors
/// As with [`probe`], as far as it can be seen so.
pub async fn glance(upstream: &impl Service, order: Order<'_>, now: SystemTime) -> Result<(), Reason> {
    let order = Order { size: Some(GLANCE_BYTES_MAX.min(order.size.unwrap_or(GLANCE_BYTES_MAX))), ..order };
    let looking = async {
        let response = upstream.call(request(&order, now)).await.map_err(Reason::Failed)?;
        Expected::of(&response, order.size)?;
        let (mut stream, mut read) = (response.body.into_stream(), 0_u64);
        while read < GLANCE_BYTES_MAX
            && let Some(segment) = stream.next().await
        {
            read = read.saturating_add(segment.map_err(Reason::Failed)?.len());
        }
        Ok(())
    };
    timeout(order.limit, looking).await.unwrap_or(Err(Reason::TimedOut(order.limit)))
}

fn request(order: &Order<'_>, now: SystemTime) -> Request {
    let replica = order.replica;
    let target = Target::Absolute(replica.scheme(), replica.authority().clone(), order.path.clone());
    let mut request = Request::get(target, now);
    // The same bytes from everybody: a coding that one replica offers would change length and time.
    request.fields.set(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Load::ask(&mut request.fields);
    let range = order.size.and_then(|size| ByteRange::new(0, size.saturating_sub(1)));
    if let Some(range) = range {
        request.fields.set(header::RANGE, range.to_request_value());
    }
    request
}

/// What the head of a response promises.
struct Expected {
    /// Length of the content, if it is said.
    bytes: Option<u64>,
    /// Length of the whole file, if it is said.
    length: Option<u64>,
}

impl Expected {
    fn of(response: &Response, size: Option<u64>) -> Result<Self, Reason> {
        let said = response.body.length();
        if said.is_some_and(|length| length > PROBE_BYTES_MAX) {
            return Err(Reason::TooLong { max: PROBE_BYTES_MAX });
        }
        match (response.status, size, ContentRange::of(&response.fields)) {
            // A server need not know ranges (RFC 9110 §14.2): then it is the whole file.
            (StatusCode::OK, ..) => Ok(Self { bytes: said, length: said }),
            (StatusCode::PARTIAL_CONTENT, Some(size), Some(range)) => Self::of_range(range, size),
            // RFC 9110 §15.5.17: there is no first byte in an empty file.
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(_), Some(ContentRange::Unsatisfied { complete: 0 })) => {
                Ok(Self { bytes: None, length: Some(0) })
            }
            (status, ..) => Err(Reason::Status(status)),
        }
    }

    /// Just the first `size` bytes, or all if there are fewer (RFC 9110 §14.4).
    fn of_range(range: ContentRange, size: u64) -> Result<Self, Reason> {
        let ContentRange::Bytes { range, complete: Some(complete) } = range else {
            return Err(Reason::Range);
        };
        if range.first() != 0 || range.length() != size.min(complete) {
            return Err(Reason::Range);
        }
        Ok(Self { bytes: Some(range.length()), length: Some(complete) })
    }
}

/// Content on its way.
struct Reading<'a> {
    stream: BodyStream,
    read: u64,
    started: Instant,
    /// When something came last.
    moved: Instant,
    progress: &'a Progress,
    hash: Option<Sha256>,
}

impl Reading<'_> {
    async fn all(mut self, order: &Order<'_>) -> Result<(u64, Option<[u8; 32]>), Reason> {
        while let Some(segment) = self.next(order).await? {
            self.read = self.read.saturating_add(segment.len());
            if self.read > PROBE_BYTES_MAX {
                return Err(Reason::TooLong { max: PROBE_BYTES_MAX });
            }
            if let (Some(hash), Segment::Bytes(bytes)) = (&mut self.hash, &segment) {
                hash.update(bytes);
            }
            self.moved = Instant::now();
            self.progress.note(self.moved - self.started);
        }
        Ok((self.read, self.hash.map(|hash| hash.finalize().into())))
    }

    /// The next piece, in time: until the limit, or as long as something comes.
    async fn next(&mut self, order: &Order<'_>) -> Result<Option<Segment>, Reason> {
        let (started, stalled) = (self.started, self.moved + order.limit / STALL_PART);
        let due = (started + order.limit).max(stalled).min(started + order.longest.max(order.limit));
        match timeout_at(due, self.stream.next()).await {
            Ok(segment) => segment.transpose().map_err(Reason::Failed),
            Err(_) => Err(Reason::TimedOut(due - started)),
        }
    }
}
