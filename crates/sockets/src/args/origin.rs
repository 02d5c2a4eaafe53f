//! `sockets server`

use std::net::IpAddr;

use clap::Args;
use clap::builder::FalseyValueParser;
use message::hosts::HostPattern;
use origin::Sites;

use crate::args::listen::{Addresses, Bind, LISTENING, ListenArgs};
use crate::args::log::LogArgs;
use crate::args::site::SiteArgs;
use crate::args::units;

/// Where the server listens if it is not told.
const PORT: u16 = 8000;

/// Serves the files under a directory.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets server                          the files under files/, on port 8000
  sockets server . --list --qr            this directory, shown and ready for a phone
  sockets server dist --spa --compress    a web application
  sockets server site --clean-urls --error-page 404=404.html --cache-control '*.css=max-age=3600'
  sockets server /srv/mirror --bind 192.0.2.7 -p 80 --access-log /var/log/mirror.log
  sockets server private --auth 'jane:$2y$10$...' --allow 192.0.2.0/24

A path that ends in / is answered with the index.html in that directory. Dot files (but .well-known) \
and links that lead out of the directory are not served. A GLOB without a / is for names in any \
directory (*.css), one with a / for paths from the top (/assets/**).")]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    /// TCP port; 0 takes a free one [default: 8000]
    #[arg(short, long, env = "SOCKETS_PORT", value_parser = units::whole(0, u16::MAX))]
    #[arg(help_heading = LISTENING)]
    pub(crate) port: Option<u16>,
    /// Address to listen on, may be repeated [default: all addresses]
    #[arg(long, env = "SOCKETS_BIND", value_name = "ADDR", value_delimiter = ',', value_parser = units::address)]
    #[arg(help_heading = LISTENING)]
    pub(crate) bind: Vec<IpAddr>,
    /// Print a QR code of the address, for phones
    #[arg(long, env = "SOCKETS_QR", value_parser = FalseyValueParser::new(), help_heading = LISTENING)]
    pub(crate) qr: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Sites that have hosts of their own: only a configuration file has them. If it has any and names no
    /// directory beside them, nothing is served for other hosts.
    #[arg(skip)]
    pub(crate) named: Vec<NamedSite>,
}

/// A site with hosts of its own.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamedSite {
    /// A host that it is for, such as www.example.org or *.example.org
    #[arg(long, value_name = "HOST", required = true, value_parser = HostPattern::parse)]
    pub(crate) host: Vec<HostPattern>,
    #[command(flatten)]
    pub(crate) site: SiteArgs,
}

impl ServerArgs {
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::new(&self.bind, Bind::All, self.port, PORT)
    }

    /// The site for the hosts that have none of their own, if there is one.
    pub(crate) fn default_site(&self) -> Option<&SiteArgs> {
        (self.named.is_empty() || self.site.root.is_some()).then_some(&self.site)
    }

    /// Every site.
    pub(crate) fn all_sites(&self) -> impl Iterator<Item = &SiteArgs> {
        self.default_site().into_iter().chain(self.named.iter().map(|named| &named.site))
    }

    /// What the role is told.
    pub(crate) fn sites(&self) -> Sites {
        let by_host = self
            .named
            .iter()
            .flat_map(|NamedSite { host, site }| host.iter().map(|host| (host.clone(), site.config())));
        Sites { default: self.default_site().map(SiteArgs::config), by_host: by_host.collect() }
    }
}
