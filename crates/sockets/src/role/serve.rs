//! The roles of this process, from their arguments to their common end.

use tokio::task::JoinSet;

use crate::args::Role;
use crate::exit::Exit;
use crate::log::logs::Logs;
use crate::role::running::Running;
use crate::role::stand::connections_each;
use crate::role::{balancer, cache, control, origin, reach};
use crate::signal::{Reopen, Stop};

/// Serves until it is stopped: by a signal, all roles together.
///
/// # Errors
/// One line about what can't be had, before anything is announced.
pub(crate) fn run(roles: &[Role]) -> Result<(), Exit> {
    let (mut logs, connections) = (Logs::default(), connections_each(roles.len()));
    let outcome = control()?.block_on(async {
        let mut running = Vec::with_capacity(roles.len());
        for role in roles {
            running.push(open(role, &mut logs, connections).await?);
        }
        // First of all: whoever reads that it is ready may stop it at once.
        let no_signals = |error| Exit::failed(format_args!("can't listen for signals: {error}"));
        let mut stop = Stop::listen().map_err(no_signals)?;
        let reopen = Reopen::listen().map_err(no_signals)?;
        for role in &running {
            reach::announce(role);
        }
        let stopped = async {
            stop.next().await;
            tokio::select! {
                () = stop.next() => {}
                () = close(running) => {}
            }
        };
        tokio::select! {
            () = stopped => {}
            () = logs.tend(reopen) => {}
        }
        Ok(())
    });
    logs.close();
    outcome
}

async fn open(role: &Role, logs: &mut Logs, connections: usize) -> Result<Running, Exit> {
    match role {
        Role::Server(args) => origin::open(args, logs, connections),
        Role::Cache(args) => cache::open(args, logs, connections),
        Role::Balancer(args) => balancer::open(args, logs, connections).await,
    }
}

/// Stops all of them at the same time.
async fn close(running: Vec<Running>) {
    let mut closing: JoinSet<()> = running.into_iter().map(Running::close).collect();
    // One that panicked has said so.
    while closing.join_next().await.is_some() {}
}
