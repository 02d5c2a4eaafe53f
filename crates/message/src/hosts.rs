//! What is chosen by the host that a request is for (RFC 9110 §7.2).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use crate::target::{Authority, TargetFault};

/// A host, or all hosts beneath one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern {
    /// In lower case, without a dot at its end.
    host: String,
    /// For the hosts beneath it, at whatever depth, and not for itself.
    beneath: bool,
}

/// Text that is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a host such as www.example.org or *.example.org: {fault}")]
pub struct NotAHost {
    text: String,
    fault: TargetFault,
}

/// Two things were given for the same host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is given twice: a host has one site")]
pub struct SameHost(pub HostPattern);

/// One thing for each of several hosts, and perhaps one for all others.
#[derive(Debug)]
pub struct ByHost<T> {
    default: Option<T>,
    exact: HashMap<String, T>,
    /// The longest host first: of two that match it is the closer one.
    beneath: Vec<(String, T)>,
}

impl HostPattern {
    /// Takes `www.example.org`, or `*.example.org` for all hosts beneath it; in whatever case, without
    /// a port. An IPv6 address stands in brackets.
    ///
    /// # Errors
    /// If it is no such thing.
    pub fn parse(text: &str) -> Result<Self, NotAHost> {
        let not_a_host = |fault| NotAHost { text: text.to_owned(), fault };
        let (host, beneath) = text.strip_prefix("*.").map_or((text, false), |host| (host, true));
        let authority = Authority::parse(host).map_err(not_a_host)?;
        if authority.port().is_some() || host.ends_with(':') {
            return Err(not_a_host(TargetFault::Port));
        }
        Ok(Self { host: plain(authority.host()).to_owned(), beneath })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.beneath { "*." } else { "" }, self.host)
    }
}

impl<T> ByHost<T> {
    /// Nothing for any host, but `default` for all of them.
    #[must_use]
    pub fn new(default: Option<T>) -> Self {
        Self { default, exact: HashMap::new(), beneath: Vec::new() }
    }

    /// The same with `thing` for `host`.
    ///
    /// # Errors
    /// If there is something for it already.
    pub fn with(mut self, host: HostPattern, thing: T) -> Result<Self, SameHost> {
        if host.beneath {
            if self.beneath.iter().any(|(other, _)| *other == host.host) {
                return Err(SameHost(host));
            }
            let place = self.beneath.partition_point(|(other, _)| other.len() >= host.host.len());
            self.beneath.insert(place, (host.host, thing));
            return Ok(self);
        }
        match self.exact.entry(host.host) {
            Entry::Vacant(vacant) => vacant.insert(thing),
            Entry::Occupied(taken) => {
                return Err(SameHost(HostPattern { host: taken.key().clone(), beneath: false }));
            }
        };
        Ok(self)
    }

    /// What there is for an authority: for its very host, else for the closest one that it lies
    /// beneath, else for all others. It is only asked for if that matters.
    pub fn of(&self, authority: impl FnOnce() -> Option<Authority>) -> Option<&T> {
        if self.exact.is_empty() && self.beneath.is_empty() {
            return self.default.as_ref();
        }
        authority().and_then(|authority| self.of_host(plain(authority.host()))).or(self.default.as_ref())
    }

    /// All things, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let beneath = self.beneath.iter().map(|(_, thing)| thing);
        self.default.iter().chain(self.exact.values()).chain(beneath)
    }

    /// The same with each thing turned into another.
    #[must_use]
    pub fn map<U>(self, turn: impl Fn(T) -> U) -> ByHost<U> {
        ByHost {
            default: self.default.map(&turn),
            exact: self.exact.into_iter().map(|(host, thing)| (host, turn(thing))).collect(),
            beneath: self.beneath.into_iter().map(|(host, thing)| (host, turn(thing))).collect(),
        }
    }

    fn of_host(&self, host: &str) -> Option<&T> {
        let is_beneath = |above: &str| host.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'));
        let closest = || self.beneath.iter().find(|(above, _)| is_beneath(above)).map(|(_, thing)| thing);
        self.exact.get(host).or_else(closest)
    }
}

/// Without the dot at the end, which makes a name absolute and means no other host (RFC 3986 §3.2.2).
fn plain(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    fn hosts() -> ByHost<&'static str> {
        let hosts = ["example.org", "*.example.org", "*.deep.example.org", "www.deep.example.org", "[::1]"];
        hosts.into_iter().fold(ByHost::new(None), |all, text| all.with(host(text), text).unwrap())
    }

    #[test]
    fn the_closest_host_is_chosen() {
        for (asked, expected) in [
            ("example.org", Some("example.org")),
            ("EXAMPLE.org:8000", Some("example.org")),
            ("example.org.", Some("example.org")),
            ("www.example.org", Some("*.example.org")),
            ("a.b.example.org:80", Some("*.example.org")),
            ("a.deep.example.org", Some("*.deep.example.org")),
            ("www.deep.example.org", Some("www.deep.example.org")),
            ("deep.example.org", Some("*.example.org")),
            ("[::1]:8000", Some("[::1]")),
            ("badexample.org", None),
            ("org", None),
            ("example.org.evil.test", None),
        ] {
            let chosen = hosts().of(|| Authority::parse(asked).ok()).copied();
            assert_eq!(chosen, expected, "{asked}");
        }
        assert_eq!(hosts().of(|| None), None);
    }

    #[test]
    fn there_may_be_something_for_all_others() {
        let all = ByHost::new(Some("others")).with(host("a.test"), "a").unwrap();
        for (asked, expected) in [("a.test", "a"), ("b.test", "others"), ("127.0.0.1:8000", "others")] {
            assert_eq!(all.of(|| Authority::parse(asked).ok()), Some(&expected));
        }
        assert_eq!(all.of(|| None), Some(&"others"));
    }

    #[test]
    fn where_there_is_one_for_all_the_host_is_not_asked_for() {
        let all = ByHost::new(Some(1));
        assert_eq!(all.of(|| panic!("nobody needs to know")), Some(&1));
    }

    #[test]
    fn a_host_has_one_thing() {
        for text in ["a.test", "*.a.test"] {
            let all = ByHost::new(None).with(host(text), 1).unwrap();
            assert_eq!(all.with(host(&text.to_uppercase()), 2).unwrap_err(), SameHost(host(text)));
        }
        let both = ByHost::new(None).with(host("a.test"), 1).unwrap().with(host("*.a.test"), 2);
        assert!(both.is_ok(), "they are not the same");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "*", "*.", "a b", "a/b", "a:80", "a:", "*.*.test", "user@host"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
        assert_eq!(host("*.Example.ORG").to_string(), "*.example.org");
    }
}
