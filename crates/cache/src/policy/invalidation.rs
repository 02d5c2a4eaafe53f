//! What a request that changes something makes invalid (RFC 9111 §4.4).

use message::header::{CONTENT_LOCATION, LOCATION};
use message::{Authority, Fields, Method, Scheme, StatusCode};

use crate::key::CacheKey;

/// The keys that are invalid after that response to a request for `target`.
///
/// §4.4: the target itself, and what `Location` and `Content-Location` name if it is of the same origin:
/// else anybody could empty the cache of anybody else's. None for a safe method, nor after an error.
/// `public` is how the client calls the target's origin, where that is another name than ours: a response
/// speaks to the client, so what it names there is ours, too.
#[must_use]
pub fn invalidated(
    method: &Method,
    target: &CacheKey,
    public: Option<&Authority>,
    status: StatusCode,
    response: &Fields,
) -> Vec<CacheKey> {
    // §4.4: a cache does it also where it does not know whether the method is safe.
    let is_harmless = method.is_safe() || !(status.is_success() || status.is_redirection());
    if is_harmless {
        return Vec::new();
    }
    let is_public = |key: &CacheKey| {
        // A port that is the scheme's own says nothing, whichever of the two the client uses.
        let called = |scheme, public: &Authority| public.clone().normalised(scheme).to_string();
        let is_called = |public, scheme| called(scheme, public) == key.authority();
        public.is_some_and(|public| is_called(public, Scheme::Http) || is_called(public, Scheme::Https))
    };
    let mut keys = vec![target.clone()];
    for name in [&LOCATION, &CONTENT_LOCATION] {
        let named = response.text(name).and_then(|reference| target.resolve(reference));
        let named = named.map(|key| if is_public(&key) { key.at_origin_of(target) } else { key });
        if let Some(key) = named
            && key.is_same_origin(target)
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fields;

    fn keys(method: &str, status: u16, lines: &[(&str, &str)]) -> Vec<String> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let target = CacheKey::parse("http://a/dir/x?q").unwrap();
        let public = Authority::parse("www.example").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let keys = invalidated(&method, &target, Some(&public), status, &fields(lines));
        keys.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn section_4_4_every_unsafe_method_that_succeeds_invalidates_its_target() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "UNKNOWN"] {
            for status in [200, 201, 204, 299, 301, 303] {
                assert_eq!(keys(method, status, &[]), ["http://a/dir/x?q"], "{method} {status}");
            }
            for status in [400, 404, 500, 503] {
                assert!(keys(method, status, &[]).is_empty(), "{method} {status}");
            }
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert!(keys(method, 200, &[]).is_empty(), "{method}");
        }
    }

    #[test]
    fn section_4_4_the_ports_of_http_and_https_do_not_make_another_origin_of_the_public_one() {
        let target = CacheKey::parse("http://a/x").unwrap();
        for (public, location, goes) in [
            ("www.example:80", "http://www.example/y", true),
            ("www.example:443", "https://www.example/y", true),
            ("www.example", "https://www.example:443/y", true),
            ("www.example:8000", "http://www.example/y", false),
        ] {
            let public = Authority::parse(public).unwrap();
            let response = fields(&[("location", location)]);
            let keys = invalidated(&Method::POST, &target, Some(&public), StatusCode::CREATED, &response);
            assert_eq!(keys.len() == 2, goes, "{public} {location}");
        }
    }

    #[test]
    fn section_4_4_and_what_location_and_content_location_name_at_the_same_origin() {
        let target = "http://a/dir/x?q";
        for (line, expected) in [
            (("location", "/y"), vec![target, "http://a/y"]),
            (("content-location", "y"), vec![target, "http://a/dir/y"]),
            (("location", "http://a:80/y"), vec![target, "http://a/y"]),
            (("location", "http://b/y"), vec![target]),
            (("location", "https://a/y"), vec![target]),
            (("content-location", "?q"), vec![target]),
            (("location", "//b/y"), vec![target]),
            // What the client knows the origin by, in front of a reverse proxy.
            (("location", "http://www.example/y"), vec![target, "http://a/y"]),
            (("content-location", "https://WWW.example/y"), vec![target, "http://a/y"]),
            (("location", "http://example/y"), vec![target]),
        ] {
            assert_eq!(keys("POST", 201, &[line]), expected, "{line:?}");
        }
        assert_eq!(keys("POST", 201, &[("location", "/y"), ("location", "/z")]), [target]);
    }
}
