//! What comes of a body at once, in one go.

use std::io;
use std::task::Poll;

use bytes::Bytes;
use message::{BodyStream, Failure, Segment};

/// What arrived while it was asked for without waiting.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) segments: Vec<Segment>,
    /// How it ended, if it did.
    pub(crate) end: Option<Result<(), Failure>>,
}

impl Gathered {
    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self { segments: Vec::new(), end: None }
    }

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
