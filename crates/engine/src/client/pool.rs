//! Connections to other servers, kept for the next request: the client side as a [`Service`].

use std::sync::Arc;

use message::{Authority, Body, Failure, FailureKind, Request, Response, Scheme, Service, Target};
use net::dial::{DialFault, Dialer};

use crate::client::http1::{Attempt, Wire};
use crate::client::idle::{Home, Idle, Room};
use crate::client::terms::ClientLimits;

/// Where requests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the authority of each request's target.
    Direct,
    /// To this proxy, whatever the target (RFC 9112 §3.2.2).
    Proxy(Authority),
}

/// Sends requests, each over a kept connection where there is one, and keeps connections on which both
/// messages ended exactly.
///
/// A kept connection may have been closed by the other side meanwhile. An idempotent request without
/// content that finds it so is sent once more, on a new connection (RFC 9110 §9.2.2, RFC 9112 §9.3.1);
/// never after the first byte of a response.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    dialer: Dialer,
    route: Route,
    limits: ClientLimits,
    idle: Idle<Wire>,
}

impl Pool {
    /// A pool without connections, for requests that go by `route`.
    #[must_use]
    pub fn new(dialer: Dialer, route: Route, limits: ClientLimits) -> Self {
        let idle = Idle::new(
            Room { per_place: limits.idle_connections, altogether: limits.idle_altogether },
            limits.idle,
        );
        Self { shared: Arc::new(Shared { dialer, route, limits, idle }) }
    }

    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let (address, absolute_form) = self.shared.route_of(&request.target)?;
        let home = self.shared.idle.home(address);
        let attempt = Attempt { absolute_form, limits: &self.shared.limits };
        let Some(kept) = home.take(Wire::is_quiet) else { return self.fresh(request, home, attempt).await };
        let Some(again) = repeatable(&request) else { return attempt.run(kept, request, home).await };
        match attempt.run(kept, request, home.clone()).await {
            // Just that kind says that nothing of a response came.
            Err(failure) if failure.kind() == FailureKind::ConnectionTerminated => {
                self.fresh(again, home, attempt).await
            }
            outcome => outcome,
        }
    }

    async fn fresh(
        &self,
        request: Request,
        home: Home<Wire>,
        attempt: Attempt<'_>,
    ) -> Result<Response, Failure> {
        let (host, port) = (home.authority().host(), home.authority().port_or_default(Scheme::Http));
        let stream = self.shared.dialer.dial(host, port).await.map_err(|fault| failure_of(&fault))?;
        attempt.run(Wire::new(stream, &self.shared.limits), request, home).await
    }
}

impl Service for Pool {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        self.exchange(request).await
    }
}

impl Shared {
    /// Where a request for `target` is sent, and whether in absolute-form.
    fn route_of(&self, target: &Target) -> Result<(Authority, bool), Failure> {
        let Target::Absolute(scheme, authority, _) = target else {
            return Err(unsendable("a request to be sent on needs an absolute target"));
        };
        match (&self.route, scheme) {
            (_, Scheme::Https) => Err(unsendable("https is not spoken yet: use http")),
            (Route::Direct, Scheme::Http) => {
                let port = authority.port_or_default(*scheme);
                Ok((authority.clone().with_port(port), false))
            }
            (Route::Proxy(proxy), Scheme::Http) => Ok((proxy.clone(), true)),
        }
    }
}

/// The same request once more, if sending it twice does no harm and its content is not used up.
fn repeatable(request: &Request) -> Option<Request> {
    let repeatable = request.method.is_idempotent() && matches!(request.body, Body::Empty);
    repeatable.then(|| Request {
        method: request.method.clone(),
        target: request.target.clone(),
        fields: request.fields.clone(),
        body: Body::Empty,
        peer: request.peer,
        received_at: request.received_at,
    })
}

fn unsendable(detail: &'static str) -> Failure {
    Failure::before_sending(FailureKind::HttpRequestError, detail)
}

/// RFC 9209 §2.3 for what can go wrong before there is a connection.
fn failure_of(fault: &DialFault) -> Failure {
    let kind = match fault {
        DialFault::NameNotFound { .. } | DialFault::NameLookup { .. } => FailureKind::DnsError,
        DialFault::Refused { .. } => FailureKind::ConnectionRefused,
        // No address was known yet: it was the name that took so long.
        DialFault::TimedOut { tried, .. } if tried.addresses.is_empty() => FailureKind::DnsTimeout,
        DialFault::TimedOut { .. } => FailureKind::ConnectionTimeout,
        DialFault::DescriptorLimit { .. } => FailureKind::ConnectionLimitReached,
        DialFault::Unreachable { .. } | DialFault::Other { .. } => FailureKind::DestinationIpUnroutable,
    };
    Failure::before_sending(kind, fault.to_string())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use net::dial::Tried;

    use super::*;

    #[test]
    fn a_dial_that_failed_is_named_as_in_rfc_9209() {
        let tried = |addresses: &[&str]| Tried {
            host: "a.test".to_owned(),
            port: 80,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        };
        let (host, after) = ("a.test".to_owned(), Duration::from_secs(1));
        let (known, error) = (tried(&["192.0.2.1:80"]), || io::Error::other("why"));
        for (fault, kind) in [
            (DialFault::NameNotFound { host: host.clone() }, FailureKind::DnsError),
            (DialFault::NameLookup { host, error: error() }, FailureKind::DnsError),
            (DialFault::TimedOut { tried: tried(&[]), after }, FailureKind::DnsTimeout),
            (DialFault::TimedOut { tried: known.clone(), after }, FailureKind::ConnectionTimeout),
            (DialFault::Refused { tried: known.clone() }, FailureKind::ConnectionRefused),
            (
                DialFault::Unreachable { tried: known.clone(), error: error() },
                FailureKind::DestinationIpUnroutable,
            ),
            (
                DialFault::DescriptorLimit { tried: known, error: error() },
                FailureKind::ConnectionLimitReached,
            ),
        ] {
            let failure = failure_of(&fault);
            assert_eq!((failure.kind(), failure.retry_safe()), (kind, true), "{fault}");
        }
    }
}
