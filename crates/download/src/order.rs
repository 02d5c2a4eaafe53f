//! What is to be got, where to, and how patiently.

use std::fmt;
use std::io::Write;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use message::Fields;
use message::field::range::Ranges;
use message::target::Authority;

use crate::digest::Digest;
use crate::metalink::Pieces;
use crate::name::FileName;
use crate::plan::terms::Terms;
use crate::throttle::Throttle;
use crate::url::Url;

/// What a download is to do. [`Order::new`] gives the defaults; every field may be changed.
#[derive(Debug)]
pub struct Order {
    /// What to get. Its path also gives the name of the file, whatever redirects say.
    pub url: Url,
    /// Other places of the same file. Default: none but those that responses tell of.
    pub mirrors: Vec<Url>,
    /// Ask this balancer for the URL's path instead, and follow its redirect. Default: none.
    pub balancer: Option<Authority>,
    /// Where the content goes.
    pub output: Output,
    /// What to do with a file that is there already. Default: see [`Existing::Refuse`].
    pub existing: Existing,
    /// Digests that the file must have, all of them. Default: none but those that responses tell.
    pub checksums: Vec<Digest>,
    /// Digests of its pieces, as metalinks have them: what is wrong is then found while it arrives, and only
    /// that is fetched again. Default: none.
    pub pieces: Option<Pieces>,
    /// Only this range of the file is got, and saved as a file of its own; of several the first counts. No digests
    /// are checked then, and another run begins anew. Default: all of it.
    pub range: Option<Ranges>,
    /// Servers may send the file in a content coding (gzip, br, zstd), which is undone. What comes so comes over one
    /// connection and can't be gone on with. Default: no.
    pub compressed: bool,
    /// Fields for every request, in the place of our own of that name. Default: none.
    pub fields: Fields,
    /// Fields for requests to the origin of `url` only, such as `Authorization`. Default: none.
    pub own_fields: Fields,
    /// The most connections altogether. Default: 16.
    pub connections: NonZeroUsize,
    /// The most connections to one host and port. Default: 4.
    pub per_source: NonZeroUsize,
    /// The most bytes that are taken. Default: any number.
    pub size_max: Option<u64>,
    /// How fast all downloads that share it may be together. Default: as fast as it goes.
    pub throttle: Option<Arc<Throttle>>,
    /// How many redirects are followed for one answer; one more is an error. Default: 10.
    pub redirects_max: usize,
    /// How often in a row a source may fail without having brought anything that could be kept. Default: 3.
    pub tries: NonZeroU32,
    /// Longest wait that a server's `Retry-After` may ask for; one that asks for more is not asked
    /// again. Default: 60 s.
    pub retry_after_max: Duration,
    /// Longest wait for the head of a response, connecting included. Longer than `stall`, since a
    /// cache or balancer on the way may have to fetch first. Default: 30 s.
    pub answer_within: Duration,
    /// A connection is given up if no byte of the content comes for this long, or if it brings less than a
    /// tenth of what its peers bring. Default: 5 s.
    pub stall: Duration,
}

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is an error, unless it is the file already: it has the checksum, or else the length and the time that
    /// the server says. That is asked for with HEAD.
    Refuse,
    /// It is replaced.
    Replace,
    /// It is left alone, and that is a success.
    Keep,
    /// It is replaced if the server's is newer, or of another length and not older; else it is left alone.
    Newer,
}

/// Where the content goes.
pub enum Output {
    /// A file in this directory, which must be there, under the name in the URL.
    Directory(PathBuf),
    /// This file, in a directory that is there. A symbolic link of that name is replaced, not
    /// followed. A device or pipe is written to as it is.
    File(PathBuf),
    /// A file beneath this directory, which must be there: the last of these names, in the directories that
    /// the others name. Those are made if they are not there; links to others are not followed.
    Beneath(PathBuf, Vec<FileName>),
    /// Standard output, or another place that takes the bytes as they come: in order, from one connection
    /// at a time. What has been written can't be taken back.
    Writer(Box<dyn Write + Send>),
}

impl Order {
    /// An order with the defaults.
    #[must_use]
    pub fn new(url: Url, output: Output) -> Self {
        Self {
            url,
            mirrors: Vec::new(),
            balancer: None,
            output,
            existing: Existing::Refuse,
            checksums: Vec::new(),
            pieces: None,
            range: None,
            compressed: false,
            fields: Fields::new(),
            own_fields: Fields::new(),
            connections: NonZeroUsize::MIN.saturating_add(15),
            per_source: NonZeroUsize::MIN.saturating_add(3),
            size_max: None,
            throttle: None,
            redirects_max: 10,
            tries: NonZeroU32::MIN.saturating_add(2),
            retry_after_max: Duration::from_secs(60),
            answer_within: Duration::from_secs(30),
            stall: Duration::from_secs(5),
        }
    }
}

impl Order {
    /// The limits of its plan.
    pub(crate) fn terms(&self, in_order: bool) -> Terms {
        Terms {
            connections: self.connections.get(),
            per_source: self.per_source.get(),
            tries: self.tries.get(),
            stall: self.stall,
            in_order,
        }
    }

    /// What is asked for first.
    pub(crate) fn start(&self) -> Url {
        self.balancer.as_ref().map_or_else(|| self.url.clone(), |balancer| self.url.at(balancer))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Beneath(root, place) => f.debug_tuple("Beneath").field(root).field(place).finish(),
            Self::Writer(_) => f.write_str("Writer"),
        }
    }
}
