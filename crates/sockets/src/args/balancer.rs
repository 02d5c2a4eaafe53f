//! `sockets balancer`

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use access::forwarded::Trust;
use access::network::Network;
use balancer::config::{CHECK_PATHS_MAX, LINKS_MAX};
use balancer::discovery::Followed;
use balancer::{Bounds, Check, Config, ConfigFault, Geography, Policy, ProbeSize, Replica, Rule};
use clap::Args;
use clap::builder::{FalseyValueParser, PossibleValuesParser, TypedValueParser as _};
use message::{Authority, PathAndQuery, Scheme};

use crate::args::carry::CarryArgs;
use crate::args::listen::{Addresses, Bind, LISTENING, ListenArgs};
use crate::args::log::LogArgs;
use crate::args::proxy::TrustField;
use crate::args::tell::Tell;
use crate::args::units;

/// Where the balancer listens if it is not told.
const PORT: u16 = 8080;

/// On which ports of this machine there are servers, if none are named.
const PORTS: [u16; 3] = [8000, 8100, 8200];

/// The heading of what is said of tests.
const TESTING: &str = "Testing the servers";

/// The heading of what is said of answers.
const ANSWERING: &str = "Answering";

/// The heading of what the administrator is given.
const ADMINISTERING: &str = "Administering";

/// The heading of what is said of the choice.
const CHOOSING: &str = "Choosing a server";

/// Sends clients to the fastest of several servers.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets balancer                        localhost:8000, :8100 and :8200, on port 8080
  sockets balancer --to http://fra.example.org --to http://nyc.example.org -p 80
  sockets balancer --servers mirrors.txt --admin 127.0.0.1:8081 --state changes.txt
  sockets balancer --mode proxy --hedge 200ms   carry the answers; ask another where the first is late
  sockets balancer status --watch         how they stand, at localhost:8081
  sockets balancer drain http://fra.example.org
  sockets balancer --discover srv:_http._tcp.mirrors.example.org
  sockets get --balancer localhost:8080 localhost:8000/index.html

