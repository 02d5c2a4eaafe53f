//! Whether a stored response may answer a request (RFC 9111 §4), by its three ages.
//!
//! *Fresh*: it is used as it is. *Kept*, for a time after it was last validated: it is validated before
//! each use. *Expired*: the origin is asked as if nothing were stored.

use std::time::{Duration, SystemTime};

use message::Fields;
use message::field::cache_control::{CacheControl, MaxStale, Qualified};
use message::field::cache_status::Fwd;
use message::header::{CACHE_CONTROL, PRAGMA};

use crate::policy::freshness::Freshness;
use crate::stored::StoredResponse;

/// What is to be done with a stored response that matches a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Answer with it.
    Serve,
    /// Answer with it if the origin says that it is current still.
    Validate(Reason),
    /// Ask the origin as if it were not there.
    Forward(Reason),
}

/// Why a stored response can't be used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is stale (§4.2), and kept.
    Stale,
    /// It says `no-cache` (§5.2.2.4).
    NoCache,
    /// The request says `no-cache` (§5.2.1.4), or `Pragma: no-cache` (§5.4).
    RequestNoCache,
    /// It is older than the request's `max-age` allows (§5.2.1.1).
    RequestMaxAge,
    /// It will be stale before the request's `min-fresh` is over (§5.2.1.3).
    RequestMinFresh,
    /// It is stale, and was last validated too long ago.
    Expired,
    /// It has neither `ETag` nor `Last-Modified` to be validated by (§4.3.1).
    NoValidator,
}

impl Reason {
    /// What `fwd` in `Cache-Status` says of it (RFC 9211 §2.2).
    #[must_use]
    pub fn fwd(self) -> Fwd {
        match self {
            Self::Stale | Self::NoCache | Self::Expired | Self::NoValidator => Fwd::Stale,
            Self::RequestNoCache | Self::RequestMaxAge | Self::RequestMinFresh => Fwd::Request,
        }
    }

    /// The word for it in the `detail` of `Cache-Status`, where `fwd` does not say it all.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Stale => None,
            Self::NoCache => Some("no-cache"),
            Self::RequestNoCache => Some("request-no-cache"),
            Self::RequestMaxAge => Some("request-max-age"),
            Self::RequestMinFresh => Some("request-min-fresh"),
            Self::Expired => Some("expired"),
            Self::NoValidator => Some("no-validator"),
        }
    }
}

/// The directives of a request (§5.2.1), with what `Pragma` stands for.
#[must_use]
pub fn directives(request: &Fields) -> CacheControl {
    let mut directives = CacheControl::of(request, &CACHE_CONTROL);
    // §5.4: only where there is no Cache-Control.
    if !request.contains(&CACHE_CONTROL) && message::field::list::contains(request, &PRAGMA, "no-cache") {
        directives.no_cache = Qualified::Whole;
    }
    directives
}

/// Judges whether `stored`, which matches the request, may answer it now. `keep` is for how long after
/// its last validation it is validated again and not fetched anew.
#[must_use]
pub fn reuse(stored: &StoredResponse, request: &CacheControl, now: SystemTime, keep: Duration) -> Reuse {
    let Some(reason) = objection(&stored.freshness, request, now) else { return Reuse::Serve };
    let since_validated = now.duration_since(stored.freshness.received_at()).unwrap_or_default();
    if since_validated >= keep {
        Reuse::Forward(Reason::Expired)
    } else if !stored.has_validator() {
        Reuse::Forward(Reason::NoValidator)
    } else {
        Reuse::Validate(reason)
    }
}

/// What speaks against using it without asking.
fn objection(freshness: &Freshness, request: &CacheControl, now: SystemTime) -> Option<Reason> {
    if request.no_cache != Qualified::No {
        return Some(Reason::RequestNoCache);
    }
    if freshness.needs_validation() {
        return Some(Reason::NoCache);
    }
    let (age, lifetime) = (freshness.age(now), freshness.lifetime());
    if request.max_age.is_some_and(|max_age| age > max_age) {
        return Some(Reason::RequestMaxAge);
    }
    if request.min_fresh.is_some_and(|min_fresh| lifetime.saturating_sub(age) < min_fresh) {
        return Some(Reason::RequestMinFresh);
    }
    let stale_for = age.saturating_sub(lifetime);
    let is_wanted_stale = match request.max_stale {
        None => false,
        Some(MaxStale::Any) => true,
        Some(MaxStale::Within(time)) => stale_for <= time,
    };
    let is_usable = freshness.is_fresh(now) || (is_wanted_stale && freshness.may_be_stale());
    if is_usable { None } else { Some(Reason::Stale) }
}

/// Whether a response that is still arriving for one request may answer another one, too (§4: collapsed
/// requests).
///
/// It is the newest there is, so it needs no freshness for those who ask while it arrives; but one
/// with `no-cache` answers nobody whose own request was not forwarded (§5.2.2.4), nor does any other
/// for a request that says so.
#[must_use]
pub fn may_share(arriving: &StoredResponse, request: &Fields, directives: &CacheControl) -> bool {
    arriving.selecting.matches(request)
        && !arriving.freshness.needs_validation()
        && directives.no_cache == Qualified::No
}

#[cfg(test)]
#[path = "reuse_tests.rs"]
mod tests;
