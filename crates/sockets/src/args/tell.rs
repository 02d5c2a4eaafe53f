//! What is asked of a balancer that runs, and told to it.

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use message::Authority;

use crate::args::units;

/// What is done instead of running a balancer.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Tell {
    /// Show how a running balancer and its servers stand
    Status(StatusArgs),
    /// Send clients to one more server
    Add(ServerArgs),
    /// Send no clients to a server any more, and forget it
    Remove(ServerArgs),
    /// Send no new clients to a server, and go on testing it
    Drain(ServerArgs),
    /// Send clients to a drained server again
    Undrain(ServerArgs),
    /// Give a server another weight
    Weight(WeightArgs),
}

/// Where a balancer that runs is asked.
#[derive(Args, Clone, Debug)]
pub(crate) struct AdminArgs {
    /// Where the balancer listens for its administrator
    #[arg(long, env = "SOCKETS_ADMIN", value_name = "HOST:PORT", default_value = "localhost:8081", value_parser = units::place)]
    pub(crate) admin: Authority,
    /// What proves that the administrator asks
    #[arg(long, env = "SOCKETS_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) admin_token: Option<String>,
}

/// Arguments of `sockets balancer status`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) at: AdminArgs,
    /// Show it again and again, until Ctrl-C
    #[arg(long, env = "SOCKETS_WATCH", value_parser = FalseyValueParser::new())]
    pub(crate) watch: bool,
    /// Time between two looks
    #[arg(long, env = "SOCKETS_EVERY", value_name = "DURATION", default_value = "1s", value_parser = units::interval)]
    pub(crate) every: Duration,
    /// Show it as JSON
    #[arg(long, env = "SOCKETS_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
}

/// A server of a running balancer.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) at: AdminArgs,
    /// Its URL; behind that of one to add may stand what is known of it: weight=3 country=de
    #[arg(value_name = "URL", required = true)]
    pub(crate) server: Vec<String>,
}

/// A server of a running balancer, and a weight.
#[derive(Args, Clone, Debug)]
pub(crate) struct WeightArgs {
    #[command(flatten)]
    pub(crate) at: AdminArgs,
    /// Its URL
    #[arg(value_name = "URL")]
    pub(crate) server: String,
    /// 1 to 10000; multiplies what its speed earns it
    #[arg(value_name = "WEIGHT")]
    pub(crate) weight: u32,
}

impl Tell {
    /// Where to ask, and the line to say there; `None`: what is shown is how it stands.
    pub(crate) fn said(&self) -> (&AdminArgs, Option<String>) {
        let line = |verb: &str, args: &ServerArgs| Some(format!("{verb} {}", args.server.join(" ")));
        match self {
            Self::Status(args) => (&args.at, None),
            Self::Add(args) => (&args.at, line("add", args)),
            Self::Remove(args) => (&args.at, line("remove", args)),
            Self::Drain(args) => (&args.at, line("drain", args)),
            Self::Undrain(args) => (&args.at, line("undrain", args)),
            Self::Weight(args) => (&args.at, Some(format!("weight {} {}", args.server, args.weight))),
        }
    }
}
