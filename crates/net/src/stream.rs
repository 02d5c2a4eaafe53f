//! One connection: bytes in, bytes and files out, and the three ways to end it.
//!
//! A [`Stream`] is split into a [`ReadHalf`] and a [`WriteHalf`], so that a connection may read and write
//! at once; the socket is closed when both are gone. The ways to end it:
//! - drop both halves: what was written is delivered, then the end of the stream (unless the peer has
//!   sent what was not read: then the system resets the connection);
//! - [`WriteHalf::abort`]: the peer sees the connection break (RST), never a clean end;
//! - [`lingering_close`]: for a last answer to a peer that is still sending.

use crate::pace::{Pace, Stopwatch};
use crate::socket::{Socket, is_retried};
use crate::sys;
use bytes::BytesMut;
use rustix::io::Errno;
use std::cell::Cell;
use std::fs::File;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fmt, io};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

/// The least spare capacity, in bytes, that is worth reading into without the scratch buffer.
pub const DIRECT_READ_MIN: usize = 4 * 1024;

/// The most bytes that a read brings when it goes through the scratch buffer.
pub const SCRATCH_LEN: usize = 16 * 1024;

/// The most bytes that one sendfile(2) is asked for: as many as one buffer of the system's queue takes. Asked for
/// more it fills the queue, and all that doesn't go out at once waits for the peer to push it.
const SENDFILE_STEP: u64 = 64 * 1024;

/// How many bytes are written without waiting before the other tasks of the runtime get their turn: so few that
/// small answers pass by large ones.
const BURST_MAX: usize = 128 * 1024;

/// Block in which a file is read that can't be sent by sendfile(2), in bytes.
const COPY_BLOCK: usize = 64 * 1024;

thread_local! {
    /// Where reads go that have no buffer yet: one for all connections of the thread, and so never
    /// held across a wait. Empty until the first read.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A connection that was accepted or dialled.
#[derive(Debug)]
pub struct Stream {
    wire: Wire,
    peer: SocketAddr,
}

/// What carries the bytes.
#[derive(Debug)]
enum Wire {
    Tcp(Arc<Socket>),
}

impl Stream {
    pub(crate) fn new(socket: Socket, peer: SocketAddr) -> Stream {
        Stream { wire: Wire::Tcp(Arc::new(socket)), peer }
    }

    /// The other end; an IPv4 peer as IPv4, also on a socket for both families.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// This end. Asks the system.
    ///
    /// # Errors
    /// The system's, when the connection is already gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let Wire::Tcp(tcp) = &self.wire;
        tcp.options().local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    #[cfg(test)]
    pub(crate) fn is_sending_at_once(&self) -> bool {
        let Wire::Tcp(tcp) = &self.wire;
        tcp.options().tcp_nodelay().unwrap()
    }

    /// The two directions, to be used by one task or by two.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let Wire::Tcp(tcp) = self.wire;
        let write = WriteHalf {
            wire: Some(Wire::Tcp(Arc::clone(&tcp))),
            breaks_off: false,
            stopwatch: None,
            burst: 0,
            sent: 0,
        };
        (ReadHalf { wire: Wire::Tcp(tcp), has_read: false }, write)
    }
}

/// The direction from the peer.
#[derive(Debug)]
pub struct ReadHalf {
    wire: Wire,
    has_read: bool,
}

