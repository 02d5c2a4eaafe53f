//! How much a test transfers. Pure.

use std::time::Duration;

use crate::score::median;

/// The least that an adaptive test asks for, in bytes: what is shorter tells of the round trip only.
pub const PROBE_BYTES_MIN: u64 = 16 << 10;

/// What an adaptive test asks for at first, in bytes.
pub const PROBE_BYTES_START: u64 = 128 << 10;

/// The most that an adaptive test asks for, in bytes.
pub const PROBE_BYTES_ADAPTIVE_MAX: u64 = 4 << 20;

/// The largest part of the slowest link that tests of one balancer take up, unless told otherwise.
pub const LINK_SHARE_DEFAULT: f64 = 0.01;

/// A transfer that ends sooner is mostly noise.
const TRANSFER_MIN: Duration = Duration::from_millis(100);

/// A transfer that lasts longer tells nothing more.
const TRANSFER_MAX: Duration = Duration::from_millis(300);

/// How much of the probed file a test transfers; the same from every replica at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ProbeSize {
    /// All of it.
    Whole,
    /// Its first bytes, this many.
    First(u64),
    /// So many of its first bytes that the transfer lasts 100 to 300 ms with most replicas, and that tests
    /// take up at most this part of the slowest link: 0 to 1.
    Adaptive {
        /// See there.
        link_share: f64,
    },
}

/// What is known of one replica's transfers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// How long the transfer of the present size takes, without the wait for the first byte.
    pub transfer: Duration,
    /// Bytes per second.
    pub throughput: f64,
}

impl Default for ProbeSize {
    fn default() -> Self {
        Self::Adaptive { link_share: LINK_SHARE_DEFAULT }
    }
}

impl ProbeSize {
    /// What the first tests ask for, in bytes; `None`: for everything.
    #[must_use]
    pub fn start(self) -> Option<u64> {
        match self {
            Self::Whole => None,
            Self::First(bytes) => Some(bytes),
            Self::Adaptive { .. } => Some(PROBE_BYTES_START),
        }
    }

    /// What tests ask for after those with `size`, once per `interval`, of replicas of these paces.
    #[must_use]
    pub fn next(self, size: Option<u64>, interval: Duration, paces: &[Pace]) -> Option<u64> {
        let (Self::Adaptive { link_share }, Some(size)) = (self, size) else { return size };
        let Some(typical) = median(paces.iter().map(|pace| pace.transfer)) else { return Some(size) };
        let wanted = if typical < TRANSFER_MIN {
            size.saturating_mul(2)
        } else if typical > TRANSFER_MAX {
            size / 2
        } else {
            size
        };
        let slowest = paces.iter().map(|pace| pace.throughput).fold(f64::INFINITY, f64::min);
        let budget = whole_bytes(slowest * interval.as_secs_f64() * link_share);
        Some(wanted.min(budget).clamp(PROBE_BYTES_MIN, PROBE_BYTES_ADAPTIVE_MAX))
    }
}

/// A power of two that is not more than `bytes`: a budget that wavers by a little does not change the size.
fn whole_bytes(bytes: f64) -> u64 {
    let mut whole = PROBE_BYTES_MIN;
    while whole < PROBE_BYTES_ADAPTIVE_MAX && 2.0 * as_f64(whole) <= bytes {
        whole *= 2;
    }
    whole
}

fn as_f64(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    fn pace(millis: u64, throughput: f64) -> Pace {
        Pace { transfer: Duration::from_millis(millis), throughput }
    }

    fn next(size: u64, paces: &[Pace]) -> u64 {
        ProbeSize::Adaptive { link_share: 1.0 }.next(Some(size), INTERVAL, paces).unwrap()
    }

    #[test]
    fn a_transfer_is_to_last_100_to_300_ms_with_most() {
        let fast = 1e9;
        for (paces, expected) in [
            (&[pace(99, fast)][..], 256 << 10),
            (&[pace(100, fast)], 128 << 10),
            (&[pace(300, fast)], 128 << 10),
            (&[pace(301, fast)], 64 << 10),
            (&[pace(10, fast), pace(150, fast), pace(900, fast)], 128 << 10),
            (&[], 128 << 10),
        ] {
            assert_eq!(next(128 << 10, paces), expected, "{paces:?}");
        }
        assert_eq!(next(PROBE_BYTES_ADAPTIVE_MAX, &[pace(1, 1e10)]), PROBE_BYTES_ADAPTIVE_MAX);
        assert_eq!(next(PROBE_BYTES_MIN, &[pace(900, 1e10)]), PROBE_BYTES_MIN);
    }

    #[test]
    fn tests_take_up_no_more_than_their_part_of_the_slowest_link() {
        let size = ProbeSize::default();
        // 1 % of 5 s at 20 MB/s is a megabyte.
        let paces = [pace(1, 1e9), pace(50, 2e7)];
        assert_eq!(size.next(Some(4 << 20), INTERVAL, &paces), Some(512 << 10));
        assert_eq!(size.next(Some(128 << 10), INTERVAL, &[pace(900, 1e4)]), Some(PROBE_BYTES_MIN));
    }

    #[test]
    fn a_size_that_is_given_stays() {
        for size in [ProbeSize::Whole, ProbeSize::First(77)] {
            assert_eq!(size.next(size.start(), INTERVAL, &[pace(1, 1e9)]), size.start());
        }
        assert_eq!(ProbeSize::default().start(), Some(PROBE_BYTES_START));
    }
}
