//! The client side at work, before a server by hand.

use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use engine::{ClientLimits, Pool, Route};
use message::{Body, Failure, FailureKind, Fields, Method, Request, Response, Service, StatusCode, Target};
use net::{Acceptor, Dialer};

use super::content::read;
use super::peer::Peer;
use super::served::listener;
use super::soon;

/// A listener whose connections the test answers itself.
pub(crate) struct Origin {
    acceptor: Acceptor,
    pub(crate) address: SocketAddr,
}

/// A whole response, or what became of it.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    pub(crate) content: Bytes,
    pub(crate) trailers: Option<Fields>,
    /// Why the content broke off after what came of it.
    pub(crate) broken: Option<FailureKind>,
}

impl Origin {
    pub(crate) fn listen() -> Self {
        let acceptor = listener().start().expect("a runtime");
        Self { address: acceptor.local_addr(), acceptor }
    }

    pub(crate) async fn accept(&mut self) -> Peer {
        Peer::on(soon(self.acceptor.accept()).await.0)
    }

    /// A GET of `path` here.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path, Body::Empty)
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: Body) -> Request {
        let target = Target::parse_url(&format!("{}{path}", self.address)).unwrap();
        Request { method, body, ..Request::get(target, SystemTime::UNIX_EPOCH) }
    }

    /// Accepts a connection, reads a request's head from it and sends `answer`.
    pub(crate) async fn answer(&mut self, answer: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.head().await;
        peer.send(answer).await;
        peer
    }
}

pub(crate) fn pool() -> Pool {
    pool_with(|_| {})
}

pub(crate) fn pool_with(adjust: impl FnOnce(&mut ClientLimits)) -> Pool {
    let mut limits = ClientLimits::default();
    adjust(&mut limits);
    Pool::new(Dialer::default(), Route::Direct, limits)
}

/// Sends `request` and reads the whole response.
pub(crate) async fn fetch(pool: &Pool, request: Request) -> Result<Got, Failure> {
    let Response { status, fields, body } = soon(pool.call(request)).await?;
    let (content, trailers, failure) = read(body).await;
    Ok(Got { status, fields, content, trailers, broken: failure.map(|failure| failure.kind()) })
}
