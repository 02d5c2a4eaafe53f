//! What is done behind an answer (RFC 5861 §3).

use std::sync::Arc;

use message::{Body, Service};
use tokio::sync::oneshot;

use super::{Asked, Cache, is_same};
use crate::body::reader::Reader;
use crate::collapse::{Content, Joined, Outcome};
use crate::fetch::{Extent, Fetch};
use crate::store::entry::{Entry, Variants};

impl<U: Service> Cache<U> {
    /// Brings up to date what is just served stale, unless somebody does so already.
    pub(super) fn refresh(&self, asked: &Asked, entry: &Arc<Entry>, judged: &Variants) {
        let stored = entry.response.can_be_validated().then(|| Arc::clone(entry));
        let about = stored.as_ref().map(|entry| entry.id);
        let is_needed = || self.store.resident(&asked.key).is_none_or(|now| is_same(&now, judged));
        let Joined::Leads(mut ticket, lead) = self.flights.join(&asked.key, about, |_| true, is_needed)
        else {
            return;
        };
        // Who asked has the answer already.
        let fetch = Fetch { extent: Extent::Whole, interims: None, ..self.fetch(asked, stored) };
        // What may not be stored is for nobody.
        tokio::spawn(Arc::new(fetch).run(lead, oneshot::channel().0));
        tokio::spawn(async move {
            if let Outcome::Arrived(arrival) = ticket.lead().await
                && let Content::Growing(growing) = &arrival.content
                && let Some(reader) = Reader::join(growing, 0, growing.length().unwrap_or(u64::MAX))
            {
                // A fetch that somebody reads is not given up.
                drop(ticket);
                read_to_the_end(Body::from_source(None, reader)).await;
            }
        });
    }
}

async fn read_to_the_end(body: Body) {
    let mut body = body.into_stream();
    while let Some(Ok(_)) = body.next().await {}
}