Before it serves, and then every --interval, it times the same transfer from every server, to the \
last byte. Clients are sent to the servers in proportion to their speed; a server that fails its test \
gets nobody until it passes one again. With --mode proxy it carries the answers itself, so that nobody \
notices a server that fails.")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BalancerArgs {
    #[command(subcommand)]
    pub(crate) tell: Option<Tell>,
    #[arg(help = "A server to send clients to, may be repeated; \"URL weight=3 country=de prefix=/iso/ \
        probe-path=/1M drain\" says more of it [default: http://localhost:8000, http://localhost:8100, \
        http://localhost:8200, if nothing else names any]")]
    #[arg(long, env = "SOCKETS_TO", value_name = "URL", value_delimiter = ',', value_parser = server)]
    pub(crate) to: Vec<Replica>,
    /// A file that names servers, one in each line as with --to; it is read again when it changes
    #[arg(long, env = "SOCKETS_SERVERS", value_name = "FILE")]
    pub(crate) servers: Option<PathBuf>,
    /// Follow a name in the DNS: HOST:PORT for a server at each of its addresses, srv:NAME for one at each of its
    /// services; asked for anew when it does not count any more; may be repeated
    #[arg(long, env = "SOCKETS_DISCOVER", value_name = "NAME", value_delimiter = ',', value_parser = followed)]
    pub(crate) discover: Vec<Followed>,
    /// Who is asked for such names, may be repeated [default: those that /etc/resolv.conf names]
    #[arg(long, env = "SOCKETS_DNS_SERVER", value_name = "IP:PORT", value_delimiter = ',')]
    pub(crate) dns_server: Vec<SocketAddr>,
    /// Listen for the administrator there: how the balancer stands, changes, metrics
    #[arg(long, env = "SOCKETS_ADMIN", value_name = "IP:PORT", help_heading = ADMINISTERING)]
    pub(crate) admin: Option<SocketAddr>,
    /// What the administrator has to prove to be one; else whoever reaches the address is
    #[arg(long, env = "SOCKETS_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true, help_heading = ADMINISTERING)]
    pub(crate) admin_token: Option<String>,
    /// Keep what the administrator changes in this file, from one start to the next
    #[arg(long, env = "SOCKETS_STATE", value_name = "FILE", help_heading = ADMINISTERING)]
    pub(crate) state: Option<PathBuf>,
    /// TCP port; 0 takes a free one [default: 8080]
    #[arg(short, long, env = "SOCKETS_PORT", value_parser = units::whole(0, u16::MAX))]
    #[arg(help_heading = LISTENING)]
    pub(crate) port: Option<u16>,
    /// Address to listen on, may be repeated [default: all addresses]
    #[arg(long, env = "SOCKETS_BIND", value_name = "ADDR", value_delimiter = ',', value_parser = units::address)]
    #[arg(help_heading = LISTENING)]
    pub(crate) bind: Vec<IpAddr>,
    /// Time between two tests of a server
    #[arg(long, env = "SOCKETS_INTERVAL", value_name = "DURATION", default_value = "5s", value_parser = units::interval)]
    #[arg(help_heading = TESTING)]
    pub(crate) interval: Duration,
    /// What is transferred in a test; the same file on every server
    #[arg(long, env = "SOCKETS_PROBE_PATH", value_name = "PATH", default_value = "/", value_parser = path)]
    #[arg(help_heading = TESTING)]
    pub(crate) probe_path: PathAndQuery,
    /// How much of it: "adaptive" (so much that it takes 100 to 300 ms), "whole", or a size
    #[arg(long, env = "SOCKETS_PROBE_BYTES", value_name = "SIZE", default_value = "adaptive", value_parser = probe_bytes)]
    #[arg(help_heading = TESTING)]
    pub(crate) probe_bytes: ProbeBytes,
    /// The largest part of the slowest link that adaptive tests take up
    #[arg(long, env = "SOCKETS_PROBE_SHARE", value_name = "PART", default_value = "1%", value_parser = part)]
    #[arg(help_heading = TESTING)]
    pub(crate) probe_share: f64,
    /// SHA-256 digest that the file must have, in hexadecimal digits; all of it is then transferred
    #[arg(long, env = "SOCKETS_PROBE_SHA256", value_name = "HEX", value_parser = sha256)]
    #[arg(help_heading = TESTING)]
    pub(crate) probe_sha256: Option<Sha256>,
    /// How clients are shared out: in proportion to speed, by the path (for caches behind the balancer), all to
    /// the first server that is there, or to the one of two with less to do (with --mode proxy)
    #[arg(long, env = "SOCKETS_POLICY", value_name = "POLICY", default_value = "fastest-share", value_parser = policy())]
    #[arg(help_heading = CHOOSING)]
    pub(crate) policy: Policy,
    /// The smallest part of the clients that a server gets, if it gets any
    #[arg(long, env = "SOCKETS_SHARE_MIN", value_name = "PART", default_value = "0%", value_parser = part)]
    #[arg(help_heading = CHOOSING)]
    pub(crate) share_min: f64,
    /// The largest part of the clients that a server gets
    #[arg(long, env = "SOCKETS_SHARE_MAX", value_name = "PART", default_value = "100%", value_parser = part)]
    #[arg(help_heading = CHOOSING)]
    pub(crate) share_max: f64,
    /// Send clients also to servers that lack what they ask for; else they are asked by a HEAD, and it is remembered
    #[arg(long, env = "SOCKETS_NO_CHECK", value_parser = FalseyValueParser::new(), help_heading = CHOOSING)]
    pub(crate) no_check: bool,
    /// For how long it is remembered who has a file
    #[arg(long, env = "SOCKETS_CHECK_TTL", value_name = "DURATION", default_value = "60s", value_parser = units::interval)]
    #[arg(help_heading = CHOOSING)]
    pub(crate) check_ttl: Duration,
    /// Of how many paths it is remembered
    #[arg(long, env = "SOCKETS_CHECK_PATHS", value_name = "N", default_value = "16384")]
    #[arg(value_parser = units::whole(1, CHECK_PATHS_MAX), help_heading = CHOOSING)]
    pub(crate) check_paths: usize,
    /// The server whose files are right: who has one of another length or digest gets nobody for it
    #[arg(long, env = "SOCKETS_REFERENCE", value_name = "URL", value_parser = server, help_heading = CHOOSING)]
    pub(crate) reference: Option<Replica>,
    /// Send some clients by other rules: "WHO prefer|only|never URL...", may be repeated; WHO is a network, or with
    /// --geoip country:de, continent:eu or asn:64496
    #[arg(long, env = "SOCKETS_RULE", value_name = "RULE", value_delimiter = ',', value_parser = rule, help_heading = CHOOSING)]
    pub(crate) rule: Vec<Rule>,
    /// A database of places, in the format .mmdb: where clients are, for rules; may be repeated (countries, systems)
    #[arg(long, env = "SOCKETS_GEOIP", value_name = "FILE", value_delimiter = ',', help_heading = CHOOSING)]
    pub(crate) geoip: Vec<PathBuf>,
    /// A proxy that is believed about who asks: an address or a network, may be repeated [default: none]
    #[arg(long, env = "SOCKETS_TRUST", value_name = "NET", value_delimiter = ',', value_parser = network, help_heading = CHOOSING)]
    pub(crate) trust: Vec<Network>,
    /// The field in which these tell it
    #[arg(long, env = "SOCKETS_TRUST_FIELD", value_name = "NAME", default_value = "x-forwarded-for", help_heading = CHOOSING)]
    pub(crate) trust_field: TrustField,
    /// How many other servers a redirect names in Link (RFC 6249)
    #[arg(long, env = "SOCKETS_LINKS", value_name = "N", default_value = "5", value_parser = units::whole(0, LINKS_MAX))]
    #[arg(help_heading = ANSWERING)]
    pub(crate) links: usize,
    /// Take PATH.meta4 and PATH?mirrorlist for paths like all others, not for lists of servers
    #[arg(long, env = "SOCKETS_NO_LISTS", value_parser = FalseyValueParser::new(), help_heading = ANSWERING)]
    pub(crate) no_lists: bool,
    /// Status of the redirect
    #[arg(long, env = "SOCKETS_STATUS", value_name = "301|302|303|307|308", default_value = "301", value_parser = status)]
    #[arg(help_heading = ANSWERING)]
    pub(crate) status: u16,
    #[command(flatten)]
    pub(crate) carry: CarryArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl BalancerArgs {
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::new(&self.bind, Bind::All, self.port, PORT)
    }

    /// The servers that flags name.
    pub(crate) fn given(&self) -> Vec<Replica> {
        if self.to.is_empty() && self.servers.is_none() && self.discover.is_empty() {
            let default = |port| Authority::parse("localhost").map(|host| host.with_port(port));
            let defaults = PORTS.into_iter().filter_map(|port| default(port).ok());
            return defaults.map(|authority| Replica::new(Scheme::Http, authority)).collect();
        }
        self.to.clone()
    }

    /// What the role is told.
    ///
    /// # Errors
    /// What of it can't be.
    pub(crate) fn config(&self, geography: Geography) -> Result<Config, ConfigFault> {
        let size = match self.probe_bytes {
            ProbeBytes::Adaptive => ProbeSize::Adaptive { link_share: self.probe_share },
            ProbeBytes::Whole => ProbeSize::Whole,
            ProbeBytes::First(bytes) => ProbeSize::First(bytes),
        };
        let check = Check { paths: self.check_paths, ttl: self.check_ttl };
        let given = self.given();
        let config = if given.is_empty() { Config::discovering() } else { Config::new(given)? };
        config
            .with_check((!self.no_check).then_some(check))?
            .with_reference(self.reference.clone())
            .with_links(self.links)?
            .with_rules(self.rule.clone(), geography)?
            .with_trust(Trust { proxies: self.trust.clone(), field: self.trust_field.into() })
            .with_lists(!self.no_lists)
            .with_state_file(self.state.clone())
            .with_probe_path(self.probe_path.clone())
            .with_seed(RandomState::new().hash_one(()))
            .with_interval(self.interval)?
            .with_probe_size(size)?
            .with_probe_digest(self.probe_sha256.map(|digest| digest.0))
            .with_mode(self.carry.mode())?
            .with_policy(self.policy)?
            .with_bounds(Bounds { least: self.share_min, most: self.share_max })?
            .with_status(self.status)
    }
}

