//! What writes to a connection: the writing half and the state of the messages that go.
//!
//! Here a [`Body`] becomes system calls, and nowhere else: a head and a small body go in one send(2),
//! large bytes in one sendmsg(2) with their framing, files by sendfile(2) behind a head that is held back
//! for the same segment (`MSG_MORE`).

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http1::{Fault, Framing, Outbound, Transmit};
use message::{Body, BodyStream, Failure, Fields, FileSlice, Segment};
use net::pace::Pace;
use net::stream::{SendFileFault, WriteHalf};

/// Bytes up to this many are copied behind what already waits to be sent: cheaper than a second slice.
const COPY_MAX: usize = 8 * 1024;

/// What has been gathered is sent when it is more than this many bytes.
const GATHER_MAX: usize = 16 * 1024;

/// A buffer up to this many bytes is used again by the next answer of the thread.
const SPARE_MAX: usize = 32 * 1024;

thread_local! {
    /// A buffer for the next answer of this thread: most have been sent before another is made. Empty while
    /// it is in use.
    static SPARE: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// How long a file that seems to have been written over is given before the second look: a system sets the
/// time of an append before it has made the file longer.
const SECOND_LOOK: Duration = Duration::from_millis(20);

/// How much of a file is sent between two looks whether it was written over, in bytes.
const FILE_STEP: u64 = 2 * 1024 * 1024;

pub(crate) struct Outlet {
    half: WriteHalf,
    pub(crate) outbound: Outbound,
    /// What goes out with the next send.
    pub(crate) pending: BytesMut,
    /// Bytes of heads and framing among those that were ever pending.
    framing_bytes: u64,
}

/// Why a message was not sent whole. The connection can't be used again.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The peer is gone, or takes what is sent too slowly.
    Connection(io::Error),
    /// The content ended before it was whole.
    Content(Failure),
    /// The content is not what its length said.
    Framing(Fault),
    /// A file became shorter, or could not be read.
    File(SendFileFault),
    /// A file was written over: what came next would have been of another version.
    Overwritten,
}

impl Outlet {
    /// `pace`: how fast the peer has to take what is sent.
    pub(crate) fn new(mut half: WriteHalf, outbound: Outbound, pace: Pace) -> Self {
        half.set_pace(pace);
        Self { half, outbound, pending: BytesMut::new(), framing_bytes: 0 }
    }

    /// Bytes that the system has taken since the connection began, heads and framing included.
    pub(crate) fn sent(&self) -> u64 {
        self.half.sent()
    }

    /// How many of these are content. While a message is under way, or after one broke off, at most so
    /// many: what is missing of it may be content or framing.
    pub(crate) fn content_sent(&self) -> u64 {
        self.half.sent().saturating_sub(self.framing_bytes)
    }

    /// Has a head written behind what is pending.
    pub(crate) fn head<T>(&mut self, write: impl FnOnce(&mut Outbound, &mut BytesMut) -> T) -> T {
        if self.pending.capacity() == 0 {
            self.pending = SPARE.take();
        }
        let before = self.pending.len();
        let written = write(&mut self.outbound, &mut self.pending);
        self.count_framing(self.pending.len().saturating_sub(before));
        written
    }

    /// Puts what frames content behind what is pending.
    fn frame(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.count_framing(bytes.len());
    }

    fn count_framing(&mut self, bytes: usize) {
        self.framing_bytes = self.framing_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The writing half, for what is no message.
    pub(crate) fn half(&mut self) -> &mut WriteHalf {
        &mut self.half
    }

    /// Gives the writing half up, to close it.
    pub(crate) fn into_half(self) -> WriteHalf {
        self.half
    }

    /// Sends what is pending (a head) and the content behind it, framed as the head said.
    pub(crate) async fn send(&mut self, framing: Framing, body: Body) -> Result<(), Broken> {
        // A length that is not reached and a last chunk that does not come speak for themselves; where
        // an orderly close alone would say "whole" (RFC 9112 §8), whatever breaks off resets instead.
        self.half.set_abort(framing == Framing::UntilClose);
        let sent = self.message(framing, body).await;
        match &sent {
            Ok(()) => self.half.set_abort(false),
            // In good order the system would go on offering to the peer what it does not take.
            Err(broken) if broken.is_slowness() => self.half.set_abort(true),
            Err(Broken::Connection(_)) => {}
            // What there is of the message shows that it is not whole. Nothing at all would look like a
            // connection that was closed before the request came (RFC 9112 §9.3.1).
            Err(_) => {
                let _ = self.flush(false).await; // it ends in any case
            }
        }
        sent
    }

    async fn message(&mut self, framing: Framing, body: Body) -> Result<(), Broken> {
        let trailers = match body {
            // The head was the whole message: an answer to HEAD, a 304, or there is no content.
            _ if framing == Framing::Empty => return self.flush(false).await,
            Body::Empty => None,
            Body::Segments(segments) => {
                for segment in segments {
                    self.segment(segment).await?;
                }
                None
            }
            // In a box, so that what is there already has no room for what is to come.
            Body::Stream(stream) => Box::pin(self.stream(stream)).await?,
        };
        self.end(trailers.as_deref())?;
        self.flush(false).await
    }

    /// Puts the end of the message behind what is pending.
    fn end(&mut self, trailers: Option<&Fields>) -> Result<(), Broken> {
        let last = self.outbound.end(trailers).map_err(Broken::Framing)?;
        self.frame(&last);
        Ok(())
    }

    async fn stream(&mut self, mut stream: BodyStream) -> Result<Option<Box<Fields>>, Broken> {
        while let Some(piece) = self.next_piece(&mut stream).await? {
            self.segment(piece.map_err(Broken::Content)?).await?;
        }
        Ok(stream.trailers().map(Box::new))
    }

    /// The next piece; if it is not there yet, what is pending goes out before it is waited for.
    async fn next_piece(
        &mut self,
        stream: &mut BodyStream,
    ) -> Result<Option<Result<Segment, Failure>>, Broken> {
        let mut next = pin!(stream.next());
        if let Poll::Ready(piece) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            return Ok(piece);
        }
        self.flush(false).await?;
        Ok(next.await)
    }

