//! Keyed digests of what is secret, to find and compare it by.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use blake2::Blake2sMac256;
use blake2::digest::{FixedOutput, KeyInit, Update};

/// A key of this process's own.
#[derive(Clone)]
pub(crate) struct Seal([u8; 32]);

/// The digest of something under a key. Who doesn't have the key learns nothing by how long it takes
/// to compare two.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sealed([u8; 32]);

impl Seal {
    /// A key that nobody knows.
    pub(crate) fn new() -> Self {
        // The system's randomness, as the standard library hands it out: a keyed function (SipHash) of
        // 128 random bits.
        let random = RandomState::new();
        let mut key = [0; 32];
        for (number, part) in key.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(&random.hash_one(number).to_ne_bytes());
        }
        Self(key)
    }

    /// The digest of several things, in this order.
    pub(crate) fn of(&self, things: &[&[u8]]) -> Sealed {
        let mut mac = Blake2sMac256::new(&self.0.into());
        for thing in things {
            // With its length, so that no two sets of things run into the same bytes.
            mac.update(&thing.len().to_ne_bytes());
            mac.update(thing);
        }
        Sealed(mac.finalize_fixed().into())
    }
}

impl Sealed {
    /// One of `count` places, always the same for the same thing; 0 if there are none.
    pub(crate) fn place(&self, count: usize) -> usize {
        let [a, b, c, d, ..] = self.0;
        let number = usize::try_from(u32::from_ne_bytes([a, b, c, d])).unwrap_or_default();
        number.checked_rem(count).unwrap_or_default()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_things_have_the_same_digest_under_one_key_only() {
        let (one, other) = (Seal::new(), Seal::new());
        assert_eq!(one.of(&[b"user", b"secret"]), one.of(&[b"user", b"secret"]));
        assert_ne!(one.of(&[b"user", b"secret"]), other.of(&[b"user", b"secret"]));
    }

    #[test]
    fn things_do_not_run_into_each_other() {
        let seal = Seal::new();
        let digests = [
            seal.of(&[b"ab", b"c"]),
            seal.of(&[b"a", b"bc"]),
            seal.of(&[b"abc", b""]),
            seal.of(&[b"", b"abc"]),
            seal.of(&[b"abc"]),
            seal.of(&[b"c", b"ab"]),
        ];
        for (number, digest) in digests.iter().enumerate() {
            assert_eq!(digests.iter().position(|other| other == digest), Some(number));
        }
    }

    #[test]
    fn a_place_is_one_of_those_there_are() {
        let seal = Seal::new();
        let places: Vec<usize> = (0..100_u8).map(|number| seal.of(&[&[number]]).place(3)).collect();
        assert!((0..3).all(|place| places.contains(&place)) && places.iter().all(|place| *place < 3));
        assert_eq!(seal.of(&[b"a"]).place(0), 0);
    }
}
