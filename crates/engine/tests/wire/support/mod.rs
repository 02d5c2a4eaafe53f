//! What the tests are made of.

pub(crate) mod content;
pub(crate) mod origin;
pub(crate) mod peer;
pub(crate) mod served;

use std::time::Duration;

use tokio::time::timeout;

/// The longest that a test waits for anything that is to happen at once.
const SOON: Duration = Duration::from_secs(20);

/// What `future` gives; a test that would wait for ever fails instead.
#[track_caller]
pub(crate) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        timeout(SOON, future).await.unwrap_or_else(|_| panic!("nothing happened for {SOON:?}, at {place}"))
    }
}
