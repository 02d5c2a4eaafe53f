//! `sockets demo`: every role at work, each claim checked for real.
//!
//! Nothing here is a mock: the roles listen on TCP ports of this machine and are asked over them, by
//! requests written by hand where the very words on the wire matter, and by our own downloader.

mod acts;
mod shares;
mod slowed;
mod table;
mod town;
mod wire;

use crate::args::DemoArgs;
use crate::demo::table::Table;
use crate::demo::town::Town;
use crate::exit::Exit;
use crate::role::control;
use crate::signal::Stop;

/// Shows it all.
///
/// # Errors
/// When something could not be started, or a step did not hold (status 1).
pub(crate) fn run(args: &DemoArgs) -> Result<(), Exit> {
    control()?.block_on(async {
        let mut town = Town::found().await?;
        let mut table = Table::new();
        table.heading("Sockets at work, in one process");
        for line in town.map() {
            table.remark(&line);
        }
        acts::server(&town, &mut table).await;
        acts::get(&town, &mut table).await;
        acts::cache(&mut town, &mut table).await;
        acts::balancer(&mut town, &mut table).await;
        let held = table.conclude();
        if args.stay {
            stay(&town, &table).await?;
        }
        town.close().await?;
        if held { Ok(()) } else { Err(Exit::failed("the demo did not hold")) }
    })
}

async fn stay(town: &Town, table: &Table) -> Result<(), Exit> {
    table.heading("Still running, until Ctrl-C:");
    for line in town.map() {
        table.remark(&line);
    }
    let cannot = |error| Exit::failed(format_args!("can't listen for signals: {error}"));
    Stop::listen().map_err(cannot)?.next().await;
    Ok(())
}
