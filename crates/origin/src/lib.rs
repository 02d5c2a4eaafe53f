//! Static files over HTTP: the files beneath one directory, each request answered from what is on the
//! disk at that moment.
//!
//! What it promises:
//! - Nothing outside the directory is ever served. That is proved by how a file is opened ([`root`]),
//!   not by comparing path names; only a [checked path](path::CheckedPath) can be opened at all.
//! - Two different contents of a file never share a strong entity tag, as far as its file system's
//!   clock can tell them apart, and where it can't yet the tag is weak ([`identity`]).
//! - A file changed on the disk is seen by the very next request.
//! - Running out of descriptors, or not being allowed to read, is never reported as "not found".
//!
//! What it does *not* do: it opens no socket, reads no clock, writes no file, and knows no wire: HEAD,
//! `Date`, framing and sending are the engine's. It lists no directories, compresses nothing, and
//! watches nothing. It asks the disk on the thread of the request, as stat(2) and open(2) can't be
//! asked otherwise. The directory is opened once: when it is itself replaced by another, the old one
//! is served until a restart.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod config;
pub mod identity;
pub mod media_type;
pub mod origin;
pub mod path;
pub mod reply;
pub mod representation;
pub mod root;
pub mod table;

pub use config::Config;
pub use origin::Origin;
pub use path::FileName;
pub use root::OpenFault;
