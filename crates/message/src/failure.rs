//! Why there is no response, or no rest of one, in the words of RFC 9209 §2.3.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderName, HeaderValue};

/// Why a request got no whole response.
///
/// Small and closed: who catches one can decide by its [kind](FailureKind), and knows whether asking
/// again can do harm. The detail is for people and for `Proxy-Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    retry_safe: bool,
    detail: Cow<'static, str>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// The kinds of failure, by their names in the registry of proxy error types (RFC 9209 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// `dns_timeout`: the name could not be looked up in time.
    DnsTimeout,
    /// `dns_error`: the name is not known, or could not be looked up.
    DnsError,
    /// `destination_ip_prohibited`: the address may not be reached through this proxy.
    DestinationIpProhibited,
    /// `destination_ip_unroutable`: no way leads to the address.
    DestinationIpUnroutable,
    /// `connection_refused`: nobody listens there.
    ConnectionRefused,
    /// `connection_timeout`: no connection in time.
    ConnectionTimeout,
    /// `connection_limit_reached`: this process may open no more connections now.
    ConnectionLimitReached,
    /// `connection_terminated`: the connection ended before the response began.
    ConnectionTerminated,
    /// `connection_write_timeout`: the peer did not take the request in time.
    ConnectionWriteTimeout,
    /// `http_response_timeout`: no whole response in time.
    HttpResponseTimeout,
    /// `http_response_incomplete`: the response ended before its content was whole.
    HttpResponseIncomplete,
    /// `http_protocol_error`: what came is not a response by RFC 9112.
    HttpProtocolError,
    /// `http_request_error`: the request can't be sent on as it is.
    HttpRequestError,
    /// `proxy_loop_detected`: the request has been here before.
    ProxyLoopDetected,
    /// `proxy_internal_error`: a fault of our own, such as a file that changed while it was sent.
    ProxyInternalError,
}

impl Failure {
    /// A failure after which the same request may have reached the other side: not safe to repeat
    /// unless its method is idempotent (RFC 9110 §9.2.2).
    #[must_use]
    pub fn new(kind: FailureKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, retry_safe: false, detail: detail.into(), fields: Vec::new() }
    }

    /// A failure before anything of the request reached the other side: safe to repeat always.
    #[must_use]
    pub fn before_sending(kind: FailureKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, retry_safe: true, detail: detail.into(), fields: Vec::new() }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Whether the request certainly did not reach the other side.
    #[must_use]
    pub fn retry_safe(&self) -> bool {
        self.retry_safe
    }

    /// The same failure, with one more field for the response that tells of it: what those whom it went
    /// through have to say, such as `Cache-Status`.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }

    /// The fields that the response which tells of it is to have.
    #[must_use]
    pub fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }

    /// What happened, for people: one line, without a full stop.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl FailureKind {
    /// The registered name (RFC 9209 §2.3).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DnsTimeout => "dns_timeout",
            Self::DnsError => "dns_error",
            Self::DestinationIpProhibited => "destination_ip_prohibited",
            Self::DestinationIpUnroutable => "destination_ip_unroutable",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionLimitReached => "connection_limit_reached",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionWriteTimeout => "connection_write_timeout",
            Self::HttpResponseTimeout => "http_response_timeout",
            Self::HttpResponseIncomplete => "http_response_incomplete",
            Self::HttpProtocolError => "http_protocol_error",
            Self::HttpRequestError => "http_request_error",
            Self::ProxyLoopDetected => "proxy_loop_detected",
            Self::ProxyInternalError => "proxy_internal_error",
        }
    }

    /// Whether it lies in the server that was asked or on the way to it, and not in the request or here.
    #[must_use]
    pub fn is_of_upstream(self) -> bool {
        !matches!(
            self,
            Self::HttpRequestError
                | Self::ProxyLoopDetected
                | Self::ProxyInternalError
                | Self::ConnectionLimitReached
        )
    }

    /// Whether it means that no connection with the other side could be had at all.
    #[must_use]
    pub fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::DnsTimeout
                | Self::DnsError
                | Self::DestinationIpUnroutable
                | Self::ConnectionRefused
                | Self::ConnectionTimeout
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}
