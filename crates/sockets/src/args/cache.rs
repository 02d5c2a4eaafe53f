//! `sockets cache`

use std::hash::{BuildHasher, RandomState};
use std::iter;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use access::Network;
use cache::{Admission, Config, Sites, SitesFault, Terms};
use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueEnum};
use message::forward::Pseudonym;

use crate::args::explain::ExplainArgs;
use crate::args::listen::{Addresses, Bind, LISTENING, ListenArgs};
use crate::args::log::LogArgs;
use crate::args::policy::PolicyArgs;
use crate::args::proxy::ProxyArgs;
use crate::args::reverse::{NamedOrigin, ReverseArgs};
use crate::args::store::StoreCommand;
use crate::args::units;
use crate::args::upstream::UpstreamArgs;

/// Where the cache listens if it is not told.
const PORT: u16 = 9000;

/// Caches what other servers serve.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  sockets cache                           a forward proxy on localhost:9000
  sockets get --proxy localhost:9000 localhost:8000/index.html
  curl -x localhost:9000 http://localhost:8000/index.html
  sockets cache --bind 0.0.0.0 --allow 192.0.2.0/24 --proxy-auth 'jane:$2y$10$...'
                                          for a network, with a password
  sockets cache explain localhost:8000/index.html
                                          why it is stored or not, rule by rule
  sockets cache --origin http://localhost:8000 --bind 0.0.0.0
                                          a reverse proxy for one origin

A stored response is answered without asking while the origin says that it is fresh (max-age); then \
each use is validated by a conditional GET; after --keep without a validation it is fetched anew. \
Bodies are ordinary files: http://HOST/PATH lies under DIR/HOST/PATH.")]
pub(crate) struct CacheArgs {
    #[command(flatten)]
    pub(crate) reverse: ReverseArgs,
    /// Ask no origin: answer with what is stored, stale too, and with 504 else
    #[arg(long, env = "SOCKETS_OFFLINE")]
    pub(crate) offline: bool,
    /// TCP port; 0 takes a free one [default: 9000]
    #[arg(short, long, env = "SOCKETS_PORT", value_parser = units::whole(0, u16::MAX))]
    #[arg(help_heading = LISTENING)]
    pub(crate) port: Option<u16>,
    /// Address to listen on, may be repeated [default: loopback only]
    #[arg(long, env = "SOCKETS_BIND", value_name = "ADDR", value_delimiter = ',', value_parser = units::address)]
    #[arg(help_heading = LISTENING)]
    pub(crate) bind: Vec<IpAddr>,
    /// Where stored bodies lie
    #[arg(long, env = "SOCKETS_DIR", value_name = "DIR", default_value = "cache/files")]
    pub(crate) dir: PathBuf,
    /// How much the stored bodies and their index may take on disk
    #[arg(long, env = "SOCKETS_SIZE", value_name = "SIZE", default_value = "10GiB", value_parser = units::size)]
    pub(crate) size: u64,
    /// What to store where something else has to go for it: what is asked for again, or always everything
    #[arg(long, env = "SOCKETS_ADMIT", value_name = "WHAT", default_value = "again")]
    pub(crate) admit: Admit,
    /// How much of the file system to leave free for others, whatever --size allows
    #[arg(long, env = "SOCKETS_MIN_FREE", value_name = "SIZE", default_value = "0", value_parser = units::size)]
    pub(crate) min_free: u64,
    /// How much memory small, recently used responses may take
    #[arg(long, env = "SOCKETS_MEMORY", value_name = "SIZE", default_value = "256MiB", value_parser = units::size)]
    pub(crate) memory: u64,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Tell in Cache-Status under which key a response is looked for
    #[arg(long, env = "SOCKETS_TELL_KEY", value_parser = FalseyValueParser::new())]
    pub(crate) tell_key: bool,
    /// A network that may use the PURGE method, may be repeated [default: none, it is forwarded]
    #[arg(long, env = "SOCKETS_PURGE_FROM", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    pub(crate) purge_from: Vec<Network>,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Sites that have hosts of their own: only a configuration file has them. If it has any and names no origin
    /// beside them, nothing is cached for other hosts.
    #[arg(skip)]
    pub(crate) named: Vec<NamedOrigin>,
    /// What is to be done instead of serving
    #[command(subcommand)]
    pub(crate) task: Option<CacheTask>,
}

/// What is stored where something else has to go for it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Admit {
    Again,
    Always,
}

/// What can be asked of a cache beside serving.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum CacheTask {
    /// Say rule by rule why a response is or is not stored, fresh and reused
    Explain(Box<ExplainArgs>),
    #[command(flatten)]
    Store(StoreCommand),
}

impl CacheArgs {
    /// A proxy that anybody may use is for its owner to ask for: loopback unless told otherwise.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::new(&self.bind, Bind::Loopback, self.port, PORT)
    }

    /// On what terms it may be used.
    pub(crate) fn terms(&self) -> Terms {
        if self.is_reverse() { self.proxy.reverse() } else { self.proxy.forward() }
    }

    /// Whether it stands for origins, and is not its clients' way to any.
    pub(crate) fn is_reverse(&self) -> bool {
        self.all_sites().next().is_some()
    }

    /// Every site that has an origin.
    pub(crate) fn all_sites(&self) -> impl Iterator<Item = &ReverseArgs> {
        let sites = iter::once(&self.reverse).chain(self.named.iter().map(|named| &named.of));
        sites.filter(|site| !site.origin.is_empty())
    }

    fn sites(&self) -> Result<Sites, SitesFault> {
        let named = self.named.iter().filter_map(|named| Some((&named.host, named.of.site()?)));
        let by_host =
            named.flat_map(|(hosts, site)| hosts.iter().map(move |host| (host.clone(), site.clone())));
        Sites::new(self.reverse.site(), by_host)
    }

    /// What the role is told.
    ///
    /// # Errors
    /// Sites that can't be told apart.
    pub(crate) fn config(&self) -> Result<Config, SitesFault> {
        Ok(Config {
            sites: if self.is_reverse() { Some(Arc::new(self.sites()?)) } else { None },
            is_offline: self.offline,
            rules: self.policy.rules(),
            tells_key: self.tell_key,
            size: self.size,
            admission: self.admit.into(),
            min_free: self.min_free,
            memory: self.memory,
            // With a common name, a cache that asks another one would be taken for a loop.
            pseudonym: Pseudonym::unique(RandomState::new().hash_one(())),
            ..Config::new(self.dir.clone())
        })
    }
}

impl From<Admit> for Admission {
    fn from(admit: Admit) -> Self {
        match admit {
            Admit::Again => Self::Again,
            Admit::Always => Self::Always,
        }
    }
}
