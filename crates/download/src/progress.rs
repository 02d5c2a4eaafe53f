//! How far a download is, for whoever shows it.

use std::time::Duration;

use message::{Fields, Method, StatusCode};

use crate::fault::GetFault;
use crate::redirect::Redirect;
use crate::url::Url;

/// Is told how a download goes on. `()` listens to nothing.
pub trait Progress: Sync {
    /// Something has happened. Runs between two reads from the network: it must not block.
    fn on(&self, event: Event<'_>);
}

/// What happens in a download.
#[derive(Debug)]
pub enum Event<'a> {
    /// A request is sent.
    Asking {
        /// GET or HEAD.
        method: &'a Method,
        /// What is asked for.
        url: &'a Url,
        /// With which fields.
        fields: &'a Fields,
    },
    /// The head of an answer has come.
    Answered {
        /// What was asked for.
        url: &'a Url,
        /// Its status.
        status: StatusCode,
        /// Its fields.
        fields: &'a Fields,
    },
    /// A redirect is followed.
    Redirected(&'a Redirect),
    /// Content begins to arrive. Comes once more when all starts over: the count then starts from `kept` again.
    Started {
        /// How many bytes there are to get, if that is known.
        total: Option<u64>,
        /// How many of them are there from before.
        kept: u64,
    },
    /// So many more bytes have arrived and been written.
    Advanced {
        /// Who brought them.
        source: &'a Url,
        /// How many.
        bytes: u64,
    },
    /// One more place to get the file from is known.
    Found {
        /// The place.
        source: &'a Url,
    },
    /// A source has failed, and is asked again after `pause`.
    Again {
        /// How it failed.
        fault: &'a GetFault,
        /// How long it is left alone.
        pause: Duration,
    },
    /// A source has failed for good, while others go on.
    Dropped {
        /// The source.
        source: &'a Url,
        /// How it failed.
        fault: &'a GetFault,
    },
    /// All has arrived, and is checked against its digest.
    Verifying,
    /// Everything is in its place.
    Done,
    /// It has been given up, and what has come is kept: another run goes on with it.
    Kept {
        /// How many bytes there are.
        bytes: u64,
        /// Of how many.
        total: u64,
    },
}

impl Progress for () {
    fn on(&self, _event: Event<'_>) {}
}
