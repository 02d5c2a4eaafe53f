//! A connection: its two directions, and when it may be used again.

use crate::inbound::Inbound;
use crate::limits::Limits;
use crate::outbound::Outbound;

/// Both directions of one connection. They can be driven apart: a body may be read by one owner while
/// another writes.
#[derive(Debug)]
pub struct Connection {
    /// What comes in.
    pub inbound: Inbound,
    /// What goes out.
    pub outbound: Outbound,
}

impl Connection {
    /// The server's side: requests come in, responses go out.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self { inbound: Inbound::of_requests(limits), outbound: Outbound::new() }
    }

    /// The client's side: requests go out, responses come in.
    #[must_use]
    pub fn client(limits: Limits) -> Self {
        Self { inbound: Inbound::of_responses(limits), outbound: Outbound::new() }
    }
}

/// Goes on to the next exchange, if both messages have ended exactly and neither side wants the
/// connection closed (RFC 9112 §9.3). Otherwise `false`, and the connection is to be closed.
#[must_use]
pub fn turn(inbound: &mut Inbound, outbound: &mut Outbound) -> bool {
    let both_ended = inbound.is_complete() && outbound.is_complete();
    let both_go_on = inbound.is_persistent() && outbound.is_persistent();
    if both_ended && both_go_on {
        inbound.turn();
        outbound.turn();
    }
    both_ended && both_go_on
}
