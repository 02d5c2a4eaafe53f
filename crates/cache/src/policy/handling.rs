//! Which requests are for the cache at all.

use message::header::{IF_MATCH, IF_UNMODIFIED_SINCE};
use message::{Body, Fields, Method};

/// Why a request goes to the origin whatever is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// A method that is not answered from the cache (RFC 9111 §4: GET and HEAD are).
    Method,
    /// A GET with content: what the content asks for is not in the key (RFC 9110 §9.3.1).
    Content,
    /// `If-Match` or `If-Unmodified-Since`: for the origin to judge (RFC 9111 §4.3.2).
    Precondition,
}

impl Bypass {
    /// Why that request is not for the cache; `None` if it is.
    #[must_use]
    pub fn of(method: &Method, fields: &Fields, body: &Body) -> Option<Self> {
        if *method != Method::GET && *method != Method::HEAD {
            Some(Self::Method)
        } else if !body.is_empty() {
            Some(Self::Content)
        } else if fields.contains(&IF_MATCH) || fields.contains(&IF_UNMODIFIED_SINCE) {
            Some(Self::Precondition)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use message::{HeaderName, HeaderValue};

    use super::*;

    fn bypass(method: &str, line: Option<HeaderName>, body: &'static str) -> Option<Bypass> {
        let mut fields = Fields::new();
        if let Some(name) = line {
            fields.set(name, HeaderValue::from_static("\"v1\""));
        }
        Bypass::of(&Method::from_bytes(method.as_bytes()).unwrap(), &fields, &Body::from(body))
    }

    #[test]
    fn section_4_get_and_head_are_answered_from_the_cache_and_nothing_else() {
        for method in ["GET", "HEAD"] {
            assert_eq!(bypass(method, None, ""), None);
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "M-SEARCH", "get"] {
            assert_eq!(bypass(method, None, ""), Some(Bypass::Method), "{method}");
        }
        assert_eq!(bypass("GET", None, "query"), Some(Bypass::Content));
    }

    #[test]
    fn section_4_3_2_preconditions_for_the_origin_are_left_to_it() {
        assert_eq!(bypass("GET", Some(IF_MATCH), ""), Some(Bypass::Precondition));
        assert_eq!(bypass("HEAD", Some(IF_UNMODIFIED_SINCE), ""), Some(Bypass::Precondition));
        assert_eq!(bypass("GET", Some(message::header::IF_NONE_MATCH), ""), None);
    }
}
