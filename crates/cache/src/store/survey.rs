//! A look at all that is stored, one page after the other, while it goes on changing.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::key::CacheKey;
use crate::store::Store;
use crate::store::entry::Variants;
use crate::store::index::Place;
use crate::store::memory::Pin;
use crate::store::record::Record;
use crate::stored::StoredResponse;

/// A stored response, as it is told of.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Its key and variant: the next page begins behind it.
    pub(crate) place: Place,
    /// Its head.
    pub(crate) response: StoredResponse,
    /// Bytes of the whole content, whatever of it is there.
    pub(crate) size: u64,
    /// Bytes that it takes on the disk.
    pub(crate) weight: u64,
    /// Where its content lies, below the cache's directory.
    pub(crate) path: String,
    /// How its body was found, if that was looked at.
    pub(crate) state: State,
}

/// How a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not looked at.
    Unknown,
    /// As it was written.
    Sound,
    /// Torn, rotten or swapped. It was deleted.
    Damaged,
    /// Changed, replaced or deleted by hand. What there was was deleted.
    Changed,
}

/// Whether bodies are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Each byte of them.
    Close,
    /// Not at all.
    Away,
}

impl Store {
    /// The next stored responses behind `after` whose keys begin with `prefix`, no more than `max`, and where
    /// to go on: nowhere at the end.
    pub(crate) async fn survey(
        self: &Arc<Self>,
        prefix: String,
        after: Option<Place>,
        max: usize,
        look: Look,
    ) -> (Vec<Seen>, Option<Place>) {
        if after.is_none() {
            // What was just stored is told of, too.
            self.flush().await;
        }
        let store = Arc::clone(self);
        let page = spawn_blocking(move || {
            let places = store.index.places(&prefix, after.as_ref(), max).unwrap_or_default();
            let last = places.last().cloned().filter(|_| places.len() >= max);
            (places.into_iter().filter_map(|place| store.see(place, look)).collect(), last)
        });
        page.await.unwrap_or_default()
    }

    /// How many responses are stored.
    pub(crate) async fn count(self: &Arc<Self>) -> u64 {
        self.flush().await;
        let store = Arc::clone(self);
        spawn_blocking(move || store.index.len().unwrap_or_default()).await.unwrap_or_default()
    }

    fn see(&self, place: Place, look: Look) -> Option<Seen> {
        let record = self.index.record(&place.0, place.1).ok()??;
        let record = Record::decode(&record).ok()?;
        let response = record.response(&self.rules).ok()?;
        let (size, weight) = (record.identity.size, record.weight());
        let state = match look {
            Look::Away => State::Unknown,
            Look::Close => self.examine(&record),
        };
        if matches!(state, State::Damaged | State::Changed) {
            self.throw_out(&CacheKey::parse(&place.0)?, record.id);
        }
        Some(Seen { place, response, size, weight, path: record.path, state })
    }

    fn examine(&self, record: &Record) -> State {
        match self.disk.open_body(&record.path, &record.identity) {
            Ok(Some(file)) if self.is_sound(record, &file) => State::Sound,
            Ok(Some(_)) => {
                self.tally.damaged.note();
                State::Damaged
            }
            Ok(None) => {
                self.tally.changed.note();
                State::Changed
            }
            Err(_) => State::Unknown, // no descriptor, say
        }
    }

    /// Removes a stored response, and whatever file is in its place.
    fn throw_out(&self, key: &CacheKey, id: u64) {
        let _held = self.lock(key);
        let variants = self.load(key, &[]);
        let left: Variants = variants.iter().filter(|entry| entry.id != id).cloned().collect();
        for entry in variants.iter().filter(|entry| entry.id == id) {
            self.memory.insert(key, Arc::clone(&left), Pin::Yes);
            self.disk.remove_any(&entry.path);
            self.give_remove(key, Arc::clone(entry));
        }
    }
}
