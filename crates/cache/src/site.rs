//! The sites of a reverse proxy: for which host which origin is asked, and which host that is told.
//!
//! What is stored is found by the host that the origin was told, never by one that changes nothing for it. So
//! no two origins may ever be told the same host, or a client could have one's answers for the other's by
//! what it writes into `Host`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use message::hosts::{ByHost, HostPattern, SameHost};
use message::{Authority, HeaderValue, PathAndQuery, Scheme};

use crate::key::CacheKey;

/// Where a reverse proxy sends what it can't answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// Which `Host` an origin is told (RFC 9110 §7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostTold {
    /// Its own, by which it is found.
    #[default]
    Own,
    /// The one that the client asked for.
    Asked,
    /// This one, without a port that is the scheme's own.
    This(Authority),
}

/// An origin, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Who is asked.
    pub origin: Origin,
    /// Who is asked in his place, in that order; they hold the same.
    pub stand_ins: Vec<Origin>,
    /// For which host.
    pub told: HostTold,
}

/// All sites of a reverse proxy.
#[derive(Debug)]
pub struct Sites {
    by_host: ByHost<Site>,
    /// The origin that is told each host that does not come from clients.
    told: HashMap<Authority, Authority>,
}

/// What of sites can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SitesFault {
    /// An origin that is asked over TLS.
    #[error("the origin {0} is https: Sockets can't ask an origin over TLS yet; give it as http://")]
    Https(Authority),
    /// Two sites for one host.
    #[error(transparent)]
    SameHost(#[from] SameHost),
    /// Two origins that are told the same host: their answers could not be told apart.
    #[error("the origins {0} and {1} would both be asked for {2}: what is stored of them would be mixed up")]
    SameName(Authority, Authority, Authority),
    /// An origin that has others to stand in for it in one site than in another.
    #[error("in two sites the origin {0} has not the same others to stand in for it: give both the same")]
    StandIns(Authority),
}

/// Where a request for a site goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The origin.
    pub origin: Origin,
    /// The host that it is told, and under which its answers are stored.
    pub told: Authority,
}

impl Origin {
    /// The origin at `authority`.
    ///
    /// # Errors
    /// [`SitesFault::Https`]
    pub fn new(scheme: Scheme, authority: Authority) -> Result<Self, SitesFault> {
        match scheme {
            Scheme::Http => Ok(Self { scheme, authority: authority.normalised(scheme) }),
            Scheme::Https => Err(SitesFault::Https(authority)),
        }
    }

    /// How it is asked.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where it is.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

impl Site {
    /// The site at `origin`, which is told its own host.
    #[must_use]
    pub fn of(origin: Origin) -> Self {
        Self { origin, stand_ins: Vec::new(), told: HostTold::Own }
    }

    /// The host that it is told whatever clients ask for.
    fn fixed(&self) -> Option<&Authority> {
        match &self.told {
            HostTold::Own => Some(self.origin.authority()),
            HostTold::Asked => None,
            HostTold::This(host) => Some(host),
        }
    }
}

impl Sites {
    /// The sites of those hosts, and one for all other hosts.
    ///
    /// # Errors
    /// Two that can't be told apart.
    pub fn new(
        default: Option<Site>,
        named: impl IntoIterator<Item = (HostPattern, Site)>,
    ) -> Result<Self, SitesFault> {
        let named: Vec<_> = named.into_iter().collect();
        let all = || default.iter().chain(named.iter().map(|(_, site)| site));
        let told = told(all())?;
        for site in all() {
            if all().any(|other| other.origin == site.origin && other.stand_ins != site.stand_ins) {
                return Err(SitesFault::StandIns(site.origin.authority().clone()));
            }
        }
        let mut by_host = ByHost::new(default);
        for (host, site) in named {
            by_host = by_host.with(host, site)?;
        }
        Ok(Self { by_host, told })
    }

    /// The origins of each site, in the order in which they are asked; the sites in none.
    pub fn origins(&self) -> impl Iterator<Item = Vec<Authority>> {
        let all = |site: &Site| {
            let origins = std::iter::once(&site.origin).chain(&site.stand_ins);
            origins.map(|origin| origin.authority().clone()).collect()
        };
        self.by_host.iter().map(all)
    }

    /// The way of a request for the host `asked`; `None` if there is no site for it.
    pub(crate) fn way(&self, asked: Option<Authority>) -> Option<Way> {
        let site = self.by_host.of(|| asked.clone())?;
        let own = site.origin.authority();
        let asked = || asked.unwrap_or_else(|| own.clone()).normalised(site.origin.scheme());
        let told = site.fixed().cloned().unwrap_or_else(asked);
        // RFC 9110 §7.4: it may be the name of another origin.
        let is_anothers = self.told.get(&told).is_some_and(|origin| origin != own);
        (!is_anothers).then(|| Way { origin: site.origin.clone(), told })
    }
}

impl From<Origin> for Sites {
    /// One origin, whatever host is asked, which is told its own.
    fn from(origin: Origin) -> Self {
        let own = origin.authority().clone();
        Self { by_host: ByHost::new(Some(Site::of(origin))), told: HashMap::from([(own.clone(), own)]) }
    }
}

impl Way {
    /// The key of what is at `path` there.
    pub(crate) fn key(&self, path: &PathAndQuery) -> CacheKey {
        CacheKey::new(self.origin.scheme(), &self.told, path)
    }

    /// The `Host` that the origin is told, if it is not its own.
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        let other = (self.told != *self.origin.authority()).then(|| self.told.to_string());
        other.and_then(|host| HeaderValue::try_from(host).ok())
    }
}

