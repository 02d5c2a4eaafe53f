//! Which replica has which file, as far as it is known. Pure: time is an argument.
//!
//! A table of fixed size, which requests read without a lock: each path has four places, and where all are taken
//! the oldest goes.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;

/// How many places a path has.
const WAYS: usize = 4;

/// What a replica has at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Has {
    /// The file, as far as one can tell.
    It(Facts),
    /// Nothing.
    Nothing,
    /// Something else than the reference server has.
    Another(Facts),
    /// It did not say.
    Unclear,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Length in bytes.
    pub(crate) length: Option<u64>,
    /// SHA-256.
    pub(crate) digest: Option<[u8; 32]>,
}

/// What one replica has, and when it said so.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: u64,
    has: Has,
    at: SystemTime,
}

/// What is known of one path.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    path: Arc<str>,
    /// By id.
    known: Vec<Known>,
    /// What the reference server has, and when it said so.
    reference: Option<(Facts, SystemTime)>,
    made: SystemTime,
    /// Whether somebody is known not to have it.
    incomplete: bool,
}

/// What is known of paths.
#[derive(Debug)]
pub(crate) struct Holdings {
    table: Box<[ArcSwapOption<Holding>]>,
    hasher: RandomState,
    /// How long an answer counts.
    ttl: Duration,
}

impl Facts {
    /// Whether both can be of the same file.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let lengths = self.length.zip(other.length).is_none_or(|(one, other)| one == other);
        lengths && self.digest.zip(other.digest).is_none_or(|(one, other)| one == other)
    }
}

impl Holding {
    fn new(path: &str, now: SystemTime) -> Self {
        Self { path: path.into(), known: Vec::new(), reference: None, made: now, incomplete: false }
    }

    /// What the replica of that id has, if it has said so within `ttl`.
    pub(crate) fn of(&self, id: u64, now: SystemTime, ttl: Duration) -> Option<Has> {
        let known = self.known.binary_search_by_key(&id, |known| known.id).ok()?;
        self.known.get(known).filter(|known| is_fresh(known.at, now, ttl)).map(|known| known.has)
    }

    /// Whether anybody is known not to have it, or to have something else.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// What the reference server has, if it has said so within `ttl`.
    pub(crate) fn reference(&self, now: SystemTime, ttl: Duration) -> Option<Facts> {
        self.reference.filter(|(_, at)| is_fresh(*at, now, ttl)).map(|(facts, _)| facts)
    }

    fn note(&mut self, id: u64, has: Has, at: SystemTime) {
        let known = Known { id, has, at };
        match self.known.binary_search_by_key(&id, |known| known.id) {
            Ok(place) => self.known.splice(place..=place, [known]).for_each(drop),
            Err(place) => self.known.insert(place, known),
        }
        let lacks = |known: &Known| matches!(known.has, Has::Nothing | Has::Another(_));
        self.incomplete = self.known.iter().any(lacks);
    }
}

impl Holdings {
    /// Room for about so many paths, whose answers count for `ttl`.
    pub(crate) fn new(paths: usize, ttl: Duration) -> Self {
        let places = paths.max(1).next_multiple_of(WAYS);
        Self { table: (0..places).map(|_| ArcSwapOption::empty()).collect(), hasher: RandomState::new(), ttl }
    }

