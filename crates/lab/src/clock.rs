//! Wall time that goes with tokio's clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Where every [`Clock`] starts: 2026-01-01T00:00:00Z, a Thursday, in seconds since 1970.
pub const BASE_SECONDS: u64 = 1_767_225_600;

/// Wall time in a test: [`BASE_SECONDS`] plus what tokio's clock has gone on since.
///
/// In a `#[tokio::test(start_paused = true)]` time stands still while anything can run, and jumps to
/// the next timer when nothing can: so it is exact, and takes no time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that shows [`BASE_SECONDS`] now.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a clock that starts now is no neutral value")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }

    /// What a clock on the wall would show.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(BASE_SECONDS) + self.started.elapsed()
    }

    /// Lets time go on by `by`, and whatever is due in it happen at its own time.
    ///
    /// This sleeps instead of calling [`tokio::time::advance`], which jumps to the end at once: a
    /// timer that starts another one would then run late.
    pub async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_goes_with_the_paused_clock() {
        let clock = Clock::new();
        let start = clock.now();
        assert_eq!(start, SystemTime::UNIX_EPOCH + Duration::from_secs(BASE_SECONDS));
        clock.advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), start + Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn timers_in_between_fire_at_their_own_time() {
        let clock = Clock::new();
        let ticks = tokio::spawn(async move {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            clock.now()
        });
        let start = clock.now();
        clock.advance(Duration::from_secs(10)).await;
        assert_eq!(ticks.await.unwrap(), start + Duration::from_secs(3));
    }
}
