//! For which origins the cache stands.

use cache::{HostTold, Origin, Site};
use clap::Args;
use message::hosts::HostPattern;
use message::{Authority, Scheme};

use crate::args::units;

/// Arguments of one site of a reverse proxy.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReverseArgs {
    /// Be a reverse proxy for this origin, such as localhost:8000; repeated, for those that stand in for it, in
    /// order [default: none, a forward proxy]
    #[arg(long, env = "SOCKETS_ORIGIN", value_name = "URL", value_delimiter = ',', value_parser = origin)]
    pub(crate) origin: Vec<Origin>,
    /// The host that the origin is told: its own, the one that was asked, or this one
    #[arg(long, env = "SOCKETS_ORIGIN_HOST", value_name = "own|asked|HOST", default_value = "own", value_parser = told)]
    origin_host: HostTold,
}

/// A site with hosts of its own.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamedOrigin {
    /// A host that it is for, such as www.example.org or *.example.org
    #[arg(long, value_name = "HOST", required = true, value_parser = HostPattern::parse)]
    pub(crate) host: Vec<HostPattern>,
    #[command(flatten)]
    pub(crate) of: ReverseArgs,
}

impl ReverseArgs {
    /// The site, if there is an origin; the other origins stand in for the first.
    pub(crate) fn site(&self) -> Option<Site> {
        let (first, others) = self.origin.split_first()?;
        Some(Site { origin: first.clone(), stand_ins: others.to_vec(), told: self.origin_host.clone() })
    }
}

fn origin(text: &str) -> Result<Origin, String> {
    let (scheme, authority) = units::site(text)?;
    Origin::new(scheme, authority).map_err(|fault| fault.to_string())
}

fn told(text: &str) -> Result<HostTold, String> {
    match text {
        "own" => Ok(HostTold::Own),
        "asked" => Ok(HostTold::Asked),
        text => match Authority::parse(text) {
            Ok(authority) => Ok(HostTold::This(authority.normalised(Scheme::Http))),
            Err(fault) => Err(format!("{text:?} is neither own, asked nor a host: {fault}")),
        },
    }
}
