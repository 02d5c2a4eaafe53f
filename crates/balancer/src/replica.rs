//! A place that clients are sent to.

use std::fmt;

use message::target::TargetFault;
use message::{Authority, PathAndQuery, Scheme, Target};

/// The administrator's weight of a replica unless another is given.
pub const WEIGHT_DEFAULT: u32 = 1;

/// The largest weight that can be given to a replica.
pub const WEIGHT_MAX: u32 = 10_000;

/// How many parts of the tree can be named for one replica.
pub const PREFIXES_MAX: usize = 64;

/// A place that clients are sent to, and what the administrator has said of it.
///
/// Written in one line: `http://fra.example.org weight=3 country=de prefix=/iso/ probe-path=/1M drain`, where all
/// but the URL may be left out and `prefix` may stand several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    scheme: Scheme,
    authority: Authority,
    /// `scheme://authority`, with which each `Location` begins.
    url: String,
    weight: u32,
    prefixes: Vec<String>,
    probe_path: Option<PathAndQuery>,
    country: Option<Country>,
    drained: bool,
}

/// What makes two replicas the same place: RFC 9110 §4.2.3.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(Scheme, Authority);

/// A country by its two letters (ISO 3166-1), in small letters as RFC 6249 §3 has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country([u8; 2]);

/// Why a line names no replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaFault {
    /// There is nothing in it.
    #[error("a server is missing: write its URL, such as http://localhost:8000")]
    Missing,
    /// Its first word is no URL.
    #[error("{text:?} is no URL of a server: {fault}")]
    Url {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        fault: TargetFault,
    },
    /// The URL has a path.
    #[error("{0:?} names a path: write only the host and port, such as http://localhost:8000")]
    Path(String),
    /// A word behind the URL that says nothing.
    #[error(
        "{0:?} says nothing of a server: there are weight=N, prefix=/PATH, country=CC, probe-path=/PATH and drain"
    )]
    Word(String),
    /// A weight outside of 1 to [`WEIGHT_MAX`].
    #[error("weight {0:?}: a weight is 1 to {WEIGHT_MAX}; drain a server that is to get nobody")]
    Weight(String),
    /// A prefix or a probe path that is no path.
    #[error("{0:?} is no path: it begins with a slash")]
    NoPath(String),
    /// More than [`PREFIXES_MAX`].
    #[error(
        "more than {PREFIXES_MAX} prefixes of one server: leave them out, and servers without a file are skipped"
    )]
    Prefixes,
    /// Not two letters.
    #[error("{0:?} is no country: write its two letters, such as de")]
    Country(String),
}

impl Replica {
    /// The replica at `scheme://authority`, of weight [`WEIGHT_DEFAULT`], which has everything.
    #[must_use]
    pub fn new(scheme: Scheme, authority: Authority) -> Self {
        let url = format!("{scheme}://{authority}");
        Self {
            scheme,
            authority,
            url,
            weight: WEIGHT_DEFAULT,
            prefixes: Vec::new(),
            probe_path: None,
            country: None,
            drained: false,
        }
    }

    /// Reads the line that names a replica; `http://` may be left out.
    ///
    /// # Errors
    /// The first word that is wrong, and what to write instead.
    pub fn parse(line: &str) -> Result<Self, ReplicaFault> {
        let mut words = line.split_ascii_whitespace();
        let url = words.next().ok_or(ReplicaFault::Missing)?;
        let target =
            Target::parse_url(url).map_err(|fault| ReplicaFault::Url { text: url.to_owned(), fault })?;
        let mut replica = match target {
            Target::Absolute(scheme, authority, path) if path.as_str() == "/" => Self::new(scheme, authority),
            _ => return Err(ReplicaFault::Path(url.to_owned())),
        };
        words.try_for_each(|word| replica.take(word))?;
        Ok(replica)
    }

