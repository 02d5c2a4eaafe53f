//! Whether anything has happened to a file since it was looked at: then, and only then, it is looked at
//! again.
//!
//! A look is a stat(2), which walks the whole path: an eighth of a small answer. The kernel can be asked to
//! tell of changes instead (inotify(7)), and whether it has told of any is a question of next to nothing.
//! This keeps the promise that a change is seen by the very next request, because:
//!
//! 1. The kernel queues its notice *within* the call that makes the change (write(2), truncate(2), rename(2),
//!    unlink(2), chmod(2), ...). A change that was complete before a request came has its notice in the queue.
//! 2. The queue is asked *after* the request has come, once for each request.
//! 3. What a notice says is not even read: any of them, also that notices were lost, ends the *calm*. What was
//!    proved in one calm counts for nothing in the next.
//! 4. A file is proved in a calm by a look that comes after watches were placed on the file itself, by whatever
//!    name it is written to, and on each directory from the root down to it. They are placed from the top, so
//!    that whatever is put in the way of the lower ones is told of by the higher ones.
//!
//! Some changes raise no notice: stores into a memory map, a mount over a directory, what another machine does
//! to a shared file system. So a proof holds for [`PROOF_AGE_MAX`] only, and file systems that may be changed
//! from elsewhere are not watched at all: there each request is a look, as it is for links, where the kernel
//! refuses watches, or has none.
//!
//! What it does *not* do: it doesn't say what has happened, nor to which file, and keeps nothing of the files. Who
//! uses it looks, compares, and keeps a [`Proof`] with what was seen.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

#[cfg(not(target_os = "linux"))]
mod no_queue;
mod proof;
#[cfg(target_os = "linux")]
mod queue;

#[cfg(not(target_os = "linux"))]
pub use no_queue::Watch;
pub use proof::{Calm, PROOF_AGE_MAX, Proof};
#[cfg(target_os = "linux")]
pub use queue::Watch;
