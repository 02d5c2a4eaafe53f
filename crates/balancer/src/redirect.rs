//! What a client is answered. Pure.

use std::time::Duration;

use bytes::Bytes;
use message::{Body, HeaderValue, PathAndQuery, Response, StatusCode, header};

use crate::markup::escape;
use crate::replica::Replica;

/// A status that sends clients to the URL in `Location` (RFC 9110 §15.4): 301, 302, 303, 307 or 308.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectStatus(StatusCode);

impl RedirectStatus {
    /// `None` for any other code.
    #[must_use]
    pub fn new(code: u16) -> Option<Self> {
        let status = StatusCode::from_u16(code).ok()?;
        matches!(code, 301 | 302 | 303 | 307 | 308).then_some(Self(status))
    }

    /// The code.
    #[must_use]
    pub fn code(self) -> StatusCode {
        self.0
    }
}

impl Default for RedirectStatus {
    /// `301 Moved Permanently`
    fn default() -> Self {
        Self(StatusCode::MOVED_PERMANENTLY)
    }
}

/// Sends a client to `replica` for `path`, exactly as it was sent.
///
/// `Location` begins with the replica's own scheme and authority, so that nothing in the path can
/// lead elsewhere (RFC 3986 §4.2: only a reference that *begins* with `//` names an authority).
#[must_use]
pub fn to_replica(status: RedirectStatus, replica: &Replica, path: &PathAndQuery) -> Response {
    let location = Bytes::from([replica.url(), path.as_str()].concat());
    let body = note(status.code(), &location);
    let Ok(location) = HeaderValue::from_maybe_shared(location) else {
        // No path gets here: it can't hold what a field value can't.
        return no_target();
    };
    let mut response = not_stored(Response::new(status.code()));
    response.fields.set(header::LOCATION, location);
    response.fields.set(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.body = Body::from(body);
    response
}

/// Nobody to send clients to: `503` until a test succeeds, which is tried again after `interval`
/// (RFC 9110 §10.2.3, §15.6.4).
#[must_use]
pub fn nobody_left(interval: Duration) -> Response {
    let seconds = interval.as_secs().saturating_add(u64::from(interval.subsec_nanos() > 0));
    let text = "No server has passed its last test. Please try again soon.\n";
    let response = Response::text(StatusCode::SERVICE_UNAVAILABLE, text);
    not_stored(response).with(header::RETRY_AFTER, HeaderValue::from(seconds))
}

/// Only GET and HEAD are redirected; other methods are not known here (RFC 9110 §15.6.2).
#[must_use]
pub fn not_implemented() -> Response {
    let text = "This balancer sends GET and HEAD to a server, and knows no other method.\n";
    not_stored(Response::text(StatusCode::NOT_IMPLEMENTED, text))
}

/// What stands before some servers is no way to all others (RFC 9110 §9.3.6).
#[must_use]
pub fn no_tunnel() -> Response {
    not_stored(Response::text(StatusCode::NOT_IMPLEMENTED, "This balancer opens no tunnels.\n"))
}

/// A GET of `*` or of an authority is for no resource (RFC 9112 §3.2).
#[must_use]
pub fn no_target() -> Response {
    not_stored(Response::text(StatusCode::BAD_REQUEST, "The request is for no path.\n"))
}

/// A 301 or 308 may be kept for ever by who receives it, and 501 for a while (RFC 9110 §15.1): that
/// would take the balancer out of the loop, so nothing that it says may be stored.
#[must_use]
pub(crate) fn not_stored(response: Response) -> Response {
    response.with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// The short hypertext note with a link that RFC 9110 §15.4.2 asks for.
fn note(status: StatusCode, location: &[u8]) -> String {
    let title = status.canonical_reason().unwrap_or("Redirect");
    let location = str::from_utf8(location).unwrap_or_default(); // made from two strings above
    let mut note = String::with_capacity(128_usize.saturating_add(location.len()));
    note.push_str("<!doctype html>\n<title>");
    note.push_str(title);
    note.push_str("</title>\n<p>It is <a href=\"");
    escape(&mut note, location);
    note.push_str("\">on this server</a>.\n");
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Authority, Scheme, Segment, Target};
    use proptest::prelude::*;

    fn replica() -> Replica {
        Replica::new(Scheme::Http, Authority::parse("b.test:8100").unwrap())
    }

    fn redirect(path: &[u8]) -> Response {
        let path = PathAndQuery::parse(path).unwrap();
        to_replica(RedirectStatus::default(), &replica(), &path)
    }

    fn html(response: Response) -> String {
        let Body::Segments(segments) = response.body else { panic!("no content") };
        let Some(Segment::Bytes(bytes)) = segments.into_iter().next() else { panic!("no bytes") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn location_is_the_replica_and_the_path_exactly_as_sent() {
        for path in [
            "/",
            "/index.html",
            "/a%2Fb/../c?q=1&r=%20#".trim_end_matches('#'),
            "/?",
            "//evil/x",
            "/\\evil",
            "/@evil",
            "/ü",
        ] {
            let response = redirect(path.as_bytes());
            let location = response.fields.get(&header::LOCATION).unwrap();
            assert_eq!(location.as_bytes(), format!("http://b.test:8100{path}").as_bytes());
        }
    }

    #[test]
    fn a_redirect_is_301_by_default_and_may_never_be_stored() {
        let response = redirect(b"/x");
        assert_eq!(response.status, StatusCode::MOVED_PERMANENTLY);
        assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
        assert_eq!(response.fields.get(&header::CONTENT_TYPE).unwrap(), "text/html; charset=utf-8");
        let path = PathAndQuery::root();
        for code in [301, 302, 303, 307, 308] {
            let response = to_replica(RedirectStatus::new(code).unwrap(), &replica(), &path);
            assert_eq!(response.status.as_u16(), code);
            assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
        }
    }

    #[test]
    fn the_note_holds_the_link_and_no_markup_of_the_client() {
        let html = html(redirect(b"/\"><script>alert('x')</script>&y"));
        assert!(
            html.contains("href=\"http://b.test:8100/&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"),
            "{html}"
        );
        assert!(html.contains("&amp;y\">"), "{html}");
    }

    #[test]
    fn nobody_left_says_when_to_come_back_in_whole_seconds() {
        for (interval, seconds) in [(100, "1"), (1000, "1"), (1001, "2"), (5000, "5")] {
            let response = nobody_left(Duration::from_millis(interval));
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.fields.get(&header::RETRY_AFTER).unwrap(), seconds);
            assert_eq!(response.fields.get(&header::CACHE_CONTROL).unwrap(), "no-store");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_target_location_is_on_the_replica(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let bytes = Bytes::from([b"/".as_slice(), &bytes].concat());
            if let Ok(path) = PathAndQuery::parse(bytes) {
                let replica = replica();
                let response = to_replica(RedirectStatus::default(), &replica, &path);
                let location = response.fields.get(&header::LOCATION).unwrap().as_bytes();
                let target = Target::parse(location).unwrap();
                prop_assert_eq!(target.authority(), Some(replica.authority()));
                prop_assert_eq!(target.path_and_query(), Some(&path));
            }
        }
    }
}
