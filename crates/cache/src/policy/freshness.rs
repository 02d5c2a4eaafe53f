//! How old a response is, and for how long it is fresh (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use message::field::cache_control::{CacheControl, delta_seconds};
use message::field::date::HttpDate;
use message::field::list;
use message::header::{AGE, DATE, LAST_MODIFIED};
use message::{Fields, StatusCode};

use crate::policy::rules::{Fraction, Rules};
use crate::policy::terms::Terms;

/// The longest time for which a guess alone makes a response fresh (§4.2.2).
pub const HEURISTIC_MAX: Duration = Duration::from_hours(24);

/// The statuses whose freshness may be guessed though nothing says so (RFC 9110 §15.1).
const HEURISTICALLY_CACHEABLE: [u16; 12] = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];

/// What a response's own fields and the times of its arrival say about its age.
#[derive(Clone, Debug, PartialEq)]
pub struct Freshness {
    lifetime: Duration,
    basis: Basis,
    /// `corrected_initial_age` of §4.2.3.
    initial_age: Duration,
    received_at: SystemTime,
    no_cache: bool,
    never_stale: bool,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
}

/// Where a lifetime comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// `s-maxage`, `max-age` or `Expires` (§4.2.1); also one that is invalid, and means stale.
    Explicit,
    /// A guess (§4.2.2).
    Heuristic,
    /// Nothing: the lifetime is zero.
    None,
}

impl Freshness {
    /// The freshness of a response with that status and those fields, asked for and received then.
    #[must_use]
    pub fn of(
        status: StatusCode,
        fields: &Fields,
        requested_at: SystemTime,
        received_at: SystemTime,
        rules: &Rules,
    ) -> Self {
        let terms = Terms::of(fields, &rules.targets);
        let made_at = HttpDate::of(fields, &DATE).map_or(received_at, HttpDate::to_system_time);
        let (lifetime, basis) = lifetime(status, fields, &terms, made_at, rules.heuristic);
        let CacheControl { stale_while_revalidate, stale_if_error, .. } = terms.directives;
        Self {
            lifetime,
            basis,
            initial_age: initial_age(fields, made_at, requested_at, received_at),
            received_at,
            no_cache: terms.directives.no_cache.is_whole(),
            // §4.2.4: these forbid to serve stale; s-maxage includes proxy-revalidate (§5.2.2.10).
            never_stale: terms.directives.must_revalidate
                || terms.directives.proxy_revalidate
                || terms.directives.s_maxage.is_some()
                || terms.directives.no_cache.is_whole(),
            stale_while_revalidate: stale_while_revalidate.unwrap_or(rules.stale_while_revalidate),
            stale_if_error: stale_if_error.unwrap_or(rules.stale_if_error),
        }
    }

    /// The same, but stale from `now` on, whatever it said.
    #[must_use]
    pub fn ended(self, now: SystemTime) -> Self {
        Self { lifetime: self.lifetime.min(self.age(now)), ..self }
    }

    /// `current_age` of §4.2.3 in whole seconds, as a sender of `Age` gives it.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Duration {
        let resident = now.duration_since(self.received_at).unwrap_or_default();
        Duration::from_secs(self.initial_age.saturating_add(resident).as_secs())
    }

    /// For how long it is fresh in all, counted from when the origin made it.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Where the lifetime comes from.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Whether it is fresh (§4.2).
    #[must_use]
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        self.lifetime > self.age(now)
    }

    /// Seconds of freshness left; negative for a stale response.
    #[must_use]
    pub fn ttl(&self, now: SystemTime) -> i64 {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        seconds(self.lifetime).saturating_sub(seconds(self.age(now)))
    }

    /// When it was received, or last validated.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        self.received_at
    }

    /// Whether each use needs a successful validation first (`no-cache`, §5.2.2.4).
    #[must_use]
    pub fn needs_validation(&self) -> bool {
        self.no_cache
    }

    /// For how long it has been stale, in whole seconds; zero for a fresh one.
    #[must_use]
    pub fn stale_for(&self, now: SystemTime) -> Duration {
        self.age(now).saturating_sub(self.lifetime)
    }

    /// Whether it may be used stale at all where somebody allows it (§4.2.4).
    #[must_use]
    pub fn may_be_stale(&self) -> bool {
        !self.never_stale
    }

    /// Whether it answers while it is being validated (RFC 5861 §3).
    #[must_use]
    pub fn serves_while_revalidating(&self, now: SystemTime) -> bool {
        self.may_be_stale() && self.stale_for(now) < self.stale_while_revalidate
    }

    /// Whether it answers in the place of an error (RFC 5861 §4).
    #[must_use]
    pub fn serves_on_error(&self, now: SystemTime) -> bool {
        self.may_be_stale() && self.stale_for(now) < self.stale_if_error
    }
}

/// Whether freshness may be guessed (§4.2.2): by the status, or because the response says `public`.
#[must_use]
pub fn is_heuristically_cacheable(status: StatusCode, directives: &CacheControl) -> bool {
    HEURISTICALLY_CACHEABLE.contains(&status.as_u16()) || directives.public
}

/// `freshness_lifetime` of §4.2.1, else of §4.2.2.
fn lifetime(
    status: StatusCode,
    fields: &Fields,
    terms: &Terms,
    made_at: SystemTime,
    heuristic: Option<Fraction>,
) -> (Duration, Basis) {
    if let Some(lifetime) = terms.explicit_lifetime(fields, made_at) {
        return (lifetime, Basis::Explicit);
    }
    let unchanged_for = HttpDate::of(fields, &LAST_MODIFIED)
        .and_then(|modified| made_at.duration_since(modified.to_system_time()).ok());
    match heuristic.zip(unchanged_for) {
        Some((fraction, time)) if is_heuristically_cacheable(status, &terms.directives) => {
            (fraction.of(time).min(HEURISTIC_MAX), Basis::Heuristic)
        }
        _ => (Duration::ZERO, Basis::None),
    }
}

/// `corrected_initial_age` of §4.2.3.
fn initial_age(
    fields: &Fields,
    made_at: SystemTime,
    requested_at: SystemTime,
    received_at: SystemTime,
) -> Duration {
    // `Date` has whole seconds: its fraction is not age.
    let apparent = received_at.duration_since(made_at).unwrap_or_default();
    let apparent = Duration::from_secs(apparent.as_secs());
    let response_delay = received_at.duration_since(requested_at).unwrap_or_default();
    apparent.max(age_value(fields).saturating_add(response_delay))
}

/// §5.1: of several the first counts, and what is not delta-seconds is ignored.
fn age_value(fields: &Fields) -> Duration {
    let first = fields.get(&AGE).and_then(|line| list::members(line.as_bytes()).next());
    first.and_then(|member| delta_seconds(member.ok()?)).unwrap_or_default()
}

#[cfg(test)]
#[path = "freshness_tests.rs"]
mod tests;
