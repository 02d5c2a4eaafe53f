//! `Cache-Status` (RFC 9211): what a cache did with a request, for whoever reads the response.

use std::fmt;

use http::StatusCode;
use http::header::CACHE_STATUS;

use crate::failure::Failure;
use crate::field::structured::Item;
use crate::field::value::written;
use crate::fields::Fields;

/// What one cache did.
#[derive(Clone, Debug)]
pub struct CacheStatus(Item);

/// Why a request went on towards the origin (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fwd {
    /// `bypass`: the cache was set not to handle this request.
    Bypass,
    /// `method`: the method's semantics need the origin.
    Method,
    /// `uri-miss`: nothing was stored for the URI.
    UriMiss,
    /// `vary-miss`: something was stored for the URI, but for other request fields.
    VaryMiss,
    /// `miss`: nothing that fits was stored; why is not known more closely.
    Miss,
    /// `request`: the request's own directives did not allow what was stored.
    Request,
    /// `stale`: what was stored was stale.
    Stale,
    /// `partial`: what was stored did not hold all the ranges asked for.
    Partial,
}

impl CacheStatus {
    /// The request was answered out of the cache named `cache` without going forward (§2.1).
    #[must_use]
    pub fn hit(cache: &str) -> Self {
        Self(Item::new(cache).flag("hit"))
    }

    /// The request was answered by the cache named `cache` itself: neither out of what is stored, nor by
    /// going forward.
    #[must_use]
    pub fn neither(cache: &str) -> Self {
        Self(Item::new(cache))
    }

    /// The request went forward, and why (§2.2).
    #[must_use]
    pub fn forwarded(cache: &str, why: Fwd) -> Self {
        Self(Item::new(cache).token_or_string("fwd", why.name()))
    }

    /// The status that the next server gave, if it is not the response's own (§2.3).
    #[must_use]
    pub fn fwd_status(self, status: StatusCode) -> Self {
        Self(self.0.integer("fwd-status", i64::from(status.as_u16())))
    }

    /// Freshness left in seconds; negative for a stale response (§2.4).
    #[must_use]
    pub fn ttl(self, seconds: i64) -> Self {
        Self(self.0.integer("ttl", seconds))
    }

    /// The response was stored (§2.5).
    #[must_use]
    pub fn stored(self) -> Self {
        Self(self.0.flag("stored"))
    }

    /// The request went forward together with others (§2.6).
    #[must_use]
    pub fn collapsed(self) -> Self {
        Self(self.0.flag("collapsed"))
    }

    /// The key that the response was looked for by (§2.7).
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        Self(self.0.string("key", key))
    }

    /// What else there is to say, in one word or in a sentence (§2.8).
    #[must_use]
    pub fn detail(self, detail: &str) -> Self {
        Self(self.0.token_or_string("detail", detail))
    }

    /// The same failure, whose response tells what the cache did.
    #[must_use]
    pub fn on(self, failure: Failure) -> Failure {
        failure.with(CACHE_STATUS, written(self.0.as_str().to_owned()))
    }

    /// Adds it after what caches nearer to the origin have said (§2).
    pub fn append_to(self, fields: &mut Fields) {
        self.0.append_to(fields, CACHE_STATUS);
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Fwd {
    /// The value as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cache_did_is_written_as_9211_says() {
        for (status, written) in [
            (CacheStatus::hit("Sockets"), "Sockets;hit"),
            (CacheStatus::hit("Sockets").ttl(-412), "Sockets;hit;ttl=-412"),
            (
                CacheStatus::forwarded("Sockets", Fwd::UriMiss).stored().collapsed(),
                "Sockets;fwd=uri-miss;stored;collapsed",
            ),
            (
                CacheStatus::forwarded("Sockets", Fwd::Stale)
                    .fwd_status(StatusCode::NOT_MODIFIED)
                    .key("http://a/\"x\"")
                    .detail("kept"),
                r#"Sockets;fwd=stale;fwd-status=304;key="http://a/\"x\"";detail=kept"#,
            ),
            (
                CacheStatus::forwarded("a b", Fwd::Bypass).detail("no room left"),
                r#""a b";fwd=bypass;detail="no room left""#,
            ),
        ] {
            assert_eq!(status.to_string(), written);
        }
    }

    #[test]
    fn the_cache_nearest_the_client_is_the_last_9211_2() {
        let mut fields = Fields::new();
        CacheStatus::forwarded("Inner", Fwd::Miss).append_to(&mut fields);
        CacheStatus::hit("Outer").append_to(&mut fields);
        assert_eq!(fields.lines(&CACHE_STATUS).collect::<Vec<_>>(), ["Inner;fwd=miss", "Outer;hit"]);
    }
}
