//! `sockets server`, feature by feature: what a request may ask for and what a flag changes, as it is on the wire.

mod access;
mod changes;
mod codings;
mod conditions;
#[cfg(target_os = "linux")] // which shows in /proc what a process costs
mod crowds;
mod fields;
mod pages;
pub(crate) mod ranges;

use crate::support::place::Site;
use crate::support::until;
use crate::support::wire::{Answer, ask};

/// The day that RFC 9110 §5.6.7 writes in three forms, in seconds since 1970.
const EXAMPLE_DATE_S: u64 = 784_111_777;

/// A GET on a connection of its own.
fn get(site: &Site, target: &str, fields: &[&str]) -> Answer {
    ask(site.role.address, &format!("GET {target} HTTP/1.1"), fields)
}

/// Waits until the file has settled: until it is so old that no other version of it can have the same times. Its
/// tag, which is strong by then.
fn settled(site: &Site, target: &str) -> String {
    until(&format!("{target} has a strong tag"), || {
        let answer = get(site, target, &[]);
        let tag = answer.field("etag");
        (!tag.starts_with("W/")).then(|| tag.to_owned())
    })
}

/// Gives a file that date.
fn date(site: &Site, name: &str, seconds: u64) {
    let file = std::fs::File::options().write(true).open(site.files.path().join(name)).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
}
