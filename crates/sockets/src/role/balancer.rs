//! `sockets balancer`: from arguments to a measuring redirector.

use std::fmt::Display;
use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;

use balancer::geography::DATABASE_BYTES_MAX;
use balancer::{Admin, Balancer, Geography};
use engine::{Pool, Route, Unobserved, clock};
use message::StatusCode;
use net::dial::Dialer;

use crate::args::balancer::BalancerArgs;
use crate::args::listen::{Addresses, Bind, ListenArgs, Port};
use crate::exit::Exit;
use crate::log::logs::Logs;
use crate::role::names::Names;
use crate::role::running::Running;
use crate::role::stand::Stand;

/// How many connections the administrator can have.
const ADMIN_CONNECTIONS: usize = 64;

/// Tests every server once, and begins to serve, with at most so many `connections` at a time.
///
/// # Errors
/// One line about what can't be done, or the log or the address that can't be had.
pub(crate) async fn open(args: &BalancerArgs, logs: &mut Logs, connections: usize) -> Result<Running, Exit> {
    let config = args.config(geography(&args.geoip)?).map_err(Exit::usage)?;
    let balancer = Balancer::new(config, pool(args), clock::now());
    balancer.recall().await.map_err(Exit::usage)?;
    if let Some(list) = &args.servers {
        balancer.read_list(list).await.map_err(Exit::usage)?;
        let (follower, list) = (balancer.clone(), list.clone());
        tokio::spawn(async move { follower.follow_list(&list).await });
    }
    if !args.discover.is_empty() {
        let (names, followed) = (Names::new(args).map_err(Exit::usage)?, args.discover.clone());
        let discovery = balancer.discover(&followed, &names).await;
        let follower = balancer.clone();
        tokio::spawn(async move { follower.keep_discovering(&followed, &names, discovery).await });
    }
    balancer.test_all().await;
    let testing = balancer.clone();
    tokio::spawn(async move { testing.keep_testing(pending::<()>()).await });
    let log = logs.of(&args.log, "balancer")?;
    let admin = args.admin.map(|address| admin(args, address, &balancer)).transpose()?;
    let stand =
        Stand::open("balancer", &args.addresses(), &args.listen, connections, balancer, log, |server| {
            server.forwards_interims = args.carry.mode().forwarding().is_some();
            server.unreachable = StatusCode::BAD_GATEWAY;
        })?;
    let running = Running::new(stand, what(args), args.listen.drain);
    Ok(match admin {
        Some(admin) => running.with_also(admin, "administering it".to_owned()),
        None => running,
    })
}

/// Where clients are, by the databases that are named.
fn geography(files: &[PathBuf]) -> Result<Geography, Exit> {
    files.iter().try_fold(Geography::default(), |geography, path| {
        let unusable = |fault: &dyn Display| Exit::usage(format_args!("{}: {fault}", path.display()));
        let length = fs::metadata(path).map_err(|error| unusable(&error))?.len();
        if length > DATABASE_BYTES_MAX {
            return Err(unusable(&"longer than a database of places can be (1 GiB)"));
        }
        let database = fs::read(path).map_err(|error| unusable(&error))?;
        geography.with(database).map_err(|fault| unusable(&fault))
    })
}

/// What connects to the servers.
fn pool(args: &BalancerArgs) -> Pool {
    let upstream = &args.carry.upstream;
    let dialer = Dialer { connect_timeout: upstream.connect_timeout, ..Dialer::default() };
    Pool::new(dialer, Route::Direct, upstream.limits())
}

/// Where the administrator is listened for.
fn admin(args: &BalancerArgs, address: SocketAddr, balancer: &Balancer<Pool>) -> Result<Stand, Exit> {
    let addresses = Addresses { bind: Bind::These(vec![address.ip()]), port: Port::Asked(address.port()) };
    let listen = ListenArgs { threads: Some(1), ..args.listen.clone() };
    let admin = Admin::new(balancer.clone(), args.admin_token.clone());
    Stand::open("admin", &addresses, &listen, ADMIN_CONNECTIONS, admin, Unobserved, |_| {})
}

/// Whether what it is told can be done, and what that is.
///
/// # Errors
/// One line about what can't.
pub(crate) fn check(args: &BalancerArgs) -> Result<String, Exit> {
    args.config(geography(&args.geoip)?).map_err(Exit::usage)?;
    Ok(what(args))
}

fn what(args: &BalancerArgs) -> String {
    let given = match args.given().len() {
        0 => None,
        given => Some(format!("{given} servers")),
    };
    let listed = args.servers.as_ref().map(|list| format!("the servers in {}", list.display()));
    let followed = args.discover.iter().map(|followed| format!("those of {followed}"));
    let parts: Vec<_> = given.into_iter().chain(listed).chain(followed).collect();
    format!("balancing {}", parts.join(" and "))
}
