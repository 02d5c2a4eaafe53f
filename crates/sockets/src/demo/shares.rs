//! Where the balancer sent its clients, beside what it measured.

use std::collections::BTreeMap;

use balancer::Row;
use message::{Authority, Target};

use crate::demo::wire::ask;

/// By how much a share may differ from what was measured: one client of a hundred, and the rounding.
const SHARE_ERROR_MAX: f64 = 0.015;

/// Asks the balancer `clients` times and counts where it sends them.
pub(super) async fn count_clients(
    balancer: &Authority,
    clients: usize,
) -> Result<BTreeMap<Authority, usize>, String> {
    let mut counts = BTreeMap::new();
    for _ in 0..clients {
        let answer = ask(balancer, &["GET /release.bin HTTP/1.1", &format!("Host: {balancer}")]).await?;
        let location = answer.expect("301 Moved Permanently")?.field("location").to_owned();
        let target =
            Target::parse_url(&location).map_err(|fault| format!("Location: {location}: {fault}"))?;
        let place = target.authority().ok_or_else(|| format!("Location: {location}"))?.clone();
        *counts.entry(place).or_insert(0) += 1;
    }
    Ok(counts)
}

/// One line per server: measured time, the share that follows from it, and the share that was given.
pub(super) struct Shares<'a> {
    report: &'a [Row],
    clients: &'a BTreeMap<Authority, usize>,
}

impl<'a> Shares<'a> {
    pub(super) fn new(report: &'a [Row], clients: &'a BTreeMap<Authority, usize>) -> Self {
        Self { report, clients }
    }

    /// The lines, if every share is what was measured.
    pub(super) fn check(&self) -> Result<Vec<String>, String> {
        let all: usize = self.clients.values().sum();
        self.report.iter().map(|row| self.line(row, all)).collect()
    }

    fn line(&self, row: &Row, all: usize) -> Result<String, String> {
        let count = self.clients.get(row.replica.authority()).copied().unwrap_or(0);
        let given = ratio(count, all);
        if (given - row.share).abs() > SHARE_ERROR_MAX || (row.share == 0.0 && count > 0) {
            return Err(format!(
                "{}: {:.1} % instead of {:.1} %",
                row.replica.authority(),
                100.0 * given,
                100.0 * row.share
            ));
        }
        let time = row.median.map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}"));
        Ok(format!(
            "       {:<16} {time:>8}   share {:>5.1} %   given {:>5.1} %   {}",
            row.replica.authority().to_string(),
            100.0 * row.share,
            100.0 * given,
            row.health
        ))
    }
}

fn ratio(part: usize, all: usize) -> f64 {
    let (part, all) =
        (u32::try_from(part).unwrap_or(u32::MAX), u32::try_from(all).unwrap_or(u32::MAX).max(1));
    f64::from(part) / f64::from(all)
}
