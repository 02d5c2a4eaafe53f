//! Whether clients are sent to servers, or carried what these answer.

use std::time::Duration;

use crate::gate::Room;

/// How clients get what they ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are told where it is.
    #[default]
    Redirect,
    /// It is carried through here.
    Proxy(Forwarding),
}

/// How answers are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// What there is room for at each server.
    pub room: Room,
    /// How long a client waits for a place at a server.
    pub patience: Duration,
    /// How many servers are asked for one client, as long as nothing has been passed on; and how many again for the
    /// rest where an answer breaks off.
    pub tries: usize,
    /// After how long without the head of an answer another server is asked beside the first; `None`: never.
    pub hedge: Option<Duration>,
    /// After how many failures in a row a server is out at once, and not by its next test.
    pub failures: u32,
}

/// Exchanges with one server at a time, unless told otherwise.
pub const EXCHANGES_DEFAULT: usize = 256;

/// Clients who wait for one server, unless told otherwise.
pub const QUEUE_DEFAULT: usize = 1024;

/// The most that either of them can be.
pub const ROOM_MAX: usize = 1 << 20;

/// How long a client waits for a place, unless told otherwise.
pub const PATIENCE_DEFAULT: Duration = Duration::from_secs(5);

/// How many servers are asked for one client, unless told otherwise.
pub const TRIES_DEFAULT: usize = 3;

/// The most servers that can be asked for one client.
pub const TRIES_MAX: usize = 16;

/// How many failures in a row take a server out, unless told otherwise.
pub const FAILURES_DEFAULT: u32 = 3;

/// What of a [`Forwarding`] can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardingFault {
    /// No exchange, or too many of them or of clients who wait.
    #[error("{0} exchanges or clients in a queue: take 1 to {ROOM_MAX}, for the queue 0 to {ROOM_MAX}")]
    Room(usize),
    /// None, or more than [`TRIES_MAX`].
    #[error("{0} tries: take 1 to {TRIES_MAX}")]
    Tries(usize),
    /// A server that is out before anything has failed.
    #[error("a server can't be out after no failure: take 1 or more")]
    Failures,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            room: Room { exchanges: EXCHANGES_DEFAULT, queue: QUEUE_DEFAULT },
            patience: PATIENCE_DEFAULT,
            tries: TRIES_DEFAULT,
            hedge: None,
            failures: FAILURES_DEFAULT,
        }
    }
}

impl Forwarding {
    /// Whether it can be.
    ///
    /// # Errors
    /// The first thing that can't.
    pub fn check(&self) -> Result<(), ForwardingFault> {
        let Room { exchanges, queue } = self.room;
        if !(1..=ROOM_MAX).contains(&exchanges) {
            return Err(ForwardingFault::Room(exchanges));
        }
        if queue > ROOM_MAX {
            return Err(ForwardingFault::Room(queue));
        }
        if !(1..=TRIES_MAX).contains(&self.tries) {
            return Err(ForwardingFault::Tries(self.tries));
        }
        if self.failures == 0 { Err(ForwardingFault::Failures) } else { Ok(()) }
    }
}

impl Mode {
    /// How answers are carried, if they are.
    #[must_use]
    pub fn forwarding(&self) -> Option<&Forwarding> {
        match self {
            Self::Redirect => None,
            Self::Proxy(forwarding) => Some(forwarding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_is_refused_by_name() {
        let good = Forwarding::default();
        assert_eq!(good.check(), Ok(()));
        let room = |exchanges, queue| Forwarding { room: Room { exchanges, queue }, ..good }.check();
        assert_eq!(room(0, 1), Err(ForwardingFault::Room(0)));
        assert_eq!(room(1, ROOM_MAX + 1), Err(ForwardingFault::Room(ROOM_MAX + 1)));
        assert_eq!(room(1, 0), Ok(()));
        for tries in [0, TRIES_MAX + 1] {
            assert_eq!(Forwarding { tries, ..good }.check(), Err(ForwardingFault::Tries(tries)));
        }
        assert_eq!(Forwarding { failures: 0, ..good }.check(), Err(ForwardingFault::Failures));
    }
}
