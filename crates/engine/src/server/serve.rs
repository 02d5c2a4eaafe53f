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

use crate::record::Observer;
use crate::server::clients::Visit;
use crate::server::http1::Talk;
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
        let Some(visit) = a_visit(&server, accepted.1) else { continue };
        // Only then: a listener to which nobody comes takes no place from the others.
        let place = tokio::select! {
            biased;
            place = server.place() => place,
            () = &mut draining => None,
        };
        begin(accepted, visit, place, &server, &drain);
    }
    // Who has connected already and waits in the system's queue would be reset by the listener's end. The
    // yield lets the runtime hear of them.
    yield_now().await;
    for _ in 0..LAST_CALL_MAX {
        let waiting = pin!(acceptor.accept());
        let Poll::Ready(accepted) = poll_once(waiting).await else { return };
        let Some(visit) = a_visit(&server, accepted.1) else { continue };
        begin(accepted, visit, None, &server, &drain);
    }
}

/// Serves a connection on a task of its own, which waits for a place if it has none.
fn begin<S: Service, O: Observer>(
    accepted: (Stream, SocketAddr),
    visit: Visit,
    place: Option<OwnedSemaphorePermit>,
    server: &Arc<Server<S, O>>,
    drain: &Drain,
) {
    tokio::spawn(Talk::serve(Arc::clone(server), accepted, visit, place, drain.clone()));
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
