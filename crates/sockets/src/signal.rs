//! The signals that the program acts upon. SIGTERM and SIGINT: the first one asks to finish, the second one
//! ends at once. SIGUSR1: logs are opened anew, since their files have other names by now.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop the program.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

/// The signal to open logs anew.
pub(crate) struct Reopen(Signal);

impl Stop {
    /// Begins to listen for them; from here on they no longer end the process by themselves.
    ///
    /// # Errors
    /// What the system says when a handler can't be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Reopen {
    /// Begins to listen for it; from here on it no longer ends the process.
    ///
    /// # Errors
    /// What the system says when a handler can't be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::user_defined1()).map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}
