//! Moments between which the disk looks different, at each of which a test lets the process die.

/// A moment in the life of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The body is written, under its temporary name.
    Written,
    /// Where it is going to lie is in the journal.
    Noted,
    /// It lies in its place.
    Placed,
    /// The index is about to be written.
    Begun,
    /// What is in it is decided, and the files of what was evicted are gone.
    Applied,
    /// It is on the disk.
    Recorded,
    /// The journal is shorter again.
    Settled,
}

/// The process is at that moment. Only in tests does that matter.
#[cfg(not(test))]
pub(crate) fn reach(_: Moment) {}

/// Ends the process if the environment says so: at that moment, after that many times.
#[cfg(test)]
pub(crate) fn reach(moment: Moment) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static LEFT: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("SOCKETS_TEST_DIES") else { return };
    let (name, times) = wanted.split_once(' ').unwrap();
    if name == format!("{moment:?}") && LEFT.fetch_add(1, Ordering::SeqCst) == times.parse::<u32>().unwrap() {
        std::process::abort();
    }
}
