//! `[cache]`, and the origins by host in it.

use toml::de::DeTable;

use crate::args::cache::CacheArgs;
use crate::args::reverse::NamedOrigin;
use crate::config::fault::Fault;
use crate::config::section::Section;
use crate::config::site::{self, SITE};

/// What only a forward proxy has; beside `origin` it is refused by the flags themselves.
const FORWARD: [&str; 4] = ["proxy-auth", "allow-dest", "connect-port", "tunnel-timeout"];

/// The setting that all origins may have in common.
const ORIGIN_HOST: &str = "origin-host";

/// Reads `[cache]`, and each `[[cache.site]]`.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn parse(at: usize, table: &DeTable<'_>) -> Result<CacheArgs, Vec<Fault>> {
    let of_cache = table.iter().filter(|(key, _)| key.get_ref() != SITE);
    let mut args = Section::<CacheArgs>::of("cache").read(at, of_cache)?;
    args.named = site::each("cache", table, |at, site| named_site(at, site, table))?;
    let needless = table.iter().filter(|(key, _)| FORWARD.contains(&key.get_ref().as_ref()));
    let faults: Vec<Fault> = needless
        .filter(|_| !args.named.is_empty())
        .map(|(key, _)| {
            let words = format!("{} is for a forward proxy, and one with sites is none", key.get_ref());
            Fault::new(key.span().start, words)
        })
        .collect();
    if faults.is_empty() { Ok(args) } else { Err(faults) }
}

/// What `[cache]` says of all origins holds for this one, too, unless it says otherwise.
fn named_site(at: usize, site: &DeTable<'_>, cache: &DeTable<'_>) -> Result<NamedOrigin, Vec<Fault>> {
    let inherited = cache.iter().filter(|(key, _)| key.get_ref() == ORIGIN_HOST);
    let inherited = inherited.filter(|_| !site.contains_key(ORIGIN_HOST));
    let read: NamedOrigin = Section::of("cache.site").read(at, site.iter().chain(inherited))?;
    if read.of.origin.is_empty() {
        return Err(vec![Fault::new(at, "[cache.site] lacks origin, who is asked")]);
    }
    Ok(read)
}
