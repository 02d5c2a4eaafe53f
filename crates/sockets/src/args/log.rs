//! Where a role's access log goes.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use clap::Args;

use crate::log::access::Format;
use crate::log::sink::Place;

/// Arguments of the access log of every role that serves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access log")]
pub(crate) struct LogArgs {
    /// Where to write a line for each request: a file, opened anew on SIGUSR1; - for standard output; or off
    /// [default: - on a terminal, else off]
    #[arg(long, env = "SOCKETS_ACCESS_LOG", value_name = "FILE|-|off")]
    access_log: Option<PathBuf>,
    /// The form of the lines: as Apache and nginx write them, or JSON with Caddy's names
    #[arg(long, env = "SOCKETS_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: Format,
}

/// Where lines go, if they do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Off,
    Place(Place),
}

impl LogArgs {
    /// Where they go. A person who starts a server by hand sees what is asked of it; a service whose output is
    /// kept by another program logs what it is told to.
    pub(crate) fn target(&self) -> Target {
        match &self.access_log {
            None if stdout().is_terminal() => Target::Place(Place::Stdout),
            None => Target::Off,
            Some(path) if path.as_os_str() == "off" => Target::Off,
            Some(path) if path.as_os_str() == "-" => Target::Place(Place::Stdout),
            Some(path) => Target::Place(Place::File(path.clone())),
        }
    }
}
