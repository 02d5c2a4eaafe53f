//! The graceful stop: one signal that everybody can wait for, and a count of who is still at work.
//!
//! [`drain`] gives the two ends. Whoever stops the program keeps the [`DrainSignal`]; every listener and
//! connection has a [`Drain`], on whatever thread and runtime it lives.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// The two ends of a graceful stop.
pub fn drain() -> (DrainSignal, Drain) {
    let drain = Drain { state: Arc::new(State::default()) };
    (DrainSignal { drain: drain.clone() }, drain)
}

#[derive(Debug, Default)]
struct State {
    draining: AtomicBool,
    running: AtomicUsize,
    started: Arc<Notify>,
    idle: Notify,
}

/// The end that stops. Dropping it stops nothing.
#[derive(Debug)]
pub struct DrainSignal {
    drain: Drain,
}

impl DrainSignal {
    /// Tells everybody to finish what they do and to begin nothing new. Again has no effect.
    pub fn start(&self) {
        // All in one order (SeqCst) with `running`: a guard that is the last to go either sees this or
        // is not counted any more by `finished`.
        if !self.drain.state.draining.swap(true, Ordering::SeqCst) {
            self.drain.state.started.notify_waiters();
        }
    }

    /// How many guards there are now.
    pub fn running(&self) -> usize {
        self.drain.state.running.load(Ordering::SeqCst)
    }

    /// Waits until the stop was started and no guard is left. It has no limit of its own.
    pub async fn finished(&self) {
        self.drain.draining().await;
        loop {
            let idle = self.drain.state.idle.notified();
            if self.running() == 0 {
                return;
            }
            idle.await;
        }
    }
}

/// The end that is stopped: one for each listener and connection.
#[derive(Debug, Clone)]
pub struct Drain {
    state: Arc<State>,
}

impl Drain {
    /// Whether the stop was started: one atomic load.
    pub fn is_draining(&self) -> bool {
        self.state.draining.load(Ordering::SeqCst)
    }

    /// Ready when the stop is started. Await it, or keep it (it is `Unpin` and owns what it needs) and
    /// poll it beside other things as often as you like: it registers once.
    pub fn draining(&self) -> Draining {
        // From here on `started` counts this waiter, polled or not: no start is missed.
        let started = Box::pin(Arc::clone(&self.state.started).notified_owned());
        Draining { drain: self.clone(), started, registered: None }
    }

    /// Counts one piece of work (a connection, usually) until the guard is dropped.
    pub fn guard(&self) -> DrainGuard {
        self.state.running.fetch_add(1, Ordering::SeqCst);
        DrainGuard { state: Arc::clone(&self.state) }
    }
}

/// See [`Drain::draining`].
#[derive(Debug)]
#[must_use = "waits only when awaited or polled"]
pub struct Draining {
    drain: Drain,
    started: Pin<Box<OwnedNotified>>,
    registered: Option<Waker>,
}

impl Future for Draining {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.drain.is_draining() {
            return Poll::Ready(());
        }
        if self.registered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        // Only here is the lock taken that all waiters share.
        self.registered = Some(cx.waker().clone());
        ready!(self.started.as_mut().poll(cx));
        Poll::Ready(())
    }
}

/// One piece of work that the stop waits for.
#[derive(Debug)]
pub struct DrainGuard {
    state: Arc<State>,
}

impl Drop for DrainGuard {
    fn drop(&mut self) {
        let last = self.state.running.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.state.draining.load(Ordering::SeqCst) {
            self.state.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;
    use tokio::runtime::{Builder, Runtime};
    use tokio::time::timeout;

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[tokio::test]
    async fn everybody_hears_of_the_start_before_or_after_they_ask() {
        let (signal, drain) = drain();
        let early = drain.draining();
        assert!(!drain.is_draining());
        signal.start();
        signal.start();
        assert!(drain.clone().is_draining());
        early.await;
        drain.draining().await;
    }

    #[test]
    fn the_task_that_polled_last_is_woken_and_no_other() {
        let (signal, drain) = drain();
        let mut waiter = drain.draining();
        let (first, first_woken) = counting_waker();
        let (second, second_woken) = counting_waker();
        for waker in [&first, &first, &second, &second] {
            assert!(Pin::new(&mut waiter).poll(&mut Context::from_waker(waker)).is_pending());
        }
        signal.start();
        assert_eq!((first_woken.count(), second_woken.count()), (0, 1));
        assert!(Pin::new(&mut waiter).poll(&mut Context::from_waker(&second)).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_finished_when_started_and_the_last_guard_is_gone() {
        let (signal, drain) = drain();
        let long = Duration::from_secs(3600);
        assert!(timeout(long, signal.finished()).await.is_err(), "not started");
        let (one, two) = (drain.guard(), drain.guard());
        assert_eq!(signal.running(), 2);
        signal.start();
        assert!(timeout(long, signal.finished()).await.is_err(), "two at work");
        drop(one);
        assert!(timeout(long, signal.finished()).await.is_err(), "one at work");
        drop(two);
        assert_eq!(signal.running(), 0);
        signal.finished().await;
    }

    #[test]
    fn it_works_across_the_runtimes_of_several_threads() {
        const THREADS: usize = 4;
        let (signal, drain) = drain();
        let (ready, all_ready) = mpsc::channel();
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                let (drain, ready) = (drain.clone(), ready.clone());
                thread::spawn(move || {
                    runtime().block_on(async {
                        let guard = drain.guard();
                        let stop = drain.draining();
                        ready.send(()).unwrap();
                        stop.await;
                        drop(guard);
                    });
                })
            })
            .collect();
        for _ in 0..THREADS {
            all_ready.recv().unwrap();
        }
        assert_eq!(signal.running(), THREADS);
        signal.start();
        runtime().block_on(signal.finished());
        for worker in workers {
            worker.join().unwrap();
        }
    }

    struct Count(AtomicUsize);

    impl Count {
        fn count(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn counting_waker() -> (Waker, Arc<Count>) {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        (Waker::from(Arc::clone(&count)), count)
    }
}
