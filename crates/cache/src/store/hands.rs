//! A few threads for many short errands to the disk.
//!
//! An errand each on a thread of its own would cost more in waking threads than in what it does. So errands
//! wait in one queue, and no more than a few of tokio's blocking threads work it off, each as long as there is
//! something in it. One comes to help when there is more than a few errands for each that works already.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::yield_now;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Errands that wait for each thread before another one comes to help.
const WAITING: usize = 4;

type Errand = Box<dyn FnOnce() + Send>;

/// The queue, and how many work it off.
#[derive(Clone)]
pub(crate) struct Hands {
    queue: Arc<Mutex<Queue>>,
    most: usize,
}

#[derive(Default)]
struct Queue {
    errands: VecDeque<Errand>,
    working: usize,
}

/// One thread at work, or about to be.
struct Hand {
    hands: Hands,
    is_counted: bool,
}

impl Hands {
    /// At most so many threads.
    pub(crate) fn new(most: usize) -> Self {
        Self { queue: Arc::default(), most }
    }

    /// Has `errand` done; it is done whether anybody waits or not.
    ///
    /// # Errors
    /// If it panicked, or the runtime has ended.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        errand: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (done, outcome) = oneshot::channel();
        self.give(Box::new(move || drop(done.send(errand()))));
        outcome.await.map_err(io::Error::other)
    }

    fn give(&self, errand: Errand) {
        let mut queue = self.queue();
        queue.errands.push_back(errand);
        if queue.working < self.most && queue.errands.len() > WAITING.saturating_mul(queue.working) {
            queue.working += 1;
            drop(queue);
            let hand = Hand { hands: self.clone(), is_counted: true };
            spawn_blocking(move || hand.work());
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand {
    fn work(mut self) {
        while let Some(errand) = self.next() {
            // A panic was reported where it happened; whoever waits is told by the end of the channel.
            drop(catch_unwind(AssertUnwindSafe(errand)));
            if self.hands.queue().errands.is_empty() {
                // Who has just been told, or is about to ask, may have another one: to sleep and be woken costs more.
                yield_now();
            }
        }
    }

    fn next(&mut self) -> Option<Errand> {
        let mut queue = self.hands.queue();
        let next = queue.errands.pop_front();
        if next.is_none() {
            // With the queue in hand: whoever puts something into it sees that nobody is there to do it.
            queue.working = queue.working.saturating_sub(1);
            self.is_counted = false;
        }
        next
    }
}

impl Drop for Hand {
    /// It never came to work: its runtime has ended.
    fn drop(&mut self) {
        if self.is_counted {
            let mut queue = self.hands.queue();
            queue.working = queue.working.saturating_sub(1);
        }
    }
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hands").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::current;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_errands_are_done_by_no_more_threads_than_there_may_be() {
        let hands = Hands::new(2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let errands = (0..1000_usize).map(|number| {
            let (hands, now, most) = (hands.clone(), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move {
                let errand = move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    now.fetch_sub(1, Ordering::SeqCst);
                    number
                };
                assert_eq!(hands.run(errand).await.unwrap(), number);
            })
        });
        for errand in errands.collect::<Vec<_>>() {
            errand.await.unwrap();
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn where_many_wait_another_thread_comes_to_help() {
        let (hands, meeting) = (Hands::new(2), Arc::new(Barrier::new(2)));
        let (met, threads) = std::sync::mpsc::channel();
        let meet = || {
            let (meeting, met) = (Arc::clone(&meeting), met.clone());
            Box::new(move || {
                meeting.wait();
                let _ = met.send(current().id());
            })
        };
        // The first can't end before the last has come, and that is behind all the others.
        hands.give(meet());
        (1..WAITING).for_each(|_| hands.give(Box::new(|| ())));
        hands.give(meet());
        let met: Vec<_> = hands.run(move || threads.iter().take(2).collect()).await.unwrap();
        assert_ne!(met.first(), met.last());
    }

    #[tokio::test]
    async fn an_errand_that_panics_is_told_of_and_stops_no_other() {
        let hands = Hands::new(1);
        let outcome: io::Result<()> = hands.run(|| panic!("as it should")).await;
        assert!(outcome.is_err());
        assert_eq!(hands.run(|| 7).await.unwrap(), 7);
    }
}
