//! Errands in front of a cache: those that may be done are, everything else goes on.

use std::sync::Arc;

use access::Network;
use message::header::{CACHE_CONTROL, CONTENT_TYPE};
use message::{Body, Fields, HeaderValue, Request, Response, Service, StatusCode};

use crate::begun::{Begun, Outcome};
use crate::cache::Cache;
use crate::steward::errand::{Errand, TOKEN, is_purge};
use crate::steward::report::Report;
use crate::store::survey::Look;

/// Does errands for the owner of a cache.
#[derive(Debug)]
pub struct Steward<U, S> {
    cache: Arc<Cache<U>>,
    /// What shows that a request is the owner's.
    token: String,
    /// Who may use `PURGE`; nobody's is an errand if there are none, but a method like any other.
    purgers: Vec<Network>,
    inside: S,
}

impl<U, S> Steward<U, S> {
    /// For the owner of `cache`, who has that `token`, in front of `inside`, through which all others go.
    #[must_use]
    pub fn new(cache: Arc<Cache<U>>, token: String, purgers: Vec<Network>, inside: S) -> Self {
        Self { cache, token, purgers, inside }
    }

    fn is_owners(&self, fields: &Fields) -> bool {
        fields.text(&TOKEN).is_some_and(|token| is_equal(token.as_bytes(), self.token.as_bytes()))
    }

    fn may_purge(&self, request: &Request) -> bool {
        let address = request.peer.map(|peer| peer.ip());
        address.is_none_or(|address| self.purgers.iter().any(|network| network.contains(address)))
    }
}

impl<U: Service, S: Service> Steward<U, S> {
    async fn do_errand(&self, errand: Option<Errand>, request: &Request) -> Response {
        let report = |prefix, look| {
            let report = Report::new(self.cache.store(), prefix, look, request.received_at);
            let mut response = plain(StatusCode::OK, Body::from_source(None, report));
            response.fields.set(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        };
        match errand {
            Some(Errand::List(prefix)) => report(prefix, Look::Away),
            Some(Errand::Verify(prefix)) => report(prefix, Look::Close),
            Some(Errand::Statistics) => plain(StatusCode::OK, Body::from(self.statistics().await)),
            Some(Errand::Purge(selections, fate)) => {
                let mut purged = 0_usize;
                for selection in selections {
                    let more = self.cache.purge(selection, fate, request.received_at).await;
                    purged = purged.saturating_add(more);
                }
                plain(StatusCode::OK, Body::from(format!("{purged} purged\n")))
            }
            None => plain(StatusCode::BAD_REQUEST, Body::from("This names nothing that could be purged.\n")),
        }
    }

    async fn statistics(&self) -> String {
        let (now, count) = (self.cache.statistics(), self.cache.store().count().await);
        let lines = [
            ("responses", count),
            ("bytes on disk", now.used),
            ("bytes of index", now.index),
            ("bytes allowed", now.size),
            ("stored", now.stored),
            ("unadmitted", now.unadmitted),
            ("evicted", now.evicted),
            ("purged", now.purged),
            ("bodies proven", now.proven),
            ("bodies damaged", now.damaged),
            ("bodies changed", now.changed),
            ("faults of the disk", now.faults),
        ];
        lines.iter().map(|(name, value)| format!("{value}\t{name}\n")).collect()
    }

    fn begin(&self, request: Request) -> Begun<'_, impl Future<Output = Outcome>> {
        let errand = if self.is_owners(&request.fields) {
            Errand::read(&request.fields)
        } else if is_purge(&request.method) && !self.purgers.is_empty() {
            if !self.may_purge(&request) {
                let text = "You may not purge from your address: --purge-from says who may.\n";
                return Begun::answered(Ok(plain(StatusCode::FORBIDDEN, Body::from(text))));
            }
            Errand::of_purge(self.cache.key_of(&request), &request.fields)
        } else {
            return Begun::Passed { answer: self.inside.call(request) };
        };
        Begun::waits(async move { Ok(self.do_errand(errand, &request).await) })
    }
}

impl<U: Service, S: Service> Service for Steward<U, S> {
    fn call(&self, request: Request) -> impl Future<Output = Outcome> + Send {
        self.begin(request)
    }
}

fn plain(status: StatusCode, body: Body) -> Response {
    let mut response = Response { body, ..Response::new(status) };
    response.fields.set(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// In a time that says nothing about where they differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}
