//! A limit on waiting that costs next to nothing while nobody waits.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The one timer of a connection's direction.
///
/// Most waits end at once, and a timer wheel is dear at hundreds of thousands of requests a second. So the
/// timer is set when something really has to wait, and is left alone while it would fire too early:
/// when it does, it is set again to what is due by then.
pub(crate) struct Deadline {
    due: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The limit has passed.
#[derive(Debug)]
pub(crate) struct Expired;

impl Deadline {
    pub(crate) fn new() -> Self {
        Self { due: Instant::now(), timer: None }
    }

    /// Lets what is waited for from now on take `limit` altogether.
    pub(crate) fn set(&mut self, limit: Duration) {
        self.due = Instant::now() + limit;
    }

    /// Waits for `future` until what was [`set`](Self::set) is over.
    pub(crate) async fn guard<F: Future>(&mut self, future: F) -> Result<F::Output, Expired> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_expired(cx).map(|()| Err(Expired)),
        })
        .await
    }

    /// Waits for `future` at most `limit`; reads the clock only if it has to wait.
    pub(crate) async fn within<F: Future>(
        &mut self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Expired> {
        let mut future = pin!(future);
        let mut waiting = false;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if !waiting {
                waiting = true;
                self.set(limit);
            }
            self.poll_expired(cx).map(|()| Err(Expired))
        })
        .await
    }

    /// Ready when what was [`set`](Self::set) is over.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(self.due)));
        if timer.deadline() > self.due {
            timer.as_mut().reset(self.due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_its_limit_has_passed_and_not_before() {
        let begin = Instant::now();
        let mut deadline = Deadline::new();
        assert!(deadline.within(Duration::from_secs(5), pending::<()>()).await.is_err());
        assert_eq!(begin.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_limit_moves_the_timer_and_an_earlier_one_too() {
        let begin = Instant::now();
        let mut deadline = Deadline::new();
        let short = tokio::time::sleep(Duration::from_secs(1));
        assert!(deadline.within(Duration::from_secs(60), short).await.is_ok());
        assert!(deadline.within(Duration::from_secs(2), pending::<()>()).await.is_err());
        assert_eq!(begin.elapsed().as_secs(), 3);
        assert!(deadline.within(Duration::from_secs(90), pending::<()>()).await.is_err());
        assert_eq!(begin.elapsed().as_secs(), 93);
    }

    #[tokio::test(start_paused = true)]
    async fn one_limit_can_hold_over_several_waits() {
        let mut deadline = Deadline::new();
        deadline.set(Duration::from_secs(3));
        for _ in 0..2 {
            assert!(deadline.guard(tokio::time::sleep(Duration::from_secs(1))).await.is_ok());
        }
        assert!(deadline.guard(tokio::time::sleep(Duration::from_secs(2))).await.is_err());
    }
}
