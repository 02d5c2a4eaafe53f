//! How the program ends.

use std::fmt::{self, Display};
use std::io::Write;
use std::process::ExitCode;

/// Why the program ends otherwise than well: the status, and what is said to the person.
#[derive(Debug)]
pub(crate) struct Exit {
    status: u8,
    /// Printed to stderr, if there is something to say.
    message: Option<String>,
}

/// Something went wrong while running.
const RUN_TIME: u8 = 1;
/// The command line or a configuration can't be used as it is.
const USAGE: u8 = 2;

impl Exit {
    /// A failure while running.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::with_status(RUN_TIME, message)
    }

    /// A command line that can't be used as it is.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::with_status(USAGE, message)
    }

    /// An exit status of a role's own.
    pub(crate) fn with_status(status: u8, message: impl Display) -> Self {
        Self { status, message: Some(message.to_string()) }
    }

    /// An end about which everything has been said.
    pub(crate) fn silent(status: u8) -> Self {
        Self { status, message: None }
    }

    /// Says it and gives the status.
    pub(crate) fn report(self) -> ExitCode {
        if let Some(message) = self.message {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "sockets: {message}");
        }
        ExitCode::from(self.status)
    }
}

impl Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("stopped"))
    }
}
