//! How old a response is, and for how long it is fresh (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use message::Fields;
use message::field::cache_control::{CacheControl, Qualified, delta_seconds};
use message::field::date::HttpDate;
use message::field::list;
use message::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, LAST_MODIFIED};

/// A part of something: more than 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fraction(f64);

/// The longest time for which a guess alone makes a response fresh (§4.2.2).
pub const HEURISTIC_MAX: Duration = Duration::from_hours(24);

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

impl Fraction {
    /// `part` of one; `None` unless it is more than 0 and at most 1.
    #[must_use]
    pub fn new(part: f64) -> Option<Self> {
        (part > 0.0 && part <= 1.0).then_some(Self(part))
    }

    fn of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }
}

impl Freshness {
    /// The freshness of a response with those fields, asked for and received then.
    #[must_use]
    pub fn of(
        fields: &Fields,
        requested_at: SystemTime,
        received_at: SystemTime,
        heuristic: Option<Fraction>,
    ) -> Self {
        let directives = CacheControl::of(fields, &CACHE_CONTROL);
        let made_at = HttpDate::of(fields, &DATE).map_or(received_at, HttpDate::to_system_time);
        let (lifetime, basis) = lifetime(fields, &directives, made_at, heuristic);
        Self {
            lifetime,
            basis,
            initial_age: initial_age(fields, made_at, requested_at, received_at),
            received_at,
            // §5.2.2.4: the form with field names may be, and here is, taken for the one without.
            no_cache: directives.no_cache != Qualified::No,
            // §4.2.4: these forbid to serve stale; s-maxage includes proxy-revalidate (§5.2.2.10).
            never_stale: directives.must_revalidate
                || directives.proxy_revalidate
                || directives.s_maxage.is_some(),
        }
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

    /// Whether it may be used stale where the client asks for it (§4.2.4).
    #[must_use]
    pub fn may_be_stale(&self) -> bool {
        self.basis == Basis::Explicit && !self.no_cache && !self.never_stale
    }
}

/// `freshness_lifetime` of §4.2.1, else of §4.2.2.
fn lifetime(
    fields: &Fields,
    directives: &CacheControl,
    made_at: SystemTime,
    heuristic: Option<Fraction>,
) -> (Duration, Basis) {
    // §4.2.1: s-maxage for a shared cache, then max-age, then Expires.
    if let Some(lifetime) = directives.s_maxage.or(directives.max_age) {
        return (lifetime, Basis::Explicit);
    }
    if fields.contains(&EXPIRES) {
        // §5.3: an invalid date, `0` above all, is in the past; so are several of them.
        let expires = HttpDate::of(fields, &EXPIRES).map(HttpDate::to_system_time);
        let lifetime = expires.and_then(|expires| expires.duration_since(made_at).ok());
        return (lifetime.unwrap_or_default(), Basis::Explicit);
    }
    let unchanged_for = HttpDate::of(fields, &LAST_MODIFIED)
        .and_then(|modified| made_at.duration_since(modified.to_system_time()).ok());
    match heuristic.zip(unchanged_for) {
        Some((fraction, time)) => (fraction.of(time).min(HEURISTIC_MAX), Basis::Heuristic),
        None => (Duration::ZERO, Basis::None),
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
