//! What reads from a connection: the reading half, the bytes that nobody has used yet, and the state
//! of the messages that come.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use http1::{Event, Fault, Inbound};
use net::stream::ReadHalf;

/// How much is asked for at once while content is read, in bytes. A head is read without a buffer of its own.
const CONTENT_READ: usize = 256 * 1024;

/// With at least so many bytes of it left, the buffer for content is read into further. Content that comes in
/// small pieces then shares one buffer, instead of each piece keeping one of its own.
const CONTENT_READ_MIN: usize = 16 * 1024;

pub(crate) struct Intake {
    pub(crate) half: ReadHalf,
    pub(crate) inbox: BytesMut,
    pub(crate) inbound: Inbound,
}

/// Why no further event comes.
#[derive(Debug)]
pub(crate) enum IntakeFault {
    /// The peer ended its side between two messages.
    Closed,
    /// What came is not HTTP/1.1, or ended in the middle.
    Protocol(Fault),
    /// The connection broke.
    Connection(io::Error),
}

impl Intake {
    pub(crate) fn new(half: ReadHalf, inbound: Inbound) -> Self {
        Self { half, inbox: BytesMut::new(), inbound }
    }

    /// The next event of the messages that come.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, IntakeFault>> {
        loop {
            if let Some(event) = self.inbound.receive(&mut self.inbox).map_err(IntakeFault::Protocol)? {
                return Poll::Ready(Ok(event));
            }
            self.make_room();
            let read = self.half.poll_read(cx, &mut self.inbox);
            if ready!(read).map_err(IntakeFault::Connection)? == 0 {
                let event = self.inbound.closed().map_err(IntakeFault::Protocol)?;
                return Poll::Ready(event.ok_or(IntakeFault::Closed));
            }
        }
    }

    /// The next event of the messages that come. Nothing is lost if the future is dropped.
    pub(crate) async fn event(&mut self) -> Result<Event, IntakeFault> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// A connection that waits for a message holds no buffer at all; one that brings much content has a large
    /// one.
    fn make_room(&mut self) {
        if self.inbound.is_in_content() {
            let left = self.inbound.content_left().and_then(|left| usize::try_from(left).ok());
            let worth = left.unwrap_or(usize::MAX);
            if self.inbox.capacity() - self.inbox.len() < CONTENT_READ_MIN.min(worth) {
                self.inbox.reserve(CONTENT_READ.min(worth));
            }
        } else if self.inbox.is_empty() && self.inbox.capacity() > 0 {
            self.inbox = BytesMut::new();
        }
    }
}