fn told<'a>(sites: impl Iterator<Item = &'a Site>) -> Result<HashMap<Authority, Authority>, SitesFault> {
    let mut told: HashMap<Authority, Authority> = HashMap::new();
    for site in sites {
        let Some(host) = site.fixed() else { continue };
        let origin = site.origin.authority();
        match told.entry(host.clone()) {
            Entry::Vacant(free) => drop(free.insert(origin.clone())),
            Entry::Occupied(other) if other.get() == origin => {}
            Entry::Occupied(other) => {
                let (one, host) = (other.get().clone(), other.key().clone());
                return Err(SitesFault::SameName(one, origin.clone(), host));
            }
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority {
        Authority::parse(text).unwrap()
    }

    fn site(origin: &str, told: HostTold) -> Site {
        Site { told, ..Site::of(Origin::new(Scheme::Http, authority(origin)).unwrap()) }
    }

    fn sites(default: Option<Site>, named: &[(&str, Site)]) -> Result<Sites, SitesFault> {
        let named = named.iter().map(|(host, site)| (HostPattern::parse(host).unwrap(), site.clone()));
        Sites::new(default, named)
    }

    fn way(sites: &Sites, asked: &str) -> Option<(String, String, Option<String>)> {
        let way = sites.way(Some(authority(asked)))?;
        let host = way.host().map(|host| host.to_str().unwrap().to_owned());
        Some((way.origin.authority().to_string(), way.told.to_string(), host))
    }

    #[test]
    fn what_can_not_be_is_refused_where_it_is_made() {
        let authority = authority("a.example:80");
        assert_eq!(Origin::new(Scheme::Https, authority.clone()), Err(SitesFault::Https(authority.clone())));
        assert_eq!(Origin::new(Scheme::Http, authority).unwrap().authority().to_string(), "a.example");
    }

    #[test]
    fn each_host_has_its_origin_and_it_is_told_what_is_wanted() {
        let this = HostTold::This(authority("www.example"));
        let named = [
            ("a.test", site("o1:8000", HostTold::Own)),
            ("*.b.test", site("o2", HostTold::Asked)),
            ("c.test", site("o3", this)),
        ];
        let sites = sites(None, &named).unwrap();
        let found = |origin: &str, told: &str, host: Option<&str>| {
            Some((origin.to_owned(), told.to_owned(), host.map(str::to_owned)))
        };
        for (asked, expected) in [
            ("a.test", found("o1:8000", "o1:8000", None)),
            ("A.test:81", found("o1:8000", "o1:8000", None)),
            ("x.B.test", found("o2", "x.b.test", Some("x.b.test"))),
            ("x.b.test:80", found("o2", "x.b.test", Some("x.b.test"))),
            ("x.b.test:81", found("o2", "x.b.test:81", Some("x.b.test:81"))),
            ("c.test", found("o3", "www.example", Some("www.example"))),
            ("b.test", None),
            ("other.test", None),
        ] {
            assert_eq!(way(&sites, asked), expected, "{asked}");
        }
        assert_eq!(sites.way(None), None);
    }

    #[test]
    fn who_names_no_host_gets_the_default_under_its_own_name() {
        let sites = sites(Some(site("o", HostTold::Asked)), &[]).unwrap();
        let way = sites.way(None).unwrap();
        assert_eq!((way.told.to_string(), way.host()), ("o".to_owned(), None));
    }

    #[test]
    fn no_client_can_have_one_origins_answers_stored_as_anothers() {
        let named = [("a.test", site("o1", HostTold::Own))];
        let sites = sites(Some(site("o2", HostTold::Asked)), &named).unwrap();
        assert_eq!(way(&sites, "o1"), None, "that is what is stored of a.test");
        assert_eq!(way(&sites, "O1:80"), None);
        assert_eq!(way(&sites, "o2").unwrap().1, "o2", "its own name");
        assert_eq!(way(&sites, "b.test").unwrap().1, "b.test");
    }

    #[test]
    fn two_origins_are_not_told_the_same_host() {
        let www = || HostTold::This(authority("WWW.example"));
        let two = [("a.test", site("o1", www())), ("b.test", site("o2", www()))];
        let fault = sites(None, &two).unwrap_err();
        assert_eq!(fault, SitesFault::SameName(authority("o1"), authority("o2"), authority("www.example")));
        let one = [("a.test", site("o1", www())), ("b.test", site("o1", www()))];
        assert!(sites(Some(site("o1", HostTold::Own)), &one).is_ok());
        let own =
            [("a.test", site("o1", HostTold::This(authority("o2")))), ("b.test", site("o2", HostTold::Own))];
        assert!(matches!(sites(None, &own), Err(SitesFault::SameName(..))));
        let mut two = [("a.test", site("o1", www())), ("b.test", site("o1", HostTold::Asked))];
        two[1].1.stand_ins.push(site("o2", HostTold::Own).origin);
        assert_eq!(sites(None, &two).unwrap_err(), SitesFault::StandIns(authority("o1")));
        two[0].1.stand_ins = two[1].1.stand_ins.clone();
        let origins: Vec<_> = sites(None, &two).unwrap().origins().collect();
        assert_eq!(origins, [["o1", "o2"].map(authority), ["o1", "o2"].map(authority)]);
        let same = [("a.test", site("o1", www())), ("A.TEST", site("o2", HostTold::Own))];
        assert!(matches!(sites(None, &same), Err(SitesFault::SameHost(_))));
    }
}