    fn take(&mut self, word: &str) -> Result<(), ReplicaFault> {
        let unknown = || ReplicaFault::Word(word.to_owned());
        if word == "drain" {
            self.drained = true;
            return Ok(());
        }
        let (name, value) = word.split_once('=').ok_or_else(unknown)?;
        match name {
            "weight" => self.weight = weight(value)?,
            "country" => {
                self.country =
                    Some(Country::parse(value).ok_or_else(|| ReplicaFault::Country(value.to_owned()))?);
            }
            "probe-path" => self.probe_path = Some(path(value)?),
            "prefix" if self.prefixes.len() >= PREFIXES_MAX => return Err(ReplicaFault::Prefixes),
            "prefix" => self.prefixes.push(path(value)?.path().to_owned()),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// The same replica with another weight; [`Config::new`](crate::config::Config::new) refuses one
    /// outside of `1..=WEIGHT_MAX`.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// The same replica, which gets nobody new if it is `drained`.
    #[must_use]
    pub fn with_drain(self, drained: bool) -> Self {
        Self { drained, ..self }
    }

    /// How it is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where it is.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What tells it from others.
    #[must_use]
    pub fn place(&self) -> Place {
        Place(self.scheme, self.authority.clone().normalised(self.scheme))
    }

    /// Whether it is at the same [place](Self::place) as `other`.
    #[must_use]
    pub fn is_at_the_place_of(&self, other: &Self) -> bool {
        let port = |replica: &Self| replica.authority.port_or_default(replica.scheme);
        self.scheme == other.scheme
            && self.authority.host() == other.authority.host()
            && port(self) == port(other)
    }

    /// The administrator's weight, which multiplies what its speed earns it.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// `scheme://authority`
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it is, for clients and RFC 6249's `geo`.
    #[must_use]
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// What its tests transfer, if not what the others' do.
    #[must_use]
    pub fn probe_path(&self) -> Option<&PathAndQuery> {
        self.probe_path.as_ref()
    }

    /// Whether the administrator lets it get nobody.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// Whether it has all of the tree.
    #[must_use]
    pub fn carries_all(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Whether it has the part of the tree that `path` is in.
    #[must_use]
    pub fn carries(&self, path: &str) -> bool {
        self.carries_all() || self.prefixes.iter().any(|prefix| path.starts_with(&**prefix))
    }

    /// The line that names it, with all that was said of it.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = self.url.clone();
        if self.weight != WEIGHT_DEFAULT {
            line.push_str(&format!(" weight={}", self.weight));
        }
        for prefix in &self.prefixes {
            line.push_str(&format!(" prefix={prefix}"));
        }
        if let Some(path) = &self.probe_path {
            line.push_str(&format!(" probe-path={path}"));
        }
        if let Some(country) = self.country {
            line.push_str(&format!(" country={country}"));
        }
        if self.drained {
            line.push_str(" drain");
        }
        line
    }
}

impl Country {
    /// Two letters, in whatever case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphabetic).then(|| Self(letters.map(|b| b.to_ascii_lowercase())))
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default() // letters, as was checked when it was made
    }
}

/// A weight as it is written.
///
/// # Errors
/// If it is none, or outside of 1 to [`WEIGHT_MAX`].
pub fn weight(text: &str) -> Result<u32, ReplicaFault> {
    let weight = text.parse().ok().filter(|weight| (1..=WEIGHT_MAX).contains(weight));
    weight.ok_or_else(|| ReplicaFault::Weight(text.to_owned()))
}

fn path(text: &str) -> Result<PathAndQuery, ReplicaFault> {
    PathAndQuery::parse(text).map_err(|_| ReplicaFault::NoPath(text.to_owned()))
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_all_of_a_replica_and_is_written_as_it_is_read() {
        let line = "http://fra.test:81 weight=3 prefix=/iso/ prefix=/img/ probe-path=/1M country=de drain";
        let replica = Replica::parse(line).unwrap();
        assert_eq!(replica.to_line(), line);
        assert_eq!((replica.weight(), replica.is_drained()), (3, true));
        assert_eq!(replica.country().unwrap().as_str(), "de");
        assert!(replica.carries("/iso/x") && replica.carries("/img/") && !replica.carries("/is"));
        let plain = Replica::parse("Localhost:8000").unwrap();
        assert_eq!(plain.to_line(), "http://localhost:8000");
        assert!(plain.carries("/x") && plain.carries_all());
    }

    #[test]
    fn the_same_place_is_the_same_however_it_is_written() {
        let place = |line| Replica::parse(line).unwrap().place();
        assert_eq!(place("http://A.test"), place("a.test:80 weight=2"));
        assert_ne!(place("http://a.test"), place("https://a.test"));
    }

    #[test]
    fn what_is_no_replica_is_refused_by_name() {
        for (line, part) in [
            ("", "URL"),
            ("ftp://a", "http"),
            ("http://u@a", "user name"),
            ("http://a/x", "names a path"),
            ("a weight=0", "1 to 10000"),
            ("a weight=10001", "1 to 10000"),
            ("a weight", "weight=N"),
            ("a speed=3", "weight=N"),
            ("a prefix=iso", "slash"),
            ("a country=deu", "two letters"),
            ("a country=\u{e9}", "two letters"),
        ] {
            let fault = Replica::parse(line).unwrap_err().to_string();
            assert!(fault.contains(part), "{line}: {fault}");
        }
        let many = format!("a{}", " prefix=/x".repeat(PREFIXES_MAX + 1));
        assert_eq!(Replica::parse(&many), Err(ReplicaFault::Prefixes));
    }
}
