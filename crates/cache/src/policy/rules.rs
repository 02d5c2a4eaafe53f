//! What RFC 9111 leaves to whoever runs the cache.

use std::time::Duration;

use message::HeaderName;
use message::field::targeted::CDN_CACHE_CONTROL;

/// A part of something: more than 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fraction(f64);

/// The decisions of whoever runs the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// For how long after it was received or last validated a stale response is kept for validation.
    /// After that it is as if it were not there.
    pub keep: Duration,
    /// Which part of the time since its last change a response without explicit freshness is fresh for
    /// (RFC 9111 §4.2.2); `None` for no such guess.
    pub heuristic: Option<Fraction>,
    /// The targeted fields (RFC 9213 §2.2) that are for this cache, the most specific first.
    pub targets: Vec<HeaderName>,
    /// For how long a stale response answers in the place of an error (RFC 5861 §4) where it does not say
    /// so itself.
    pub stale_if_error: Duration,
    /// For how long a stale response answers while it is validated (RFC 5861 §3) where it does not say so
    /// itself.
    pub stale_while_revalidate: Duration,
}

impl Fraction {
    /// `part` of one; `None` unless it is more than 0 and at most 1.
    #[must_use]
    pub fn new(part: f64) -> Option<Self> {
        (part > 0.0 && part <= 1.0).then_some(Self(part))
    }

    /// That part of `whole`.
    pub(crate) fn of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }
}

impl Default for Rules {
    /// Nothing is guessed, and nothing is stale that did not say itself that it may be.
    fn default() -> Self {
        Self {
            keep: Duration::from_hours(24),
            heuristic: None,
            targets: vec![CDN_CACHE_CONTROL],
            stale_if_error: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_more_than_nothing_and_at_most_all() {
        for part in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Fraction::new(part).is_none(), "{part}");
        }
        assert!(Fraction::new(1.0).is_some());
    }
}
