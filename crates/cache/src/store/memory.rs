//! The stored responses that are used now, in memory.
//!
//! It is in shards, so that threads seldom wait for each other. When one is full, the first in its queue goes
//! that was not used since it was last looked at (FIFO with reinsertion). What the index does not hold yet is *pinned*: it stays, so that memory and index together
//! always tell the truth. A key may be pinned with no variants: the index still has them, but they are gone.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::CacheKey;
use crate::store::entry::{Entry, Variants};

/// What a key takes in memory beside its variants, in bytes: a rough guess.
const OVERHEAD: u64 = 256;

/// Places in the queue that are out of date are tolerated up to this many, and as many as there are keys.
const SLACK: usize = 64;

/// Shards of a memory that is large enough for so many.
const SHARDS: u64 = 16;

/// What a shard has at least, in bytes: many times what may be kept of one response. A smaller memory has fewer
/// shards.
const SHARD_MIN: u64 = 4 << 20;

/// Keys with their variants, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Bytes that each shard may take.
    limit: u64,
    shards: Box<[Mutex<Table>]>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Table {
    residents: HashMap<CacheKey, Resident>,
    /// Who came when; an entry whose number is not its key's any more is out of date.
    queue: VecDeque<(u64, CacheKey)>,
    next: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Resident {
    variants: Variants,
    number: u64,
    bytes: u64,
    /// How many writes of it the index has not done yet.
    pins: u32,
}

/// Whether the index is about to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// It is: [`Memory::unpin`] will be called once.
    Yes,
    /// It is not.
    No,
}

impl Memory {
    /// A memory of about `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        let shards = (limit / SHARD_MIN).clamp(1, SHARDS);
        Self {
            limit: limit / shards,
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// What is stored under `key`; `None` if only the index knows.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Variants> {
        self.table(key).residents.get(key).map(|resident| Arc::clone(&resident.variants))
    }

    /// Takes `variants` for all that is stored under `key`.
    pub(crate) fn insert(&self, key: &CacheKey, variants: Variants, pin: Pin) {
        let mut table = self.table(key);
        table.insert(key, variants, pin);
        table.shrink(self.limit);
    }

    /// Puts `entry` in the place of the one with the same id; whether that was still here.
    pub(crate) fn replace(&self, key: &CacheKey, entry: &Arc<Entry>, pin: Pin) -> bool {
        let mut table = self.table(key);
        let Some(resident) = table.residents.get(key) else { return false };
        let is_old = |other: &Arc<Entry>| other.id == entry.id;
        if !resident.variants.iter().any(is_old) {
            return false;
        }
        let new = resident.variants.iter().map(|other| Arc::clone(if is_old(other) { entry } else { other }));
        let new = new.collect();
        table.insert(key, new, pin);
        true
    }

    /// Tells the variant with that id, if it is here, that eviction from the disk has come by.
    pub(crate) fn untouch(&self, key: &CacheKey, id: u64) {
        let variants = self.get(key).unwrap_or_default();
        variants.iter().filter(|entry| entry.id == id).for_each(|entry| entry.untouch());
    }

    /// Takes the variant with that id out.
    pub(crate) fn forget(&self, key: &CacheKey, id: u64) {
        let mut table = self.table(key);
        let Some(resident) = table.residents.get(key) else { return };
        let left: Variants = resident.variants.iter().filter(|entry| entry.id != id).cloned().collect();
        if left.is_empty() && resident.pins == 0 {
            table.remove(key);
        } else {
            table.insert(key, left, Pin::No);
        }
    }

    /// The index has done one of the writes for which `key` was pinned.
    pub(crate) fn unpin(&self, key: &CacheKey) {
        let mut table = self.table(key);
        let Some(resident) = table.residents.get_mut(key) else { return };
        resident.pins = resident.pins.saturating_sub(1);
        if resident.pins == 0 && resident.variants.is_empty() {
            table.remove(key);
        }
        table.shrink(self.limit);
    }

    /// The shard of that key.
    fn table(&self, key: &CacheKey) -> MutexGuard<'_, Table> {
        let shards = u64::try_from(self.shards.len()).unwrap_or(1);
        let at = usize::try_from(self.hasher.hash_one(key) % shards).unwrap_or_default();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn insert(&mut self, key: &CacheKey, variants: Variants, pin: Pin) {
        let entries = variants.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.memory()));
        let bytes = entries.saturating_add(OVERHEAD);
        let new_pin = u32::from(pin == Pin::Yes);
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(resident) = self.residents.get_mut(key) {
            self.bytes = self.bytes.saturating_sub(resident.bytes);
            resident.pins = resident.pins.saturating_add(new_pin);
            (resident.variants, resident.bytes) = (variants, bytes);
            return;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.residents.insert(key.clone(), Resident { variants, number, bytes, pins: new_pin });
        self.queue.push_back((number, key.clone()));
    }

    fn remove(&mut self, key: &CacheKey) {
        if let Some(resident) = self.residents.remove(key) {
            self.bytes = self.bytes.saturating_sub(resident.bytes);
        }
        if self.queue.len() > 2 * self.residents.len() + SLACK {
            let residents = &self.residents;
            self.queue.retain(|(number, key)| residents.get(key).is_some_and(|r| r.number == *number));
        }
    }

    /// Evicts until no more than `limit` bytes are taken, or all that is left is pinned.
    fn shrink(&mut self, limit: u64) {
        // Twice: the first look may only take away the marks of use.
        let mut looks = 2 * self.queue.len();
        while self.bytes > limit && looks > 0 {
            looks -= 1;
            let Some((number, key)) = self.queue.pop_front() else { return };
            match self.residents.get(&key) {
                Some(resident) if resident.number == number => {
                    // All of them are to lose their mark, so no short cut at the first that has one.
                    let used = resident.variants.iter().filter(|entry| entry.take_used()).count();
                    if used > 0 || resident.pins > 0 {
                        self.queue.push_back((number, key));
                    } else {
                        self.remove(&key);
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
