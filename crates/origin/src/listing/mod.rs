//! Directories that have no index file, shown: as a page for people, as JSON for programs, and as one
//! archive of all that lies beneath them.
//!
//! What it promises:
//! - Only what would be served is shown: no hidden names, no links that lead outside, nothing that this
//!   process may not read, neither files nor directories that can't be asked for.
//! - The disk is read off the threads that serve, so that one large directory holds up nobody else.
//! - What is held in memory is bounded: by directory, by archive, and over all answers together.
//! - Every name is escaped for the place where it stands; the page needs no script, loads nothing from
//!   anywhere, and allows no script but its own.
//!
//! What it does *not* do: it remembers nothing between requests, and shows nothing of what lies in the
//! directories of a directory. An archive follows links to files, as the server does, but goes down no
//! link to a directory, so that it ends.

pub(crate) mod accept;
pub(crate) mod archive;
pub(crate) mod blocks;
pub(crate) mod entries;
pub(crate) mod escape;
pub(crate) mod icon;
pub(crate) mod json;
pub mod lister;
pub(crate) mod moment;
pub(crate) mod natural;
pub(crate) mod page;
pub(crate) mod quantity;
pub(crate) mod query;
pub(crate) mod read;
#[cfg(test)]
pub(crate) mod testing;
