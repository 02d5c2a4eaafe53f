//! The sites by host in a section: `[[server.site]]`, `[[cache.site]]`.

use toml::de::{DeTable, DeValue};

use crate::config::fault::Fault;

/// The key of the tables for sites that have hosts of their own.
pub(super) const SITE: &str = "site";

/// Reads each site in `table`, which is that of `section`.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn each<'t, 'i, T>(
    section: &str,
    table: &'t DeTable<'i>,
    read: impl Fn(usize, &'t DeTable<'i>) -> Result<T, Vec<Fault>>,
) -> Result<Vec<T>, Vec<Fault>> {
    let Some((key, sites)) = table.get_key_value(SITE) else { return Ok(Vec::new()) };
    let no_table =
        |at| vec![Fault::new(at, format!("each site is a table of its own: write [[{section}.site]]"))];
    let sites = sites.get_ref().as_array().ok_or_else(|| no_table(key.span().start))?;
    let (mut read_sites, mut faults) = (Vec::new(), Vec::new());
    for site in sites {
        let at = site.span().start;
        let site = match site.get_ref() {
            DeValue::Table(site) => read(at, site),
            _ => Err(no_table(at)),
        };
        match site {
            Ok(site) => read_sites.push(site),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(read_sites) } else { Err(faults) }
}
