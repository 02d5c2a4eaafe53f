//! Which servers are for clients of which networks and places. Pure.

use std::net::IpAddr;

use access::network::{Network, NotANetwork};

use crate::geography::{Geography, Whereabouts};
use crate::replica::{Country, Replica, ReplicaFault};

/// How many rules there can be: each is looked at for each client.
pub const RULES_MAX: usize = 1024;

/// What is said of some servers for some clients. Written as `192.0.2.0/24 only http://a.test http://b.test`, or
/// with `country:de`, `continent:eu` or `asn:64496` in the place of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    whom: Whom,
    way: Way,
    servers: Vec<Replica>,
}

/// For which clients a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Network(Network),
    Country(Country),
    Continent(Country),
    System(u32),
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// These, as long as one of them is there.
    Prefer,
    /// These, and nobody else.
    Only,
    /// Not these.
    Never,
}

/// Why a line is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It does not begin with a network.
    #[error("{0}; or country:de, continent:eu, asn:64496")]
    Network(#[from] NotANetwork),
    /// It begins with a place that is none.
    #[error("{0:?} is no place: write country:de or continent:eu (two letters), or asn:64496")]
    Place(String),
    /// Its second word is none of those that there are.
    #[error(
        "{0:?} says nothing: write a network or a place, then prefer, only or never, then URLs of servers"
    )]
    Way(String),
    /// A word behind these is no server.
    #[error(transparent)]
    Server(#[from] ReplicaFault),
    /// It names no servers.
    #[error("a rule needs the URLs of servers behind prefer, only or never")]
    NoServers,
}

/// The rules that hold for one client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms<'a>(Vec<&'a Rule>);

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// The first word that is wrong, and what to write instead.
    pub fn parse(line: &str) -> Result<Self, RuleFault> {
        let mut words = line.split_ascii_whitespace();
        let whom = Whom::parse(words.next().unwrap_or_default())?;
        let way = match words.next() {
            Some("prefer") => Way::Prefer,
            Some("only") => Way::Only,
            Some("never") => Way::Never,
            other => return Err(RuleFault::Way(other.unwrap_or_default().to_owned())),
        };
        let servers: Vec<_> = words.map(Replica::parse).collect::<Result<_, _>>()?;
        if servers.is_empty() { Err(RuleFault::NoServers) } else { Ok(Self { whom, way, servers }) }
    }

    /// Whether it is for clients of a place, which a database has to tell.
    #[must_use]
    pub fn is_of_place(&self) -> bool {
        !matches!(self.whom, Whom::Network(_))
    }

    fn names(&self, replica: &Replica) -> bool {
        self.servers.iter().any(|server| server.is_at_the_place_of(replica))
    }
}

impl Whom {
    fn parse(word: &str) -> Result<Self, RuleFault> {
        let letters = |text: &str| Country::parse(text).ok_or_else(|| RuleFault::Place(word.to_owned()));
        match word.split_once(':') {
            Some(("country", text)) => letters(text).map(Self::Country),
            Some(("continent", text)) => letters(text).map(Self::Continent),
            Some(("asn", text)) => {
                text.parse().map(Self::System).map_err(|_| RuleFault::Place(word.to_owned()))
            }
            _ => Ok(Self::Network(Network::parse(word)?)),
        }
    }

    fn has(&self, client: IpAddr, there: &Whereabouts) -> bool {
        match self {
            Self::Network(network) => network.contains(client),
            Self::Country(country) => there.country == Some(*country),
            Self::Continent(continent) => there.continent == Some(*continent),
            Self::System(number) => there.asn == Some(*number),
        }
    }
}

