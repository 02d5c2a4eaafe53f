//! `sockets server`: from arguments to a served directory.

use engine::Unobserved;
use origin::Origin;

use crate::args::origin::ServerArgs;
use crate::exit::Exit;
use crate::role::control;
use crate::role::stand::Stand;

/// Serves until it is stopped.
pub(crate) fn run(args: &ServerArgs) -> Result<(), Exit> {
    let origin = Origin::open(args.config()).map_err(Exit::usage)?;
    control()?.block_on(async {
        let stand = Stand::open("server", &args.addresses(), &args.listen, origin, Unobserved)?;
        stand.until_stopped(&format!("serving {}", args.dir.display()), args.listen.drain).await
    })
}
