//! A connected TCP socket, which the runtime hears of only when something has to be waited for.
//!
//! To watch a descriptor costs two system calls, one when it begins and one when it ends. A connection that is
//! accepted with its request already there, answered and closed needs none of them.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use crate::sys;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket as Raw, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A TCP socket that never blocks.
#[derive(Debug)]
pub(crate) struct Socket {
    descriptor: Arc<OwnedFd>,
    /// Begun with the first wait.
    watched: OnceLock<Result<AsyncFd<Arc<OwnedFd>>, Errno>>,
}

impl Socket {
    /// A socket that is connected and doesn't block.
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self { descriptor: Arc::new(descriptor), watched: OnceLock::new() }
    }

    /// Connects to `address`.
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let raw = Raw::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        raw.set_nonblocking(true)?;
        let outcome = raw.connect(&address.into());
        let socket = Self::new(raw.into());
        match outcome.as_ref().map_err(Errno::from_io_error) {
            Ok(()) => {}
            Err(Some(Errno::INPROGRESS | Errno::INTR)) => {
                let watched = socket.watched()?;
                poll_fn(|cx| watched.poll_write_ready(cx).map_ok(|_| ())).await?;
                socket.options().take_error()?.map_or(Ok(()), Err)?;
            }
            Err(_) => outcome?,
        }
        Ok(socket)
    }

    /// What can be asked of it and set.
    pub(crate) fn options(&self) -> SockRef<'_> {
        SockRef::from(&*self.descriptor)
    }

    /// Whether the runtime watches it already: something had to be waited for.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.get().is_some()
    }

    /// `receive` into a room of so many bytes, once there is something.
    ///
    /// What brings less than there was room for has emptied the socket, which spares the call that would say
    /// so. The first time it is just tried, as what was sent with the connection is there by then; only the
    /// first time, so that who sends without a pause takes turns with others.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        is_first: bool,
        room: usize,
        mut receive: impl FnMut(&Self) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if is_first && !self.is_watched() {
            match receive(self) {
                Err(error) if is_retried(&error) => {}
                outcome => return Poll::Ready(outcome),
            }
        }
        let watched = self.watched()?;
        loop {
            let mut readiness = ready!(watched.poll_read_ready(cx))?;
            match receive(self) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readiness.clear_ready(),
                outcome => {
                    if outcome.as_ref().is_ok_and(|came| (1..room).contains(came)) {
                        readiness.clear_ready();
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
    }

    /// One `operation` that sends, tried without a wait: `WouldBlock` where there would have to be one.
    pub(crate) fn try_send(
        &self,
        operation: &mut impl FnMut(&Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self.watched.get() {
            Some(Ok(watched)) => watched.try_io(Interest::WRITABLE, |_| operation(self)),
            Some(Err(_)) | None => operation(self),
        }
    }

    /// One successful `operation` that sends, once there is room for it.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        operation: &mut impl FnMut(&Self) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.try_send(operation) {
                Err(error) if is_retried(&error) => {
                    let _readiness = ready!(self.watched()?.poll_write_ready(cx))?;
                }
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn watched(&self) -> io::Result<&AsyncFd<Arc<OwnedFd>>> {
        let errno = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let watch = || sys::watch(&self.descriptor, Interest::READABLE | Interest::WRITABLE).map_err(errno);
        Ok(self.watched.get_or_init(watch).as_ref().map_err(|errno| *errno)?)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Whether an operation failed only for now.
pub(crate) fn is_retried(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