    /// How long an answer counts.
    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// What is known of `path`.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Holding>> {
        self.places(path).iter().find_map(|place| {
            let held = place.load();
            held.as_ref().filter(|holding| *holding.path == *path).cloned()
        })
    }

    /// Takes it that somebody asks about `path`; whether nobody has before.
    pub(crate) fn begin(&self, path: &str, now: SystemTime) -> bool {
        if self.get(path).is_some() {
            return false;
        }
        if let Some(place) = self.place_for(path) {
            place.store(Some(Arc::new(Holding::new(path, now))));
        }
        true
    }

    /// Notes what the replica of that id has.
    pub(crate) fn note(&self, path: &str, id: u64, has: Has, now: SystemTime) {
        self.change(path, now, |holding| holding.note(id, has, now));
    }

    /// Notes what the reference server has.
    pub(crate) fn note_reference(&self, path: &str, facts: Facts, now: SystemTime) {
        self.change(path, now, |holding| holding.reference = Some((facts, now)));
    }

    /// Whoever writes at the same time may be lost: it is asked again then.
    fn change(&self, path: &str, now: SystemTime, change: impl FnOnce(&mut Holding)) {
        let mut holding =
            self.get(path).map_or_else(|| Holding::new(path, now), |held| Holding::clone(&held));
        change(&mut holding);
        if let Some(place) = self.place_for(path) {
            place.store(Some(Arc::new(holding)));
        }
    }

    /// Where `path` is, or may be: a free place, or that of the oldest.
    fn place_for(&self, path: &str) -> Option<&ArcSwapOption<Holding>> {
        let rank = |place: &&ArcSwapOption<Holding>| match &*place.load() {
            Some(held) if *held.path == *path => (0, SystemTime::UNIX_EPOCH),
            None => (1, SystemTime::UNIX_EPOCH),
            Some(held) => (2, held.made),
        };
        self.places(path).iter().min_by_key(rank)
    }

    fn places(&self, path: &str) -> &[ArcSwapOption<Holding>] {
        let sets = (self.table.len() / WAYS).max(1);
        let hash = self.hasher.hash_one(path);
        let set = usize::try_from(hash % u64::try_from(sets).unwrap_or(1)).unwrap_or_default();
        self.table.get(set * WAYS..(set + 1) * WAYS).unwrap_or_default()
    }
}

fn is_fresh(at: SystemTime, now: SystemTime, ttl: Duration) -> bool {
    // A clock that was set back must not make an answer count for ever.
    now.duration_since(at).map_or(true, |age| age < ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1000 + seconds)
    }

    fn file(length: u64) -> Has {
        Has::It(Facts { length: Some(length), digest: None })
    }

    #[test]
    fn what_was_said_counts_for_a_while() {
        let holdings = Holdings::new(100, TTL);
        assert!(holdings.get("/x").is_none());
        assert!(holdings.begin("/x", at(0)) && !holdings.begin("/x", at(0)));
        holdings.note("/x", 7, file(5), at(0));
        holdings.note("/x", 3, Has::Nothing, at(10));
        let holding = holdings.get("/x").unwrap();
        let has = |id, second| holding.of(id, at(second), TTL);
        assert_eq!((has(7, 59), has(7, 60)), (Some(file(5)), None));
        assert_eq!((has(3, 69), has(3, 70), has(4, 0)), (Some(Has::Nothing), None, None));
        assert!(holding.is_incomplete());
        holdings.note("/x", 3, file(5), at(20));
        assert!(!holdings.get("/x").unwrap().is_incomplete());
    }

    #[test]
    fn there_is_room_for_so_many_and_the_oldest_goes() {
        let holdings = Holdings::new(4, TTL);
        for (second, path) in ["/a", "/b", "/c", "/d", "/e"].into_iter().enumerate() {
            holdings.note(path, 1, Has::Nothing, at(u64::try_from(second).unwrap()));
        }
        assert!(holdings.get("/a").is_none());
        assert!(["/b", "/c", "/d", "/e"].iter().all(|path| holdings.get(path).is_some()));
    }

    #[test]
    fn facts_agree_as_far_as_both_are_known() {
        let facts = |length, digest| Facts { length, digest };
        let one = facts(Some(5), Some([1; 32]));
        assert!(one.agrees(&Facts::default()) && one.agrees(&facts(Some(5), None)));
        assert!(!one.agrees(&facts(Some(6), None)) && !one.agrees(&facts(Some(5), Some([2; 32]))));
        let holdings = Holdings::new(4, TTL);
        holdings.note_reference("/x", one, at(0));
        let holding = holdings.get("/x").unwrap();
        assert_eq!((holding.reference(at(1), TTL), holding.reference(at(60), TTL)), (Some(one), None));
    }
}
