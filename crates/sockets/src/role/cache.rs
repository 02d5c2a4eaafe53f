//! `sockets cache`: from arguments to a caching proxy.

use std::sync::Arc;

use cache::Cache;
use engine::{Route, Unobserved};

use crate::args::cache::CacheArgs;
use crate::exit::Exit;
use crate::role::stand::Stand;
use crate::role::{control, pool};

/// Serves until it is stopped.
pub(crate) fn run(args: &CacheArgs) -> Result<(), Exit> {
    control()?.block_on(async {
        let cache = Arc::new(
            Cache::open(args.config().map_err(Exit::usage)?, pool(Route::Direct)).map_err(Exit::usage)?,
        );
        let stand = Stand::open("cache", &args.addresses(), &args.listen, Arc::clone(&cache), Unobserved)?;
        let what = match &args.origin {
            Some(origin) => format!("caching {}://{}/", origin.scheme(), origin.authority()),
            None => "caching forward proxy".to_owned(),
        };
        let outcome = stand.until_stopped(&what, args.listen.drain).await;
        cache.close().await;
        outcome
    })
}
