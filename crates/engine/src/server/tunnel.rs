//! Tunnels (RFC 9110 §9.3.6): bytes that are no messages of ours, carried both ways.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use message::{Authority, Failure, Response, StatusCode};
use net::stream::{ReadHalf, Stream, WriteHalf};

use crate::client::failure::failure_of;
use crate::deadline::Deadline;
use crate::server::terms::Tunnels;

/// How much of one direction is taken up at a time while much comes, in bytes.
const BLOCK: usize = 64 * 1024;

/// Connects to the far end of a tunnel that the service allows.
///
/// # Errors
/// The answer instead: 501 where there are no tunnels, else why there is no connection.
pub(super) async fn open(
    tunnels: Option<&Tunnels>,
    there: &Authority,
) -> Result<Stream, Result<Response, Failure>> {
    let Some(tunnels) = tunnels else {
        return Err(Ok(Response::text(StatusCode::NOT_IMPLEMENTED, "CONNECT is not supported here\n")));
    };
    // RFC 9110 §9.3.6: there is no default port.
    let Some(port) = there.port() else {
        return Err(Ok(Response::text(StatusCode::BAD_REQUEST, "CONNECT needs a port\n")));
    };
    tunnels.dialer.dial(there.host(), port).await.map_err(|fault| Err(failure_of(&fault)))
}

/// Carries bytes between a client, from whom `early` has come already, and the `far` end: until both have
/// said that they send no more, one of them is gone, or nothing went either way for `idle`.
///
/// # Errors
/// What broke a connection.
pub(super) async fn carry(
    near: (ReadHalf, &mut WriteHalf),
    early: BytesMut,
    far: Stream,
    idle: Duration,
    deadline: &mut Deadline,
) -> io::Result<()> {
    let (from_near, to_near) = near;
    let (from_far, mut to_far) = far.split();
    let carried = AtomicU64::new(0);
    let there = pin!(pump(from_near, early, &mut to_far, &carried));
    let back = pin!(pump(from_far, BytesMut::new(), to_near, &carried));
    let mut both = pin!(async { tokio::try_join!(there, back) });
    let mut seen = None;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = both.as_mut().poll(cx) {
            return Poll::Ready(ended.map(drop));
        }
        let now = carried.load(Relaxed);
        if seen.replace(now) != Some(now) {
            deadline.set(idle);
        }
        deadline.poll_expired(cx).map(|()| Ok(()))
    })
    .await
}

/// One direction, to its end. A silent one holds no buffer.
async fn pump(
    mut from: ReadHalf,
    mut waiting: BytesMut,
    to: &mut WriteHalf,
    carried: &AtomicU64,
) -> io::Result<()> {
    loop {
        if !waiting.is_empty() {
            to.write_all(&waiting, false).await?;
            carried.fetch_add(1, Relaxed);
        }
        // What fills the scratch buffer is much, and more of it is on its way.
        let much = waiting.len() >= net::stream::SCRATCH_LEN;
        waiting.clear();
        if !much {
            waiting = BytesMut::new();
        } else if waiting.capacity() < BLOCK {
            waiting = BytesMut::with_capacity(BLOCK);
        }
        if from.read(&mut waiting).await? == 0 {
            return to.shutdown().await;
        }
    }
}
