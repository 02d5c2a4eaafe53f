//! What is said to a client before its answer, while the service is asked (RFC 9110 §15.2): 100 (Continue), and
//! interim responses that the service hears from others.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use message::{Failure, Fields, HearInterim, Response, StatusCode};
use tokio::sync::oneshot;

use crate::outlet::Outlet;

/// Most interim responses that are passed on before one answer. Further ones are dropped.
const INTERIMS_FORWARDED_MAX: usize = 16;

/// Interim responses on their way from the service to the connection.
#[derive(Debug, Default)]
pub(super) struct Early(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    heads: VecDeque<(StatusCode, Fields)>,
    /// How many there were since the request came.
    heard: usize,
    /// The connection, which waits for the service.
    connection: Option<Waker>,
}

impl HearInterim for Early {
    fn hear(&self, status: StatusCode, fields: Fields) {
        let mut waiting = self.waiting();
        if waiting.heard >= INTERIMS_FORWARDED_MAX {
            return;
        }
        waiting.heard = waiting.heard.saturating_add(1);
        waiting.heads.push_back((status, fields));
        let connection = waiting.connection.take();
        drop(waiting);
        if let Some(connection) = connection {
            connection.wake();
        }
    }
}

impl Early {
    /// As new, for the next exchange.
    pub(super) fn clear(&mut self) {
        *self.0.get_mut().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
    }

    /// Everything that was heard since the last time.
    fn take(&self) -> VecDeque<(StatusCode, Fields)> {
        std::mem::take(&mut self.waiting().heads)
    }

    /// The same; if it is nothing, `cx` is woken as soon as there is something.
    fn take_or_wait(&self, cx: &Context<'_>) -> VecDeque<(StatusCode, Fields)> {
        let mut waiting = self.waiting();
        if waiting.heads.is_empty() {
            waiting.connection = Some(cx.waker().clone());
        }
        std::mem::take(&mut waiting.heads)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the service's answer, and sends meanwhile what is to be said before it: what `early` hears, and
/// 100 (Continue) when the service first asks for the content that the client holds back, which `wanted` tells.
/// Also says whether 100 was sent.
pub(super) async fn call<F>(
    mut service: Pin<&mut F>,
    outlet: &mut Outlet,
    early: Option<&Early>,
    mut wanted: Option<oneshot::Receiver<()>>,
) -> (Result<Response, Failure>, bool)
where
    F: Future<Output = Result<Response, Failure>>,
{
    let mut continued = false;
    loop {
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = service.as_mut().poll(cx) {
                // What was heard before the answer goes before it, in the same send.
                early.map(Early::take).into_iter().for_each(|heads| put(outlet, heads));
                return Poll::Ready(Some(answer));
            }
            if wants_content(&mut wanted, cx) {
                continued = true;
                put(outlet, [(StatusCode::CONTINUE, Fields::new())]);
                return Poll::Ready(None);
            }
            let heads = early.map(|early| early.take_or_wait(cx)).unwrap_or_default();
            if heads.is_empty() {
                return Poll::Pending;
            }
            put(outlet, heads);
            Poll::Ready(None)
        });
        if let Some(answer) = answer.await {
            return (answer, continued);
        }
        // It is rare that something is said. If it can't be sent, neither can the answer.
        continued &= Box::pin(outlet.flush(false)).await.is_ok();
    }
}

/// Whether the content is asked for now; it is once at most.
fn wants_content(wanted: &mut Option<oneshot::Receiver<()>>, cx: &mut Context<'_>) -> bool {
    let Some(Poll::Ready(asked)) = wanted.as_mut().map(|wanted| Pin::new(wanted).poll(cx)) else {
        return false;
    };
    *wanted = None;
    asked.is_ok()
}

fn put(outlet: &mut Outlet, heads: impl IntoIterator<Item = (StatusCode, Fields)>) {
    for (status, fields) in heads {
        outlet.head(|outbound, out| outbound.interim(status, &fields, out));
    }
}
