//! Requests (RFC 9110 §3.4) as every role sees them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::Method;

use crate::body::Body;
use crate::fields::Fields;
use crate::interim::HearInterim;
use crate::target::{Authority, Target};

/// A request: what is asked of which target, with what fields and content.
///
/// Framing fields (`Content-Length`, `Transfer-Encoding`) and `Expect: 100-continue` are the wire's
/// business: the engine takes them out on the way in and makes them anew on the way out.
#[derive(Debug)]
pub struct Request {
    /// The method (RFC 9110 §9); case-sensitive, known or not.
    pub method: Method,
    /// The target (RFC 9110 §7.1), in the form in which it was sent.
    pub target: Target,
    /// The header section.
    pub fields: Fields,
    /// The content.
    pub body: Body,
    /// Who sent it; `None` for a request that this process makes itself.
    pub peer: Option<SocketAddr>,
    /// Who hears what is said of it before its answer; `None` if nobody wants to.
    pub interims: Option<Arc<dyn HearInterim>>,
    /// When its head was complete. Read once, by the engine; every judgement about time on the
    /// request's way starts from it.
    pub received_at: SystemTime,
}

impl Request {
    /// A GET of `target`, without fields and content.
    #[must_use]
    pub fn get(target: Target, now: SystemTime) -> Self {
        Self {
            method: Method::GET,
            target,
            fields: Fields::new(),
            body: Body::Empty,
            peer: None,
            interims: None,
            received_at: now,
        }
    }

    /// The same request without its content.
    #[must_use]
    pub fn without_content(&self) -> Self {
        Self {
            method: self.method.clone(),
            target: self.target.clone(),
            fields: self.fields.clone(),
            body: Body::Empty,
            peer: self.peer,
            interims: self.interims.clone(),
            received_at: self.received_at,
        }
    }

    /// The authority that the request is for (RFC 9110 §7.2): the target's own, if it has one, else
    /// the `Host` field's. The engine has checked that there is exactly one valid `Host`.
    #[must_use]
    pub fn authority(&self) -> Option<Authority> {
        if let Some(authority) = self.target.authority() {
            return Some(authority.clone());
        }
        Authority::parse(self.fields.text(&http::header::HOST)?).ok()
    }
}
