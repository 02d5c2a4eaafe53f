//! Content on its way over a link.

use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use message::{Body, BodyStream, Failure, FailureKind, Fields, Segment, Source};
use tokio::time::{Instant, sleep_until};

use crate::content::read_block;
use crate::link::Fault;
use crate::site::Site;

/// The largest block that arrives at once, in bytes.
const BLOCK_MAX: u64 = 16 * 1024;

/// A slow link delivers this many blocks a second, so that its transfers share it smoothly.
const BLOCKS_PER_SECOND: u64 = 64;

/// `body` as it arrives over the link of `site`: bytes only, block by block. Its end is judged as the
/// wire does it: content that breaks off, or is shorter than its length said, is an error.
pub(crate) fn over_link(body: Body, site: Arc<Site>) -> Body {
    if matches!(body, Body::Empty) {
        return body;
    }
    let content = body.into_stream();
    let length = content.length();
    Body::from_source(
        length,
        Arriving::Idle(Box::new(Transfer { content, rest: None, sent: 0, length, site })),
    )
}

/// `body` as bytes, without the conditions of a link: for requests.
pub(crate) fn plain(body: Body) -> Body {
    over_link(body, Arc::new(Site::new()))
}

struct Transfer {
    content: BodyStream,
    /// A segment of the content, and how much of it has been taken.
    rest: Option<(Segment, u64)>,
    sent: u64,
    length: Option<u64>,
    site: Arc<Site>,
}

type Item = Option<Result<Segment, Failure>>;

/// The stream that an async function makes of a [`Transfer`].
enum Arriving {
    Idle(Box<Transfer>),
    Busy(Pin<Box<dyn Future<Output = (Box<Transfer>, Item)> + Send>>),
    Ended(Option<Fields>),
}

impl Source for Arriving {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item> {
        if let Self::Idle(_) = &*self
            && let Self::Idle(mut transfer) = mem::replace(&mut *self, Self::Ended(None))
        {
            *self = Self::Busy(Box::pin(async move {
                let item = transfer.next().await;
                (transfer, item)
            }));
        }
        let Self::Busy(next) = &mut *self else { return Poll::Ready(None) };
        let (mut transfer, item) = ready!(next.as_mut().poll(cx));
        *self = match &item {
            Some(Ok(_)) => Self::Idle(transfer),
            Some(Err(_)) => Self::Ended(None),
            None => Self::Ended(transfer.content.trailers()),
        };
        Poll::Ready(item)
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        match &mut *self {
            Self::Ended(trailers) => trailers.take(),
            Self::Idle(_) | Self::Busy(_) => None,
        }
    }
}

impl Transfer {
    async fn next(&mut self) -> Item {
        if self.length == Some(self.sent) {
            return self.nothing_more().await;
        }
        let link = self.site.link();
        let room = match link.fault {
            Fault::Stall(after) | Fault::Cut(after) => after.saturating_sub(self.sent),
            _ => u64::MAX,
        };
        match link.fault {
            Fault::Stall(_) if room == 0 => pending().await,
            Fault::Cut(_) if room == 0 => return Some(Err(incomplete("the connection was cut"))),
            _ => {}
        }
        let smooth = link.bytes_per_second.map_or(BLOCK_MAX, |rate| (rate / BLOCKS_PER_SECOND).max(1));
        let block = match self.block(BLOCK_MAX.min(smooth).min(room)).await {
            Some(Ok(block)) => block,
            Some(Err(failure)) => return Some(Err(failure)),
            None if self.length.is_none() => return None,
            None => return Some(Err(incomplete("the content is shorter than its length"))),
        };
        let bytes = block.len();
        sleep_until(self.site.load(bytes, Instant::now())).await;
        self.sent += bytes;
        if self.length.is_some_and(|length| self.sent > length) {
            return Some(Err(longer()));
        }
        Some(Ok(block))
    }

    /// All bytes of the length are through: the content must end, and its trailers can be had.
    async fn nothing_more(&mut self) -> Item {
        match self.block(1).await {
            None => None,
            Some(Ok(_)) => Some(Err(longer())),
            Some(Err(failure)) => Some(Err(failure)),
        }
    }

    /// The next block of at most `max` bytes.
    async fn block(&mut self, max: u64) -> Item {
        loop {
            if let Some((segment, taken)) = &mut self.rest
                && *taken < segment.len()
            {
                let block = part(segment, *taken, max).map(Segment::Bytes);
                *taken += block.as_ref().map_or(0, Segment::len);
                return Some(block.map_err(|_| incomplete("a file changed while it was sent")));
            }
            self.rest = match self.content.next().await? {
                Ok(segment) => Some((segment, 0)),
                // Whatever the sender knows about it, the receiver sees a message that breaks off.
                Err(_) => return Some(Err(incomplete("the content broke off"))),
            };
        }
    }
}

fn part(segment: &Segment, at: u64, max: u64) -> Result<Bytes, Failure> {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    match segment {
        Segment::File(slice) => read_block(slice, at, max),
        Segment::Bytes(bytes) => {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Ok(bytes.slice(at..at.saturating_add(max).min(bytes.len())))
        }
    }
}

fn incomplete(detail: &'static str) -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, detail)
}

fn longer() -> Failure {
    Failure::new(FailureKind::HttpProtocolError, "the content is longer than its length said")
}
