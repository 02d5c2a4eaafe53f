//! What a HEAD tells about a stored response to GET (RFC 9111 §4.3.5).

use std::time::SystemTime;

use message::{Method, Response, Service, StatusCode};

use super::{Ask, Asked, Cache};
use crate::policy::storing::Exchange;
use crate::policy::validation::{HeadSays, compare_head};
use crate::stored::StoredResponse;

impl<U: Service> Cache<U> {
    /// Updates what would have been the answer to a GET, or notes that it is no more.
    pub(super) async fn learn(
        &self,
        asked: &Asked,
        ask: &Ask,
        response: &Response,
        requested_at: SystemTime,
    ) {
        let Some(entry) = ask.spare.as_ref().filter(|_| response.status == StatusCode::OK) else { return };
        let stored = &entry.response;
        // Its fields are those of a 200 to GET: nothing else is comparable.
        if stored.status != StatusCode::OK {
            return;
        }
        let received_at = asked.now();
        let told = Exchange {
            method: &Method::GET,
            key: &asked.key,
            request: &asked.fields,
            status: response.status,
            response: &response.fields,
            requested_at,
            received_at,
        };
        let head = match compare_head(&response.fields, stored, entry.size()) {
            HeadSays::Changed => outdated(stored, received_at),
            HeadSays::Same => match stored.freshened(&told, &self.config.rules) {
                Ok((head, _)) => head,
                Err(refusal) if refusal.is_lasting() => outdated(stored, received_at),
                // This request's answer may not be stored; that says nothing of what is.
                Err(_) => return,
            },
        };
        self.store.refresh(&asked.key, entry, head).await;
    }
}

fn outdated(stored: &StoredResponse, now: SystemTime) -> StoredResponse {
    stored.clone().outdated(now)
}
