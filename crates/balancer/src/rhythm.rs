//! When each replica is tested. Pure.

use std::time::Duration;

use crate::policy::{mix, unit};

/// A test is late by up to this part of the interval, so that several balancers do not test in step.
const JITTER: f64 = 0.1;

/// The times at which one of several replicas is tested: spread over the interval, so that they do not
/// time each other, and jittered. Each is counted from the same start, so that nothing drifts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    interval: Duration,
    phase: Duration,
    seed: u64,
}

impl Rhythm {
    /// Of the replica at `index` out of `count`.
    pub(crate) fn new(interval: Duration, index: usize, count: usize, seed: u64) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let place = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let phase = (interval / count).saturating_mul(place);
        Self { interval, phase, seed: mix(seed ^ mix(u64::from(place))) }
    }

    /// When its test of `round` is due, after the start.
    pub(crate) fn due(&self, round: u32) -> Duration {
        let random = unit(mix(self.seed.wrapping_add(u64::from(round))));
        let jitter = self.interval.mul_f64(JITTER * random);
        self.interval.saturating_mul(round).saturating_add(self.phase).saturating_add(jitter)
    }

    /// The round after `round` whose time has not passed when `elapsed` has since the start: a test that
    /// took long makes others fall out, and never makes them follow each other without a pause.
    pub(crate) fn next_round(&self, round: u32, elapsed: Duration) -> u32 {
        let mut next = round.saturating_add(1);
        while self.due(next) < elapsed && next < u32::MAX {
            next += 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    #[test]
    fn tests_are_spread_over_the_interval_and_late_by_a_tenth_at_most() {
        for index in 0..4 {
            let rhythm = Rhythm::new(INTERVAL, index, 4, 42);
            for round in 0..100 {
                let slot = INTERVAL * round + INTERVAL * u32::try_from(index + 1).unwrap() / 4;
                let late = rhythm.due(round).checked_sub(slot).unwrap();
                assert!(late <= INTERVAL.mul_f64(JITTER), "{late:?}");
            }
        }
    }

    #[test]
    fn jitter_is_the_same_for_a_seed_and_another_for_another() {
        let due = |seed, round| Rhythm::new(INTERVAL, 1, 3, seed).due(round);
        assert_eq!(due(1, 7), due(1, 7));
        assert_ne!(due(1, 7), due(2, 7));
        assert_ne!(due(1, 7) + INTERVAL, due(1, 8));
    }

    #[test]
    fn a_long_test_makes_rounds_fall_out() {
        let rhythm = Rhythm::new(INTERVAL, 0, 1, 0);
        assert_eq!(rhythm.next_round(0, rhythm.due(0)), 1);
        let next = rhythm.next_round(0, Duration::from_secs(23));
        assert!(
            rhythm.due(next) >= Duration::from_secs(23) && rhythm.due(next - 1) < Duration::from_secs(23)
        );
    }
}
