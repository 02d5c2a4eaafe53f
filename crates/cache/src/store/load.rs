//! From the index to memory: a record becomes a stored response if all that it says is so.

use std::fs::File;
use std::sync::Arc;

use crate::key::CacheKey;
use crate::store::Store;
use crate::store::entry::{Entry, SMALL_MAX, Variants, read_small};
use crate::store::lock_of;
use crate::store::memory::Pin;
use crate::store::record::Record;
use crate::store::writer::Command;

/// Whether the body with that id was found to be what was written.
pub(super) type Proof = (u64, bool);

/// A stored response that was found in the index.
struct Revived {
    entry: Arc<Entry>,
    /// Whether its body was in doubt, and is not any more.
    is_proven: bool,
}

impl Store {
    /// Looks at the checksums of those large bodies of `key` that are in doubt, once for all who ask: so that
    /// [`Store::load`] need not do it with a lock in its hands that many keys have in common.
    pub(super) fn prove(&self, key: &CacheKey) -> Vec<Proof> {
        // Nothing can be in doubt where no end was unclean yet.
        if self.epoch == 0 {
            return Vec::new();
        }
        let _proving = lock_of(&self.proving, key);
        if self.memory.get(key).is_some() {
            return Vec::new();
        }
        let records = self.index.records(key.as_str()).unwrap_or_default();
        let records = records.iter().filter_map(|(_, record)| Record::decode(record).ok());
        let in_doubt = records.filter(|record| {
            record.key == key.as_str() && record.epoch != self.epoch && record.identity.size > SMALL_MAX
        });
        let prove = |record: Record| match self.disk.open_body(&record.path, &record.identity) {
            Ok(Some(file)) => Some((record.id, self.is_sound(&record, &file))),
            _ => None,
        };
        in_doubt.filter_map(prove).collect()
    }

    /// What is stored under `key`, from memory or from the index; its lock is held.
    pub(super) fn load(&self, key: &CacheKey, proofs: &[Proof]) -> Variants {
        if let Some(variants) = self.memory.get(key) {
            return variants;
        }
        let records = match self.index.records(key.as_str()) {
            Ok(records) => records,
            Err(fault) => {
                tracing::debug!(%fault, %key, "the cache's index can't be read");
                return Variants::default();
            }
        };
        let revived: Vec<Revived> =
            records.iter().filter_map(|(slot, record)| self.revive(key, *slot, record, proofs)).collect();
        let variants: Variants = revived.iter().map(|revived| Arc::clone(&revived.entry)).collect();
        // That there is nothing is worth knowing, too: what is never stored would else be looked up on another
        // thread each time. It goes first when memory is full.
        if records.is_empty() || !variants.is_empty() {
            self.memory.insert(key, Arc::clone(&variants), Pin::No);
        }
        for proven in revived.into_iter().filter(|revived| revived.is_proven) {
            self.tally.proven.note();
            self.record_again(key, proven.entry);
        }
        variants
    }

    /// Writes to the index that a body is not in doubt any more.
    fn record_again(&self, key: &CacheKey, entry: Arc<Entry>) {
        if self.memory.replace(key, &entry, Pin::Yes)
            && self.writer.give(Command::Update { key: key.clone(), entry }).is_err()
        {
            self.memory.unpin(key);
        }
    }

    /// The stored response of a record, if its key is the one looked for, its body is the very one that was
    /// recorded, and that is what was written; else both go.
    fn revive(&self, key: &CacheKey, slot: u8, record: &[u8], proofs: &[Proof]) -> Option<Revived> {
        let record = Record::decode(record).ok().filter(|record| record.key == key.as_str())?;
        let response = record.response(&self.rules).ok()?;
        let is_in_doubt = record.epoch != self.epoch;
        let damage = match self.disk.open_body(&record.path, &record.identity) {
            Ok(Some(file)) => {
                let proof = proofs.iter().find(|(id, _)| *id == record.id).map(|(_, is_sound)| *is_sound);
                if !is_in_doubt || proof.unwrap_or_else(|| self.is_sound(&record, &file)) {
                    let present = record.present();
                    let bytes =
                        if present.is_some() { None } else { read_small(&file, &record.identity).ok()? };
                    let place = (record.path, record.identity);
                    let entry = Entry::new((record.id, slot, self.epoch), response, place, bytes);
                    let entry = Arc::new(entry.with_present(present));
                    return Some(Revived { entry, is_proven: is_in_doubt });
                }
                self.tally.damaged.note();
                "damaged"
            }
            Ok(None) => {
                self.tally.changed.note();
                "changed or gone"
            }
            Err(_) => return None, // no descriptor, say: it may be there the next time
        };
        tracing::warn!(%key, path = %record.path, "the body of a stored response is {damage}: it is not used");
        let place = (record.path, record.identity);
        let entry = Arc::new(Entry::new((record.id, slot, record.epoch), response, place, None));
        self.disk.remove_any(&entry.path);
        self.memory.insert(key, Variants::default(), Pin::Yes);
        self.give_remove(key, entry);
        None
    }

    /// Whether the body of a record is what was written, by its checksums.
    pub(super) fn is_sound(&self, record: &Record, file: &File) -> bool {
        let checksums = self.index.checksums(record.id);
        checksums.is_ok_and(|checksums| match record.present() {
            None => checksums.fit(file, std::iter::once(0..record.identity.size)),
            Some(present) => checksums.fit(file, present.iter().cloned()),
        })
    }
}
