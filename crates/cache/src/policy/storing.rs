//! Whether a response may be stored (RFC 9111 §3).

use std::time::SystemTime;

use message::field::cache_control::CacheControl;
use message::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LOCATION, SET_COOKIE};
use message::{Fields, Method, StatusCode};

use crate::key::CacheKey;
use crate::policy::freshness::{Basis, Freshness};
use crate::policy::rules::Rules;
use crate::policy::terms::Terms;
use crate::policy::vary::{Selecting, VariesOnEverything};

/// A response, the request that it answers, and when both went by.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What was asked.
    pub method: &'a Method,
    /// Of which target.
    pub key: &'a CacheKey,
    /// The fields of the request.
    pub request: &'a Fields,
    /// What was answered.
    pub status: StatusCode,
    /// The fields of the response.
    pub response: &'a Fields,
    /// When the request was sent.
    pub requested_at: SystemTime,
    /// When the head of the response was there.
    pub received_at: SystemTime,
}

/// Why a response is not stored. In the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only answers to GET are stored; and to POST where they say that they answer a GET, too.
    Method,
    /// The status answers what this one request asked beside its target: its range, its conditions, its
    /// hop.
    Particular,
    /// The request says `no-store` (§5.2.1.5).
    RequestNoStore,
    /// The response says `no-store` (§5.2.2.5).
    NoStore,
    /// The response says `must-understand`, and nobody has told us what its status means (§5.2.2.3).
    NotUnderstood,
    /// The response is `private` (§5.2.2.7).
    Private,
    /// The request has credentials, and the response does not say that others may have it (§3.5).
    Authorization,
    /// The status is not 200, and the response is not fresh: it would be of no use, and in the way of what
    /// is. So 404, 501 and 505 of an origin that says nothing else are passed on.
    Status,
    /// The response sets a cookie and says nothing about its freshness: most likely it is for one
    /// client only, whoever made it did not think of caches (§7.3).
    Cookie,
    /// The response varies on what no request can match (§4.1).
    VaryStar,
}

/// Statuses that answer a request's range, conditions or hop, and not its target alone.
const PARTICULAR: [u16; 8] = [206, 304, 407, 408, 412, 416, 421, 425];

/// Statuses of which we know what caching them asks for (§5.2.2.3): those that RFC 9110 §15 defines.
const UNDERSTOOD: [u16; 40] = [
    200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 409,
    410, 411, 413, 414, 415, 417, 418, 422, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505,
];

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Method,
        Self::Particular,
        Self::RequestNoStore,
        Self::NoStore,
        Self::NotUnderstood,
        Self::Private,
        Self::Authorization,
        Self::Status,
        Self::Cookie,
        Self::VaryStar,
    ];

    /// The word for it in the `detail` of `Cache-Status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Particular => "particular",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::NotUnderstood => "must-understand",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::Status => "status",
            Self::Cookie => "set-cookie",
            Self::VaryStar => "vary-star",
        }
    }

    /// Where it stands in RFC 9111.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Self::Method | Self::Particular | Self::Status => "§3",
            Self::RequestNoStore => "§5.2.1.5",
            Self::NoStore => "§5.2.2.5",
            Self::NotUnderstood => "§5.2.2.3",
            Self::Private => "§5.2.2.7",
            Self::Authorization => "§3.5",
            Self::Cookie => "§7.3",
            Self::VaryStar => "§4.1",
        }
    }

    /// Whether it most likely holds for the next request, too: it lies in the response, not in the
    /// request that it answers.
    #[must_use]
    pub fn is_lasting(self) -> bool {
        match self {
            Self::NoStore
            | Self::NotUnderstood
            | Self::Private
            | Self::Status
            | Self::Cookie
            | Self::VaryStar => true,
            Self::Method | Self::Particular | Self::RequestNoStore | Self::Authorization => false,
        }
    }

    /// Whether it stands against storing this response.
    #[must_use]
    pub fn applies(self, exchange: &Exchange<'_>, terms: &Terms, rules: &Rules) -> bool {
        let Exchange { method, request, status, response, .. } = *exchange;
        let told = &terms.directives;
        let is_understood = UNDERSTOOD.contains(&status.as_u16());
        match self {
            Self::Method => *method != Method::GET && !answers_get(exchange, terms),
            Self::Particular => status.is_informational() || PARTICULAR.contains(&status.as_u16()),
            Self::RequestNoStore => CacheControl::of(request, &CACHE_CONTROL).no_store,
            // §5.2.2.3: who understands the status ignores no-store beside must-understand.
            Self::NoStore => told.no_store && !(told.must_understand && is_understood),
            Self::NotUnderstood => told.must_understand && !is_understood,
            Self::Private => told.private.is_whole(),
            Self::Authorization => {
                let is_for_all = told.public || told.must_revalidate || told.s_maxage.is_some();
                request.contains(&AUTHORIZATION) && !is_for_all
            }
            Self::Status => status != StatusCode::OK && !is_fresh(exchange, rules),
            Self::Cookie => response.contains(&SET_COOKIE) && !terms.is_explicit(response),
            Self::VaryStar => Selecting::of(response, request) == Err(VariesOnEverything),
        }
    }
}

/// Judges whether a response may be stored by a shared cache (§3), and for which requests.
///
/// A 200 without any freshness is stored: 200 is heuristically cacheable (RFC 9110 §15.1). It is then
/// validated before each use. Any other final status, known or not, is stored if it is fresh: because it
/// says so (§3: a cache need not understand a status to reuse what has explicit freshness), or by a guess
/// where guesses are configured.
///
/// # Errors
/// The first reason against it.
pub fn storing(exchange: &Exchange<'_>, rules: &Rules) -> Result<Selecting, Refusal> {
    let terms = Terms::of(exchange.response, &rules.targets);
    match Refusal::ALL.into_iter().find(|refusal| refusal.applies(exchange, &terms, rules)) {
        Some(refusal) => Err(refusal),
        None => Selecting::of(exchange.response, exchange.request).map_err(|_| Refusal::VaryStar),
    }
}

/// RFC 9110 §9.3.3: a response to POST is one to a later GET if it says for how long it is fresh, and
/// that it is what is at the target.
fn answers_get(exchange: &Exchange<'_>, terms: &Terms) -> bool {
    let Exchange { method, key, status, response, received_at, .. } = *exchange;
    let location = response.text(&CONTENT_LOCATION).and_then(|reference| key.resolve(reference));
    *method == Method::POST
        && status == StatusCode::OK
        && location.as_ref() == Some(key)
        && terms.explicit_lifetime(response, received_at).is_some_and(|lifetime| !lifetime.is_zero())
}

fn is_fresh(exchange: &Exchange<'_>, rules: &Rules) -> bool {
    let Exchange { status, response, requested_at, received_at, .. } = *exchange;
    let freshness = Freshness::of(status, response, requested_at, received_at, rules);
    freshness.basis() != Basis::None && freshness.is_fresh(received_at)
}

#[cfg(test)]
#[path = "storing_tests.rs"]
mod tests;
