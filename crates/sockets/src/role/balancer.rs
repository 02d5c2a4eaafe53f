//! `sockets balancer`: from arguments to a measuring redirector.

use std::future::pending;

use balancer::Balancer;
use engine::{Route, Unobserved, clock};

use crate::args::balancer::BalancerArgs;
use crate::exit::Exit;
use crate::role::stand::Stand;
use crate::role::{control, pool};

/// Serves until it is stopped.
pub(crate) fn run(args: &BalancerArgs) -> Result<(), Exit> {
    let balancer = Balancer::new(args.config().map_err(Exit::usage)?, clock::now());
    control()?.block_on(async {
        let upstream = pool(Route::Direct);
        balancer.test_all(&upstream).await;
        let testing = balancer.clone();
        tokio::spawn(async move { testing.keep_testing(upstream, pending::<()>()).await });
        let stand = Stand::open("balancer", &args.addresses(), &args.listen, balancer, Unobserved)?;
        stand.until_stopped(&format!("balancing {} servers", args.to.len()), args.listen.drain).await
    })
}
