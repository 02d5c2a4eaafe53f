//! `sockets`: a content delivery network in one binary.
//!
//! This crate is the only place that knows all the others. It reads the command line, gives each role
//! its configuration, its listeners and the engine, and turns what becomes of it into words and an exit
//! status. It holds no protocol and no policy: those are the roles'.

#![forbid(unsafe_code)]

mod args;
mod config;
mod demo;
mod exit;
mod log;
mod role;
mod signal;

use std::process::ExitCode;

use args::{Command, Role};

fn main() -> ExitCode {
    let command = match args::parse() {
        Ok(command) => command,
        Err(exit) => return exit.report(),
    };
    log::events::start();
    let outcome = match command {
        Command::Role(Role::Cache(args)) if args.task.is_some() => role::cache::run(args.task.as_ref()),
        Command::Role(role) => match role.tell() {
            Some(tell) => role::tell::run(tell),
            None => role::serve::run(&[role]),
        },
        Command::Purge(args) => role::steward::run(&args.store.dir, args.errand()),
        Command::Get(args) => role::get::run(&args),
        Command::Run(args) => config::read(&args.config).and_then(|roles| role::serve::run(&roles)),
        Command::Check(args) => config::read(&args.config).and_then(|roles| role::check::run(&roles)),
        Command::Demo(args) => demo::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}
