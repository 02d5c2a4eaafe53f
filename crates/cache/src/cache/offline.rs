//! Answers without any origin.

use message::field::cache_control::Qualified;
use message::{Response, Service, StatusCode};

use super::{Asked, Cache, Plan};
use crate::answer::holds;

impl<U: Service> Cache<U> {
    /// The answer to a request where no origin is asked; `None` if what is stored is to be looked at again.
    ///
    /// A cache that is disconnected may answer with what is stale, but not against `must-revalidate`,
    /// `no-cache` and their like (RFC 9111 §4.2.4), nor where the request demands to have the origin asked.
    pub(super) async fn answer_offline(&self, asked: &Asked, plan: Plan) -> Option<Response> {
        let entry = match plan {
            Plan::Serve(entry, _) => Some(entry),
            Plan::Ask(ask) => ask.spare.filter(|entry| {
                entry.response.freshness.may_be_stale()
                    && !entry.response.freshness.needs_validation()
                    && asked.directives.no_cache == Qualified::No
            }),
        };
        let Some(entry) = entry.filter(|entry| holds(&asked.method, &asked.fields, entry)) else {
            return Some(self.not_here());
        };
        match self.store.content(&entry, asked.now()) {
            Ok(Some(body)) => Some(self.hit(asked, &entry, body)),
            // Somebody changed or deleted the file.
            Ok(None) => {
                self.store.discard(asked.key.clone(), &entry).await;
                None
            }
            Err(_) => Some(self.not_here()),
        }
    }

    /// 504, as RFC 9111 §5.2.1.7 has it where nothing may be fetched.
    pub(super) fn not_here(&self) -> Response {
        let text = "This is not in the cache, and the cache is offline: it asks no origin.\n";
        let mut response = Response::text(StatusCode::GATEWAY_TIMEOUT, text);
        self.own_status("offline").append_to(&mut response.fields);
        response
    }
}
