//! What a client wants, as it is asked of servers. Pure.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use access::forwarded::Trust;
use message::field::digest::WANT_REPR_DIGEST;
use message::field::range::{ByteRange, ContentRange};
use message::forward::{self, Pseudonym};
use message::version::Version;
use message::{
    Body, Fields, HeaderName, HeaderValue, HearInterim, Method, PathAndQuery, Request, Response, StatusCode,
    Target, header,
};

use crate::replica::Replica;

/// Fields that may be answered by less than what is asked for (RFC 9110 §13.1).
static ANSWERED: [HeaderName; 3] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_RANGE];

/// What a client wants.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) method: Method,
    pub(crate) path: PathAndQuery,
    pub(crate) client: Option<IpAddr>,
    pub(crate) received_at: SystemTime,
    pub(crate) repeat: Repeat,
    /// As they go on.
    pub(crate) fields: Fields,
    interims: Option<Arc<dyn HearInterim>>,
}

/// When it may be asked once more (RFC 9110 §9.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whatever came of it.
    Always,
    /// If nothing of it has reached a server.
    Unsent,
    /// Never: its content can be sent only once.
    Never,
}

impl Errand {
    /// Takes the errand out of `request`, and leaves its content there.
    pub(crate) fn of(request: &mut Request, path: PathAndQuery, trust: &Trust, us: &Pseudonym) -> Self {
        let repeat = match (&request.body, request.method.is_idempotent()) {
            (Body::Empty, true) => Repeat::Always,
            (Body::Empty, false) => Repeat::Unsent,
            _ => Repeat::Never,
        };
        let client = request.peer.map(|peer| trust.client(peer.ip(), &request.fields));
        let mut fields = forward::outbound(&request.fields, us);
        trust.tell(request.peer, &mut fields);
        if request.method == Method::GET && !fields.contains(&WANT_REPR_DIGEST) {
            // By this two servers' files are known to be the same, should one of them break off.
            fields.set(WANT_REPR_DIGEST, HeaderValue::from_static("sha-256=1"));
        }
        Self {
            method: request.method.clone(),
            path,
            client,
            received_at: request.received_at,
            repeat,
            fields,
            interims: forward::interims(mem::take(&mut request.interims), us),
        }
    }

    /// As it is asked of `replica`.
    pub(crate) fn to(&self, replica: &Replica, body: Body) -> Request {
        Request {
            method: self.method.clone(),
            target: Target::Absolute(replica.scheme(), replica.authority().clone(), self.path.clone()),
            fields: self.fields.clone(),
            body,
            peer: None,
            interims: self.interims.clone(),
            received_at: self.received_at,
        }
    }

    /// Whether another server may have what one of that answer lacks.
    pub(crate) fn is_looked_for(&self, status: StatusCode) -> bool {
        self.repeat == Repeat::Always
            && self.method.is_safe()
            && matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
    }
}

/// What of an answer has not come yet, and by what another server's bytes are known for the same.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    errand: Errand,
    version: Version,
    coding: Option<HeaderValue>,
    missing: ByteRange,
    complete: u64,
}

impl Rest {
    /// Of that answer, if the rest of it can be asked for: bytes of a file whose length is known, and which is told from
    /// others by something.
    pub(crate) fn of(errand: &Errand, response: &Response) -> Option<Self> {
        let (missing, complete) = match (response.status, ContentRange::of(&response.fields)) {
            (StatusCode::OK, _) => {
                let complete = response.body.length()?;
                (ByteRange::new(0, complete.checked_sub(1)?)?, complete)
            }
            (StatusCode::PARTIAL_CONTENT, Some(ContentRange::Bytes { range, complete: Some(complete) })) => {
                (range, complete)
            }
            _ => return None,
        };
        let version = Version::of(&response.fields, Some(complete));
        let tells = errand.method == Method::GET && version.same_as(&version).is_ok();
        let coding = response.fields.get(&header::CONTENT_ENCODING).cloned();
        tells.then(|| Self { errand: errand.clone(), version, coding, missing, complete })
    }

    pub(crate) fn errand(&self) -> &Errand {
        &self.errand
    }

    /// What is missing after so many more bytes have come; `None` if nothing is.
    pub(crate) fn after(self, bytes: u64) -> Option<Self> {
        let first = self.missing.first().checked_add(bytes)?;
        let missing = ByteRange::new(first, self.missing.last())?;
        Some(Self { missing, ..self })
    }

    /// Asks `replica` for it.
    ///
    /// Not under `If-Range`: another server's tag may be another one, though its digest says that it has the same. What
    /// comes is [looked at](Self::is_in).
    pub(crate) fn to(&self, replica: &Replica) -> Request {
        let mut request = self.errand.to(replica, Body::Empty);
        // It had an answer: what it has of an older one does not count any more.
        ANSWERED.iter().for_each(|name| request.fields.remove(name));
        request.fields.set(header::RANGE, self.missing.to_request_value());
        request
    }

    /// Whether that is just what is missing, and of the same version (RFC 9110 §15.3.7.3).
    pub(crate) fn is_in(&self, response: &Response) -> bool {
        let range = ContentRange::Bytes { range: self.missing, complete: Some(self.complete) };
        response.status == StatusCode::PARTIAL_CONTENT
            && ContentRange::of(&response.fields) == Some(range)
            && response.body.length().is_none_or(|length| length == self.missing.length())
            && response.fields.get(&header::CONTENT_ENCODING) == self.coding.as_ref()
            && self.version.same_as(&Version::of(&response.fields, Some(self.complete))).is_ok()
    }
}
