//! Replicas that are named in the DNS, asked for anew when what was said does not count any more.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use message::Service;
use tokio::time::sleep;

use crate::balancer::Balancer;
use crate::replica::{Replica, ReplicaFault};
use crate::roster::Source;

/// What is said counts for so long at the least, and at the most, whatever is said of it.
pub const TTL_MIN: Duration = Duration::from_secs(1);
/// See [`TTL_MIN`].
pub const TTL_MAX: Duration = Duration::from_secs(300);

/// When it is asked again where nothing could be said.
pub const RETRY_TIME: Duration = Duration::from_secs(5);

/// The port of an address that is followed without one.
const HTTP_PORT: u16 = 80;

/// A name whose addresses, or whose services, are replicas.
///
/// Written as `mirrors.example.org:8000` for a replica at each of its addresses, or `srv:_http._tcp.example.org` for one at
/// each of its services (RFC 2782); behind it may stand what is known of them all, as with a [`Replica`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Whose records.
    pub name: String,
    /// Which of them.
    pub records: Records,
    /// What is known of each replica.
    words: String,
}

/// Which records of a name are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// A and AAAA, with this port.
    Addresses(u16),
    /// SRV.
    Services,
}

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Nothing if there is no such name.
    pub hosts: Vec<Host>,
    /// For how long that counts.
    pub ttl: Duration,
}

/// Where a replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// At an address.
    Address(IpAddr),
    /// At a host and port; with a weight among those of the same priority, of which the lowest counts.
    Service {
        /// Its name.
        target: String,
        /// Its port.
        port: u16,
        /// The lowest is asked first.
        priority: u16,
        /// Its part of those with the same priority.
        weight: u16,
    },
}

/// Who can be asked what a name has.
pub trait LookUp: Send + Sync {
    /// What the name has; why that can't be said.
    fn look_up(&self, followed: &Followed) -> impl Future<Output = Result<Named, String>> + Send;
}

impl Followed {
    /// Reads the line that says what is followed.
    ///
    /// # Errors
    /// The first word that is wrong, and what to write instead.
    pub fn parse(line: &str) -> Result<Self, ReplicaFault> {
        let line = line.trim();
        let (place, words) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let followed = |name: &str, records| {
            let words = words.trim().to_owned();
            Self { name: name.to_owned(), records, words }
        };
        let followed = match place.strip_prefix("srv:") {
            Some(name) => followed(name, Records::Services),
            None => {
                // A replica says what is wrong with a name, a port or a word.
                let replica = Replica::parse(place)?;
                let authority = replica.authority();
                followed(authority.host(), Records::Addresses(authority.port().unwrap_or(HTTP_PORT)))
            }
        };
        if followed.name.is_empty() {
            return Err(ReplicaFault::Missing);
        }
        Replica::parse(&format!("a.test {}", followed.words))?;
        Ok(followed)
    }

    /// The replicas at `hosts`. Of services those of the lowest priority (RFC 2782).
    #[must_use]
    pub fn replicas(&self, hosts: &[Host]) -> Vec<Replica> {
        let priority = |host: &Host| match host {
            Host::Address(_) => 0,
            Host::Service { priority, .. } => *priority,
        };
        let first = hosts.iter().map(priority).min();
        let first = hosts.iter().filter(|host| Some(priority(host)) == first);
        // What the DNS names can be nothing that a URL can hold: then it is left out, and told.
        first
            .filter_map(|host| self.replica(host).inspect_err(|fault| tracing::warn!("{fault}")).ok())
            .collect()
    }

