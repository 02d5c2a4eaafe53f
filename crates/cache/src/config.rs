//! What a cache is told at its start. Valid once built: each part checks itself when it
//! is made.

use std::path::PathBuf;
use std::sync::Arc;

use message::forward::Pseudonym;

use crate::policy::rules::Rules;
use crate::site::Sites;

/// How a cache is to behave.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where bodies and index lie; made if it is not there.
    pub dir: PathBuf,
    /// The sites of a reverse proxy; `None` for a forward proxy.
    pub sites: Option<Arc<Sites>>,
    /// What RFC 9111 leaves to whoever runs the cache.
    pub rules: Rules,
    /// Bytes of disk that bodies may take, each rounded up to a block of 4 KiB, and their index.
    pub size: u64,
    /// What is stored where something else has to go for it.
    pub admission: Admission,
    /// Bytes of the file system that are left free: what is stored goes before there are fewer.
    pub min_free: u64,
    /// Bytes of memory that fields and small bodies of recently used responses may take.
    pub memory: u64,
    /// The name in `Via` and `Cache-Status`.
    pub pseudonym: Pseudonym,
    /// Whether `Cache-Status` tells the key under which a response is looked for (RFC 9211 §2.7).
    pub tells_key: bool,
    /// Whether no origin is ever asked: what is stored answers, or nothing does.
    pub is_offline: bool,
    /// A fetch whose clients have all gone goes on if no more than this many bytes are missing, or if it
    /// is over half done.
    pub finish_under: u64,
}

/// What is stored where something else has to go for it: while there is room, everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Only what was asked for before, not long ago, or is asked for by several at once: so that what is asked for
    /// once is not written to the disk for nothing.
    Again,
    /// Everything.
    Always,
}

impl Config {
    /// A forward proxy that keeps its bodies in `dir`, and is as mild as the documentation says.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            sites: None,
            rules: Rules::default(),
            size: 10 << 30,
            admission: Admission::Again,
            min_free: 0,
            memory: 256 << 20,
            pseudonym: Pseudonym::default(),
            tells_key: false,
            is_offline: false,
            finish_under: 64 << 20,
        }
    }
}