impl<'a> Terms<'a> {
    /// Those of `rules` that hold for who is at that address; none if it is not known.
    pub(crate) fn of(rules: &'a [Rule], client: Option<IpAddr>, geography: &Geography) -> Self {
        let Some(client) = client.filter(|_| !rules.is_empty()) else { return Self::default() };
        let there = geography.of(client);
        Self(rules.iter().filter(|rule| rule.whom.has(client, &there)).collect())
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the client may be sent there.
    pub(crate) fn allow(&self, replica: &Replica) -> bool {
        let mut only = self.0.iter().filter(|rule| rule.way == Way::Only).peekable();
        let never = self.0.iter().any(|rule| rule.way == Way::Never && rule.names(replica));
        !never && (only.peek().is_none() || only.any(|rule| rule.names(replica)))
    }

    /// Whether it is sent there before others; so are all where nothing is preferred.
    pub(crate) fn prefer(&self, replica: &Replica) -> bool {
        let mut preferred = self.0.iter().filter(|rule| rule.way == Way::Prefer).peekable();
        preferred.peek().is_none() || preferred.any(|rule| rule.names(replica))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::places::{Spot, database};

    fn rules(lines: &[&str]) -> Vec<Rule> {
        lines.iter().map(|line| Rule::parse(line).unwrap()).collect()
    }

    /// Which of a, b and c may be chosen, and which are preferred.
    fn view(rules: &[Rule], client: &str) -> [String; 2] {
        let systems = database(&[("198.51.100.0/24", Spot::system(64_496))]);
        let places = database(&[("203.0.113.0/24", Spot::place("DE", "EU"))]);
        let geography = Geography::default().with(systems).unwrap().with(places).unwrap();
        let terms = Terms::of(rules, Some(client.parse().unwrap()), &geography);
        let those = |choose: &dyn Fn(&Replica) -> bool| {
            ["a", "b", "c"].into_iter().filter(|name| choose(&Replica::parse(name).unwrap())).collect()
        };
        [those(&|replica| terms.allow(replica)), those(&|replica| terms.prefer(replica))]
    }

    #[test]
    fn all_rules_for_a_network_hold_together() {
        let rules = rules(&[
            "192.0.2.0/24 only http://a b:80",
            "192.0.2.7 never a",
            "2001:db8::/32 prefer c",
            "198.51.100.0/24 only a",
            "198.51.100.0/25 only b",
        ]);
        for (client, allowed, preferred) in [
            ("203.0.113.1", "abc", "abc"),
            ("192.0.2.1", "ab", "abc"),
            ("::ffff:192.0.2.1", "ab", "abc"),
            ("192.0.2.7", "b", "abc"),
            ("2001:db8::1", "abc", "c"),
            ("198.51.100.200", "a", "abc"),
            ("198.51.100.1", "ab", "abc"),
        ] {
            assert_eq!(view(&rules, client), [allowed, preferred], "{client}");
        }
        assert!(Terms::of(&rules, None, &Geography::default()).is_empty());
    }

    #[test]
    fn rules_for_places_hold_where_a_database_says_so() {
        let rules = rules(&["country:DE only a b", "continent:eu prefer b", "asn:64496 never c"]);
        for (client, allowed, preferred) in
            [("203.0.113.1", "ab", "b"), ("198.51.100.1", "ab", "abc"), ("192.0.2.1", "abc", "abc")]
        {
            assert_eq!(view(&rules, client), [allowed, preferred], "{client}");
        }
        assert!(rules.iter().all(Rule::is_of_place));
    }

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        for (line, part) in [
            ("", "not a network"),
            ("192.0.2.0/33 only a", "not a network"),
            ("192.0.2.0/24", "prefer, only or never"),
            ("country:deu only a", "two letters"),
            ("continent: only a", "two letters"),
            ("asn:x only a", "asn:64496"),
            ("planet:x only a", "country:de"),
            ("192.0.2.0/24 sometimes a", "prefer, only or never"),
            ("192.0.2.0/24 only", "URLs of servers"),
            ("192.0.2.0/24 only ftp://a", "http"),
        ] {
            let fault = Rule::parse(line).unwrap_err().to_string();
            assert!(fault.contains(part), "{line}: {fault}");
        }
    }
}
