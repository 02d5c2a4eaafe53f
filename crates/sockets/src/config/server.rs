//! `[server]`, and the sites by host in it.

use toml::de::DeTable;

use crate::args::origin::{NamedSite, ServerArgs};
use crate::args::site::SiteArgs;
use crate::config::fault::Fault;
use crate::config::section::Section;
use crate::config::site::{self, SITE};

/// The key of a site's directory: the one setting that sites don't have in common.
const ROOT: &str = "root";

/// Reads `[server]`, and each `[[server.site]]`.
///
/// What `[server]` says of files holds for each site, too, unless that says otherwise: a rule about who may ask is
/// not lost by giving a host a directory of its own.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn parse(at: usize, table: &DeTable<'_>) -> Result<ServerArgs, Vec<Fault>> {
    let of_server = table.iter().filter(|(key, _)| key.get_ref() != SITE);
    let mut args = Section::<ServerArgs>::of("server").read(at, of_server)?;
    args.named = site::each("server", table, |at, site| named_site(at, site, table))?;
    Ok(args)
}

fn named_site(at: usize, site: &DeTable<'_>, server: &DeTable<'_>) -> Result<NamedSite, Vec<Fault>> {
    let common = Section::<SiteArgs>::of("server");
    let inherited = server.iter().filter(|(key, _)| {
        let key = key.get_ref().as_ref();
        key != ROOT && common.has(key) && !site.contains_key(key)
    });
    let read: NamedSite = Section::of("server.site").read(at, site.iter().chain(inherited))?;
    match read.site.root {
        Some(_) => Ok(read),
        None => Err(vec![Fault::new(at, "[server.site] lacks root, the directory that it serves")]),
    }
}
