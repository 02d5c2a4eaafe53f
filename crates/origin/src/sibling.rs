//! Files that hold the one beside them in coded form: `app.js.br`, `app.js.zst`, `app.js.gz`.
//!
//! Whoever publishes a file has compressed it beforehand, and better than there is time for when it is
//! asked for. Each is looked for on the disk for each request, so that it is seen at once when one
//! appears or vanishes: at most one stat(2) for each coding that the client takes.

use std::sync::Arc;
use std::time::SystemTime;

use message::field::coding::{AcceptEncoding, ContentCoding};

use crate::identity::{Kind, Stamp};
use crate::path::CheckedPath;
use crate::presentation::Presentation;
use crate::representation::Representation;
use crate::root::{OpenFile, Opened, Root};
use crate::table::{Table, coded_name};

/// What is offered, the best first: of those that a client likes as well, brotli at its highest level
/// is the smallest for text.
const OFFERED: [ContentCoding; 4] =
    [ContentCoding::Brotli, ContentCoding::Zstd, ContentCoding::Gzip, ContentCoding::Identity];

/// Where siblings are looked for, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Siblings<'a> {
    pub(crate) root: &'a Root,
    pub(crate) table: &'a Table,
    pub(crate) presentation: &'a Presentation,
}

impl Siblings<'_> {
    /// The sibling of `file`, which is at `path`, that the client likes best of those that are there;
    /// `None` if it likes the file itself as well.
    pub(crate) fn select(
        self,
        path: &CheckedPath<'_>,
        file: &Representation,
        accept: AcceptEncoding,
        now: SystemTime,
    ) -> Option<Arc<Representation>> {
        let mut offered = OFFERED;
        let mut offered = offered.as_mut_slice();
        loop {
            let coding = accept.choose(offered)?;
            let beside = path.with_ending(ending(coding)?)?;
            if let Some(sibling) = self.find(&beside, path.as_bytes(), file, coding, now) {
                return Some(sibling);
            }
            // It isn't there, so it is offered no more.
            let place = offered.iter().position(|offer| *offer == coding)?;
            offered.get_mut(place..)?.rotate_left(1);
            (_, offered) = offered.split_last_mut()?;
        }
    }

    /// The file at `beside`, if it holds that `file` in that coding and is not older.
    fn find(
        self,
        beside: &CheckedPath<'_>,
        name: &[u8],
        file: &Representation,
        coding: ContentCoding,
        now: SystemTime,
    ) -> Option<Arc<Representation>> {
        let seen = self.root.look(beside).ok()?;
        let is_stale = |modified: Stamp| modified.is_before(file.identity().modified());
        if seen.kind != Kind::File || is_stale(seen.identity.modified()) {
            return None;
        }
        let key = coded_name(name, coding);
        if let Some(kept) = self.table.get(&key, &seen.identity) {
            return Some(kept);
        }
        // Without it the file is sent as it is: no fault of a sibling is worth an error.
        let opened = self.open(beside).filter(|opened| !is_stale(opened.identity().modified()))?;
        let sibling = Representation::of_sibling(&opened, coding, name, self.presentation, now).ok()?;
        let sibling = Arc::new(sibling);
        if sibling.is_settled() {
            self.table.keep(&key, &sibling);
        }
        Some(sibling)
    }

    /// Opens it beneath the root, as every file that is served.
    fn open(self, path: &CheckedPath<'_>) -> Option<OpenFile> {
        match self.root.open_beneath(path) {
            Ok(Opened::File(file)) => Some(file),
            Ok(Opened::Directory) => None,
            Err(fault) => {
                let name = String::from_utf8_lossy(path.as_bytes());
                tracing::debug!(%name, %fault, "a compressed file was not opened");
                None
            }
        }
    }
}

/// By what the names of such files end.
fn ending(coding: ContentCoding) -> Option<&'static str> {
    match coding {
        ContentCoding::Identity => None,
        ContentCoding::Gzip => Some(".gz"),
        ContentCoding::Brotli => Some(".br"),
        ContentCoding::Zstd => Some(".zst"),
    }
}

#[cfg(test)]
#[path = "sibling_tests.rs"]
mod tests;
