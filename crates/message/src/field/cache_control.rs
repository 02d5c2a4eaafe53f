//! `Cache-Control` (RFC 9111 §5.2), of requests and of responses.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderName;

use crate::field::list::{self, trim};
use crate::field::{decimal, quoted};
use crate::fields::Fields;

/// The directives that are known, as all lines of the field give them together.
///
/// Where a directive is broken, the reading is the one that stores and reuses less:
/// - a time that is not a number is zero: §4.2.1 encourages to take invalid freshness for stale;
/// - of a time that is given more than once the first counts (§4.2.1);
/// - a restriction holds whatever its argument is, a permission (`public`, `immutable`,
///   `must-understand`) only without one;
/// - where a quoted string does not end, nobody knows what else was meant: that counts as `no-store`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// `max-age` (§5.2.1.1, §5.2.2.1).
    pub max_age: Option<Duration>,
    /// `s-maxage` (§5.2.2.10).
    pub s_maxage: Option<Duration>,
    /// `min-fresh` (§5.2.1.3); ignored if it is not a number.
    pub min_fresh: Option<Duration>,
    /// `max-stale` (§5.2.1.2); ignored if its argument is not a number.
    pub max_stale: Option<MaxStale>,
    /// `stale-while-revalidate` (RFC 5861 §3).
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// `no-cache` (§5.2.1.4, §5.2.2.4).
    pub no_cache: Qualified,
    /// `private` (§5.2.2.7).
    pub private: Qualified,
    /// `no-store` (§5.2.1.5, §5.2.2.5).
    pub no_store: bool,
    /// `no-transform` (§5.2.1.6, §5.2.2.6).
    pub no_transform: bool,
    /// `must-revalidate` (§5.2.2.2).
    pub must_revalidate: bool,
    /// `proxy-revalidate` (§5.2.2.8).
    pub proxy_revalidate: bool,
    /// `must-understand` (§5.2.2.3).
    pub must_understand: bool,
    /// `public` (§5.2.2.9).
    pub public: bool,
    /// `only-if-cached` (§5.2.1.7).
    pub only_if_cached: bool,
    /// `immutable` (RFC 8246).
    pub immutable: bool,
}

/// How stale a response the client would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxStale {
    /// However stale.
    Any,
    /// At most so much past its freshness.
    Within(Duration),
}

/// Whether a directive stands, and of which fields it speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Qualified {
    /// It does not stand.
    #[default]
    No,
    /// It stands, for the whole response.
    Whole,
    /// It stands, for these fields of the response only.
    Fields(Vec<HeaderName>),
}

/// The greatest time there is, in seconds: what §1.2.2 says to take for any greater one.
pub const DELTA_SECONDS_MAX: u64 = 1 << 31;

/// The longest name of a directive that is known.
const NAME_MAX: usize = b"stale-while-revalidate".len();

/// Reads delta-seconds (RFC 9111 §1.2.2), as in `max-age` and `Age`: digits only; at most
/// [`DELTA_SECONDS_MAX`].
#[must_use]
pub fn delta_seconds(digits: &[u8]) -> Option<Duration> {
    decimal::saturating(digits).map(|seconds| Duration::from_secs(seconds.min(DELTA_SECONDS_MAX)))
}

/// What follows the name of a directive.
enum Argument<'a> {
    Absent,
    /// A token or a quoted string: §5.2 has recipients take either wherever there is an argument.
    Given(Cow<'a, [u8]>),
    Malformed,
}

impl CacheControl {
    /// The directives in all lines of the field `name`: `Cache-Control`, or one that is written alike.
    #[must_use]
    pub fn of(fields: &Fields, name: &HeaderName) -> Self {
        let mut directives = Self::default();
        let mut whole = true;
        for member in list::of(fields, name) {
            match member {
                Ok(member) => directives.read(member),
                Err(list::Malformed) => whole = false,
            }
        }
        if !whole {
            directives.no_store = true;
            // §5.2.2.3 would let it overrule the line above.
            directives.must_understand = false;
        }
        directives
    }

    fn read(&mut self, member: &[u8]) {
        let (name, argument) = split(member);
        let mut lower_case = [0; NAME_MAX];
        let Some(lower_case) = lower_case.get_mut(..name.len()) else {
            return; // unknown: §5.2 has a cache ignore it
        };
        lower_case.copy_from_slice(name);
        lower_case.make_ascii_lowercase();
        match &*lower_case {
            b"max-age" => first(&mut self.max_age, argument.freshness()),
            b"s-maxage" => first(&mut self.s_maxage, argument.freshness()),
            b"stale-while-revalidate" => first(&mut self.stale_while_revalidate, argument.freshness()),
            b"stale-if-error" => first(&mut self.stale_if_error, argument.freshness()),
            b"min-fresh" => first(&mut self.min_fresh, argument.seconds()),
            b"max-stale" => first(&mut self.max_stale, argument.max_stale()),
            b"no-cache" => self.no_cache.add(&argument),
            b"private" => self.private.add(&argument),
            b"no-store" => self.no_store = true,
            b"no-transform" => self.no_transform = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"only-if-cached" => self.only_if_cached = true,
            b"must-understand" => self.must_understand |= argument.is_absent(),
            b"public" => self.public |= argument.is_absent(),
            b"immutable" => self.immutable |= argument.is_absent(),
            _ => {}
        }
    }
}

/// Name and argument of a directive. White space around `=` belongs to neither and is not allowed: the
/// name is still known by it, the argument is then malformed.
fn split(member: &[u8]) -> (&[u8], Argument<'_>) {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else {
        return (member, Argument::Absent);
    };
    let name = member.get(..equals).unwrap_or_default();
    let argument = member.get(equals.saturating_add(1)..).and_then(quoted::token_or_quoted);
    match argument {
        Some(argument) if trim(name) == name => (name, Argument::Given(argument)),
        _ => (trim(name), Argument::Malformed),
    }
}

/// The first value that is given counts.
fn first<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

impl Argument<'_> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    fn seconds(&self) -> Option<Duration> {
        match self {
            Self::Given(digits) => delta_seconds(digits),
            Self::Absent | Self::Malformed => None,
        }
    }

    /// A time for which a response may be used: none if it can't be read.
    fn freshness(&self) -> Option<Duration> {
        Some(self.seconds().unwrap_or(Duration::ZERO))
    }

    fn max_stale(&self) -> Option<MaxStale> {
        if self.is_absent() { Some(MaxStale::Any) } else { self.seconds().map(MaxStale::Within) }
    }

    /// The fields that are named; `None` if none is, or if one is not a name.
    fn names(&self) -> Option<Vec<HeaderName>> {
        let Self::Given(names) = self else { return None };
        let names = list::members(names).map(|name| HeaderName::from_bytes(name.ok()?).ok());
        names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
    }
}

impl Qualified {
    /// Whether it stands for the whole response.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }

    /// The fields that it stands for alone; empty if it does not stand or stands for all.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(names) => names,
            Self::No | Self::Whole => &[],
        }
    }

    fn add(&mut self, argument: &Argument<'_>) {
        match (&mut *self, argument.names()) {
            (Self::Whole, _) => {}
            (Self::No, Some(names)) => *self = Self::Fields(names),
            (Self::Fields(so_far), Some(names)) => so_far.extend(names),
            (Self::No | Self::Fields(_), None) => *self = Self::Whole,
        }
    }
}

#[cfg(test)]
#[path = "cache_control_tests.rs"]
mod tests;
