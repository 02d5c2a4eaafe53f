//! How fast something delivers.
//!
//! Pure: the time is an argument, counted from the beginning of the download.

use std::time::Duration;

/// Over how long bytes are counted before they say something.
const SAMPLE: Duration = Duration::from_millis(200);

/// How much the newest sample counts against all before it.
const WEIGHT: f64 = 0.4;

/// Bytes per second, smoothed.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    since: Duration,
    bytes: u64,
    rate: Option<f64>,
}

impl Meter {
    pub(crate) fn new(now: Duration) -> Self {
        Self { since: now, bytes: 0, rate: None }
    }

    /// So many bytes have come.
    pub(crate) fn count(&mut self, bytes: u64, now: Duration) {
        self.bytes = self.bytes.saturating_add(bytes);
        let elapsed = now.saturating_sub(self.since);
        if elapsed >= SAMPLE {
            let sample = per_second(self.bytes, elapsed);
            self.rate = Some(self.rate.map_or(sample, |rate| rate * (1.0 - WEIGHT) + sample * WEIGHT));
            self.bytes = 0;
            self.since = now;
        }
    }

    /// Bytes per second as of `now`: silence since the last sample makes it less. `None` until something
    /// can be said.
    pub(crate) fn rate(&self, now: Duration) -> Option<f64> {
        let elapsed = now.saturating_sub(self.since);
        if elapsed < SAMPLE * 2 {
            return self.rate;
        }
        let current = per_second(self.bytes, elapsed);
        Some(self.rate.map_or(current, |rate| rate.min(current)))
    }
}

fn per_second(bytes: u64, elapsed: Duration) -> f64 {
    as_float(bytes) / elapsed.as_secs_f64().max(0.001)
}

/// A number of bytes for calculating with rates, where the last bits don't matter.
#[expect(clippy::cast_precision_loss, reason = "estimates need no more than 52 bits")]
pub(crate) fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

/// A share of `bytes`; `share` is from 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a product of a positive number and one from 0 to 1 fits; the fraction of a byte doesn't matter"
)]
pub(crate) fn share_of(bytes: u64, share: f64) -> u64 {
    (as_float(bytes) * share.clamp(0.0, 1.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_is_known_after_a_sample_and_falls_with_silence() {
        let mut meter = Meter::new(ms(0));
        meter.count(1000, ms(100));
        assert_eq!(meter.rate(ms(100)), None);
        meter.count(1000, ms(200));
        assert_eq!(meter.rate(ms(200)), Some(10_000.0));
        for at in [400, 600, 800, 1000, 1200, 1400, 1600, 1800] {
            meter.count(4000, ms(at));
        }
        let rate = meter.rate(ms(1800)).unwrap();
        assert!((19_000.0..=20_000.0).contains(&rate), "{rate}");
        assert!(meter.rate(ms(11_800)).unwrap() < 1.0);
    }

    #[test]
    fn shares_never_exceed_the_whole() {
        assert_eq!((share_of(10, 0.5), share_of(10, 7.0), share_of(10, f64::NAN)), (5, 10, 0));
    }
}