    async fn segment(&mut self, segment: Segment) -> Result<(), Broken> {
        // Behind a file of no bytes, what was held back for it would wait for the system's own timer.
        if segment.is_empty() {
            return Ok(());
        }
        let (segment, after) = self.begin(segment)?;
        match segment {
            Segment::Bytes(bytes) if bytes.len() <= COPY_MAX => self.pending.extend_from_slice(&bytes),
            Segment::Bytes(bytes) => self.bytes(&bytes).await?,
            Segment::File(slice) => self.file(&slice).await?,
        }
        self.frame(after);
        if self.pending.len() > GATHER_MAX { self.flush(false).await } else { Ok(()) }
    }

    /// Puts what frames a segment in front of it behind what is pending; gives what is to be sent then.
    fn begin(&mut self, segment: Segment) -> Result<(Segment, &'static [u8]), Broken> {
        let Transmit { before, segment, after } = self.outbound.data(segment).map_err(Broken::Framing)?;
        self.frame(&before);
        Ok((segment, after))
    }

    /// Sends what is pending; `more` says that something follows at once.
    pub(crate) async fn flush(&mut self, more: bool) -> Result<(), Broken> {
        let pending = std::mem::take(&mut self.pending);
        self.half.write_all(&pending, more).await.map_err(Broken::Connection)?;
        spare(pending);
        Ok(())
    }

    async fn bytes(&mut self, bytes: &Bytes) -> Result<(), Broken> {
        let pending = std::mem::take(&mut self.pending);
        self.half.write_two(&pending, bytes, false).await.map_err(Broken::Connection)?;
        spare(pending);
        Ok(())
    }

    async fn file(&mut self, slice: &FileSlice) -> Result<(), Broken> {
        self.flush(true).await?;
        let mut done = 0;
        while done < slice.len() {
            look_at(slice).await?;
            let step = FILE_STEP.min(slice.len() - done);
            self.half.send_file(slice.file(), slice.start() + done, step, false).await?;
            done += step;
        }
        Ok(())
    }
}

impl Broken {
    /// Whether the peer has closed its side for us.
    pub(crate) fn is_hangup(&self) -> bool {
        matches!(self, Self::Connection(_)) && !self.is_slowness()
    }

    /// Whether the peer is there, but takes what is sent too slowly.
    pub(crate) fn is_slowness(&self) -> bool {
        matches!(self, Self::Connection(error) if error.kind() == io::ErrorKind::TimedOut)
    }
}

/// Leaves a buffer to the next answer of the thread.
fn spare(mut buffer: BytesMut) {
    if (1..=SPARE_MAX).contains(&buffer.capacity()) {
        buffer.clear();
        SPARE.set(buffer);
    }
}

/// Whether the file is still of the version that is being sent.
async fn look_at(slice: &FileSlice) -> Result<(), Broken> {
    let is_intact = || slice.is_intact().map_err(|error| Broken::File(SendFileFault::Read(error)));
    if is_intact()? {
        return Ok(());
    }
    tokio::time::sleep(SECOND_LOOK).await;
    if is_intact()? { Ok(()) } else { Err(Broken::Overwritten) }
}

impl From<SendFileFault> for Broken {
    fn from(fault: SendFileFault) -> Self {
        match fault {
            SendFileFault::Write(error) => Self::Connection(error),
            SendFileFault::Truncated { .. } | SendFileFault::Read(_) => Self::File(fault),
        }
    }
}
