//! `sockets balancer`

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use balancer::{Config, ConfigFault, Replica};
use clap::Args;
use message::{Authority, PathAndQuery, Scheme};

use crate::args::listen::{Addresses, Bind, LISTENING, ListenArgs};
use crate::args::log::LogArgs;
use crate::args::units;

/// Where the balancer listens if it is not told.
const PORT: u16 = 8080;

/// Sends clients to the fastest of several servers.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets balancer                        localhost:8000, :8100 and :8200, on port 8080
  sockets balancer --to http://fra.example.org --to http://nyc.example.org -p 80
  sockets get --balancer localhost:8080 localhost:8000/index.html

Before it serves, and then every --interval, it times the same transfer from every server, to the \
last byte. Clients are sent to the servers in proportion to their speed; a server that fails its test \
gets nobody until it passes one again.")]
pub(crate) struct BalancerArgs {
    /// A server to send clients to, may be repeated
    #[arg(long, env = "SOCKETS_TO", value_name = "URL", value_delimiter = ',', value_parser = units::site)]
    #[arg(default_values = ["http://localhost:8000", "http://localhost:8100", "http://localhost:8200"])]
    pub(crate) to: Vec<(Scheme, Authority)>,
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
    pub(crate) interval: Duration,
    /// What is transferred in a test; the same file on every server
    #[arg(long, env = "SOCKETS_PROBE_PATH", value_name = "PATH", default_value = "/", value_parser = path)]
    pub(crate) probe_path: PathAndQuery,
    /// Status of the redirect
    #[arg(long, env = "SOCKETS_STATUS", value_name = "301|302|303|307|308", default_value = "301", value_parser = status)]
    pub(crate) status: u16,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl BalancerArgs {
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::new(&self.bind, Bind::All, self.port, PORT)
    }

    /// What the role is told.
    pub(crate) fn config(&self) -> Result<Config, ConfigFault> {
        let replicas = self.to.iter().map(|(scheme, authority)| Replica::new(*scheme, authority.clone()));
        Config::new(replicas.collect())?
            .with_probe_path(self.probe_path.clone())
            .with_seed(RandomState::new().hash_one(()))
            .with_interval(self.interval)?
            .with_status(self.status)
    }
}

/// A number: which of them send clients elsewhere is for the balancer to say.
fn status(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is no status: write 301, 302, 303, 307 or 308"))
}

fn path(text: &str) -> Result<PathAndQuery, String> {
    PathAndQuery::parse(text.to_owned().into()).map_err(|fault| format!("{text:?} is no path: {fault}"))
}
