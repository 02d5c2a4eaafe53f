//! `sockets cache`: from arguments to a caching proxy.

use std::path::Path;
use std::sync::Arc;

use cache::{Cache, Door, Failover, Front, Steward};
use engine::{Pool, Route, Tunnels};
use net::dial::{Dialer, Reach};

use crate::args::cache::{CacheArgs, CacheTask};
use crate::exit::Exit;
use crate::log::logs::Logs;
use crate::role::explain;
use crate::role::running::Running;
use crate::role::stand::Stand;
use crate::role::steward;

/// Begins to serve, with at most so many `connections` at a time.
///
/// # Errors
/// One line about the directory, the log or the address that can't be had.
pub(crate) fn open(args: &CacheArgs, logs: &mut Logs, connections: usize) -> Result<Running, Exit> {
    let config = args.config().map_err(Exit::usage)?;
    let dialer = dialer(args);
    let pool = Pool::new(dialer.clone(), Route::Direct, args.upstream.limits());
    let upstream = Failover::new(pool, config.sites.iter().flat_map(|sites| sites.origins()));
    let cache = Cache::open(config, upstream).map_err(Exit::usage)?;
    let cache = Arc::new(cache);
    let no_token = |error| Exit::failed(format_args!("no random numbers can be had: {error}"));
    let token = steward::token().map_err(no_token)?;
    let front = Front::new(args.terms(), Arc::clone(&cache));
    let front = Steward::new(Arc::clone(&cache), token.clone(), args.purge_from.clone(), front);
    let log = logs.of(&args.log, "cache")?;
    let stand = Stand::open("cache", &args.addresses(), &args.listen, connections, front, log, |server| {
        server.tunnels = tunnels(args, dialer);
        server.forwards_interims = true;
    })?;
    let door = door(&args.dir, &stand, &token);
    let running = Running::new(stand, what(args), args.listen.drain);
    Ok(running.with_farewell(async move {
        drop(door);
        cache.close().await;
    }))
}

/// Tells the owner where the cache is found. Without that it serves as well.
fn door(dir: &Path, stand: &Stand, token: &str) -> Option<Door> {
    let address = steward::reached(*stand.addresses.first()?);
    let door = Door::open(dir, address, token);
    door.inspect_err(|error| tracing::warn!("the cache can't be told what to do: {error}")).ok()
}

/// Does what is asked of it instead of serving.
///
/// # Errors
/// What kept it from that.
pub(crate) fn run(task: Option<&CacheTask>) -> Result<(), Exit> {
    match task {
        None => Ok(()),
        Some(CacheTask::Explain(args)) => explain::run(args),
        Some(CacheTask::Store(command)) => {
            let (store, errand) = command.errand();
            steward::run(&store.dir, errand)
        }
    }
}

/// What connects to origins: a forward proxy goes where its clients say, but not everywhere.
fn dialer(args: &CacheArgs) -> Dialer {
    let destinations = args.proxy.destinations();
    let reach = Reach::new(move |host, address| destinations.permit(host, address));
    let connect_timeout = args.upstream.connect_timeout;
    Dialer { reach: (!args.is_reverse()).then_some(reach), connect_timeout, ..Dialer::default() }
}

fn tunnels(args: &CacheArgs, dialer: Dialer) -> Option<Tunnels> {
    (!args.is_reverse()).then(|| Tunnels { dialer, idle: args.proxy.tunnel_timeout() })
}

/// Whether what it is told can be done, and what that is.
///
/// # Errors
/// One line about what can't.
pub(crate) fn check(args: &CacheArgs) -> Result<String, Exit> {
    args.config().map_err(Exit::usage)?;
    Ok(what(args))
}

/// What it is told to do.
fn what(args: &CacheArgs) -> String {
    let mut origins: Vec<String> = args
        .all_sites()
        .filter_map(|site| site.origin.first())
        .map(|origin| format!("{}://{}/", origin.scheme(), origin.authority()))
        .collect();
    origins.dedup();
    if origins.is_empty() {
        "caching forward proxy".to_owned()
    } else {
        format!("caching {}", origins.join(", "))
    }
}
