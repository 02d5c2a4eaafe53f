//! How long servers further on are waited for.

use std::time::Duration;

use clap::Args;
use engine::ClientLimits;

use crate::args::units;

/// Arguments about the origins that are asked.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Origins")]
pub(crate) struct UpstreamArgs {
    /// How long to wait for a connection to an origin, from the name to the connection; then 523, of a balancer 502
    #[arg(long, env = "SOCKETS_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "10s")]
    #[arg(value_parser = units::interval)]
    pub(crate) connect_timeout: Duration,
    /// How long an origin may send nothing: before the head of its answer, then 504; or within the content, then it is
    /// asked for the rest, or the answer is broken off
    #[arg(long, env = "SOCKETS_RESPONSE_TIMEOUT", value_name = "DURATION", default_value = "60s")]
    #[arg(value_parser = units::interval)]
    response_timeout: Duration,
}

impl UpstreamArgs {
    /// What the client side is told.
    pub(crate) fn limits(&self) -> ClientLimits {
        ClientLimits {
            head: self.response_timeout,
            content: self.response_timeout,
            ..ClientLimits::default()
        }
    }
}
