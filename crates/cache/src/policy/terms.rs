//! On what terms a response was given to this cache: by which field, and with which directives.

use std::time::{Duration, SystemTime};

use message::field::cache_control::{CacheControl, Qualified};
use message::field::date::HttpDate;
use message::field::targeted::targeted;
use message::header::{AGE, CACHE_CONTROL, CONNECTION, DATE, EXPIRES, VARY};
use message::{Fields, HeaderName};

/// The directives of a response that hold for this cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What they say. A directive for some fields only that names one which this cache itself can't do
    /// without stands here for the whole response.
    pub directives: CacheControl,
    /// Where they stand.
    pub source: Source,
}

/// Which field speaks to this cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `Cache-Control`, and beside it `Expires` (RFC 9111 §5.2, §5.3).
    CacheControl,
    /// A targeted field; then neither of the above counts (RFC 9213 §2.2).
    Targeted(HeaderName),
}

/// Fields that a stored response can't be used without: which requests it answers, and how old it is.
static INDISPENSABLE: [HeaderName; 6] = [AGE, CACHE_CONTROL, CONNECTION, DATE, EXPIRES, VARY];

impl Terms {
    /// The terms of `response` for a cache that listens to `targets`, the first first.
    #[must_use]
    pub fn of(response: &Fields, targets: &[HeaderName]) -> Self {
        let told = targets.iter().find_map(|name| {
            // RFC 9213 §2.2: a field that is empty or invalid is as if it were not there.
            targeted(response, name).map(|directives| (directives, Source::Targeted(name.clone())))
        });
        let (mut directives, source) =
            told.unwrap_or_else(|| (CacheControl::of(response, &CACHE_CONTROL), Source::CacheControl));
        for qualified in [&mut directives.no_cache, &mut directives.private] {
            if qualified.fields().iter().any(|name| INDISPENSABLE.contains(name) || targets.contains(name)) {
                *qualified = Qualified::Whole;
            }
        }
        Self { directives, source }
    }

    /// `freshness_lifetime` where the response says it (RFC 9111 §4.2.1): `s-maxage` for a shared cache,
    /// then `max-age`, then `Expires` less when the response was made.
    #[must_use]
    pub fn explicit_lifetime(&self, response: &Fields, made_at: SystemTime) -> Option<Duration> {
        if let Some(lifetime) = self.directives.s_maxage.or(self.directives.max_age) {
            return Some(lifetime);
        }
        if !self.counts_expires() || !response.contains(&EXPIRES) {
            return None;
        }
        // §5.3: an invalid date, `0` above all, is in the past; so are several of them.
        let expires = HttpDate::of(response, &EXPIRES).map(HttpDate::to_system_time);
        Some(expires.and_then(|expires| expires.duration_since(made_at).ok()).unwrap_or_default())
    }

    /// Whether the response says at all for how long it is fresh, or that it is for everybody (§3).
    #[must_use]
    pub fn is_explicit(&self, response: &Fields) -> bool {
        self.directives.public || self.explicit_lifetime(response, SystemTime::UNIX_EPOCH).is_some()
    }

    /// Takes out of a response what is not stored (§3.1): the fields that `no-cache` and `private` name
    /// (§5.2.2.4, §5.2.2.7). They go to the one who asked, and to nobody after him.
    pub fn withhold(&self, response: &mut Fields) -> Fields {
        let mut withheld = Fields::new();
        for name in self.directives.no_cache.fields().iter().chain(self.directives.private.fields()) {
            for value in response.lines(name) {
                withheld.append(name.clone(), value.clone());
            }
            response.remove(name);
        }
        withheld
    }

