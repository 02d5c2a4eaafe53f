//! Where a role listens, and how it stops.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::args::units;

/// Arguments of every role that serves. The port is the role's own, for its default.
#[derive(Args, Clone, Debug)]
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
}

/// The addresses and the port of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) bind: Bind,
    /// 0: a free one.
    pub(crate) port: u16,
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
    /// What was asked for, or else `default`.
    pub(crate) fn new(asked: &[IpAddr], default: Bind, port: u16) -> Self {
        let bind = if asked.is_empty() { default } else { Bind::These(asked.to_vec()) };
        Self { bind, port }
    }
}
