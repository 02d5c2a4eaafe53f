//! How fast several downloads may be together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How much may come at once after a pause, as time at full rate.
const BURST: Duration = Duration::from_millis(100);

/// A rate that all who share it keep to together.
#[derive(Debug)]
pub struct Throttle {
    bytes_per_second: u64,
    /// When what has been spent so far will have been earned.
    paid_until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// So many bytes a second; 0 counts as 1.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid_until: Mutex::new(None) }
    }

    /// Waits until `bytes` more may have come.
    pub(crate) async fn spend(&self, bytes: u64) {
        let nanos = u128::from(bytes).saturating_mul(1_000_000_000) / u128::from(self.bytes_per_second);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let until = {
            let now = Instant::now();
            let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            let until = paid_until.unwrap_or(now).max(earliest).checked_add(cost).unwrap_or(now);
            *paid_until = Some(until);
            until
        };
        sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_share_it_keep_the_rate_together() {
        let (throttle, begin) = (Throttle::new(1000), Instant::now());
        for _ in 0..10 {
            tokio::join!(throttle.spend(250), throttle.spend(250));
        }
        let millis = begin.elapsed().as_millis();
        assert!((4900..=5100).contains(&millis), "{millis}");
    }
}
