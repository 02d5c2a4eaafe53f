//! The configuration file: TOML, with a section for each role that is to run.
//!
//! It is another way to write what can be typed. A key is the name of a flag, and its value is what stands behind
//! that flag; it is read by the very parser of the flag. So there is one definition of each setting, in
//! [`crate::args`], and nothing that only one of the two can say but several sites by host.
//!
//! 1. *read*: the file, within a limit; as TOML;
//! 2. *sections*: of the roles that there are, in the order in which they start;
//! 3. *settings*: key by key, so that all that is wrong is told at once, each with its line.

mod cache;
mod fault;
mod section;
mod server;
mod site;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Args;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::args::Role;
use crate::args::balancer::BalancerArgs;
use crate::config::fault::Fault;
use crate::config::section::{Section, closest};
use crate::exit::Exit;

/// Most bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The roles, in the order in which they start: whoever asks another comes after it.
const ROLES: [&str; 3] = ["server", "cache", "balancer"];

/// The roles that the file at `path` names, with their arguments.
///
/// # Errors
/// Everything that is wrong with it, each in a line of its own with its place (status 2).
pub(crate) fn read(path: &Path) -> Result<Vec<Role>, Exit> {
    let text = load(path).map_err(Exit::usage)?;
    parse(&text).map_err(|mut faults| {
        faults.sort_by_key(|fault| fault.at);
        let lines: Vec<String> =
            faults.iter().map(|fault| format!("{}:{}", path.display(), fault.told(&text))).collect();
        Exit::usage(lines.join("\nsockets: "))
    })
}

fn load(path: &Path) -> Result<String, String> {
    let cannot = |error| format!("{} can't be read: {error}", path.display());
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!(
                "there is no {}: write one (sockets run --help shows how) or name it with -c",
                path.display()
            )
        }
        _ => cannot(error),
    })?;
    let mut text = String::new();
    let mut within = file.take(FILE_BYTES_MAX);
    within.read_to_string(&mut text).map_err(cannot)?;
    if within.limit() == 0 {
        return Err(format!("{} is longer than a configuration can be (1 MiB)", path.display()));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Vec<Role>, Vec<Fault>> {
    let (file, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        return Err(broken.iter().map(Fault::of_toml).collect());
    }
    let file = file.get_ref();
    let mut faults: Vec<Fault> = file
        .iter()
        .filter(|(name, _)| !ROLES.contains(&name.get_ref().as_ref()))
        .map(|(name, _)| unknown(name.get_ref(), name.span().start))
        .collect();
    let mut roles = Vec::new();
    for role in ROLES {
        let Some((name, value)) = file.get_key_value(role) else { continue };
        match self::role(role, name.span().start, value) {
            Ok(role) => roles.push(role),
            Err(more) => faults.extend(more),
        }
    }
    if roles.is_empty() && faults.is_empty() {
        faults.push(Fault::new(0, "nothing is to run: write a section [server], [cache] or [balancer]"));
    }
    if faults.is_empty() { Ok(roles) } else { Err(faults) }
}

fn role(name: &str, at: usize, value: &Spanned<DeValue<'_>>) -> Result<Role, Vec<Fault>> {
    let Some(table) = value.get_ref().as_table() else {
        return Err(vec![Fault::new(
            at,
            format!("{name} is a section: write [{name}] and its settings below"),
        )]);
    };
    match name {
        "server" => server::parse(at, table).map(|args| Role::Server(Box::new(args))),
        "cache" => cache::parse(at, table).map(|args| Role::Cache(Box::new(args))),
        _ => plain::<BalancerArgs>(name, at, table).map(|args| Role::Balancer(Box::new(args))),
    }
}

/// A section that has nothing but settings.
fn plain<A: Args>(name: &str, at: usize, table: &DeTable<'_>) -> Result<A, Vec<Fault>> {
    Section::<A>::of(name).read(at, table.iter())
}

fn unknown(name: &str, at: usize) -> Fault {
    let meant = closest(name, ROLES).map(|role| format!("; did you mean [{role}]?")).unwrap_or_default();
    Fault::new(at, format!("[{name}] is no section: there are [server], [cache] and [balancer]{meant}"))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
