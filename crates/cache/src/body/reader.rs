//! Those who read a body that is arriving.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use message::partial::Piece;
use message::{Failure, Segment, Source};

use crate::body::demand::Want;
use crate::body::growing::{Growing, Lost};

/// Reads some bytes of a body that is arriving, as they come.
#[derive(Debug)]
pub(crate) struct Reader {
    growing: Growing,
    id: u64,
}

impl Reader {
    /// One who wants the bytes from `start` to before `until`, or to the end where that is sooner; `None` if
    /// it is too late to join.
    pub(crate) fn join(growing: &Growing, start: u64, until: u64) -> Option<Self> {
        let id = growing.enter(Want { at: start, until })?;
        Some(Self { growing: growing.clone(), id })
    }

    /// Waits until the first byte is there, or certain to be of this version when it comes.
    ///
    /// # Errors
    /// Why it does not come.
    pub(crate) async fn ready(&self) -> Result<(), Lost> {
        poll_fn(|cx| self.growing.poll_ready(self.id, cx)).await
    }
}

impl Source for Reader {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        let segment = ready!(self.growing.poll_read(self.id, cx));
        Poll::Ready(segment.map(|segment| segment.map_err(Lost::into_failure)))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.growing.leave(self.id);
    }
}

/// The pieces of an answer one after the other, some of which are still to be read.
pub(crate) struct Pieces(VecDeque<(Piece, Option<Reader>)>);

impl Pieces {
    /// Those pieces, each that is a range with its reader.
    pub(crate) fn new(pieces: impl IntoIterator<Item = (Piece, Option<Reader>)>) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl Source for Pieces {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        loop {
            match self.0.front_mut() {
                None => return Poll::Ready(None),
                Some((_, Some(reader))) => match ready!(Pin::new(reader).poll_next(cx)) {
                    Some(piece) => return Poll::Ready(Some(piece)),
                    None => drop(self.0.pop_front()),
                },
                Some((piece, None)) => {
                    let bytes = if let Piece::Bytes(bytes) = piece { Some(bytes.clone()) } else { None };
                    self.0.pop_front();
                    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                        return Poll::Ready(Some(Ok(Segment::Bytes(bytes))));
                    }
                }
            }
        }
    }
}