impl ReadHalf {
    /// Reads what is there, in one system call, and appends it to `inbox`; `Ok(0)` is the end.
    ///
    /// With at least [`DIRECT_READ_MIN`] bytes of spare capacity it reads straight into `inbox` and no
    /// more than fits. With less it reads up to [`SCRATCH_LEN`] bytes into a buffer of the thread and
    /// appends what came: a connection that waits needs no capacity at all.
    ///
    /// # Errors
    /// The system's; the connection is then of no more use.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, inbox: &mut BytesMut) -> Poll<io::Result<usize>> {
        let room = inbox.spare_capacity_mut().len();
        if room < DIRECT_READ_MIN {
            return self.poll_scratch(cx, |bytes| inbox.extend_from_slice(bytes));
        }
        self.poll_receive(cx, room, |tcp| sys::receive_behind(tcp, inbox))
    }

    /// As [`poll_read`](ReadHalf::poll_read). May be cancelled without losing bytes.
    ///
    /// # Errors
    /// As [`poll_read`](ReadHalf::poll_read).
    pub async fn read(&mut self, inbox: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, inbox)).await
    }

    /// Whether the connection is open and nothing has come that was not read: what one asks of an idle
    /// connection before using it again. A system call, and no wait.
    pub fn is_quiet(&self) -> bool {
        let Wire::Tcp(tcp) = &self.wire;
        let peeked = tcp.options().peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads what is there and drops it.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_scratch(cx, |_| {})
    }

    /// Reads into the thread's scratch buffer and shows `take` what came.
    fn poll_scratch(&mut self, cx: &mut Context<'_>, take: impl FnOnce(&[u8])) -> Poll<io::Result<usize>> {
        SCRATCH.with(|slot| {
            let mut scratch = slot.take();
            scratch.resize(SCRATCH_LEN, 0);
            let outcome = self.poll_receive(cx, SCRATCH_LEN, |tcp| sys::receive(tcp, &mut scratch));
            if let Poll::Ready(Ok(came)) = outcome {
                take(scratch.get(..came).unwrap_or_default());
            }
            slot.set(scratch);
            outcome
        })
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        receive: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let Wire::Tcp(tcp) = &self.wire;
        let is_first = !self.has_read;
        self.has_read = true;
        tcp.poll_receive(cx, is_first, room, receive)
    }
}

/// The direction to the peer.
///
/// Dropped, it ends the stream in good order (FIN), unless told otherwise by
/// [`set_abort`](WriteHalf::set_abort). A write that was cancelled may have sent a part.
#[derive(Debug)]
pub struct WriteHalf {
    /// Gone once the direction is shut down.
    wire: Option<Wire>,
    breaks_off: bool,
    stopwatch: Option<Stopwatch>,
    /// Bytes written since this task last let others run.
    burst: usize,
    sent: u64,
}

impl WriteHalf {
    /// The pace at which the peer has to take what is written; without one (the default) a write may
    /// wait for ever. When the peer falls behind, the write fails with [`io::ErrorKind::TimedOut`].
    ///
    /// On Linux a byte is taken when the peer has acknowledged it. Elsewhere it is when our own system has
    /// taken it, which has room for megabytes and then takes none until a good part of them is gone: a
    /// stretch has to be long enough for that.
    pub fn set_pace(&mut self, pace: Pace) {
        self.stopwatch = Some(Stopwatch::new(pace));
    }

    /// How many bytes the system has taken so far, also of a write that failed in the middle.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Writes all of `bytes`. `more`: something follows at once, so that the system may keep the last
    /// part of a segment back for it.
    ///
    /// # Errors
    /// The system's, or `TimedOut` when the peer falls behind its [pace](WriteHalf::set_pace); a part may
    /// have gone out, the connection is of no more use.
    pub async fn write_all(&mut self, bytes: &[u8], more: bool) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = self.attempt(|tcp| sys::send(tcp, rest, more)).await?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes all of `first` and then of `second`, in one system call if the socket takes them.
    ///
    /// # Errors
    /// As [`write_all`](WriteHalf::write_all).
    pub async fn write_two(&mut self, first: &[u8], second: &[u8], more: bool) -> io::Result<()> {
        if first.is_empty() {
            return self.write_all(second, more).await;
        }
        let sent = self.attempt(|tcp| sys::send_two(tcp, first, second, more)).await?;
        match sent.checked_sub(first.len()) {
            Some(of_second) => self.write_all(second.get(of_second..).unwrap_or_default(), more).await,
            None => {
                self.write_all(first.get(sent..).unwrap_or_default(), true).await?;
                self.write_all(second, more).await
            }
        }
    }

