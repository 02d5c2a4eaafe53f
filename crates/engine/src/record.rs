//! What is told of each exchange, once, when it is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Version;
use message::field::basic::Credentials;
use message::{Fields, HeaderValue, Method, Response, StatusCode, Target, header};

/// One request and what became of it.
#[derive(Debug)]
pub struct ExchangeRecord {
    /// Who asked.
    pub peer: SocketAddr,
    /// What was asked; `None` if what came is no request, or not the whole of one.
    pub asked: Option<Asked>,
    /// When the request's head was complete, or was given up.
    pub received_at: SystemTime,
    /// Status of the response, as it was sent.
    pub status: StatusCode,
    /// Bytes that were handed to the system for the response, head and framing included.
    pub sent: u64,
    /// How many of these are content. Of a response that broke off, at most: the last of them may have
    /// been framing.
    pub content: u64,
    /// From the request's head to the last byte of the response that was handed to the system.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// What is remembered of a request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its target, as it was sent.
    pub target: Target,
    /// Its version.
    pub version: Version,
    /// What it says of itself, if the observer [wants that](Observer::wants_fields).
    pub fields: Option<Box<AskedFields>>,
}

/// What a request says of itself, as it was sent and unproved: the first line of each field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedFields {
    /// The host it is for (RFC 9110 §7.2).
    pub host: Option<HeaderValue>,
    /// Where its target was found (RFC 9110 §10.1.3).
    pub referer: Option<HeaderValue>,
    /// What sends it (RFC 9110 §10.1.5).
    pub user_agent: Option<HeaderValue>,
    /// Who it says it is from (RFC 7617 §2); the password is not remembered.
    pub user: Option<Box<[u8]>>,
}

impl AskedFields {
    /// Those of a request with these fields.
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        Self {
            host: fields.get(&header::HOST).cloned(),
            referer: fields.get(&header::REFERER).cloned(),
            user_agent: fields.get(&header::USER_AGENT).cloned(),
            user: Credentials::of(fields, &header::AUTHORIZATION).map(|sent| sent.user().into()),
        }
    }
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
    /// Whether it is told of exchanges. If not, what would be told is not even found out: the clock is asked
    /// less often.
    fn hears_exchanges(&self) -> bool {
        true
    }

    /// Whether what a request says of itself is to be remembered for its record. It costs an
    /// allocation per request.
    fn wants_fields(&self) -> bool {
        false
    }

    /// A response is about to be sent. What a role wants to say stands in its fields.
    fn answering(&self, response: &Response) {
        let _ = response;
    }

    /// An exchange is over. Not called unless [it hears](Self::hears_exchanges) of them.
    fn exchange(&self, record: &ExchangeRecord);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn hears_exchanges(&self) -> bool {
        false
    }

    fn exchange(&self, _: &ExchangeRecord) {}
}

impl<O: Observer> Observer for Arc<O> {
    fn hears_exchanges(&self) -> bool {
        O::hears_exchanges(self)
    }

    fn wants_fields(&self) -> bool {
        O::wants_fields(self)
    }

    fn answering(&self, response: &Response) {
        O::answering(self, response);
    }

    fn exchange(&self, record: &ExchangeRecord) {
        O::exchange(self, record);
    }
}
