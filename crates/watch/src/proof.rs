//! What a look at a file proves, and for how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// How long a proof holds at most, however calm it is: the latest moment at which a change is seen that the
/// kernel doesn't tell of.
pub const PROOF_AGE_MAX: Duration = Duration::from_millis(100);

/// A time in which nothing happened to what is watched. No two calms of one user have the same number, and none
/// has 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calm(pub(crate) u64);

/// In which calm a file was last looked at, and in which it was proved to be what its name leads to.
#[derive(Debug, Default)]
pub struct Proof {
    looked_in: AtomicU64,
    proved_in: AtomicU64,
    /// In which calm it turned out that it can't be proved.
    in_vain_in: AtomicU64,
    /// When it was last looked at, in milliseconds since 1970.
    looked_ms: AtomicU64,
}

impl Proof {
    /// Whether it needs no look for a request that was received at `now`, in this calm.
    #[must_use]
    pub fn holds(&self, calm: Calm, now: SystemTime) -> bool {
        let age_ms = milliseconds(now).abs_diff(self.looked_ms.load(Ordering::SeqCst));
        // The distance, not the order: the clock may be set back.
        self.proved_in.load(Ordering::SeqCst) == calm.0 && u128::from(age_ms) < PROOF_AGE_MAX.as_millis()
    }

    /// A look at `now` has shown the same version. `proves` is asked whether it is so after everything on the way to
    /// it is [watched](crate::Watch::covers): from the second time in a `calm` on, for those who ask next.
    pub fn seen(&self, calm: Option<Calm>, now: SystemTime, proves: impl FnOnce() -> bool) {
        if let Some(calm) = calm.filter(|calm| self.looked(*calm, now)) {
            if proves() { self.proved(calm) } else { self.in_vain(calm) }
        }
    }

    /// A look has shown the same version, in this calm. Whether it is worth while to prove it: if it was looked
    /// at in the same calm before. Where there is hardly any calm, proofs would only cost.
    fn looked(&self, calm: Calm, now: SystemTime) -> bool {
        self.looked_ms.store(milliseconds(now), Ordering::SeqCst);
        let again = self.looked_in.swap(calm.0, Ordering::SeqCst) == calm.0;
        let is_settled = |number: &AtomicU64| number.load(Ordering::SeqCst) == calm.0;
        again && !is_settled(&self.proved_in) && !is_settled(&self.in_vain_in)
    }

    /// A look has shown the same version, in this calm and after it was watched.
    fn proved(&self, calm: Calm) {
        self.proved_in.store(calm.0, Ordering::SeqCst);
    }

    /// It can't be watched: that is not tried again in this calm.
    fn in_vain(&self, calm: Calm) {
        self.in_vain_in.store(calm.0, Ordering::SeqCst);
    }
}

fn milliseconds(now: SystemTime) -> u64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).unwrap()
    }

    #[test]
    fn a_proof_holds_in_its_calm_and_not_for_long() {
        let (proof, calm) = (Proof::default(), Calm(2));
        assert!(!proof.looked(calm, at(5_000)), "the first look");
        assert!(proof.looked(calm, at(5_000)), "it is asked for again");
        assert!(!proof.holds(calm, at(5_000)), "a look alone proves nothing");
        proof.proved(calm);
        assert!(proof.holds(calm, at(5_099)));
        assert!(!proof.holds(calm, at(5_100)), "it is too old");
        assert!(!proof.holds(calm, at(1_000)), "the clock was set back");
        assert!(!proof.holds(Calm(4), at(5_001)), "something has happened");
    }

    #[test]
    fn what_was_seen_twice_in_a_calm_is_proved_once() {
        let (proof, calm, mut asked) = (Proof::default(), Calm(2), 0);
        for _ in 0..4 {
            proof.seen(Some(calm), at(5_000), || {
                asked += 1;
                true
            });
        }
        assert_eq!(asked, 1);
        assert!(proof.holds(calm, at(5_000)));
        proof.seen(None, at(5_000), || panic!("without calm nothing is proved"));
        let other = Proof::default();
        (0..4).for_each(|_| other.seen(Some(calm), at(5_000), || false));
        assert!(!other.holds(calm, at(5_000)));
    }

    #[test]
    fn a_proof_is_renewed_by_one_look() {
        let (proof, calm) = (Proof::default(), Calm(2));
        proof.looked(calm, at(0));
        proof.proved(calm);
        assert!(!proof.looked(calm, at(6_000)), "it is watched: nothing more is to be proved");
        assert!(proof.holds(calm, at(6_000)));
    }

    #[test]
    fn what_can_not_be_watched_is_tried_once_in_each_calm() {
        let proof = Proof::default();
        for calm in [Calm(2), Calm(4)] {
            proof.looked(calm, at(0));
            assert!(proof.looked(calm, at(0)));
            proof.in_vain(calm);
            assert!(!proof.looked(calm, at(0)) && !proof.holds(calm, at(0)));
        }
    }

    #[test]
    fn what_is_asked_for_once_in_each_calm_is_not_worth_a_proof() {
        let proof = Proof::default();
        assert!(!(1..9).any(|number| proof.looked(Calm(2 * number), at(0))));
    }
}