    /// Writes some of `bytes` (which must not be empty) and says how many; for a caller that does
    /// something else at the same time.
    ///
    /// # Errors
    /// The system's.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = ready!(socket(&self.wire)?.poll_send(cx, &mut |tcp| sys::send(tcp, bytes, false)));
        Poll::Ready(outcome.inspect(|sent| self.count(*sent)))
    }

    /// Sends `len` bytes of `file` from `offset`, by sendfile(2) where the file allows it. The file's
    /// own position is neither used nor moved. What is not in the page cache is read by this thread.
    ///
    /// `more` has no effect on sendfile(2), which has no such flag.
    ///
    /// # Errors
    /// See [`SendFileFault`]. A part may have gone out, the connection is of no more use.
    pub async fn send_file(
        &mut self,
        file: &File,
        offset: u64,
        len: u64,
        more: bool,
    ) -> Result<(), SendFileFault> {
        let end = offset.saturating_add(len);
        let mut position = offset;
        while position < end {
            let missing = end.saturating_sub(position);
            let step = usize::try_from(missing.min(SENDFILE_STEP)).unwrap_or(usize::MAX);
            match self.attempt(|tcp| sys::send_file(tcp, file, position, step)).await {
                Ok(0) => return Err(SendFileFault::Truncated { missing }),
                Ok(sent) => position = position.saturating_add(u64::try_from(sent).unwrap_or(missing)),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    // In a box, so that a transfer has no room for both ways.
                    return Box::pin(self.copy_file(file, position, end, more)).await;
                }
                Err(error) => return Err(SendFileFault::of_sendfile(error)),
            }
        }
        Ok(())
    }

    /// As [`send_file`](WriteHalf::send_file) for bytes `position` to `end`, through a buffer.
    async fn copy_file(
        &mut self,
        file: &File,
        mut position: u64,
        end: u64,
        more: bool,
    ) -> Result<(), SendFileFault> {
        let longest = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        let mut block = vec![0; longest.min(COPY_BLOCK)];
        while position < end {
            let missing = end.saturating_sub(position);
            let wanted = usize::try_from(missing).unwrap_or(usize::MAX).min(COPY_BLOCK);
            let room = block.get_mut(..wanted).unwrap_or_default();
            let came = match file.read_at(room, position) {
                Ok(0) => return Err(SendFileFault::Truncated { missing }),
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(SendFileFault::Read(error)),
            };
            position = position.saturating_add(u64::try_from(came).unwrap_or(missing));
            let bytes = room.get(..came).unwrap_or_default();
            self.write_all(bytes, more || position < end).await.map_err(SendFileFault::Write)?;
        }
        Ok(())
    }

    /// Ends this direction in good order: the peer reads what was written and then the end. A write
    /// after it fails. Again has no effect.
    ///
    /// # Errors
    /// The system's, when the connection is already gone.
    #[expect(clippy::unused_async, reason = "over TLS the end has to be sent")]
    pub async fn shutdown(&mut self) -> io::Result<()> {
        match self.wire.take() {
            Some(Wire::Tcp(tcp)) => tcp.options().shutdown(Shutdown::Write),
            None => Ok(()),
        }
    }

    /// Whether dropping this half breaks the connection off (RST) instead of ending it in good order.
    /// Set while a body is written whose end is the end of the connection (RFC 9112 §6.3, rule 8):
    /// whatever drops the half in the middle, the peer can't take the part for the whole. A
    /// [`shutdown`](WriteHalf::shutdown) is always in good order.
    pub fn set_abort(&mut self, abort: bool) {
        self.breaks_off = abort;
    }

    /// Breaks the connection off: the peer sees a reset, at once on Linux, elsewhere once the
    /// [`ReadHalf`] is dropped as well; what it hasn't received yet is lost. Our own reads fail.
    pub fn abort(mut self) {
        self.breaks_off = true;
    }

    /// One successful `operation` on the socket: tried at once, and only then waited for.
    async fn attempt(
        &mut self,
        mut operation: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.burst >= BURST_MAX {
            yield_now().await;
            self.burst = 0;
        }
        let tcp = socket(&self.wire)?;
        let sent = match tcp.try_send(&mut operation) {
            Err(error) if is_retried(&error) => {
                // In a box: who never has to wait has no room for it.
                let sent = Box::pin(self.wait_for(operation)).await?;
                self.burst = 0;
                sent
            }
            outcome => outcome?,
        };
        self.count(sent);
        Ok(sent)
    }

    /// One successful `operation` on the socket, if the peer keeps its pace until then.
    async fn wait_for(
        &mut self,
        mut operation: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Self { wire, stopwatch, sent, .. } = self;
        let tcp = socket(wire)?;
        let taken = || sent.saturating_sub(sys::unacknowledged(tcp));
        let mut written = pin!(poll_fn(|cx| tcp.poll_send(cx, &mut operation)));
        let Some(stopwatch) = stopwatch else { return written.await };
        loop {
            let begun = Instant::now();
            let outcome = timeout(stopwatch.begin(taken), written.as_mut()).await;
            stopwatch.add(begun.elapsed());
            match outcome {
                Ok(outcome) => return outcome,
                Err(_elapsed) if stopwatch.is_kept(taken()) => {}
                Err(_elapsed) => return Err(too_slow(stopwatch.pace())),
            }
        }
    }

    fn count(&mut self, sent: usize) {
        self.burst = self.burst.saturating_add(sent);
        self.sent = self.sent.saturating_add(u64::try_from(sent).unwrap_or(u64::MAX));
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        let Some(Wire::Tcp(tcp)) = self.wire.take() else { return };
        if self.breaks_off {
            // Fails only on a connection that is already gone.
            let _ = tcp.options().set_linger(Some(Duration::ZERO));
            sys::reset(&*tcp);
        } else if Arc::strong_count(&tcp) > 1 {
            // The other direction goes on. Without it the close says as much. Fails as above.
            let _ = tcp.options().shutdown(Shutdown::Write);
        }
    }
}

