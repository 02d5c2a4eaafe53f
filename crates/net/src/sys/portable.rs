//! Any Unix: plain sends, and files that are read and sent in blocks.
//!
//! The functions have the signatures of their Linux counterparts. What a system can't do is left out
//! where it is only a hint (`more`) and said where it is not (`ErrorKind::Unsupported`).

use socket2::SockRef;
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Elsewhere `SO_REUSEPORT` may give every connection to one of the sockets that share a port, so
/// listeners share one socket instead.
pub(crate) const SPREADS_REUSEPORT: bool = false;

/// The next connection of a listener, and who made it. It doesn't block, and sends small writes at once
/// (`TCP_NODELAY`).
pub(crate) fn accept(listener: &impl AsFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let (accepted, peer) = SockRef::from(listener).accept()?;
    accepted.set_nonblocking(true)?;
    // Fails only on a connection that is already gone: its first read says so.
    let _ = accepted.set_tcp_nodelay(true);
    let peer = peer.as_socket().ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((accepted.into(), peer))
}

/// Nothing: connections are accepted when they are made.
pub(crate) fn defer_accept(_listener: &impl AsFd, _patience: Duration) -> io::Result<()> {
    Ok(())
}

/// Sends what the socket takes of `bytes`; `more` has no effect.
pub(crate) fn send(socket: &impl AsFd, bytes: &[u8], _more: bool) -> io::Result<usize> {
    SockRef::from(socket).send(bytes)
}

/// Sends what the socket takes of `first` and then `second`, in one system call; `more` has no effect.
pub(crate) fn send_two(socket: &impl AsFd, first: &[u8], second: &[u8], _more: bool) -> io::Result<usize> {
    SockRef::from(socket).send_vectored(&[IoSlice::new(first), IoSlice::new(second)])
}

/// Never sends: `ErrorKind::Unsupported`, so that the caller reads the file.
pub(crate) fn send_file(_socket: &impl AsFd, _file: &File, _offset: u64, _count: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nothing: the connection is reset when the last who has the socket closes it.
pub(crate) fn reset(_socket: &impl AsFd) {}

/// Not asked here: all that the system took counts as acknowledged.
pub(crate) fn unacknowledged(_socket: &impl AsFd) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::io::Read;

    #[test]
    fn both_ways_of_sending_put_the_same_bytes_on_the_wire() {
        let (near, mut far) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        assert_eq!(send(&near, b"head ", true).unwrap(), 5);
        assert_eq!(send_two(&near, b"first ", b"second", true).unwrap(), 12);
        drop(near);
        let mut came = String::new();
        far.read_to_string(&mut came).unwrap();
        assert_eq!(came, "head first second");
    }

    #[test]
    fn an_accepted_socket_sends_small_writes_at_once_and_does_not_block() {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(1).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.connect(&listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = accept(&listener).unwrap();
        let accepted = Socket::from(accepted);
        assert!(accepted.tcp_nodelay().unwrap() && accepted.nonblocking().unwrap());
        assert_eq!(Some(peer), client.local_addr().unwrap().as_socket());
    }

    #[test]
    fn connections_are_accepted_when_they_are_made() {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        assert!(defer_accept(&listener, Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_reset_is_left_to_the_close() {
        let (near, far) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        reset(&near);
        assert_eq!(far.send(b"x").unwrap(), 1);
    }

    #[test]
    fn what_was_sent_counts_as_acknowledged() {
        let (near, _far) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        assert_eq!(send(&near, b"unread", false).unwrap(), 6);
        assert_eq!(unacknowledged(&near), 0);
    }

    #[test]
    fn a_file_is_left_to_the_caller_to_read() {
        let (near, _far) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        let file = tempfile::tempfile().unwrap();
        let refusal = send_file(&near, &file, 0, 1).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::Unsupported);
    }
}