/// How much a test transfers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProbeBytes {
    Adaptive,
    Whole,
    First(u64),
}

/// A digest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sha256([u8; 32]);

/// A server as one line says it.
fn server(text: &str) -> Result<Replica, String> {
    let replica = Replica::parse(text).map_err(|fault| fault.to_string())?;
    match replica.scheme() {
        Scheme::Http => Ok(replica),
        Scheme::Https => Err(format!("{text:?}: https is not spoken yet, use http")),
    }
}

fn followed(text: &str) -> Result<Followed, String> {
    Followed::parse(text).map_err(|fault| fault.to_string())
}

fn rule(text: &str) -> Result<Rule, String> {
    Rule::parse(text).map_err(|fault| fault.to_string())
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).map_err(|fault| fault.to_string())
}

/// A number: which of them send clients elsewhere is for the balancer to say.
fn status(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is no status: write 301, 302, 303, 307 or 308"))
}

fn path(text: &str) -> Result<PathAndQuery, String> {
    PathAndQuery::parse(text).map_err(|fault| format!("{text:?} is no path: {fault}"))
}

fn probe_bytes(text: &str) -> Result<ProbeBytes, String> {
    match text {
        "adaptive" => Ok(ProbeBytes::Adaptive),
        "whole" => Ok(ProbeBytes::Whole),
        size => units::size(size).map(ProbeBytes::First),
    }
}

