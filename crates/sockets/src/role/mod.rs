//! Each role, from its arguments to its end.

pub(crate) mod balancer;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod get;
mod loaded;
mod names;
pub(crate) mod origin;
pub(crate) mod qr;
pub(crate) mod reach;
pub(crate) mod running;
pub(crate) mod serve;
pub(crate) mod stand;
pub(crate) mod steward;
pub(crate) mod tell;

use engine::{ClientLimits, Pool, Route};
use net::dial::Dialer;
use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;

/// The runtime for what is not on a request's way: signals, tests of servers, downloads.
pub(crate) fn control() -> Result<Runtime, Exit> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::failed(format_args!("can't start: {error}")))
}

/// The client side for a role.
pub(crate) fn pool(route: Route) -> Pool {
    Pool::new(Dialer::default(), route, ClientLimits::default())
}
