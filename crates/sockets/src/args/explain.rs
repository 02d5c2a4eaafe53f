//! `sockets cache explain`

use clap::Args;
use message::{Authority, HeaderName, HeaderValue, Method, Target};

use crate::args::policy::PolicyArgs;
use crate::args::units;

/// Says rule by rule why a response is or is not stored, fresh and reused.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets cache explain localhost:8000/index.html
  sockets cache explain -H 'Authorization: Basic eDp5' http://localhost:8000/private
  sockets cache explain --heuristic 0.1 localhost:8000/old.iso
  sockets cache explain --proxy localhost:9000 localhost:8000/index.html
                                          also what the cache there has of it

The origin is asked, and what it answers is judged as a cache with these flags would judge it. A `>` marks the \
rule that decides; sections are those of RFC 9111.")]
pub(crate) struct ExplainArgs {
    /// What to ask for
    #[arg(value_name = "URL", value_parser = target)]
    pub(crate) url: Target,
    /// The method to ask by
    #[arg(short = 'X', long, env = "SOCKETS_METHOD", value_name = "METHOD", default_value = "GET")]
    pub(crate) method: Method,
    /// A field of the request, may be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = field)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// A cache that is asked what it has stored
    #[arg(long, env = "SOCKETS_PROXY", value_name = "HOST:PORT", value_parser = units::place)]
    pub(crate) proxy: Option<Authority>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse_url(text).map_err(|fault| fault.to_string())
}

fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("{text:?} is no field: write it as NAME: VALUE");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?))
}
