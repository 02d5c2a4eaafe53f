//! Both sides of the engine over real sockets on 127.0.0.1, with raw bytes by hand on the other end.
//!
//! Every wait is bounded by [`support::soon`]; where a limit of the engine has to end a wait, the test
//! sets it short. Nothing sleeps in the hope that something has happened meanwhile.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its tools too"
)]

mod client_failures;
mod client_requests;
mod client_reuse;
mod client_uploads;
mod server_announcements;
mod server_answers;
mod server_clients;
mod server_content;
mod server_files;
mod server_interims;
mod server_limits;
mod server_records;
mod server_tunnels;
mod stopping;
mod support;
