//! Limits of the client side.

use std::time::Duration;

use http1::Limits;

/// Limits of the client side.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// Sizes of responses' heads.
    pub messages: Limits,
    /// From the request's last byte to the end of the response's head: then
    /// [`HttpResponseTimeout`](message::FailureKind::HttpResponseTimeout).
    pub head: Duration,
    /// For the next byte of a response's content, once the request has gone out: then the same.
    pub content: Duration,
    /// For the server to take some of the request: then
    /// [`ConnectionWriteTimeout`](message::FailureKind::ConnectionWriteTimeout).
    pub send: Duration,
    /// Idle connections that are kept for one place and runtime.
    pub idle_connections: usize,
    /// Idle connections that are kept altogether: each takes a descriptor.
    pub idle_altogether: usize,
    /// How long a connection is kept idle: less than servers usually wait.
    pub idle: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            messages: Limits { body_bytes: u64::MAX, ..Limits::default() },
            head: Duration::from_secs(60),
            content: Duration::from_secs(60),
            send: Duration::from_secs(30),
            idle_connections: 64,
            idle_altogether: 1024,
            idle: Duration::from_secs(15),
        }
    }
}
