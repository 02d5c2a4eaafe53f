//! What differs from system to system, and nothing else: Linux has its own way where it is faster or
//! says more, every other Unix takes the portable one. On Linux the portable way is compiled for the
//! tests, so that it doesn't rot.

pub(crate) mod holder;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
pub(crate) mod portable;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    SPREADS_REUSEPORT, accept, defer_accept, reset, send, send_file, send_two, unacknowledged,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{
    SPREADS_REUSEPORT, accept, defer_accept, reset, send, send_file, send_two, unacknowledged,
};

use bytes::BytesMut;
use rustix::net::{RecvFlags, recv};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime of this thread watch a descriptor.
#[expect(unsafe_code, reason = "tokio asks its callers to answer for the descriptor")]
pub(crate) fn watch(descriptor: &Arc<OwnedFd>, interest: Interest) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: what is watched owns a share of the descriptor, which so is open, and always the same, until
    // nobody watches it any more.
    Ok(unsafe { AsyncFd::register_with_interest(Arc::clone(descriptor), interest) }?)
}

/// Receives what is there into `room`, and says how much that is.
pub(crate) fn receive(socket: &impl AsFd, room: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket, room, RecvFlags::empty())?.1)
}

/// Receives what is there and fits behind what `inbox` holds, and says how much that is.
#[expect(unsafe_code, reason = "room that nobody has written to yet can't be filled by recv(2) otherwise")]
pub(crate) fn receive_behind(socket: &impl AsFd, inbox: &mut BytesMut) -> io::Result<usize> {
    let came = recv(socket, inbox.spare_capacity_mut(), RecvFlags::empty())?.0.0.len();
    let filled = inbox.len().saturating_add(came);
    // SAFETY: recv(2) has written so many bytes behind the others, within the capacity.
    unsafe { inbox.set_len(filled) };
    Ok(came)
}

/// Raises this process's soft limit on open descriptors to its hard limit and returns the limit that
/// then holds (`u64::MAX`: none). A system that refuses leaves the limit as it was: the caller judges
/// whether what is returned is enough.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_ok() {
        return limit.maximum.unwrap_or(u64::MAX);
    }
    limit.current.unwrap_or(u64::MAX)
}

/// How many cores this process may use, its affinity and its control group's quota taken into account;
/// 1 where the system doesn't say.
pub fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_limit_is_raised_to_the_hard_limit_and_stays_there() {
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(raise_descriptor_limit(), hard);
        assert_eq!(raise_descriptor_limit(), hard);
    }

    #[test]
    fn there_is_a_core_to_run_on() {
        assert!(available_cores() >= 1);
    }
}
