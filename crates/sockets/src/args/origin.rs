//! `sockets server`

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use message::HeaderValue;
use origin::{Config, Listing};

use crate::args::listen::{Addresses, Bind, ListenArgs};
use crate::args::units;

/// Serves the files under a directory.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets server                          the files under files/, on port 8000
  sockets server . -p 8080                this directory, on port 8080
  sockets server ~/Downloads --list       with a page of its files for each directory
  sockets server /srv/mirror --bind 127.0.0.1 --cache-control 'max-age=3600'

A path that ends in / is answered with the index.html in that directory. Dot files (but .well-known) \
and links that lead out of the directory are not served.")]
pub(crate) struct ServerArgs {
    /// The directory that is served
    #[arg(value_name = "DIR", default_value = "files")]
    pub(crate) dir: PathBuf,
    /// TCP port; 0 takes a free one
    #[arg(short, long, env = "SOCKETS_PORT", default_value = "8000", value_parser = units::whole(0, u16::MAX))]
    pub(crate) port: u16,
    /// Address to listen on, may be repeated [default: all addresses]
    #[arg(long, env = "SOCKETS_BIND", value_name = "ADDR", value_delimiter = ',', value_parser = units::address)]
    pub(crate) bind: Vec<IpAddr>,
    /// Sets Cache-Control on all files, such as 'max-age=3600'
    #[arg(long, env = "SOCKETS_CACHE_CONTROL", value_name = "VALUE", value_parser = field_value)]
    pub(crate) cache_control: Option<HeaderValue>,
    /// Shows directories that have no index.html: a page, JSON, or one archive
    #[arg(long, env = "SOCKETS_LIST")]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

impl ServerArgs {
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::new(&self.bind, Bind::All, self.port)
    }

    /// What the role is told.
    pub(crate) fn config(&self) -> Config {
        let listing = self.list.then(Listing::default);
        Config { cache_control: self.cache_control.clone(), listing, ..Config::new(self.dir.clone()) }
    }
}

fn field_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("{text:?} can't stand in a header field"))
}
