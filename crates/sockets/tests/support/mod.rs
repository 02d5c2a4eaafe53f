//! What the tests stand on: processes, a client and an origin that speak bytes, and places on this machine.

pub(crate) mod names;
pub(crate) mod origin;
pub(crate) mod paced;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod wire;

use std::time::Duration;

/// How long anything is waited for. What takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long to rest between two looks at something that can't be waited for otherwise.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until there is something to see, for [`PATIENCE`].
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(PAUSE);
    }
}
