//! How far a download is, for whoever shows it.

use std::time::Duration;

use crate::fault::GetFault;
use crate::redirect::Redirect;

/// Is told how a download goes on. `()` listens to nothing.
///
/// The methods run between two reads from the network: they must not block.
pub trait Progress: Sync {
    /// Content begins to arrive, `total` bytes if that is known. Called once more for every further
    /// try: the count then starts from 0 again.
    fn start(&self, total: Option<u64>);

    /// So many more bytes have arrived and been written.
    fn advance(&self, bytes: u64);

    /// Everything is in its place.
    fn done(&self);

    /// A redirect is followed.
    fn redirected(&self, _redirect: &Redirect) {}

    /// A try has failed, and after `pause` comes the next one.
    fn again(&self, _fault: &GetFault, _pause: Duration) {}
}

impl Progress for () {
    fn start(&self, _total: Option<u64>) {}

    fn advance(&self, _bytes: u64) {}

    fn done(&self) {}
}
