//! Where a role listens, and how it stops.

use std::net::IpAddr;
use std::time::Duration;

use access::Network;
use clap::Args;
use clap::builder::FalseyValueParser;
use engine::Announcers;

use crate::args::limits::LimitArgs;
use crate::args::units;

/// The heading of these arguments in the help, and of each role's port and addresses.
pub(crate) const LISTENING: &str = "Listening";

/// Arguments of every role that serves. The port is the role's own, for its default.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = LISTENING)]
pub(crate) struct ListenArgs {
    /// Accept HTTP/1.0 as well, for old health checkers and proxies
    #[arg(long, env = "SOCKETS_ALLOW_HTTP10", value_parser = FalseyValueParser::new())]
    pub(crate) allow_http10: bool,
    /// How long running transfers may go on after SIGTERM or Ctrl-C; a second signal ends them at once
    #[arg(long, env = "SOCKETS_DRAIN", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub(crate) drain: Duration,
    /// Threads that serve, each with its own listener [default: one per core]
    #[arg(long, env = "SOCKETS_THREADS", value_name = "N", value_parser = units::whole(1_u16, 1024))]
    pub(crate) threads: Option<u16>,
    /// A network of load balancers whose connections begin with the PROXY protocol, may be repeated [default: none]
    #[arg(long, env = "SOCKETS_PROXY_PROTOCOL", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    pub(crate) proxy_protocol: Vec<Network>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

impl ListenArgs {
    /// Whose connections begin with word of who is behind them.
    pub(crate) fn announcers(&self) -> Option<Announcers> {
        let networks = self.proxy_protocol.clone();
        let judge = move |address| networks.iter().any(|network| network.contains(address));
        (!self.proxy_protocol.is_empty()).then(|| Announcers::new(judge))
    }
}

/// The addresses and the port of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) bind: Bind,
    pub(crate) port: Port,
}

/// A port of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// The one that was asked for; 0: a free one.
    Asked(u16),
    /// The one that the role has if nobody asks for another.
    Default(u16),
}

/// Which addresses of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    /// All of them, IPv6 and IPv4.
    All,
    /// Loopback: IPv4, and IPv6 where there is any.
    Loopback,
    /// These.
    These(Vec<IpAddr>),
}

impl Addresses {
    /// What was asked for, or else the role's defaults.
    pub(crate) fn new(asked: &[IpAddr], default: Bind, port: Option<u16>, default_port: u16) -> Self {
        let bind = if asked.is_empty() { default } else { Bind::These(asked.to_vec()) };
        Self { bind, port: port.map_or(Port::Default(default_port), Port::Asked) }
    }
}

impl Port {
    /// Its number; 0: a free one.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Asked(port) | Self::Default(port) => port,
        }
    }
}
