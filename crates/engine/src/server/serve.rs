//! Accepting connections, and stopping.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use message::Service;
use net::drain::Drain;
use net::listen::Acceptor;
use net::stream::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::record::Observer;
use crate::server::announcement;
use crate::server::clients::Visit;
use crate::server::http1::{Arrived, Talk};
use crate::server::refusals::Refusal;
use crate::server::terms::Server;

/// The most connections that are taken out of the system's queue when the stop begins.
const LAST_CALL_MAX: usize = 4096;

/// Serves the connections of one listener on the current runtime until `drain` begins; connections that
/// are open by then go on, each to the end of its exchange, and hold a guard of `drain` meanwhile.
///
/// A panic in a connection's task ends that connection and no other.
pub async fn serve<S: Service, O: Observer>(mut acceptor: Acceptor, server: Arc<Server<S, O>>, drain: Drain) {
    let mut draining = drain.draining();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut draining => break,
            accepted = acceptor.accept() => accepted,
        };
        let Some(whose) = whose(&server, accepted.1) else { continue };
        // Only then: a listener to which nobody comes takes no place from the others.
        let place = tokio::select! {
            biased;
            place = server.place() => place,
            () = &mut draining => None,
        };
        begin(accepted, whose, place, &server, &drain);
    }
    // Who has connected already and waits in the system's queue would be reset by the listener's end. The
    // yield lets the runtime hear of them.
    yield_now().await;
    for _ in 0..LAST_CALL_MAX {
        let waiting = pin!(acceptor.accept());
        let Poll::Ready(accepted) = poll_once(waiting).await else { return };
        let Some(whose) = whose(&server, accepted.1) else { continue };
        begin(accepted, whose, None, &server, &drain);
    }
}

/// Whose connection it is.
enum Whose {
    /// Its peer's own.
    Peers(Visit),
    /// Somebody's of whom its peer is about to give word.
    Announced,
}

/// `None` if its client has so many that it is just closed.
fn whose<S, O>(server: &Server<S, O>, peer: SocketAddr) -> Option<Whose> {
    if server.hears_from(peer.ip()) {
        Some(Whose::Announced)
    } else {
        a_visit(server, peer).map(Whose::Peers)
    }
}

/// Serves a connection on a task of its own, which waits for a place if it has none.
fn begin<S: Service, O: Observer>(
    accepted: (Stream, SocketAddr),
    whose: Whose,
    place: Option<OwnedSemaphorePermit>,
    server: &Arc<Server<S, O>>,
    drain: &Drain,
) {
    let (arrived, server, drain) = (Arrived::new(accepted), Arc::clone(server), drain.clone());
    match whose {
        Whose::Peers(visit) => drop(tokio::spawn(Talk::serve(server, arrived, visit, place, drain))),
        Whose::Announced => drop(tokio::spawn(hear(arrived, place, server, drain))),
    }
}

/// Serves a connection as that of whom its peer announces. Until then it is nobody's, and a place is all it has.
async fn hear<S: Service, O: Observer>(
    mut arrived: Arrived,
    place: Option<OwnedSemaphorePermit>,
    server: Arc<Server<S, O>>,
    drain: Drain,
) {
    let word = announcement::read(&mut arrived.read, &mut arrived.inbox);
    match timeout(server.patience.head, word).await {
        Ok(Ok(announced)) => arrived.peer = announced.unwrap_or(arrived.peer),
        Ok(Err(fault)) => return tracing::warn!(peer = %arrived.peer.ip(), "{fault}"),
        Err(_) => return tracing::warn!(peer = %arrived.peer.ip(), "no announcement came in time"),
    }
    let Some(visit) = a_visit(&server, arrived.peer) else { return };
    Talk::serve(server, arrived, visit, place, drain).await;
}

/// The connection as one of its client's; `None` if the client has so many that it is just closed.
fn a_visit<S, O>(server: &Server<S, O>, peer: SocketAddr) -> Option<Visit> {
    let visit = server.clients.arrive(peer.ip());
    if !visit.as_ref().is_some_and(Visit::is_welcome) {
        server.refusals.note(Refusal::Connection, peer);
    }
    visit
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
