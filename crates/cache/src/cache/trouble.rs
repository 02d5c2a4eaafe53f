//! Stale responses in the place of errors (RFC 9111 §4.2.4, RFC 5861 §4).

use std::sync::Arc;

use message::{Response, Service};

use super::{Ask, Asked, Cache};
use crate::answer::{answer, holds, set_age};
use crate::policy::reuse::{Trouble, serves_on_error};
use crate::store::entry::Entry;

impl<U: Service> Cache<U> {
    /// What may stand in for an error to this request.
    pub(super) fn may_stand_in<'a>(&self, asked: &Asked, ask: &'a Ask) -> Option<&'a Arc<Entry>> {
        let serves = |entry: &&Arc<Entry>| serves_on_error(&entry.response, &asked.directives, asked.now());
        ask.spare.as_ref().filter(serves)
    }

    /// The stale answer in the place of that trouble, if there is any and there may be one.
    pub(super) fn instead(&self, asked: &Asked, ask: &Ask, trouble: Option<Trouble>) -> Option<Response> {
        let status = self.status(&asked.key, ask.why, Some("stale-if-error"));
        let status = match trouble? {
            Trouble::Outage => status,
            Trouble::Error(code) => status.fwd_status(code),
        };
        let is_enough = |entry: &&Arc<Entry>| holds(&asked.method, &asked.fields, entry);
        let entry = self.may_stand_in(asked, ask).filter(is_enough)?;
        let (stored, now) = (&entry.response, asked.now());
        let body = self.store.content(entry, now).ok()??;
        let mut fields = stored.fields.clone();
        set_age(&mut fields, stored.freshness.age(now));
        status.ttl(stored.freshness.ttl(now)).append_to(&mut fields);
        Some(answer(&asked.method, &asked.fields, stored, fields, body))
    }

    /// Those of `entries` whose content is there still.
    pub(super) fn there(&self, entries: &[Arc<Entry>]) -> Vec<Arc<Entry>> {
        entries.iter().filter(|entry| self.store.is_there(entry)).cloned().collect()
    }
}
