//! How a balancer carries answers, if it does.

use std::time::Duration;

use balancer::mode::{ROOM_MAX, TRIES_MAX};
use balancer::{Forwarding, Mode, Room};
use clap::{Args, ValueEnum};

use crate::args::units;
use crate::args::upstream::UpstreamArgs;

/// Arguments about answers that are carried.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Carrying answers (--mode proxy)")]
pub(crate) struct CarryArgs {
    /// Send clients to servers, or carry what these answer
    #[arg(long, env = "SOCKETS_MODE", value_enum, value_name = "MODE", default_value = "redirect")]
    mode: Way,
    /// How many servers are asked for one client, while nothing has been passed on; and for the rest of an answer that
    /// breaks off
    #[arg(long, env = "SOCKETS_TRIES", value_name = "N", default_value = "3", value_parser = units::whole(1, TRIES_MAX))]
    tries: usize,
    /// Ask another server beside the first if its answer has not begun after this time [default: never]
    #[arg(long, env = "SOCKETS_HEDGE", value_name = "DURATION", value_parser = units::interval)]
    hedge: Option<Duration>,
    /// Exchanges with one server at a time
    #[arg(long, env = "SOCKETS_PER_SERVER", value_name = "N", default_value = "256")]
    #[arg(value_parser = units::whole(1, ROOM_MAX))]
    per_server: usize,
    /// Clients who wait for a place at one server; more get 503
    #[arg(long, env = "SOCKETS_QUEUE", value_name = "N", default_value = "1024", value_parser = units::whole(0, ROOM_MAX))]
    queue: usize,
    /// How long they wait; then they get 503, too
    #[arg(long, env = "SOCKETS_QUEUE_WAIT", value_name = "DURATION", default_value = "5s", value_parser = units::interval)]
    queue_wait: Duration,
    /// Failures in a row after which a server is out at once, and not by its next test
    #[arg(long, env = "SOCKETS_FAIL_AFTER", value_name = "N", default_value = "3", value_parser = units::whole(1, u32::MAX))]
    fail_after: u32,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Redirect,
    Proxy,
}

impl CarryArgs {
    /// What the role is told.
    pub(crate) fn mode(&self) -> Mode {
        match self.mode {
            Way::Redirect => Mode::Redirect,
            Way::Proxy => Mode::Proxy(Forwarding {
                room: Room { exchanges: self.per_server, queue: self.queue },
                patience: self.queue_wait,
                tries: self.tries,
                hedge: self.hedge,
                failures: self.fail_after,
            }),
        }
    }
}
