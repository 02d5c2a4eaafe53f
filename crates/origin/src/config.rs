//! What an origin serves, to whom, and how much it may hold to do so.

use std::path::PathBuf;

use crate::base::Base;
use crate::cors::Cors;
use crate::error_page::ErrorPage;
use crate::listing::lister::Listing;
use crate::media_type::MediaTypes;
use crate::negotiation::Compression;
use crate::path::{DotFiles, FileName};
use crate::rules::Rule;
use access::gate::Accounts;
use access::network::Networks;
use message::hosts::HostPattern;

/// Most large files that are kept open between requests, if nothing else is said.
pub const OPEN_FILES: usize = 128;

/// Most bytes of small files that are kept in memory, if nothing else is said.
pub const MEMORY_BYTES: usize = 64 << 20;

/// Most digests that are kept, if nothing else is said. Each takes about 300 bytes.
pub const DIGESTS: usize = 4096;

/// What is served for which host.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    /// What is served for all other hosts; `None` answers those with 421 (RFC 9110 §15.5.20).
    pub default: Option<Config>,
    /// What is served for these. Each host may stand once.
    pub by_host: Vec<(HostPattern, Config)>,
}

/// One site: what is served, and how.
///
/// Limits of what is held count for each site.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// The path beneath which the site is served.
    pub base: Base,
    /// The addresses that may ask.
    pub networks: Networks,
    /// The users who may ask; everybody if `None`.
    pub accounts: Option<Accounts>,
    /// The web sites whose scripts may read; none but this one's if `None`.
    pub cors: Option<Cors>,
    /// Whether files are served whose names begin with a dot.
    pub dot_files: DotFiles,
    /// The file that is served for a directory, if it has it.
    pub index: FileName,
    /// Whether and how directories without such a file are shown; they are missing if `None`.
    pub listing: Option<Listing>,
    /// Whether `/about` is answered with `about.html`, and `/about.html` sent there.
    pub clean_urls: bool,
    /// Whether the root's index file is the answer wherever a page is wanted and there is no file: for
    /// an application whose addresses are its own.
    pub fallback: bool,
    /// Files that are sent with answers of an error's status. Of two for one status the later one holds.
    pub error_pages: Vec<ErrorPage>,
    /// Fields that files get by their names: of two rules for the same field the later one holds. Without
    /// one for `Cache-Control` (RFC 9111 §5.2) caches validate or guess.
    pub rules: Vec<Rule>,
    /// The media types of files by their extensions.
    pub media_types: MediaTypes,
    /// Whether `FILE.br`, `FILE.zst` or `FILE.gz` is sent for `FILE` to those who accept that coding.
    /// Costs up to three stat(2) per request for a file that may have one.
    pub siblings: bool,
    /// Whether and which files are compressed for those who accept it; `None` compresses none.
    pub compression: Option<Compression>,
    /// Most digests of files that are kept for those who ask for one (RFC 9530). 0 tells none.
    pub digests: usize,
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
            base: Base::default(),
            networks: Networks::default(),
            accounts: None,
            cors: None,
            dot_files: DotFiles::default(),
            index: FileName::default(),
            listing: None,
            clean_urls: false,
            fallback: false,
            error_pages: Vec::new(),
            rules: Vec::new(),
            media_types: MediaTypes::default(),
            siblings: false,
            compression: None,
            digests: DIGESTS,
            open_files: OPEN_FILES,
            memory_bytes: MEMORY_BYTES,
        }
    }
}

impl From<Config> for Sites {
    /// One site, whatever host is asked.
    fn from(config: Config) -> Self {
        Self { default: Some(config), by_host: Vec::new() }
    }
}