/// `1%` or `0.01`.
fn part(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 0.01));
    let part = number.trim().parse::<f64>().ok().map(|number| number * unit);
    let part = part.filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| format!("{text:?} is no part of a whole: write 1% or 0.01"))
}

fn sha256(text: &str) -> Result<Sha256, String> {
    let wrong = || format!("{text:?} is no SHA-256 digest: that is 64 hexadecimal digits");
    let mut digest = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() || text.contains('+') {
        return Err(wrong());
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        let pair = str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(Sha256(digest))
}

fn policy() -> impl clap::builder::TypedValueParser<Value = Policy> {
    PossibleValuesParser::new(Policy::ALL.map(|(name, _)| name)).map(|text| {
        let found = Policy::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, policy)| policy).unwrap_or_default() // no other is possible
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_percentages_or_fractions() {
        for (text, expected) in [("1%", 0.01), ("0.25", 0.25), ("100%", 1.0), ("0", 0.0)] {
            assert!((part(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for text in ["", "%", "101%", "-1%", "x", "NaN"] {
            assert!(part(text).unwrap_err().contains("0.01"), "{text}");
        }
    }

    #[test]
    fn a_digest_is_64_digits() {
        assert_eq!(sha256(&"0f".repeat(32)).unwrap().0, [15; 32]);
        for text in ["", "0f", &"0g".repeat(32), &"+1".repeat(32), &"é".repeat(32)] {
            assert!(sha256(text).unwrap_err().contains("64"), "{text}");
        }
    }

    #[test]
    fn a_server_is_said_in_one_line() {
        assert_eq!(server("a weight=2").unwrap().weight(), 2);
        assert!(server("https://a").unwrap_err().contains("https"));
        assert!(server("a weight=x").unwrap_err().contains("weight"));
    }
}
