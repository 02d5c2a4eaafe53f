//! Connections to other servers, kept for the next request: the client side as a [`Service`].

use std::sync::Arc;

use message::{Authority, Body, Failure, FailureKind, Request, Response, Scheme, Service, Target};
use net::dial::Dialer;

use crate::client::failure::failure_of;
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
    repeatable.then(|| request.without_content())
}

fn unsendable(detail: &'static str) -> Failure {
    Failure::before_sending(FailureKind::HttpRequestError, detail)
}