fn socket(wire: &Option<Wire>) -> io::Result<&Socket> {
    match wire {
        Some(Wire::Tcp(tcp)) => Ok(tcp),
        None => Err(io::Error::new(io::ErrorKind::BrokenPipe, "written to after the end")),
    }
}

fn too_slow(pace: Pace) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the peer took less than {pace}"))
}

/// Why a file did not go out whole.
#[derive(Debug)]
pub enum SendFileFault {
    /// The file ended before the promised length: somebody has cut it short.
    Truncated {
        /// How many of the promised bytes are not there.
        missing: u64,
    },
    /// The file could not be read.
    Read(io::Error),
    /// The connection could not be written to, or stalled.
    Write(io::Error),
}

impl SendFileFault {
    /// sendfile(2) doesn't say which side failed, but only a file's device fails with these.
    fn of_sendfile(error: io::Error) -> SendFileFault {
        match Errno::from_io_error(&error) {
            Some(Errno::IO | Errno::ISDIR | Errno::STALE) => SendFileFault::Read(error),
            _ => SendFileFault::Write(error),
        }
    }
}

impl fmt::Display for SendFileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendFileFault::Truncated { missing } => {
                write!(f, "the file was cut short while it was sent: {missing} bytes are missing")
            }
            SendFileFault::Read(error) => write!(f, "the file could not be read: {error}"),
            SendFileFault::Write(error) => write!(f, "the connection could not be written to: {error}"),
        }
    }
}

impl std::error::Error for SendFileFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SendFileFault::Truncated { .. } => None,
            SendFileFault::Read(error) | SendFileFault::Write(error) => Some(error),
        }
    }
}

/// Closes a connection whose peer is still sending what nobody will read (RFC 9112 §9.6): ends our
/// direction, reads away at most `limit_bytes` for at most `limit_time`, then closes. A plain close
/// would answer the next byte that comes with a reset, which can destroy our last answer before the
/// peer has read it.
pub async fn lingering_close(
    mut read: ReadHalf,
    mut write: WriteHalf,
    limit_bytes: usize,
    limit_time: Duration,
) {
    if write.shutdown().await.is_err() {
        return;
    }
    let read_away = async {
        let mut left = limit_bytes;
        while left > 0 {
            match poll_fn(|cx| read.poll_discard(cx)).await {
                Ok(0) | Err(_) => return,
                Ok(came) => left = left.saturating_sub(came),
            }
        }
    };
    // At either limit we close, whatever is still to come.
    let _ = timeout(limit_time, read_away).await;
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
