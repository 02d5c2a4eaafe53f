//! What the DNS says of the names that a balancer follows.

use balancer::discovery::{Followed, Host, LookUp, Named, Records};
use net::resolve::{Found, ResolveFault, Resolver, ServiceRecord};

use crate::args::balancer::BalancerArgs;

/// Asks the DNS.
#[derive(Clone, Debug)]
pub(crate) struct Names(Resolver);

impl Names {
    /// Asks those servers that flags name, or else those that the system asks.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) fn new(args: &BalancerArgs) -> Result<Self, ResolveFault> {
        if args.dns_server.is_empty() {
            return Resolver::of_system().map(Self);
        }
        Ok(Self(Resolver::new(args.dns_server.clone())))
    }
}

impl LookUp for Names {
    async fn look_up(&self, followed: &Followed) -> Result<Named, String> {
        let told = |fault: ResolveFault| fault.to_string();
        match followed.records {
            Records::Addresses(_) => {
                let Found { records, ttl } = self.0.addresses(&followed.name).await.map_err(told)?;
                Ok(Named { hosts: records.into_iter().map(Host::Address).collect(), ttl })
            }
            Records::Services => {
                let Found { records, ttl } = self.0.services(&followed.name).await.map_err(told)?;
                Ok(Named { hosts: records.into_iter().map(host).collect(), ttl })
            }
        }
    }
}

fn host(service: ServiceRecord) -> Host {
    let ServiceRecord { priority, weight, port, target } = service;
    Host::Service { target, port, priority, weight }
}
