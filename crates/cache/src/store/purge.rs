//! What somebody wants gone, or validated: by place, by the beginning of it, by tag, or all.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::SystemTime;

use tokio::task::spawn_blocking;

use crate::key::CacheKey;
use crate::store::Store;
use crate::store::memory::Pin;
use crate::store::selection::{Fate, Selection};
use crate::store::writer::Command;

impl Store {
    /// Purges what is selected; gives how many stored responses that were. When it returns, none of them
    /// answers any more, or none without being validated. Who is fetching one has to be stopped before.
    pub(crate) async fn purge(self: &Arc<Self>, selection: Selection, fate: Fate, now: SystemTime) -> usize {
        let store = Arc::clone(self);
        let purged = spawn_blocking(move || {
            store.pass_locks();
            let (reply, done) = sync_channel(1);
            if store.writer.give(Command::Purge { selection, fate, now, reply }).is_err() {
                return 0;
            }
            let purged = done.recv().unwrap_or_default();
            if fate == Fate::Stale {
                // Who had read what the index said before is past it now, and memory can be told.
                store.pass_locks();
                purged.iter().for_each(|(key, id)| store.outdate(key, *id, now));
            }
            purged.len()
        });
        purged.await.unwrap_or_default()
    }

    /// Waits until whoever holds a lock now has let go of it: what they stored is in the writer's queue then.
    fn pass_locks(&self) {
        for lock in &self.locks {
            drop(lock.lock());
        }
    }

    fn outdate(&self, key: &CacheKey, id: u64, now: SystemTime) {
        let variants = self.memory.get(key).unwrap_or_default();
        for entry in variants.iter().filter(|entry| entry.id == id && entry.response.received_at <= now) {
            let response = entry.response.clone().outdated(now);
            self.memory.replace(key, &Arc::new(entry.with_head(response, entry.persisted_at)), Pin::No);
        }
    }
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod tests;
