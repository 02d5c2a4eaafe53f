//! Requests that are not for the cache, and what they do to it (RFC 9111 §4, §4.4).

use std::sync::Arc;

use message::field::cache_status::Fwd;
use message::{Failure, FailureKind, Method, Request, Response, Service};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Ask, Asked, Cache, IsCollapsed};
use crate::body::course::Received;
use crate::collapse::{Joined, Outcome};
use crate::fetch::{Fetch, Passed};
use crate::policy::handling::Bypass;
use crate::policy::invalidation::invalidated;
use crate::policy::reuse::directives;
use crate::policy::storing::{Exchange, storing};
use crate::policy::validation::make_unconditional;
use crate::route::Route;

impl<U: Service> Cache<U> {
    /// Forwards a request with its body; one that changed something invalidates, and one may answer a GET.
    pub(super) async fn bypass(
        &self,
        request: Request,
        route: Route,
        bypass: Bypass,
    ) -> Result<Response, Failure> {
        let ask = match bypass {
            Bypass::Method => Ask::anew(Fwd::Method, None),
            Bypass::Content => Ask::anew(Fwd::Bypass, Some("content")),
            Bypass::Precondition => Ask::anew(Fwd::Bypass, Some("precondition")),
        };
        let status = self.status(&route.key, ask.why, ask.detail);
        let asked = not_for_the_cache(&request, &route);
        let mut response = match self.forward(request, route.target.clone(), route.host.as_ref()).await {
            Ok(response) => response,
            Err(failure) => return Err(status.on(failure)),
        };
        self.invalidate(&asked.method, &route, &response).await;
        if asked.method == Method::POST {
            let received = Received { response, requested_at: asked.received.0, received_at: asked.now() };
            match self.adopt(&asked, &ask, received).await {
                Ok(answer) => return answer,
                Err(passed) => response = passed,
            }
        }
        status.append_to(&mut response.fields);
        Ok(response)
    }

    async fn invalidate(&self, method: &Method, route: &Route, response: &Response) {
        for key in invalidated(method, &route.key, route.public.as_ref(), response.status, &response.fields) {
            // In this order: a fetch either sees that it is too late, or what it stored is removed.
            self.flights.make_obsolete(&key);
            self.store.remove(key).await;
        }
    }

    /// RFC 9110 §9.3.3: stores a response to POST that says it is what a GET would bring; gives back one that
    /// does not.
    async fn adopt(
        &self,
        asked: &Asked,
        ask: &Ask,
        received: Received,
    ) -> Result<Result<Response, Failure>, Response> {
        let exchange = Exchange {
            method: &asked.method,
            key: &asked.key,
            request: &asked.fields,
            status: received.response.status,
            response: &received.response.fields,
            requested_at: received.requested_at,
            received_at: received.received_at,
        };
        if storing(&exchange, &self.config.rules).is_err() {
            return Err(received.response);
        }
        let Joined::Leads(mut ticket, lead) = self.flights.apart(&asked.key, None) else {
            return Err(received.response);
        };
        let (first, passed) = oneshot::channel();
        let fetch = Arc::new(Fetch { method: asked.method.clone(), ..self.fetch(asked, None) });
        tokio::spawn(fetch.adopt(received, lead, first));
        let concluded = match ticket.lead().await {
            Outcome::Apart => passed.await.ok().map(|Passed { mut response, why }| {
                self.status(&asked.key, ask.why, Some(why)).append_to(&mut response.fields);
                Ok(response)
            }),
            outcome => self.conclude(asked, ask, outcome, ticket, IsCollapsed::No).await,
        };
        Ok(concluded.unwrap_or_else(|| {
            Err(Failure::new(FailureKind::ProxyInternalError, "the answer was lost in the cache"))
        }))
    }
}

/// What is left of a request when its content has gone on. Its conditions were for the origin.
fn not_for_the_cache(request: &Request, route: &Route) -> Asked {
    let mut fields = request.fields.clone();
    make_unconditional(&mut fields);
    Asked {
        key: route.key.clone(),
        target: route.target.clone(),
        host: route.host.clone(),
        method: request.method.clone(),
        directives: directives(&fields),
        fields,
        peer: request.peer,
        // Its answer is there.
        interims: None,
        received: (request.received_at, Instant::now()),
    }
}
