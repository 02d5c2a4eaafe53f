//! What clients were refused, counted and now and then told.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Of each kind, at most one line is logged in so long.
const LOG_GAP: Duration = Duration::from_secs(10);

/// What a client was refused because of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A connection: it has as many as it may. Answered 503, or closed without a word.
    Connection,
    /// A request: it asks too often. Answered 429.
    Request,
    /// The rest of an exchange: it is too slow in taking the response, or in sending its content.
    Slowness,
}

/// How often what was refused, since the start.
#[derive(Debug, Default)]
pub struct Refusals {
    connections: Tally,
    requests: Tally,
    slowness: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    count: AtomicU64,
    /// When a line was last logged, and how many there had been by then.
    logged: Mutex<Option<(Instant, u64)>>,
}

impl Refusals {
    /// How often this was refused.
    #[must_use]
    pub fn count(&self, refusal: Refusal) -> u64 {
        self.tally(refusal).count.load(Ordering::Relaxed)
    }

    /// Counts one, and logs it if none was logged lately.
    pub(super) fn note(&self, refusal: Refusal, client: SocketAddr) {
        let Some(new) = self.tally(refusal).add(Instant::now()) else { return };
        let what = match refusal {
            Refusal::Connection => "a client has too many connections",
            Refusal::Request => "a client asks too often",
            Refusal::Slowness => "a client is too slow and was cut off",
        };
        tracing::warn!(client = %client.ip(), "{what}; {new} such since this was last told");
    }

    fn tally(&self, refusal: Refusal) -> &Tally {
        match refusal {
            Refusal::Connection => &self.connections,
            Refusal::Request => &self.requests,
            Refusal::Slowness => &self.slowness,
        }
    }
}

impl Tally {
    /// Counts one at `now`; how many there are to tell of, if it is time to tell.
    fn add(&self, now: Instant) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // Whoever has the lock is telling already.
        let mut logged = self.logged.try_lock().ok()?;
        let told = match *logged {
            Some((last, _)) if now.saturating_duration_since(last) < LOG_GAP => return None,
            Some((_, told)) => told,
            None => 0,
        };
        *logged = Some((now, count));
        Some(count.saturating_sub(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_and_one_line_in_ten_seconds_tells_of_all() {
        let (tally, begin) = (Tally::default(), Instant::now());
        let at = |seconds| tally.add(begin + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(0), at(9), at(10), at(11), at(60)],
            [Some(1), None, None, Some(3), None, Some(2)]
        );
        assert_eq!(tally.count.load(Ordering::Relaxed), 6);
    }
}
