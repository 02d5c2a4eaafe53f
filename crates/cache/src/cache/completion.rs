//! Answers out of stored parts that lack something of what is asked for (RFC 9111 §3.4).

use std::sync::Arc;

use message::{Failure, Response, Service};

use super::{Ask, Asked, Cache, IsCollapsed, goes_past};
use crate::collapse::{Arrival, Joined};
use crate::policy::reuse::may_share;
use crate::store::entry::Entry;

impl<U: Service> Cache<U> {
    /// Has what `entry` lacks fetched, alone or with others, and answers; `None` if what is stored is to be
    /// judged again.
    pub(super) async fn complete(
        &self,
        asked: &Asked,
        ask: &Ask,
        entry: Arc<Entry>,
    ) -> Option<Result<Response, Failure>> {
        if asked.directives.only_if_cached {
            return Some(Ok(self.not_cached()));
        }
        if let Some(detail) = goes_past(asked, ask) {
            return Some(self.pass(asked, &Ask::anew(ask.why, Some(detail))).await);
        }
        let suits = |arrival: &Arrival| may_share(&arrival.response, &asked.fields, &asked.directives);
        match self.flights.join(&asked.key, None, suits, || true) {
            Joined::Leads(mut ticket, lead) => {
                let fetch = Arc::new(self.fetch(asked, None));
                tokio::spawn(fetch.complete(entry, lead));
                let outcome = ticket.lead().await;
                self.conclude(asked, ask, outcome, ticket, IsCollapsed::No).await
            }
            Joined::Follows(mut ticket) => {
                let outcome = ticket.follow().await;
                self.conclude(asked, ask, outcome, ticket, IsCollapsed::Yes).await
            }
            Joined::Ends(ticket) => {
                ticket.over().await;
                None
            }
            Joined::Changed => None,
        }
    }
}
