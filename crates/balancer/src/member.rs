//! A replica in the set, and what is counted of it on clients' way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::gate::{Gate, Room};
use crate::replica::Replica;

/// How much of a latency's average one more measurement is: an eighth, as in RFC 6298 §2.
const LATENCY_PART: u64 = 8;

/// A replica in the set. It is another one, of another id, if it leaves and comes back.
#[derive(Clone, Debug)]
pub struct Member {
    /// What tells it from all others that there have been; earlier ones have smaller ids.
    pub id: u64,
    /// What is known of it.
    pub replica: Replica,
    /// What is counted of it, also while what is known of it changes.
    pub tally: Arc<Tally>,
    /// Who is let to it, where exchanges go through here.
    pub gate: Arc<Gate>,
}

/// What is counted on clients' way. Nothing else is ordered by these counts.
#[derive(Debug, Default)]
pub struct Tally {
    sent: AtomicU64,
    /// Clients of late: halved once per interval.
    recent: AtomicU64,
    in_flight: AtomicU32,
    failed: AtomicU64,
    /// Failures in a row.
    streak: AtomicU32,
    /// In microseconds, averaged; 0 while nothing is known.
    latency: AtomicU64,
    /// Something has failed that it is to be tested for.
    doubt: Notify,
}

impl Member {
    /// A member that nobody has been sent to, with so much room.
    #[must_use]
    pub fn new(id: u64, replica: Replica, room: Room) -> Self {
        Self { id, replica, tally: Arc::default(), gate: Arc::new(Gate::new(room)) }
    }
}

impl Tally {
    /// One more client.
    pub fn send(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.recent.fetch_add(1, Ordering::Relaxed);
    }

    /// How many clients were sent to it.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many clients were sent to it of late.
    #[must_use]
    pub fn recent(&self) -> u64 {
        self.recent.load(Ordering::Relaxed)
    }

    /// What is long ago counts less.
    pub fn age(&self) {
        let _ = self.recent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |recent| Some(recent / 2));
    }

    /// How many exchanges with it are going on.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// An exchange begins; it ends when what is returned is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// How many exchanges with it have failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// An exchange has failed; how many in a row. Whoever waits for [doubts](Self::doubted) hears of it.
    pub fn fail(&self) -> u32 {
        self.doubt.notify_one();
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.streak.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Ready when an exchange fails, or one has since this was ready last.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// It took so long until an answer began; or longer, if nobody waited for it any more.
    pub fn note_latency(&self, latency: Duration) {
        let sample = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).clamp(1, 1 << 40);
        let average = |before: u64| match before {
            0 => sample,
            before => (before * (LATENCY_PART - 1) + sample) / LATENCY_PART,
        };
        let _ =
            self.latency.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| Some(average(before)));
    }

    /// How long it takes until an answer begins, on average, in microseconds; 0 while nothing is known.
    #[must_use]
    pub fn latency_micros(&self) -> u64 {
        self.latency.load(Ordering::Relaxed)
    }

    /// It has answered, or passed a test: what failed before is forgiven.
    pub fn forgive(&self) {
        self.streak.store(0, Ordering::Relaxed);
    }
}

/// An exchange that is going on.
#[derive(Debug)]
pub struct InFlight(Arc<Tally>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_counted_while_they_go_on_and_failures_until_one_succeeds() {
        let tally = Arc::new(Tally::default());
        let (one, two) = (tally.begin(), tally.begin());
        assert_eq!(tally.in_flight(), 2);
        drop((one, two));
        assert_eq!(tally.in_flight(), 0);
        assert_eq!((tally.fail(), tally.fail()), (1, 2));
        tally.forgive();
        tally.note_latency(Duration::from_millis(8));
        assert_eq!((tally.fail(), tally.failed(), tally.latency_micros()), (1, 3, 8000));
        tally.note_latency(Duration::from_millis(16));
        assert_eq!(tally.latency_micros(), 9000);
    }

    #[test]
    fn clients_of_late_fade() {
        let tally = Tally::default();
        (0..9).for_each(|_| tally.send());
        tally.age();
        assert_eq!((tally.sent(), tally.recent()), (9, 4));
    }
}
