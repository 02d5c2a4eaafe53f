//! What is told of each exchange, once, when it is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use message::{Method, Response, StatusCode, Target};

/// One request and what became of it.
#[derive(Debug)]
pub struct ExchangeRecord {
    /// Who asked.
    pub peer: SocketAddr,
    /// The request's method.
    pub method: Method,
    /// The request's target, as it was sent.
    pub target: Target,
    /// When the request's head was complete.
    pub received_at: SystemTime,
    /// Status of the response, as it was sent.
    pub status: StatusCode,
    /// Bytes that were handed to the system for the response, head and framing included.
    pub sent: u64,
    /// From the request's head to the last byte of the response that was handed to the system.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The response was sent whole.
    Whole,
    /// The client left, or took nothing for too long.
    ClientGone,
    /// The response broke off: its content could not be had whole. The client can tell.
    Aborted,
}

/// Who is told of exchanges: an access log, counters, a live page.
///
/// Called on the connection's own task, after the response: it must not wait.
pub trait Observer: Send + Sync + 'static {
    /// A response is about to be sent. What a role wants to say stands in its fields.
    fn answering(&self, response: &Response) {
        let _ = response;
    }

    /// An exchange is over.
    fn exchange(&self, record: &ExchangeRecord);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn exchange(&self, _: &ExchangeRecord) {}
}

impl<O: Observer> Observer for Arc<O> {
    fn answering(&self, response: &Response) {
        O::answering(self, response);
    }

    fn exchange(&self, record: &ExchangeRecord) {
        O::exchange(self, record);
    }
}
