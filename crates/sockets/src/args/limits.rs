//! What clients may have, and for how long they are waited for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use engine::{Clients, RequestRate, Server, Share};

use crate::args::units;

/// Limits of every role that serves. What is not given is as the engine has it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Connections at a time; more wait until one ends [default: as many as there are descriptors for]
    #[arg(long, env = "SOCKETS_MAX_CONNECTIONS", value_name = "N", value_parser = units::whole(1_usize, 1 << 24))]
    max_connections: Option<usize>,
    /// Connections of one client at a time; more are answered 503 [default: no limit]
    #[arg(long, env = "SOCKETS_CLIENT_CONNECTIONS", value_name = "N", value_parser = units::whole(NonZeroUsize::MIN, NonZeroUsize::MAX))]
    client_connections: Option<NonZeroUsize>,
    /// Requests of one client in a time, such as 100/1s; more are answered 429 [default: no limit]
    #[arg(long, env = "SOCKETS_CLIENT_REQUESTS", value_name = "N/DURATION")]
    client_requests: Option<Requests>,
    /// How many of these may come at once after a rest [default: all of them]
    #[arg(long, env = "SOCKETS_CLIENT_BURST", value_name = "N", value_parser = units::whole(NonZeroU32::MIN, NonZeroU32::MAX))]
    client_burst: Option<NonZeroU32>,
    /// How much per second a client must take or send, on average over the times below; 0 for any [default: 256]
    #[arg(long, env = "SOCKETS_MIN_RATE", value_name = "SIZE", value_parser = units::size)]
    min_rate: Option<u64>,
    /// How long a client may take nothing of an answer, or less than --min-rate [default: 60s]
    #[arg(long, env = "SOCKETS_SEND_TIMEOUT", value_name = "DURATION", value_parser = units::interval)]
    send_timeout: Option<Duration>,
    /// How long a client may send nothing of a request's content, or less than --min-rate [default: 30s]
    #[arg(long, env = "SOCKETS_CONTENT_TIMEOUT", value_name = "DURATION", value_parser = units::interval)]
    content_timeout: Option<Duration>,
    /// How long the head of a request may take [default: 10s]
    #[arg(long, env = "SOCKETS_HEAD_TIMEOUT", value_name = "DURATION", value_parser = units::interval)]
    head_timeout: Option<Duration>,
    /// How long a connection is kept for its next request [default: 75s]
    #[arg(long, env = "SOCKETS_IDLE_TIMEOUT", value_name = "DURATION", value_parser = units::interval)]
    idle_timeout: Option<Duration>,
    /// The longest request target; a longer one is answered 414 [default: 8KiB]
    #[arg(long, env = "SOCKETS_MAX_TARGET", value_name = "SIZE", value_parser = units::memory)]
    max_target: Option<usize>,
    /// The longest section of header fields; a longer one is answered 431 [default: 32KiB]
    #[arg(long, env = "SOCKETS_MAX_FIELDS", value_name = "SIZE", value_parser = units::memory)]
    max_fields: Option<usize>,
    /// Most header field lines, and most trailer field lines; more are answered 431 [default: 100]
    #[arg(long, env = "SOCKETS_MAX_FIELD_LINES", value_name = "N", value_parser = units::whole(1_usize, 4096))]
    max_field_lines: Option<usize>,
    /// The longest section of trailer fields; a longer one is answered 431 [default: 8KiB]
    #[arg(long, env = "SOCKETS_MAX_TRAILERS", value_name = "SIZE", value_parser = units::memory)]
    max_trailers: Option<usize>,
    /// The longest line of a chunk's size and extensions; a longer one is answered 400 [default: 1KiB]
    #[arg(long, env = "SOCKETS_MAX_CHUNK_LINE", value_name = "SIZE", value_parser = units::memory)]
    max_chunk_line: Option<usize>,
    /// The longest content of a request; a longer one is answered 413 [default: no limit]
    #[arg(long, env = "SOCKETS_MAX_CONTENT", value_name = "SIZE", value_parser = units::size)]
    max_content: Option<u64>,
}

/// So many requests in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Requests {
    count: NonZeroU32,
    per: Duration,
}

