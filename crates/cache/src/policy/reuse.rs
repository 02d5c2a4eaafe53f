//! Whether a stored response may answer a request (RFC 9111 §4), by its three ages.
//!
//! *Fresh*: it is used as it is. *Kept*, for a time after it was last validated: it is validated before
//! each use. *Expired*: the origin is asked as if nothing were stored.

use std::time::SystemTime;

use message::field::cache_control::{CacheControl, MaxStale, Qualified};
use message::field::cache_status::Fwd;
use message::header::{CACHE_CONTROL, PRAGMA};
use message::{FailureKind, Fields, StatusCode};

use crate::policy::freshness::Freshness;
use crate::policy::rules::Rules;
use crate::stored::StoredResponse;

/// What is to be done with a stored response that matches a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Answer with it.
    Serve,
    /// Answer with it, stale as it is, and meanwhile ask the origin (RFC 5861 §3).
    ServeStale,
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
    /// It has neither `ETag` nor `Last-Modified` to be validated by (§4.3.1), or is the answer to no
    /// condition: another status than 2xx (RFC 9110 §13.2.1).
    NoValidator,
    /// It is stale since somebody said so, whatever it said itself.
    Outdated,
}

impl Reason {
    /// Where it stands in RFC 9111.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Self::Stale | Self::Outdated => "§4.2",
            Self::NoCache => "§5.2.2.4",
            Self::RequestNoCache => "§5.2.1.4",
            Self::RequestMaxAge => "§5.2.1.1",
            Self::RequestMinFresh => "§5.2.1.3",
            Self::Expired => "§4.2.4",
            Self::NoValidator => "§4.3.1",
        }
    }

    /// What `fwd` in `Cache-Status` says of it (RFC 9211 §2.2).
    #[must_use]
    pub fn fwd(self) -> Fwd {
        match self {
            Self::Stale | Self::NoCache | Self::Expired | Self::NoValidator | Self::Outdated => Fwd::Stale,
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
            Self::Outdated => Some("outdated"),
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

/// Judges whether `stored`, which matches the request, may answer it now.
#[must_use]
pub fn reuse(stored: &StoredResponse, request: &CacheControl, now: SystemTime, rules: &Rules) -> Reuse {
    let freshness = &stored.freshness;
    let Some(mut reason) = objection(freshness, request, now) else { return Reuse::Serve };
    if reason == Reason::Stale && freshness.serves_while_revalidating(now) {
        return Reuse::ServeStale;
    }
    if reason == Reason::Stale && stored.outdated_at.is_some() {
        reason = Reason::Outdated;
    }
    let since_validated = now.duration_since(freshness.received_at()).unwrap_or_default();
    if since_validated >= rules.keep {
        Reuse::Forward(Reason::Expired)
    } else if !stored.can_be_validated() {
        Reuse::Forward(Reason::NoValidator)
    } else {
        Reuse::Validate(reason)
    }
}

/// What a stale response may stand in for (RFC 5861 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No response, though the request is not at fault: what would be an error, or 523.
    Outage,
    /// A response that is an error.
    Error(StatusCode),
}

impl Trouble {
    /// The trouble in a failure; `None` if it lies in the request.
    #[must_use]
    pub fn of_failure(kind: FailureKind) -> Option<Self> {
        let is_at_fault = matches!(
            kind,
            FailureKind::DestinationIpProhibited
                | FailureKind::HttpRequestError
                | FailureKind::ProxyLoopDetected
        );
        (!is_at_fault).then_some(Self::Outage)
    }

    /// The trouble in a response; `None` if it is an answer.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Option<Self> {
        matches!(status.as_u16(), 500 | 502..=504).then_some(Self::Error(status))
    }
}

/// Whether `stored`, which matches the request, answers it in the place of an error (RFC 5861 §4): where
/// the response or whoever runs the cache allows it, and where the request allows it (also with
/// `max-stale`, §5.2.1.2) and demands nothing fresher.
#[must_use]
pub fn serves_on_error(stored: &StoredResponse, request: &CacheControl, now: SystemTime) -> bool {
    let freshness = &stored.freshness;
    let stale_for = freshness.stale_for(now);
    let is_allowed = freshness.serves_on_error(now)
        || (freshness.may_be_stale() && request.stale_if_error.is_some_and(|time| stale_for < time));
    is_allowed
        && request.no_cache == Qualified::No
        && request.min_fresh.is_none()
        && request.max_age.is_none_or(|max_age| freshness.age(now) <= max_age)
}

/// What speaks against using it without asking.
fn objection(freshness: &Freshness, request: &CacheControl, now: SystemTime) -> Option<Reason> {
    if request.no_cache != Qualified::No {
        return Some(Reason::RequestNoCache);
    }
    if freshness.needs_validation() {
        return Some(Reason::NoCache);
    }
    let (age, left) = (freshness.age(now), freshness.lifetime().saturating_sub(freshness.age(now)));
    if request.max_age.is_some_and(|max_age| age > max_age) {
        return Some(Reason::RequestMaxAge);
    }
    if request.min_fresh.is_some_and(|min_fresh| left < min_fresh) {
        return Some(Reason::RequestMinFresh);
    }
    let stale_for = freshness.stale_for(now);
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
