//! How slow a peer may be.

use std::fmt;
use std::time::Duration;

/// What a peer has to do while it is waited for: to move at least so many bytes in each stretch of so
/// much waiting.
///
/// Only waiting for the peer counts: time in which there was nothing for it to move is not held
/// against it. One byte per stretch is a limit on silence; more is one on dripping as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    least: u64,
    stretch: Duration,
}

impl Pace {
    /// Anything at all in each `stretch`.
    #[must_use]
    pub const fn any(stretch: Duration) -> Self {
        Self { least: 1, stretch }
    }

    /// `bytes_per_second` on average over each `stretch`, and anything at all in any case.
    #[must_use]
    pub fn average(bytes_per_second: u64, stretch: Duration) -> Self {
        let millis = u64::try_from(stretch.as_millis()).unwrap_or(u64::MAX);
        let least = bytes_per_second.saturating_mul(millis) / 1000;
        Self { least: least.max(1), stretch }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least {
            1 => write!(f, "a byte in {:?}", self.stretch),
            least => write!(f, "{least} bytes in {:?}", self.stretch),
        }
    }
}

/// How one peer keeps its [`Pace`]: a stopwatch that runs only while the peer is waited for.
///
/// A peer that falls behind is found out after one stretch of waiting at the earliest and two at the
/// latest.
#[derive(Debug)]
pub struct Stopwatch {
    pace: Pace,
    /// Of the stretch that is running.
    waited: Duration,
    /// How many bytes the peer had moved when the stretch began.
    before: u64,
}

impl Stopwatch {
    /// A stopwatch that has not run yet.
    #[must_use]
    pub const fn new(pace: Pace) -> Self {
        Self { pace, waited: Duration::ZERO, before: 0 }
    }

    /// What the peer is held to.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The peer is about to be waited for. Begins a stretch, if none is running, with what the peer has
    /// `moved` since the connection began, which is asked for only then. Gives how long it may be waited for
    /// until the stretch is over.
    pub fn begin(&mut self, moved: impl FnOnce() -> u64) -> Duration {
        if self.waited.is_zero() {
            self.before = moved();
        }
        self.pace.stretch.saturating_sub(self.waited)
    }

    /// The peer was waited for, for so long.
    pub fn add(&mut self, waited: Duration) {
        self.waited = self.waited.saturating_add(waited);
    }

    /// Whether the peer, which has `moved` so many bytes since the connection began, keeps its pace.
    /// Ends a stretch that is over; one that is not is no evidence against anybody.
    pub fn is_kept(&mut self, moved: u64) -> bool {
        if self.waited < self.pace.stretch {
            return true;
        }
        self.waited = Duration::ZERO;
        moved.saturating_sub(self.before) >= self.pace.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_pace_is_an_average_and_never_nothing() {
        for (rate, stretch, least) in [
            (256, 60 * SECOND, 15_360),
            (1, SECOND / 2, 1),
            (0, SECOND, 1),
            (u64::MAX, 60 * SECOND, u64::MAX / 1000),
        ] {
            assert_eq!(Pace::average(rate, stretch), Pace { least, stretch }, "{rate}");
        }
        assert_eq!(Pace::average(0, SECOND), Pace::any(SECOND));
    }

    #[test]
    fn a_pace_says_what_it_asks_for() {
        assert_eq!(Pace::any(30 * SECOND).to_string(), "a byte in 30s");
        assert_eq!(Pace::average(256, 60 * SECOND).to_string(), "15360 bytes in 60s");
    }

    /// One drip per second; the second after which it was too slow.
    fn drips(watch: &mut Stopwatch, moved: &mut u64, bytes: u64, seconds: u64) -> Option<u64> {
        (1..=seconds).find(|_| {
            watch.begin(|| *moved);
            watch.add(SECOND);
            *moved += bytes;
            !watch.is_kept(*moved)
        })
    }

    #[test]
    fn who_drips_more_slowly_than_the_pace_is_found_out_when_the_stretch_is_over() {
        for (pace, bytes, found_out) in [
            (Pace::average(100, 10 * SECOND), 100, None),
            (Pace::average(100, 10 * SECOND), 99, Some(10)),
            (Pace::average(100, 10 * SECOND), 0, Some(10)),
            (Pace::any(10 * SECOND), 1, None),
            (Pace::any(10 * SECOND), 0, Some(10)),
        ] {
            let before = &mut 1_000_000;
            assert_eq!(drips(&mut Stopwatch::new(pace), before, bytes, 1000), found_out, "{pace}, {bytes}");
        }
    }

    #[test]
    fn who_stops_after_a_good_stretch_is_found_out_in_the_next() {
        let (mut watch, mut moved) = (Stopwatch::new(Pace::average(100, 10 * SECOND)), 0);
        assert_eq!(drips(&mut watch, &mut moved, 1000, 9), None);
        assert_eq!(drips(&mut watch, &mut moved, 0, 1000), Some(1 + 10));
    }

    #[test]
    fn only_waiting_counts() {
        let mut watch = Stopwatch::new(Pace::any(10 * SECOND));
        assert_eq!(watch.begin(|| 5), 10 * SECOND);
        watch.add(4 * SECOND);
        assert!(watch.is_kept(5), "the stretch is not over");
        assert_eq!(watch.begin(|| unreachable!("a stretch is running")), 6 * SECOND);
        watch.add(6 * SECOND);
        assert!(!watch.is_kept(5));
        assert_eq!(watch.begin(|| 5), 10 * SECOND, "the next begins");
    }
}
