//! Events for the person who runs the program, on stderr.

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;

/// Starts to print events: warnings and changes of state, one line each.
pub(crate) fn start() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .with_max_level(LevelFilter::INFO)
        .without_time()
        .finish();
    // Fails only if it was started before, and then it is started.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
