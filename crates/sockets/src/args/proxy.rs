//! Who may use the cache as a proxy, and where it may lead them.

use std::time::Duration;

use access::gate::{CHECKED_MAX, REMEMBERED};
use access::{Account, Accounts, Network, Networks, Trust, TrustedField};
use cache::{Destinations, Terms, Way};
use clap::{Args, ValueEnum};

use crate::args::units;

/// What credentials are asked for.
const REALM: &str = "proxy";

/// Where this machine is, for itself.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

/// Arguments about the proxy's clients and destinations.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Who may use it, and for what")]
pub(crate) struct ProxyArgs {
    /// A network that may use it, such as 192.0.2.0/24, may be repeated [default: this machine; with --origin, all]
    #[arg(long, env = "SOCKETS_ALLOW", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    allow: Vec<Network>,
    /// A network that may not, allowed or not, may be repeated
    #[arg(long, env = "SOCKETS_DENY", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    deny: Vec<Network>,
    /// A user who may use the forward proxy, as for the server's --auth, may be repeated [default: everybody]
    #[arg(long, env = "SOCKETS_PROXY_AUTH", value_name = "USER:HASH", value_delimiter = '\n', value_parser = Account::parse)]
    #[arg(hide_env_values = true, conflicts_with = "origin")]
    proxy_auth: Vec<Account>,
    /// A network that is not public and may be reached through the forward proxy, may be repeated [default: from this
    /// machine, this machine]
    #[arg(long, env = "SOCKETS_ALLOW_DEST", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    #[arg(conflicts_with = "origin")]
    allow_dest: Vec<Network>,
    /// A port that CONNECT may go to, may be repeated; 0 for none
    #[arg(
        long,
        env = "SOCKETS_CONNECT_PORT",
        value_name = "PORT",
        value_delimiter = ',',
        default_value = "443"
    )]
    #[arg(value_parser = units::whole(0, u16::MAX), conflicts_with = "origin")]
    connect_port: Vec<u16>,
    /// How long a tunnel may be silent
    #[arg(long, env = "SOCKETS_TUNNEL_TIMEOUT", value_name = "DURATION", default_value = "5m", value_parser = units::interval)]
    #[arg(conflicts_with = "origin")]
    tunnel_timeout: Duration,
    /// A network of proxies that are believed about who asks them, may be repeated
    #[arg(long, env = "SOCKETS_TRUST", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    trust: Vec<Network>,
    /// The field in which these tell it
    #[arg(long, env = "SOCKETS_TRUST_FIELD", value_name = "NAME", default_value = "x-forwarded-for")]
    trust_field: TrustField,
}

/// The field in which proxies tell who asks.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TrustField {
    XForwardedFor,
    Forwarded,
}

impl ProxyArgs {
    /// On what terms a forward proxy is used.
    pub(crate) fn forward(&self) -> Terms {
        let loopback = || LOOPBACK.iter().filter_map(|text| Network::parse(text).ok()).collect();
        let allow = if self.allow.is_empty() { loopback() } else { self.allow.clone() };
        let accounts = Accounts {
            accounts: self.proxy_auth.clone(),
            realm: REALM.to_owned(),
            remembered: REMEMBERED,
            checks: CHECKED_MAX,
        };
        let way = Way::Forward {
            accounts: (!self.proxy_auth.is_empty()).then_some(accounts),
            destinations: self.destinations(),
            connect_ports: self.connect_port.clone(),
        };
        Terms { clients: Networks { allow, deny: self.deny.clone() }, trust: self.trust(), way }
    }

    /// On what terms a reverse proxy is used.
    pub(crate) fn reverse(&self) -> Terms {
        let clients = Networks { allow: self.allow.clone(), deny: self.deny.clone() };
        Terms { clients, trust: self.trust(), way: Way::Reverse }
    }

    /// Where a forward proxy may lead.
    pub(crate) fn destinations(&self) -> Destinations {
        Destinations { allow: self.allow_dest.clone() }
    }

    /// How long a tunnel may be silent.
    pub(crate) fn tunnel_timeout(&self) -> Duration {
        self.tunnel_timeout
    }

    fn trust(&self) -> Trust {
        Trust { proxies: self.trust.clone(), field: self.trust_field.into() }
    }
}

impl From<TrustField> for TrustedField {
    fn from(field: TrustField) -> Self {
        match field {
            TrustField::XForwardedFor => Self::XForwardedFor,
            TrustField::Forwarded => Self::Forwarded,
        }
    }
}
