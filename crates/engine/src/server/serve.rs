//! Accepting connections, and stopping.

use std::net::SocketAddr;
use std::sync::Arc;

use message::Service;
use net::drain::Drain;
use net::listen::Acceptor;
use net::stream::Stream;
use tokio::sync::OwnedSemaphorePermit;

use crate::record::Observer;
use crate::server::http1::converse;
use crate::server::terms::Server;

/// Serves the connections of one listener on the current runtime until `drain` begins; connections that
/// are open by then go on, each to the end of its exchange, and hold a guard of `drain` meanwhile.
///
/// A panic in a connection's task ends that connection and no other.
pub async fn serve<S: Service, O: Observer>(mut acceptor: Acceptor, server: Arc<Server<S, O>>, drain: Drain) {
    let mut draining = drain.draining();
    loop {
        tokio::select! {
            biased;
            () = &mut draining => return,
            next = admit(&mut acceptor, &server) => {
                let Some((stream, peer, permit)) = next else { return };
                let (server, guard, drain) = (Arc::clone(&server), drain.guard(), drain.clone());
                tokio::spawn(async move {
                    converse(server, stream, peer, drain).await;
                    drop((guard, permit));
                });
            }
        }
    }
}

/// The next connection, once there is room for it.
async fn admit<S, O>(
    acceptor: &mut Acceptor,
    server: &Server<S, O>,
) -> Option<(Stream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(&server.connections).acquire_owned().await.ok()?;
    let (stream, peer) = acceptor.accept().await;
    Some((stream, peer, permit))
}
