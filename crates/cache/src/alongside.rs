//! Work that is done along with who waits for it, and goes on without him.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use tokio::runtime::Handle;

/// A piece of work that goes on in the task of who waits for it first. To begin a task for it, to wake that and
/// to be woken by it would cost a forwarded response a tenth of all that is done for it.
///
/// It is not given up: dropped before it is done, it becomes a task of its own.
pub(crate) struct Alongside<F: Future<Output = ()> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = ()> + Send + 'static> Alongside<F> {
    pub(crate) fn new(work: F) -> Self {
        Self { work: Some(Box::pin(work)) }
    }

    /// What `waited` comes to, which the work brings about.
    pub(crate) async fn until<T>(mut self, waited: impl Future<Output = T>) -> T {
        let mut waited = pin!(waited);
        poll_fn(|cx| {
            if let Some(work) = &mut self.work
                && work.as_mut().poll(cx).is_ready()
            {
                self.work = None;
            }
            waited.as_mut().poll(cx)
        })
        .await
    }
}

impl<F: Future<Output = ()> + Send + 'static> Drop for Alongside<F> {
    fn drop(&mut self) {
        // Without a runtime there is nobody left to wait for it.
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn the_work_is_done_in_the_task_of_who_waits() {
        let (told, waited) = oneshot::channel();
        let here = tokio::task::try_id();
        let work = async move { told.send(tokio::task::try_id()).unwrap() };
        assert_eq!(Alongside::new(work).until(waited).await.unwrap(), here);
    }

    #[tokio::test]
    async fn what_is_left_of_it_goes_on_when_what_is_waited_for_is_there() {
        let ((told, waited), (ended, end)) = (oneshot::channel(), oneshot::channel());
        let work = async move {
            told.send(1).unwrap();
            yield_now().await;
            ended.send(2).unwrap();
        };
        assert_eq!(Alongside::new(work).until(waited).await.unwrap(), 1);
        assert_eq!(end.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn it_goes_on_when_who_waits_leaves() {
        let ((go, gone), (ended, end)) = (oneshot::channel::<()>(), oneshot::channel());
        let work = async move {
            gone.await.unwrap();
            ended.send(()).unwrap();
        };
        let mut waiting = Box::pin(Alongside::new(work).until(std::future::pending::<()>()));
        poll_fn(|cx| {
            assert!(waiting.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(waiting);
        go.send(()).unwrap();
        end.await.unwrap();
    }
}
