//! Several futures in one task.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Futures that run side by side, each in its turn.
///
/// They share the task and so may borrow from it, and end with it. Whoever is polled first would have the
/// runtime's whole budget to itself while it always finds something to do; so the turn goes round.
pub(crate) struct Crew<'a, T> {
    members: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>,
    turn: usize,
}

impl<'a, T> Crew<'a, T> {
    pub(crate) fn new() -> Self {
        Self { members: Vec::new(), turn: 0 }
    }

    pub(crate) fn add(&mut self, member: impl Future<Output = T> + Send + 'a) {
        self.members.push(Box::pin(member));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What the next one that ends gives; waits for ever if there are none. Nothing is lost if the future is
    /// dropped.
    pub(crate) async fn next(&mut self) -> T {
        poll_fn(|cx| {
            let count = self.members.len();
            self.turn = self.turn.wrapping_add(1);
            for offset in 0..count {
                let at = self.turn.wrapping_add(offset) % count;
                let Some(member) = self.members.get_mut(at) else { continue };
                if let Poll::Ready(output) = member.as_mut().poll(cx) {
                    drop(self.members.swap_remove(at));
                    return Poll::Ready(output);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Lets the others have their turn.
pub(crate) async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_one_who_always_has_something_to_do() {
        let order = Mutex::new(Vec::new());
        let mut crew = Crew::new();
        for name in ["a", "b"] {
            let order = &order;
            crew.add(async move {
                for _ in 0..3 {
                    order.lock().unwrap().push(name);
                    give_way().await;
                }
                name
            });
        }
        crew.next().await;
        crew.next().await;
        assert!(crew.is_empty());
        drop(crew);
        let order = order.into_inner().unwrap();
        assert!(order.windows(3).all(|names| names.iter().any(|name| *name != names[0])), "{order:?}");
    }
}
