//! How fast a replica is believed to be. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// What is believed of a replica's time is the median of this many tests: it forgets a spike.
pub const SAMPLES_MAX: usize = 5;

/// A time that is more than this many times the median, or less than the median divided by it, is a
/// surprise.
pub const SURPRISE: u32 = 2;

/// Per test, the weight moves by this part of its way to where the median says. Shares that jumped
/// there would move the load, which moves the times: without damping the replicas take turns at
/// being the slow one.
const DAMPING: f64 = 0.5;

/// The shortest time that is told apart from nothing.
const TIME_MIN: Duration = Duration::from_micros(1);

/// A whole, correct transfer of the probed file, or of the range of it that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From the request to the head of the response.
    pub first_byte: Duration,
    /// From the request to the last byte.
    pub took: Duration,
    /// How much content was transferred, in bytes.
    pub bytes: u64,
    /// Length of the whole file in bytes.
    pub length: u64,
}

/// The middle of several times, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The one in the middle.
    pub median: Duration,
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

/// A replica's last tests, and the rate that follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Oldest first; at most [`SAMPLES_MAX`].
    samples: VecDeque<Sample>,
    /// How many bytes times are compared for; `None`: as they are.
    size: Option<u64>,
    /// Transfers per second, damped; 0 while nothing has been measured.
    rate: f64,
}

impl Sample {
    /// How long a transfer of `size` bytes takes if it goes on as this one did: the wait for the first byte
    /// is the same, the rest in proportion. `None`: the time as it is.
    #[must_use]
    pub fn time_of(&self, size: Option<u64>) -> Duration {
        match size {
            Some(size) if size != self.bytes && self.bytes > 0 => {
                self.first_byte.saturating_add(scaled(self.transfer(), size, self.bytes))
            }
            _ => self.took,
        }
    }

    /// From the head of the response to the last byte.
    #[must_use]
    pub fn transfer(&self) -> Duration {
        self.took.saturating_sub(self.first_byte)
    }
}

impl Score {
    /// Nothing is known; times are to be compared for `size` bytes.
    #[must_use]
    pub fn new(size: Option<u64>) -> Self {
        Self { samples: VecDeque::new(), size, rate: 0.0 }
    }

    /// One more, as could be expected: the rate goes half the way to what the median now says.
    pub fn add(&mut self, sample: Sample) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        let target = self.target();
        self.rate = if self.rate > 0.0 { self.rate + DAMPING * (target - self.rate) } else { target };
    }

    /// Forgets what was before, and believes these at once.
    pub fn take_over(&mut self, samples: &[Sample]) {
        self.samples = samples.iter().rev().take(SAMPLES_MAX).rev().copied().collect();
        self.rate = self.target();
    }

    /// Compares for another number of bytes from now on: the rate is what it was, by that measure.
    pub fn compare_for(&mut self, size: Option<u64>) {
        let before = self.target();
        self.size = size;
        if before > 0.0 {
            self.rate *= self.target() / before;
        }
    }

    /// The median time of the last tests; `None` if there are none.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        self.spread(|sample| sample.time_of(self.size)).map(|spread| spread.median)
    }

    /// How times `of` the last tests lie; `None` if there are none.
    #[must_use]
    pub fn spread(&self, of: impl Fn(&Sample) -> Duration) -> Option<Spread> {
        let times = || self.samples.iter().map(&of);
        let (least, most) = (times().min()?, times().max()?);
        Some(Spread { median: median(times())?, least, most })
    }

    /// Bytes per second of the transfer itself, without the wait for the first byte: the median; `None` if
    /// there was nothing to transfer.
    #[must_use]
    pub fn throughput(&self) -> Option<f64> {
        let per_byte = |sample: &Sample| {
            let nanos = sample.transfer().as_nanos().max(1) / u128::from(sample.bytes.max(1));
            Duration::from_nanos(u64::try_from(nanos.max(1)).unwrap_or(u64::MAX))
        };
        let loaded = self.samples.iter().filter(|sample| sample.bytes > 0);
        median(loaded.map(per_byte)).map(|time| 1.0 / time.as_secs_f64())
    }

    /// The last test.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// The last tests, oldest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
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

fn scaled(time: Duration, by: u64, per: u64) -> Duration {
    let nanos = time.as_nanos().saturating_mul(u128::from(by)) / u128::from(per.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn took(millis: u64) -> Sample {
        Sample { first_byte: Duration::ZERO, took: ms(millis), bytes: 100, length: 100 }
    }

    fn score() -> Score {
        Score::new(Some(100))
    }

    #[test]
    fn the_median_of_the_last_five_forgets_a_spike() {
        let mut score = score();
        assert_eq!((score.median(), score.rate()), (None, 0.0));
        for millis in [900, 10, 11, 12, 500, 13] {
            score.add(took(millis));
        }
        assert_eq!(score.median(), Some(ms(12)));
        assert_eq!(median([ms(1), ms(2)].into_iter()), Some(ms(2)));
        let spread = score.spread(Sample::transfer).unwrap();
        assert_eq!((spread.least, spread.median, spread.most), (ms(10), ms(12), ms(500)));
    }

    #[test]
    fn the_first_time_is_believed_at_once_and_later_ones_by_half() {
        let mut score = score();
        score.add(took(100));
        assert!((score.rate() - 10.0).abs() < 1e-9);
        score.add(took(200)); // the median of two is the slower: 5 per second
        assert!((score.rate() - 7.5).abs() < 1e-9);
        score.add(took(200));
        assert!((score.rate() - 6.25).abs() < 1e-9);
    }

    #[test]
    fn a_confirmed_surprise_takes_over_at_once() {
        let mut score = score();
        for _ in 0..SAMPLES_MAX {
            score.add(took(100));
        }
        score.take_over(&[took(400), took(420), took(380)]);
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
    fn times_of_ranges_are_compared_for_one_size() {
        let sample = Sample { first_byte: ms(20), took: ms(60), bytes: 100, length: 1000 };
        for (size, time) in [(Some(200), 100), (Some(100), 60), (Some(50), 40), (Some(0), 20), (None, 60)] {
            assert_eq!(sample.time_of(size), ms(time), "{size:?}");
        }
        let empty = Sample { bytes: 0, ..sample };
        assert_eq!(empty.time_of(Some(200)), ms(60), "nothing was transferred that could be scaled");
    }

    #[test]
    fn another_size_changes_the_measure_and_not_what_is_believed() {
        let mut score = score();
        score.add(took(100));
        score.add(took(200)); // 7.5, half the way to 5
        score.compare_for(Some(200));
        assert_eq!(score.median(), Some(ms(400)));
        assert!((score.rate() - 3.75).abs() < 1e-9);
    }

    #[test]
    fn throughput_leaves_out_the_wait_for_the_first_byte() {
        let mut score = score();
        assert_eq!(score.throughput(), None);
        score.add(Sample { first_byte: ms(900), took: ms(1000), bytes: 1_000_000, length: 1_000_000 });
        assert!((score.throughput().unwrap() - 1e7).abs() < 1.0);
    }

    #[test]
    fn a_time_of_nothing_has_a_rate_that_can_be_shared_out() {
        let mut score = score();
        score.add(took(0));
        assert!(score.rate().is_finite());
    }
}
