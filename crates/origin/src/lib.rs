//! Static files over HTTP: the files beneath a directory, or beneath several by host, each request
//! answered from what is on the disk at that moment.
//!
//! What it promises:
//! - Nothing outside the directory is ever served. That is proved by how a file is opened ([`root`]),
//!   not by comparing path names; only a [checked path](path::CheckedPath) can be opened at all.
//! - Two different contents of a file never share a strong entity tag, as far as its file system's
//!   clock can tell them apart, and where it can't yet the tag is weak ([`identity`]).
//! - A file changed on the disk is seen by the very next request (`watch` says what counts as a change); another directory put in the place of
//!   the served one, after a hundredth of a second ([`current`]).
//! - Running out of descriptors, or not being allowed to read, is never reported as "not found".
//! - What is off costs nothing: a small file that is kept is one system call, whatever could be turned on.
//!
//! What it does *not* do: it opens no socket, reads no clock, writes no file, and knows no wire: HEAD,
//! `Date`, framing and sending are the engine's. It runs no program, and rewrites no
//! path but as [`config`] says. It asks the disk for single files on the thread of the request, as
//! stat(2) and open(2) can't be asked otherwise; all that takes longer (reading directories,
//! compressing, digesting, checking passwords) happens off it.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod accept;
pub mod base;
pub(crate) mod compress;
pub mod config;
pub mod cors;
pub mod current;
pub(crate) mod digest;
pub(crate) mod disposition;
pub mod error_page;
pub(crate) mod fallback;
pub mod files;
pub mod identity;
pub mod listing;
pub mod media_type;
pub mod negotiation;
pub mod origin;
pub mod path;
pub mod presentation;
pub mod refusal;
pub mod reply;
pub mod representation;
pub mod root;
pub mod rules;
pub(crate) mod sibling;
pub mod site;
pub mod table;
#[cfg(test)]
mod testing;

pub use base::Base;
pub use config::{Config, Sites};
pub use cors::{Cors, WebOrigin};
pub use error_page::ErrorPage;
pub use listing::archive::descent::ArchiveLimits;
pub use listing::lister::Listing;
pub use media_type::{MediaTypeFault, MediaTypes};
pub use negotiation::Compression;
pub use origin::Origin;
pub use path::{DotFiles, FileName};
pub use root::OpenFault;
pub use rules::{Pattern, Rule, RuleFault};
