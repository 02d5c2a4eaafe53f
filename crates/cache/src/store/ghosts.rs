//! Keys that had to go before they were used twice: who comes back soon was thrown out too early.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::key::CacheKey;

/// How many are remembered.
const GHOSTS_MAX: usize = 1 << 17;

/// Their hashes: of two that are taken for one, the other comes into the main queue once, and no more.
#[derive(Debug, Default)]
pub(crate) struct Ghosts {
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Ghosts {
    /// One had to go.
    pub(crate) fn note(&mut self, key: &CacheKey) {
        let hash = hash(key);
        if self.hashes.insert(hash) {
            self.order.push_back(hash);
        }
        if self.order.len() > GHOSTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }

    /// Whether that one had to go; it is forgotten with that.
    pub(crate) fn take(&mut self, key: &CacheKey) -> bool {
        self.hashes.remove(&hash(key))
    }
}

fn hash(key: &CacheKey) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> CacheKey {
        CacheKey::parse(&format!("http://a/{number}")).unwrap()
    }

    #[test]
    fn who_went_last_is_remembered_once() {
        let mut ghosts = Ghosts::default();
        (0..GHOSTS_MAX + 10).for_each(|number| ghosts.note(&key(number)));
        assert_eq!((ghosts.hashes.len(), ghosts.order.len()), (GHOSTS_MAX, GHOSTS_MAX));
        assert!(!ghosts.take(&key(0)) && ghosts.take(&key(GHOSTS_MAX)) && !ghosts.take(&key(GHOSTS_MAX)));
    }
}
