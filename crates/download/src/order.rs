//! What is to be got, where to, and how patiently.

use std::fmt;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use message::target::Authority;

use crate::url::Url;

/// What a download is to do. [`Order::new`] gives the defaults; every field may be changed.
#[derive(Debug)]
pub struct Order {
    /// What to get. Its path also gives the name of the file, whatever redirects say.
    pub url: Url,
    /// Ask this balancer for the URL's path instead, and follow its redirect. Default: none.
    pub balancer: Option<Authority>,
    /// Where the content goes.
    pub output: Output,
    /// Replace a file that is there already; without it that is an error. Default: no.
    pub force: bool,
    /// How many redirects are followed in one try; one more is an error. Default: 10.
    pub redirects_max: usize,
    /// How many times it is tried in all. Default: 3.
    pub tries: NonZeroU32,
    /// Longest wait that a server's `Retry-After` may ask for; one that asks for more is not asked
    /// again. Default: 60 s.
    pub retry_after_max: Duration,
    /// Longest wait for the head of a response, connecting included. Longer than `stall`, since a
    /// cache or balancer on the way may have to fetch first. Default: 30 s.
    pub answer_within: Duration,
    /// A try is given up if no byte of the content comes for this long. Default: 5 s.
    pub stall: Duration,
}

/// Where the content goes.
pub enum Output {
    /// A file in this directory, which must be there, under the name in the URL.
    Directory(PathBuf),
    /// This file, in a directory that is there. A symbolic link of that name is replaced, not
    /// followed. A device or pipe is written to as it is.
    File(PathBuf),
    /// Standard output, or another place that takes the bytes as they come. What has been written
    /// can't be taken back: nothing is tried again after the first byte.
    Writer(Box<dyn Write + Send>),
}

impl Order {
    /// An order with the defaults.
    #[must_use]
    pub fn new(url: Url, output: Output) -> Self {
        Self {
            url,
            balancer: None,
            output,
            force: false,
            redirects_max: 10,
            tries: NonZeroU32::MIN.saturating_add(2),
            retry_after_max: Duration::from_secs(60),
            answer_within: Duration::from_secs(30),
            stall: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Writer(_) => f.write_str("Writer"),
        }
    }
}
