//! Keys that were asked for not long ago, and are not stored: what had to go before it was used twice, and what
//! was not admitted. Who comes back soon is worth storing.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::CacheKey;

/// How many are remembered.
const GHOSTS_MAX: usize = 1 << 17;

/// Their hashes: of two that are taken for one, the other comes into the main queue once, and no more.
#[derive(Debug, Default)]
pub(crate) struct Ghosts(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Ghosts {
    /// One had to go, or was not let in; whether it is remembered from before.
    pub(crate) fn note(&self, key: &CacheKey) -> bool {
        let (hash, mut ghosts) = (hash(key), self.remembered());
        if !ghosts.hashes.insert(hash) {
            return true;
        }
        ghosts.order.push_back(hash);
        if ghosts.order.len() > GHOSTS_MAX
            && let Some(oldest) = ghosts.order.pop_front()
        {
            ghosts.hashes.remove(&oldest);
        }
        false
    }

    /// Whether that one is remembered; it is forgotten with that.
    pub(crate) fn take(&self, key: &CacheKey) -> bool {
        self.remembered().hashes.remove(&hash(key))
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let ghosts = Ghosts::default();
        assert!((0..GHOSTS_MAX + 10).all(|number| !ghosts.note(&key(number))));
        assert!(ghosts.note(&key(GHOSTS_MAX)));
        let lengths = {
            let ghosts = ghosts.remembered();
            (ghosts.hashes.len(), ghosts.order.len())
        };
        assert_eq!(lengths, (GHOSTS_MAX, GHOSTS_MAX));
        assert!(!ghosts.take(&key(0)) && ghosts.take(&key(GHOSTS_MAX)) && !ghosts.take(&key(GHOSTS_MAX)));
    }
}