impl FromStr for Requests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no number of requests in a time: write 100/1s or 1000/1m");
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self {
            count: count.parse().map_err(|_| wrong())?,
            per: units::interval(per).map_err(|_| wrong())?,
        })
    }
}

impl LimitArgs {
    /// How many connections there may be at a time where there are descriptors for `most`.
    pub(crate) fn connections(&self, most: usize) -> usize {
        self.max_connections.map_or(most, |connections| connections.min(most))
    }

    /// Sets what is given.
    pub(crate) fn apply<S, O>(&self, server: &mut Server<S, O>) {
        let Server { patience, limits, clients, .. } = server;
        set(&mut patience.min_rate, self.min_rate);
        set(&mut patience.send, self.send_timeout);
        set(&mut patience.content, self.content_timeout);
        set(&mut patience.head, self.head_timeout);
        set(&mut patience.idle, self.idle_timeout);
        set(&mut limits.target_bytes, self.max_target);
        set(&mut limits.field_bytes, self.max_fields);
        set(&mut limits.field_lines, self.max_field_lines);
        set(&mut limits.trailer_bytes, self.max_trailers);
        set(&mut limits.chunk_line_bytes, self.max_chunk_line);
        set(&mut limits.body_bytes, self.max_content);
        *clients = Clients::new(self.share());
    }

    fn share(&self) -> Share {
        let rate = |Requests { count, per }| RequestRate::new(count, per, self.client_burst.unwrap_or(count));
        Share { connections: self.client_connections, requests: self.client_requests.map(rate) }
    }
}

fn set<T>(limit: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *limit = given;
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};
    use engine::Unobserved;
    use message::{Failure, Request, Response, Service, StatusCode};

    use super::*;

    struct Nothing;

    impl Service for Nothing {
        async fn call(&self, _: Request) -> Result<Response, Failure> {
            Ok(Response::new(StatusCode::NO_CONTENT))
        }
    }

    fn command() -> Command {
        LimitArgs::augment_args(Command::new("sockets").no_binary_name(true))
            .mut_args(|arg| arg.env(None::<&str>))
    }

    fn server(flags: &[String]) -> Server<Nothing, Unobserved> {
        let matches = command().try_get_matches_from(flags).unwrap_or_else(|error| panic!("{error}"));
        let mut server = Server::new(Nothing, Unobserved, 1);
        LimitArgs::from_arg_matches(&matches).unwrap().apply(&mut server);
        server
    }

    /// The help says what the engine does by itself.
    #[test]
    fn each_default_is_what_is_said_of_it() {
        let said = |arg: &clap::Arg| {
            let help = arg.get_help().unwrap().to_string();
            let (_, default) = help.rsplit_once("[default: ").unwrap();
            default.trim_end_matches(']').to_owned()
        };
        let is_value = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let flags: Vec<String> = command()
            .get_arguments()
            .filter(|arg| arg.get_id() != "help")
            .map(|arg| (arg.get_long().unwrap().to_owned(), said(arg)))
            .filter(|(_, said)| is_value(said))
            .map(|(flag, said)| format!("--{flag}={said}"))
            .collect();
        assert_eq!(flags.len(), 10);
        let (said, silent) = (server(&flags), server(&[]));
        assert_eq!(format!("{:?}", said.patience), format!("{:?}", silent.patience));
        assert_eq!(said.limits, silent.limits);
        let by_itself = Server::new(Nothing, Unobserved, 1);
        assert_eq!(format!("{:?}", silent.patience), format!("{:?}", by_itself.patience));
    }

    #[test]
    fn requests_come_in_a_time() {
        let requests = Requests { count: NonZeroU32::new(100).unwrap(), per: Duration::from_secs(60) };
        assert_eq!("100/1m".parse(), Ok(requests));
        for text in ["100", "0/1s", "100/0s", "100/1", "-1/1s", "/1s", "1/"] {
            assert!(text.parse::<Requests>().unwrap_err().contains("100/1s"), "{text}");
        }
    }

    #[test]
    fn there_are_no_more_connections_than_there_are_descriptors_for() {
        for (asked, expected) in [(None, 100), (Some(10), 10), (Some(1000), 100)] {
            let limits = LimitArgs { max_connections: asked, ..LimitArgs::default() };
            assert_eq!(limits.connections(100), expected);
        }
    }
}
