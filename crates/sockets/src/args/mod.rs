//! The command line: what can be typed, and what it means for each role.
//!
//! One file per role, each with its arguments and the one conversion of them into the role's own
//! configuration. Order of precedence: flag, then `SOCKETS_<FLAG>` in the environment, then default.
//!
//! A configuration file is another way to write the same arguments (see [`crate::config`]): there is one
//! definition of each, with its default, what it takes and what is said of it.

pub(crate) mod access;
pub(crate) mod balancer;
pub(crate) mod cache;
mod carry;
pub(crate) mod explain;
pub(crate) mod fields;
pub(crate) mod get;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod listing;
pub(crate) mod log;
pub(crate) mod origin;
pub(crate) mod pages;
pub(crate) mod policy;
pub(crate) mod proxy;
pub(crate) mod reverse;
pub(crate) mod site;
pub(crate) mod store;
pub(crate) mod tell;
pub(crate) mod units;
pub(crate) mod upstream;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

use crate::exit::Exit;

/// Deliver files: a server, a cache, a balancer and a downloader that speak plain HTTP.
#[derive(Parser, Debug)]
#[command(name = "sockets", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "\
Try it:
  sockets demo                                   every role at work, checked, in one go
  sockets server .                               serve this directory on port 8000
  sockets get localhost:8000/index.html          download a file from it
  sockets run -c sockets.toml                    several roles, from a configuration file

`sockets ROLE --help` shows each role's options with examples.")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What the program is to be.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    #[command(flatten)]
    Role(Role),
    /// Download files
    Get(Box<get::GetArgs>),
    /// Run every role that a configuration file names
    Run(FileArgs),
    /// Say whether a configuration file is right, and what it would run
    Check(FileArgs),
    /// Have a cache drop what it stores, by URL, prefix or tag
    Purge(store::PurgeArgs),
    /// Show every role at work, on this machine
    Demo(DemoArgs),
}

/// A role that serves until it is stopped.
#[derive(Subcommand, Debug)]
pub(crate) enum Role {
    /// Serve the files under a directory
    Server(Box<origin::ServerArgs>),
    /// Cache what other servers serve
    Cache(Box<cache::CacheArgs>),
    /// Send clients to the fastest of several servers
    Balancer(Box<balancer::BalancerArgs>),
}

impl Role {
    /// What one that runs is told, if that is what is wanted.
    pub(crate) fn tell(&self) -> Option<&tell::Tell> {
        match self {
            Self::Balancer(args) => args.tell.as_ref(),
            Self::Server(_) | Self::Cache(_) => None,
        }
    }
}

/// Arguments of `sockets run` and `sockets check`.
#[derive(Args, Debug)]
#[command(after_help = "\
The file has a section for each role that is to run. What stands in a section has the names of the role's \
flags and takes what they take; several values are a list, a flag without a value is true or false:

  [server]
  root = \"/srv/files\"
  list = true
  cache-control = [\"no-cache\", \"/assets/**=max-age=31536000\"]

  [[server.site]]                  # what [server] says of files holds here, too
  host = [\"docs.example.org\", \"*.docs.example.org\"]
  root = \"/srv/docs\"

  [cache]
  origin = \"http://localhost:8000\"
  size = \"50GiB\"

  [balancer]
  to = [\"http://fra.example.org\", \"http://nyc.example.org\"]

Variables of the environment set nothing in it. SIGTERM stops all roles together.")]
pub(crate) struct FileArgs {
    /// The configuration file
    #[arg(short, long, env = "SOCKETS_CONFIG", value_name = "FILE", default_value = "sockets.toml")]
    pub(crate) config: PathBuf,
}

/// Arguments of `sockets demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Starts three servers (one of them slowed down), a cache and a balancer in this process, on ports \
8000, 8100, 8200, 9000 and 8080 or on free ones where those are taken, asks each for what it is there \
for, and prints what happened, line by line, each one checked. Exit status 0 only if all of it held.")]
pub(crate) struct DemoArgs {
    /// Keep everything running afterwards, until Ctrl-C
    #[arg(long, env = "SOCKETS_STAY", value_parser = FalseyValueParser::new())]
    pub(crate) stay: bool,
}

/// Reads the command line.
///
/// # Errors
/// What is wrong with it (status 2); or the help that was asked for (status 0).
pub(crate) fn parse() -> Result<Command, Exit> {
    CommandLine::try_parse().map(|line| line.command).map_err(|error| {
        // Help and version go to stdout, faults to stderr, both in clap's own form.
        let _ = error.print();
        Exit::silent(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    /// clap finds out only when a flag is read whether its parser gives what its field takes.
    #[test]
    fn every_flag_with_a_number_can_be_read() {
        for line in [
            "sockets server --threads 2 --port 0 --drain 1s --memory 1M --open-files 5 --compress-max 1M --compress-memory 1M",
            "sockets cache --threads 2 --port 0 --size 1Gi --memory 1M --keep 1h",
            "sockets balancer --threads 2 --port 0 --interval 1s --status 307 --probe-path /x",
            "sockets get http://a.test/x --tries 2 --stall 1s",
        ] {
            CommandLine::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    /// Each flag of a role, with the role's name.
    fn flags() -> Vec<(String, clap::Arg)> {
        let command = CommandLine::command();
        let of_role = |role: &clap::Command| {
            let name = role.get_name().to_owned();
            let flags: Vec<_> = role.get_arguments().cloned().map(|flag| (name.clone(), flag)).collect();
            flags
        };
        let long = |flag: &clap::Arg| flag.get_long().is_some_and(|name| name != "help" && name != "version");
        command.get_subcommands().flat_map(of_role).filter(|(_, flag)| long(flag)).collect()
    }

    #[test]
    fn every_flag_has_its_variable_in_the_environment() {
        for (role, flag) in flags() {
            let name = flag.get_long().unwrap().to_uppercase().replace('-', "_");
            let env = flag.get_env().unwrap_or_else(|| panic!("{role} --{name}"));
            assert_eq!(env.to_str().unwrap(), format!("SOCKETS_{name}"));
        }
    }

    #[test]
    fn every_flag_has_its_line_in_the_readme() {
        let readme = include_str!("../../../../README.md");
        let told = |flag: &str| {
            let ends = |after: &str| !after.starts_with(|c: char| c == '-' || c.is_ascii_alphanumeric());
            readme.match_indices(flag).any(|(at, _)| ends(&readme[at + flag.len()..]))
        };
        for (role, flag) in flags() {
            let name = format!("--{}", flag.get_long().unwrap());
            assert!(told(&name), "{role} {name}");
        }
    }
}
