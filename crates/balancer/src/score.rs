//! How fast a replica is believed to be. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// What is believed of a replica's time is the median of this many tests: it forgets a spike.
pub const TIMES_MAX: usize = 5;

/// A time that is more than this many times the median, or less than the median divided by it, is a
/// surprise.
pub const SURPRISE: u32 = 2;

/// Per test, the weight moves by this part of its way to where the median says. Shares that jumped
/// there would move the load, which moves the times: without damping the replicas take turns at
/// being the slow one.
const DAMPING: f64 = 0.5;

/// The shortest time that is told apart from nothing.
const TIME_MIN: Duration = Duration::from_micros(1);

/// A whole, correct transfer of the probed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From the request to the last byte.
    pub took: Duration,
    /// Length of the content in bytes.
    pub length: u64,
}

/// The times of a replica's last tests, and the rate that follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Oldest first; at most [`TIMES_MAX`].
    times: VecDeque<Duration>,
    /// Transfers per second, damped; 0 while nothing has been measured.
    rate: f64,
}

impl Score {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more time, as could be expected: the rate goes half the way to what the median now says.
    pub fn add(&mut self, took: Duration) {
        if self.times.len() == TIMES_MAX {
            self.times.pop_front();
        }
        self.times.push_back(took);
        let target = self.target();
        self.rate = if self.rate > 0.0 { self.rate + DAMPING * (target - self.rate) } else { target };
    }

    /// Forgets the times before, and believes these at once.
    pub fn take_over(&mut self, times: &[Duration]) {
        self.times = times.iter().rev().take(TIMES_MAX).rev().copied().collect();
        self.rate = self.target();
    }

    /// The median of the last times; `None` if there are none.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        median(self.times.iter().copied())
    }

    /// Transfers per second, damped: what the replica's weight is in proportion to. 0 if unknown.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    fn target(&self) -> f64 {
        self.median().map_or(0.0, |median| 1.0 / median.max(TIME_MIN).as_secs_f64())
    }
}

/// Whether `took` is not what was to be expected after `usual`.
#[must_use]
pub fn is_surprise(took: Duration, usual: Duration) -> bool {
    took > usual.saturating_mul(SURPRISE) || took.saturating_mul(SURPRISE) < usual
}

/// The middle one of `times`, the slower of two in the middle; `None` if there are none.
pub fn median(times: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut sorted: Vec<_> = times.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_median_of_the_last_five_forgets_a_spike() {
        let mut score = Score::new();
        assert_eq!((score.median(), score.rate()), (None, 0.0));
        for took in [900, 10, 11, 12, 500, 13] {
            score.add(ms(took));
        }
        assert_eq!(score.median(), Some(ms(12)));
        assert_eq!(median([ms(1), ms(2)].into_iter()), Some(ms(2)));
    }

    #[test]
    fn the_first_time_is_believed_at_once_and_later_ones_by_half() {
        let mut score = Score::new();
        score.add(ms(100));
        assert!((score.rate() - 10.0).abs() < 1e-9);
        score.add(ms(200)); // the median of two is the slower: 5 per second
        assert!((score.rate() - 7.5).abs() < 1e-9);
        score.add(ms(200));
        assert!((score.rate() - 6.25).abs() < 1e-9);
    }

    #[test]
    fn a_confirmed_surprise_takes_over_at_once() {
        let mut score = Score::new();
        for _ in 0..TIMES_MAX {
            score.add(ms(100));
        }
        score.take_over(&[ms(400), ms(420), ms(380)]);
        assert_eq!(score.median(), Some(ms(400)));
        assert!((score.rate() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_surprise_is_more_than_double_or_less_than_half() {
        for (took, surprise) in [(49, true), (50, false), (100, false), (200, false), (201, true)] {
            assert_eq!(is_surprise(ms(took), ms(100)), surprise, "{took}");
        }
    }

    #[test]
    fn a_time_of_nothing_has_a_rate_that_can_be_shared_out() {
        let mut score = Score::new();
        score.add(Duration::ZERO);
        assert!(score.rate().is_finite());
    }
}
