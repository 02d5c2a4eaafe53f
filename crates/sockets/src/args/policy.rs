//! What RFC 9111 leaves to whoever runs a cache.

use std::time::Duration;

use cache::{Fraction, Rules};
use clap::Args;
use message::HeaderName;

use crate::args::units;

/// Arguments of `sockets cache` and `sockets cache explain`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PolicyArgs {
    /// How long a stored response may be used after it was last validated
    #[arg(long, env = "SOCKETS_KEEP", value_name = "DURATION", default_value = "24h", value_parser = units::duration)]
    pub(crate) keep: Duration,
    /// Part of the time since its last change that a response which says nothing else is fresh for, such as 0.1
    /// [default: none, each use is validated]
    #[arg(long, env = "SOCKETS_HEURISTIC", value_name = "PART", value_parser = fraction)]
    pub(crate) heuristic: Option<Fraction>,
    /// How long a stale response may answer in the place of an error, where it says nothing itself
    #[arg(long, env = "SOCKETS_STALE_IF_ERROR", value_name = "DURATION", default_value = "0s", value_parser = units::duration)]
    pub(crate) stale_if_error: Duration,
    /// How long a stale response may answer while it is validated, where it says nothing itself
    #[arg(long, env = "SOCKETS_STALE_WHILE_REVALIDATE", value_name = "DURATION", default_value = "0s", value_parser = units::duration)]
    pub(crate) stale_while_revalidate: Duration,
    /// A targeted field (RFC 9213) that speaks to this cache before CDN-Cache-Control does, may be repeated
    #[arg(long, env = "SOCKETS_TARGETED_FIELD", value_name = "NAME", value_delimiter = ',')]
    pub(crate) targeted_field: Vec<HeaderName>,
}

impl PolicyArgs {
    /// What the cache is told.
    pub(crate) fn rules(&self) -> Rules {
        let own = Rules::default();
        Rules {
            keep: self.keep,
            heuristic: self.heuristic,
            targets: self.targeted_field.iter().cloned().chain(own.targets).collect(),
            stale_if_error: self.stale_if_error,
            stale_while_revalidate: self.stale_while_revalidate,
        }
    }
}

fn fraction(text: &str) -> Result<Fraction, String> {
    let part = text.parse().ok().and_then(Fraction::new);
    part.ok_or_else(|| String::from("give a part of one: more than 0, at most 1, such as 0.1"))
}
