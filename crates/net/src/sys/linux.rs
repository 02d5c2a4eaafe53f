//! Linux: send(2) and sendmsg(2) with `MSG_MORE`, sendfile(2).

use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::net::{SendAncillaryBuffer, SendFlags, SocketFlags};
use std::ffi::c_int;
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// The number of the ioctl(2) of [`unacknowledged`]: the oldest architectures have numbers of their own.
const SIOCOUTQ: Opcode = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    0x7472
} else if cfg!(any(target_arch = "powerpc", target_arch = "powerpc64", target_arch = "sparc64")) {
    0x4004_7473
} else {
    0x5411
};

/// Sockets that share a port through `SO_REUSEPORT` share its connections evenly, by a hash.
pub(crate) const SPREADS_REUSEPORT: bool = true;

/// The next connection of a listener, and who made it. It doesn't block, and sends small writes at once: so it is
/// born of a listener that does.
pub(crate) fn accept(listener: &impl AsFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (accepted, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok((accepted, peer.ok_or(Errno::CONNABORTED)?)) // gone already
}

/// Has a listener keep connections back until something comes on them, or for `patience` (whole seconds, about):
/// then there is one thing to hear of them instead of two (`TCP_DEFER_ACCEPT`, tcp(7)).
#[expect(unsafe_code, reason = "this option has no safe form in rustix or socket2")]
pub(crate) fn defer_accept(listener: &impl AsFd, patience: Duration) -> io::Result<()> {
    let seconds = c_int::try_from(patience.as_secs()).unwrap_or(c_int::MAX);
    let length = libc::socklen_t::try_from(size_of::<c_int>()).unwrap_or(0);
    let descriptor = listener.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, and the option takes one int, which is what it is shown.
    let outcome = unsafe {
        libc::setsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends what the socket takes of `bytes`. `more`: more follows at once, a part of a segment may wait
/// for it (`MSG_MORE`).
pub(crate) fn send(socket: &impl AsFd, bytes: &[u8], more: bool) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, flags(more))?)
}

/// Sends what the socket takes of `first` and then `second`, in one system call.
pub(crate) fn send_two(socket: &impl AsFd, first: &[u8], second: &[u8], more: bool) -> io::Result<usize> {
    let parts = [IoSlice::new(first), IoSlice::new(second)];
    let mut no_control = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(socket, &parts, &mut no_control, flags(more))?)
}

/// Sends up to `count` bytes of `file` from `offset`, from page cache to socket; 0 at the end of the
/// file. `ErrorKind::Unsupported` where sendfile(2) can't be used with this file: read it instead.
pub(crate) fn send_file(socket: &impl AsFd, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let mut position = offset;
    match rustix::fs::sendfile(socket, file, Some(&mut position), count) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(io::ErrorKind::Unsupported.into()),
        outcome => Ok(outcome?),
    }
}

/// Resets the connection now, whoever else has the socket open: reads on it fail from here on.
pub(crate) fn reset(socket: &impl AsFd) {
    // Fails only on a connection that is already gone.
    let _ = rustix::net::connect_unspec(socket);
}

/// How many of the bytes that were sent the peer has not acknowledged yet; 0 where that can't be asked.
#[expect(unsafe_code, reason = "this ioctl(2) has no safe form in rustix or socket2")]
pub(crate) fn unacknowledged(socket: &impl AsFd) -> u64 {
    // SAFETY: SIOCOUTQ (tcp(7)) writes one int, which is what this getter has room for; on a descriptor that
    // is no socket it fails or counts what else is queued.
    let count = unsafe { ioctl(socket, Getter::<SIOCOUTQ, c_int>::new()) };
    count.ok().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

/// `MSG_NOSIGNAL`: a peer that is gone is an error, never a signal.
fn flags(more: bool) -> SendFlags {
    if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL }
}
