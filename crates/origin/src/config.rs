//! What an origin serves, and how much it may hold to do so.

use std::path::PathBuf;

use http::HeaderValue;

use crate::path::FileName;

/// Most large files that are kept open between requests, if nothing else is said.
pub const OPEN_FILES: usize = 128;

/// Most bytes of small files that are kept in memory, if nothing else is said.
pub const MEMORY_BYTES: usize = 64 << 20;

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// The file that is served for a directory, if it has it.
    pub index: FileName,
    /// The `Cache-Control` field of every file (RFC 9111 §5.2); none if `None`, and caches then
    /// validate or guess.
    pub cache_control: Option<HeaderValue>,
    /// Most large files that are kept open between requests, rounded up to a multiple of the table's
    /// shards. A file in transfer is open beside these. 0 opens every large file anew.
    pub open_files: usize,
    /// Most bytes of small files that are kept in memory. 0 keeps none.
    pub memory_bytes: usize,
}

impl Config {
    /// Everything at its default: the files beneath `root`, with `index.html` for a directory.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            index: FileName::default(),
            cache_control: None,
            open_files: OPEN_FILES,
            memory_bytes: MEMORY_BYTES,
        }
    }
}