    fn replica(&self, host: &Host) -> Result<Replica, ReplicaFault> {
        match (host, self.records) {
            (Host::Address(address), Records::Addresses(port)) => {
                let place = SocketAddr::new(*address, port);
                Replica::parse(&format!("http://{place} {}", self.words))
            }
            (Host::Address(address), Records::Services) => Err(ReplicaFault::NoPath(address.to_string())),
            (Host::Service { target, port, weight, .. }, _) => {
                // 0 is the smallest weight, and no reason to get nobody.
                let weight = (*weight).clamp(1, 10_000);
                Replica::parse(&format!("http://{target}:{port} weight={weight} {}", self.words))
            }
        }
    }
}

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<S: Service + Clone> Balancer<S> {
    /// Asks once for what is followed, and takes what is said.
    pub async fn discover(&self, followed: &[Followed], names: &impl LookUp) -> Discovery {
        let mut discovery = Discovery { known: vec![Vec::new(); followed.len()], next: TTL_MAX };
        discovery.ask(followed, names).await;
        self.name(Source::Dns, discovery.replicas());
        discovery
    }

    /// Asks again and again, each time when what was said does not count any more. What can't be said changes nothing.
    pub async fn keep_discovering(
        &self,
        followed: &[Followed],
        names: &impl LookUp,
        mut discovery: Discovery,
    ) {
        loop {
            sleep(discovery.next).await;
            let before = discovery.replicas();
            discovery.ask(followed, names).await;
            let replicas = discovery.replicas();
            if replicas != before {
                tracing::info!("the DNS names {} servers", replicas.len());
                self.name(Source::Dns, replicas);
            }
        }
    }
}

/// What is known by what was said.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// By name.
    known: Vec<Vec<Replica>>,
    /// When it is to be asked again.
    next: Duration,
}

impl Discovery {
    async fn ask(&mut self, followed: &[Followed], names: &impl LookUp) {
        self.next = TTL_MAX;
        for (followed, known) in followed.iter().zip(&mut self.known) {
            let again = match names.look_up(followed).await {
                Ok(Named { hosts, ttl }) => {
                    if hosts.is_empty() {
                        tracing::warn!("{followed} names no server in the DNS");
                    }
                    *known = followed.replicas(&hosts);
                    // The order of records means nothing, and changes.
                    known.sort_by_key(Replica::place);
                    ttl.clamp(TTL_MIN, TTL_MAX)
                }
                Err(fault) => {
                    tracing::warn!("{followed}: {fault}; the servers are what they were");
                    RETRY_TIME
                }
            };
            self.next = self.next.min(again);
        }
    }

    fn replicas(&self) -> Vec<Replica> {
        self.known.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(target: &str, priority: u16, weight: u16) -> Host {
        Host::Service { target: target.to_owned(), port: 8100, priority, weight }
    }

    fn lines(followed: &str, hosts: &[Host]) -> Vec<String> {
        Followed::parse(followed).unwrap().replicas(hosts).iter().map(Replica::to_line).collect()
    }

    #[test]
    fn each_address_and_each_service_is_a_replica() {
        let addresses = ["192.0.2.1", "2001:db8::1"].map(|text| Host::Address(text.parse().unwrap()));
        assert_eq!(
            lines("mirrors.test:8000 country=de", &addresses),
            ["http://192.0.2.1:8000 country=de", "http://[2001:db8::1]:8000 country=de"]
        );
        assert_eq!(lines("mirrors.test", &addresses[..1]), ["http://192.0.2.1:80"]);
        let services = [service("a.test", 10, 3), service("b.test", 10, 0), service("spare.test", 20, 9)];
        assert_eq!(
            lines("srv:_http._tcp.test prefix=/iso/", &services),
            ["http://a.test:8100 weight=3 prefix=/iso/", "http://b.test:8100 prefix=/iso/"]
        );
        assert!(lines("srv:x", &[service("no host", 1, 1), service("", 1, 1)]).is_empty());
    }

    #[test]
    fn what_can_not_be_followed_is_refused_by_name() {
        for (line, part) in [
            ("", "URL"),
            ("srv:", "URL"),
            ("a.test:x", "URL"),
            ("http://a.test/x", "names a path"),
            ("a.test speed=1", "weight=N"),
        ] {
            let fault = Followed::parse(line).unwrap_err().to_string();
            assert!(fault.contains(part), "{line}: {fault}");
        }
    }
}
