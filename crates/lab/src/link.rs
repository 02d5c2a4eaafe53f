//! What the way to a service is like.

use std::time::Duration;

use message::{FailureKind, StatusCode};

/// The way to one authority, shared by all transfers from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// From the call to the arrival of the request; the head of the answer then comes at once.
    pub latency: Duration,
    /// How much content of answers gets through in a second, all transfers together; `None` is no
    /// limit.
    pub bytes_per_second: Option<u64>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a link, or with the process at its end.
///
/// Read at every block: transfers that are running feel a change, too. A stalled or cut transfer
/// does not come back when the fault is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Connections are refused.
    Refuse,
    /// The request arrives and is never answered.
    Silent,
    /// The head and this many bytes of content arrive, then nothing ever again.
    Stall(u64),
    /// The head and this many bytes of content arrive, then the connection is gone.
    Cut(u64),
    /// The answer is this status with a few words of text, and the service is not asked.
    Status(StatusCode),
    /// The client side gives up with this kind of failure, as the engine's deadlines would make it.
    Fail(FailureKind),
}

impl Link {
    /// No latency, no fault, this much bandwidth in bytes per second.
    #[must_use]
    pub fn of_bandwidth(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: Some(bytes_per_second), ..Self::default() }
    }
}
