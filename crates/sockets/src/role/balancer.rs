//! `sockets balancer`: from arguments to a measuring redirector.

use std::future::pending;

use balancer::Balancer;
use engine::{Route, clock};

use crate::args::balancer::BalancerArgs;
use crate::exit::Exit;
use crate::log::logs::Logs;
use crate::role::pool;
use crate::role::running::Running;
use crate::role::stand::Stand;

/// Tests every server once, and begins to serve, with at most so many `connections` at a time.
///
/// # Errors
/// One line about what can't be done, or the log or the address that can't be had.
pub(crate) async fn open(args: &BalancerArgs, logs: &mut Logs, connections: usize) -> Result<Running, Exit> {
    let config = args.config().map_err(Exit::usage)?;
    let balancer = Balancer::new(config, pool(Route::Direct), clock::now());
    balancer.test_all().await;
    let testing = balancer.clone();
    tokio::spawn(async move { testing.keep_testing(pending::<()>()).await });
    let log = logs.of(&args.log, "balancer")?;
    let stand = Stand::open("balancer", &args.addresses(), &args.listen, connections, balancer, log, None)?;
    Ok(Running::new(stand, what(args), args.listen.drain))
}

/// Whether what it is told can be done, and what that is.
///
/// # Errors
/// One line about what can't.
pub(crate) fn check(args: &BalancerArgs) -> Result<String, Exit> {
    args.config().map_err(Exit::usage)?;
    Ok(what(args))
}

fn what(args: &BalancerArgs) -> String {
    format!("balancing {} servers", args.to.len())
}