    fn counts_expires(&self) -> bool {
        self.source == Source::CacheControl
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rules::Rules;
    use crate::testing::{at, fields};

    const HOUR_LATER: &str = "Thu, 01 Jan 2026 01:00:00 GMT";

    fn terms(lines: &[(&str, &str)]) -> (Terms, Option<u64>) {
        let mut targets = vec![HeaderName::from_static("own-cache-control")];
        targets.extend(Rules::default().targets);
        let fields = fields(lines);
        let terms = Terms::of(&fields, &targets);
        let lifetime = terms.explicit_lifetime(&fields, at(0)).map(|lifetime| lifetime.as_secs());
        (terms, lifetime)
    }

    #[test]
    fn rfc_9213_section_2_2_the_first_target_that_is_valid_counts_and_nothing_beside_it() {
        let plain = ("cache-control", "max-age=1, no-store");
        let (cdn, own) = (("cdn-cache-control", "max-age=2"), ("own-cache-control", "max-age=3"));
        for (lines, lifetime, no_store) in [
            (&[plain][..], Some(1), true),
            (&[plain, cdn], Some(2), false),
            (&[cdn, own, plain], Some(3), false),
            (&[plain, cdn, ("own-cache-control", "max-age=\"3\"")], Some(2), false),
            (&[plain, ("cdn-cache-control", "")], Some(1), true),
            (&[plain, ("cdn-cache-control", "max-age=9,")], Some(1), true),
            (&[("cache-control", "max-age=9"), ("cdn-cache-control", "no-store")], None, true),
            (&[("cdn-cache-control", "none"), ("expires", HOUR_LATER), plain], None, false),
            (&[("cdn-cache-control", "max-age=2"), ("expires", "0")], Some(2), false),
        ] {
            let (terms, told) = terms(lines);
            assert_eq!((told, terms.directives.no_store), (lifetime, no_store), "{lines:?}");
        }
    }

    #[test]
    fn section_4_2_1_s_maxage_then_max_age_then_expires() {
        for (lines, lifetime) in [
            (&[("cache-control", "max-age=60, s-maxage=10"), ("expires", HOUR_LATER)][..], Some(10)),
            (&[("cache-control", "max-age=60"), ("expires", HOUR_LATER)], Some(60)),
            (&[("expires", HOUR_LATER)], Some(3600)),
            (&[("expires", "0")], Some(0)),
            (&[("expires", HOUR_LATER), ("expires", HOUR_LATER)], Some(0)),
            (&[("cache-control", "public")], None),
        ] {
            assert_eq!(terms(lines).1, lifetime, "{lines:?}");
        }
    }

    #[test]
    fn section_5_3_an_expires_that_is_no_date_is_in_the_past() {
        for (text, lifetime) in [
            (HOUR_LATER, 3600),
            ("Thursday, 01-Jan-26 01:00:00 GMT", 3600),
            ("Thu Jan  1 01:00:00 2026", 3600),
            ("THU, 01 JAN 2026 01:00:00 gmt", 3600),
            ("Thu, 01 Jan 2026 01:00:00 UTC", 0),
            ("Thu, 01 Jan 2026 01:00:00 AEST", 0),
            ("Thu, 01 Jan 2026 01:00:00 +0000", 0),
            ("Thu, 01 Jan 26 01:00:00 GMT", 0),
            ("Thu 01 Jan 2026 01:00:00 GMT", 0),
            ("Thu, 01  Jan  2026 01:00:00 GMT", 0),
            ("Thu, 01-Jan-2026 01:00:00 GMT", 0),
            ("Thu, 01 Jan 2026 01.00.00 GMT", 0),
            ("Thu, 01 Jan 2026 1:00:00 GMT", 0),
            ("-1", 0),
            ("3600", 0),
        ] {
            assert_eq!(terms(&[("expires", text)]).1, Some(lifetime), "{text}");
        }
    }

    #[test]
    fn section_3_1_what_is_named_is_withheld_unless_the_cache_can_not_do_without() {
        for (value, kept, withheld) in [
            (
                "no-cache=\"A, b\", private=c, max-age=1",
                &["cache-control", "x"][..],
                &["a", "a", "b", "c"][..],
            ),
            ("no-cache", &["a", "a", "b", "c", "cache-control", "x"], &[]),
            ("no-cache=\"a, vary\"", &["a", "a", "b", "c", "cache-control", "x"], &[]),
        ] {
            let mut left = fields(&[
                ("a", "1"),
                ("a", "2"),
                ("b", "3"),
                ("c", "4"),
                ("x", "5"),
                ("cache-control", value),
            ]);
            let taken = Terms::of(&left, &[]).withhold(&mut left);
            let names = |fields: &Fields| {
                let mut names: Vec<_> = fields.iter().map(|(name, _)| name.to_string()).collect();
                names.sort();
                names
            };
            assert_eq!((names(&left), names(&taken)), (own(kept), own(withheld)), "{value}");
        }
        let whole = |value| {
            let (terms, _) = terms(&[("cache-control", value)]);
            (terms.directives.no_cache.is_whole(), terms.directives.private.is_whole())
        };
        assert_eq!(whole("no-cache=\"a, vary\""), (true, false));
        assert_eq!(whole("private=date"), (false, true));
    }

    fn own(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }
}
