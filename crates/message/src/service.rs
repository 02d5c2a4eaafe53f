//! The seam between the engine and the roles, in both directions.

use std::sync::Arc;

use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;

/// Whatever answers requests: a role that serves, or the pool of connections that a role asks.
///
/// `Ok` is a final response, of whatever status. `Err` means that there is none: the engine turns the
/// failure into 502, 504 or 523 (one file, `engine::server::answer`), unless a role on the way, such
/// as a cache that may serve stale, catches it before.
///
/// A 2xx to CONNECT (RFC 9110 §9.3.6) says that the client may have the tunnel it asked for: the engine
/// opens it, or answers for the server that can't be reached.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Dropping the future gives the request up.
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send;
}

impl<S: Service> Service for Arc<S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send {
        S::call(self, request)
    }
}
