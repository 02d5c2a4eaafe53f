//! How many exchanges a server has at a time, and how many clients wait for one of them to end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What there is room for at one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Exchanges at a time.
    pub exchanges: usize,
    /// Clients who wait for one of them to end.
    pub queue: usize,
}

/// Lets so many in as there is room for.
#[derive(Debug)]
pub struct Gate {
    inside: Arc<Semaphore>,
    queue: Semaphore,
}

/// A place inside, until it is dropped.
pub type Pass = OwnedSemaphorePermit;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// As many wait already as may.
    Queue,
    /// Nobody has left in time.
    Late,
}

impl Default for Room {
    /// For everybody.
    fn default() -> Self {
        Self { exchanges: Semaphore::MAX_PERMITS, queue: 0 }
    }
}

impl Gate {
    /// A gate to an empty room.
    #[must_use]
    pub fn new(room: Room) -> Self {
        let permits = |count: usize| count.min(Semaphore::MAX_PERMITS);
        Self {
            inside: Arc::new(Semaphore::new(permits(room.exchanges))),
            queue: Semaphore::new(permits(room.queue)),
        }
    }

    /// A place, if there is one.
    #[must_use]
    pub fn try_enter(&self) -> Option<Pass> {
        Arc::clone(&self.inside).try_acquire_owned().ok()
    }

    /// A place as soon as there is one, which is waited for `patience` at most; first come, first served.
    ///
    /// # Errors
    /// [`Full`]
    pub async fn enter(&self, patience: Duration) -> Result<Pass, Full> {
        let _waiting = self.queue.try_acquire().map_err(|_| Full::Queue)?;
        match timeout(patience, Arc::clone(&self.inside).acquire_owned()).await {
            Ok(Ok(pass)) => Ok(pass),
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(Full::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_for_one_and_not_for_ever() {
        let gate = Arc::new(Gate::new(Room { exchanges: 1, queue: 1 }));
        let inside = gate.try_enter().unwrap();
        assert!(gate.try_enter().is_none());
        let begun = Instant::now();
        assert_eq!(gate.enter(PATIENCE).await.unwrap_err(), Full::Late);
        assert_eq!(begun.elapsed(), PATIENCE);
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter(PATIENCE).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(gate.enter(PATIENCE).await.unwrap_err(), Full::Queue, "one waits already");
        drop(inside);
        let pass = waiting.await.unwrap().unwrap();
        assert!(gate.try_enter().is_none());
        drop(pass);
        assert!(gate.try_enter().is_some());
    }

    #[test]
    fn a_room_without_limits_lets_everybody_in() {
        let gate = Gate::new(Room::default());
        let all: Vec<_> = (0..10_000).filter_map(|_| gate.try_enter()).collect();
        assert_eq!(all.len(), 10_000);
    }
}
