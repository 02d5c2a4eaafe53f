//! Which other web sites' scripts may read what is served here: the CORS protocol of the Fetch standard
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Browsers let a script read an answer from another origin only if the answer says so, and before a
//! request that a plain link could not make (one with `If-Range`, say) they ask by OPTIONS. Nothing here
//! keeps anybody out: that is what networks and credentials are for.

use http::{HeaderValue, Method, StatusCode, header};
use message::fields::Fields;
use message::request::Request;
use message::response::Response;
use message::target::Target;

use crate::refusal::Refusal;

/// What a script may ask with. The star stands for all others but `Authorization`, which is never
/// meant by it; those by name are for browsers that don't know it.
const ALLOWED_FIELDS: HeaderValue = HeaderValue::from_static(
    "Authorization, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, *",
);

/// What of an answer a script may read beside its content and what is always readable.
const EXPOSED_FIELDS: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, Date, ETag, \
     Link, Repr-Digest, *",
);

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// For how many seconds a browser need not ask again: a day. They cap it themselves, Chromium at two
/// hours.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("86400");

/// Which web sites' scripts may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Those of every site.
    Any,
    /// Those of these sites.
    Sites(Vec<WebOrigin>),
}

/// The origin of a web site (RFC 6454 §6.2): scheme, host, and the port if it isn't the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

/// Text that is no web site's origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the origin of a web site: write it as https://app.example.org, without a path")]
pub struct NotAnOrigin(String);

impl WebOrigin {
    /// Takes `https://app.example.org` or `http://localhost:3000`.
    ///
    /// # Errors
    /// If it is no such thing.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let not_an_origin = || NotAnOrigin(text.to_owned());
        // Where nothing follows the host, no `/` is there either.
        let (_, host) = text.split_once("://").ok_or_else(not_an_origin)?;
        if host.contains(['/', '?', '#']) {
            return Err(not_an_origin());
        }
        let Ok(Target::Absolute(scheme, authority, _)) = Target::parse_url(text) else {
            return Err(not_an_origin());
        };
        // In the one form that browsers give it.
        let origin = format!("{scheme}://{}", authority.normalised(scheme));
        HeaderValue::try_from(origin).map(Self).map_err(|_| not_an_origin())
    }
}

impl Cors {
    /// The answer to OPTIONS. Only what browsers ask beforehand is a method of this server, for it is
    /// the browser's and not the client's (§3.3.2 of the Fetch standard, "CORS-preflight request").
    ///
    /// # Errors
    /// A request that is none of those, or comes from a site whose scripts may not read.
    pub(crate) fn preflight(&self, request: &Request) -> Result<Response, Refusal> {
        let asked = [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD];
        if request.method != Method::OPTIONS || !asked.iter().all(|name| request.fields.contains(name)) {
            return Err(Refusal::Method(request.method.clone()));
        }
        if self.allowed(&request.fields).is_none() {
            return Err(Refusal::ForeignOrigin);
        }
        Ok(Response::new(StatusCode::NO_CONTENT)
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS)
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_FIELDS)
            .with(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S))
    }

    /// Says in an answer who may read it. The same answer may be stored and given to another site: if
    /// it depends on the site that asked, it says that, too (RFC 9110 §12.5.5).
    pub(crate) fn describe(&self, request: &Fields, answer: &mut Fields) {
        if let Self::Sites(_) = self {
            answer.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(allowed) = self.allowed(request) {
            answer.set(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            answer.set(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_FIELDS);
        }
    }

    /// Whom an answer to this request may be shown to.
    fn allowed(&self, request: &Fields) -> Option<HeaderValue> {
        match self {
            // Also without an `Origin`, so that the answer is the same for all.
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Sites(sites) => {
                let origin = request.text(&header::ORIGIN)?;
                sites.iter().find(|site| site.0 == origin).map(|site| site.0.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it_6454_6_2() {
        for (text, origin) in [
            ("https://app.example.org", "https://app.example.org"),
            ("HTTPS://App.Example.ORG:443", "https://app.example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(WebOrigin::parse(text).unwrap().0, origin, "{text}");
        }
        for text in
            ["*", "null", "app.example.org", "https://a/", "https://a/b", "https://a#", "ftp://a", "//a"]
        {
            assert!(WebOrigin::parse(text).is_err(), "{text}");
        }
    }
}
