//! What a stored response is found by (RFC 9111 §2).

use std::fmt;
use std::sync::Arc;

use message::{Authority, PathAndQuery, Scheme, Target};

/// The target URI of a request in one canonical text: `http://host[:port]/path[?query]`.
///
/// Scheme and host are in lower case, the scheme's own port is left out (RFC 9110 §4.2.3). Path and
/// query are the bytes that were sent: what is forwarded is what is keyed, so that nothing which an
/// origin may tell apart is ever taken for the same. The key is kept whole with what it finds, and
/// compared, never hashed alone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(Arc<str>);

impl CacheKey {
    /// The key of that place.
    #[must_use]
    pub fn new(scheme: Scheme, authority: &Authority, path: &PathAndQuery) -> Self {
        let authority = authority.clone().normalised(scheme);
        Self(format!("{scheme}://{authority}{path}").into())
    }

    /// The key in an absolute `http` or `https` URI; a fragment is no part of it (RFC 9110 §4.2.5).
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let uri = uri.split_once('#').map_or(uri, |(uri, _)| uri);
        match Target::parse(uri).ok()? {
            Target::Absolute(scheme, authority, path) => Some(Self::new(scheme, &authority, &path)),
            Target::Origin(_) | Target::Authority(_) | Target::Asterisk => None,
        }
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// Host and, if it is not the scheme's own, port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.parts().1
    }

    /// The path, which begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.parts().2;
        path.split_once('?').map_or(path, |(path, _)| path)
    }

    /// The query without its `?`; `Some("")` for a bare `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.parts().2.split_once('?').map(|(_, query)| query)
    }

    /// Whether both have scheme, host and port in common (RFC 9110 §4.3.1).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.scheme(), self.authority()) == (other.scheme(), other.authority())
    }

    /// The key of the same path and query at the origin of `other`.
    #[must_use]
    pub fn at_origin_of(&self, other: &Self) -> Self {
        let ((scheme, authority, _), (_, _, path)) = (other.parts(), self.parts());
        Self(format!("{scheme}://{authority}{path}").into())
    }

    /// The key of a URI reference that stands in a response to this one (RFC 3986 §5.2); `None` if it
    /// is not for `http` or `https`, or not a URI reference.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<Self> {
        let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
        let (scheme, authority, _) = self.parts();
        if has_scheme(reference) {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let query = if path.is_empty() && query.is_none() { self.query() } else { query };
        let path = match path {
            "" => self.path().to_owned(),
            path if path.starts_with('/') => without_dot_segments(path),
            path => {
                let directory = self.path().rsplit_once('/').map_or("", |(directory, _)| directory);
                without_dot_segments(&format!("{directory}/{path}"))
            }
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self::parse(&format!("{scheme}://{authority}{path}{query}"))
    }

    fn parts(&self) -> (&str, &str, &str) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("http", &self.0));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (scheme, authority, path)
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Whether a URI reference begins with a scheme (RFC 3986 §3.1) and not with a path.
fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// RFC 3986 §5.2.4, for a path that begins with `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push(""); // what a dot segment at the end leaves is a directory
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str) -> CacheKey {
        CacheKey::parse(uri).unwrap()
    }

    #[test]
    fn one_place_has_one_key() {
        for (uri, text) in [
            ("http://A.Example:80/x", "http://a.example/x"),
            ("HTTP://a.example", "http://a.example/"),
            ("http://a.example:/x", "http://a.example/x"),
            ("https://a.example:443/x?", "https://a.example/x?"),
            ("http://[::1]:8000/#top", "http://[::1]:8000/"),
        ] {
            assert_eq!(key(uri).as_str(), text);
        }
    }

    #[test]
    fn what_an_origin_may_tell_apart_has_different_keys() {
        let uris = [
            "http://a/",
            "http://a//",
            "http://a/?",
            "http://a/%2e",
            "http://a/.",
            "http://a/%2E",
            "http://b/",
            "http://a:8000/",
            "https://a/",
            "http://a/A",
            "http://a/a",
            "http://a/a?b",
            "http://a/a%3Fb",
        ];
        for (at, one) in uris.iter().enumerate() {
            for other in uris.iter().skip(at + 1) {
                assert_ne!(key(one), key(other));
            }
        }
    }

    #[test]
    fn a_key_knows_its_parts() {
        let key = key("http://localhost:8000/a/b?c=/d?e");
        assert_eq!((key.scheme(), key.authority()), ("http", "localhost:8000"));
        assert_eq!((key.path(), key.query()), ("/a/b", Some("c=/d?e")));
    }

    #[test]
    fn references_are_resolved_as_rfc_3986_section_5_2_says() {
        let base = key("http://a/b/c/d?q");
        for (reference, resolved) in [
            ("http://x/y", Some("http://x/y")),
            ("//g", Some("http://g/")),
            ("/g", Some("http://a/g")),
            ("g", Some("http://a/b/c/g")),
            ("g?y", Some("http://a/b/c/g?y")),
            ("?y", Some("http://a/b/c/d?y")),
            ("", Some("http://a/b/c/d?q")),
            ("#s", Some("http://a/b/c/d?q")),
            ("./g", Some("http://a/b/c/g")),
            ("..", Some("http://a/b/")),
            ("../g", Some("http://a/b/g")),
            ("../../../g", Some("http://a/g")),
            ("/./g/../h/.", Some("http://a/h/")),
            ("g;x=1:2", Some("http://a/b/c/g;x=1:2")),
            ("mailto:x", None),
            ("/a b", None),
        ] {
            assert_eq!(base.resolve(reference).as_ref().map(CacheKey::as_str), resolved, "{reference:?}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(key("http://a/x").is_same_origin(&key("http://a:80/y")));
        for other in ["https://a/x", "http://b/x", "http://a:81/x"] {
            assert!(!key("http://a/x").is_same_origin(&key(other)));
        }
    }
}
