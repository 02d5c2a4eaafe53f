//! `sockets check`: whether a configuration can be run, without running it.

use std::io::{Write, stdout};
use std::net::IpAddr;

use crate::args::Role;
use crate::args::listen::{Addresses, Bind};
use crate::exit::Exit;
use crate::role::{balancer, cache, origin};

/// Says what would run; or everything that keeps it from that.
///
/// # Errors
/// The last thing that is wrong; what else is has been said.
pub(crate) fn run(roles: &[Role]) -> Result<(), Exit> {
    let (mut lines, mut wrong) = (String::new(), Vec::new());
    for role in roles {
        let (name, checked, addresses) = match role {
            Role::Server(args) => ("server", origin::check(args), args.addresses()),
            Role::Cache(args) => ("cache", cache::check(args), args.addresses()),
            Role::Balancer(args) => ("balancer", balancer::check(args), args.addresses()),
        };
        match checked {
            Ok(what) => lines.push_str(&format!("{name}: {what} on {}\n", place(&addresses))),
            Err(exit) => wrong.push(exit),
        }
    }
    let Some(last) = wrong.pop() else {
        // Where stdout is closed there is nobody to tell.
        let _ = stdout().write_all(lines.as_bytes());
        return Ok(());
    };
    for exit in wrong {
        exit.report();
    }
    Err(last)
}

/// Where a role would listen, for people.
fn place(addresses: &Addresses) -> String {
    let on = match &addresses.bind {
        Bind::All => "all addresses".to_owned(),
        Bind::Loopback => "loopback".to_owned(),
        Bind::These(these) => these.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", "),
    };
    match addresses.port.number() {
        0 => format!("{on}, a free port"),
        port => format!("{on}, port {port}"),
    }
}
