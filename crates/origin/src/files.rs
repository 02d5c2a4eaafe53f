//! The files beneath a root, found by name: opened and prepared when they are not kept in the very version
//! that is on the disk for this request.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{IF_MATCH, RANGE};
use message::field::coding::AcceptEncoding;
use message::field::digest::WANT_REPR_DIGEST;
use message::fields::Fields;
use message::response::Response;

use crate::compress::Compressor;
use crate::config::Config;
use crate::current::CurrentRoot;
use crate::digest::Digests;
use crate::identity::Kind;
use crate::path::CheckedPath;
use crate::presentation::Presentation;
use crate::representation::Representation;
use crate::root::{FileFault, OpenFault, Opened, Root, Seen};
use crate::sibling::Siblings;
use crate::table::Table;

/// How often a small file that changes while it is read is read again. The second reading finds it
/// unsettled, which needs no reading, unless the clocks disagree.
const CHANGE_TRIES: usize = 3;

/// The files of one site.
#[derive(Debug)]
pub struct Files {
    root: CurrentRoot,
    presentation: Presentation,
    table: Table,
    compressor: Option<Compressor>,
    digests: Digests,
}

/// What a name turned out to be.
#[derive(Clone, Debug)]
pub enum Found {
    /// A file, ready to be sent.
    File(Arc<Representation>),
    /// A directory, which is not asked for by this name.
    Directory,
}

impl Files {
    /// Opens the directory.
    ///
    /// # Errors
    /// Why it can't be served, and what to type about it.
    pub fn open(config: &Config) -> Result<Self, OpenFault> {
        Ok(Self {
            root: CurrentRoot::open(&config.root)?,
            presentation: Presentation::of(config),
            table: Table::new(config.memory_bytes, config.open_files),
            compressor: config.compression.map(|compression| Compressor::new(compression.memory_bytes)),
            digests: Digests::new(config.digests),
        })
    }

    /// The root beneath which they lie.
    #[must_use]
    pub fn root(&self) -> &CurrentRoot {
        &self.root
    }

    /// What has been asked for lately.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What is behind a name for a request that was received at `now`. If it is kept, that is one question to
    /// the kernel, whether anything has happened; a stat(2) if so.
    ///
    /// # Errors
    /// Why it can't be served.
    pub fn find(&self, path: &CheckedPath<'_>, now: SystemTime) -> Result<Found, FileFault> {
        self.table.sweep(now);
        let name = path.as_bytes();
        let root = self.root.at(now);
        // Before anything is looked at: a proof that is made in this calm is of what is seen after this.
        let calm = root.calm();
        let kept = self.table.find(name);
        if let (Some(kept), Some(calm)) = (&kept, calm)
            && kept.proof().holds(calm, now)
        {
            return Ok(Found::File(Arc::clone(kept)));
        }
        let seen = root.look(path);
        if let Some(kept) = kept {
            if seen.is_ok_and(|seen| seen.identity == *kept.identity()) {
                kept.proof().seen(calm, now, || root.proves(path, kept.identity(), now));
                return Ok(Found::File(kept));
            }
            self.table.forget(name);
        }
        match seen {
            // Not even opened: opening alone can act on a device, and wakes whoever writes to a FIFO.
            Ok(Seen { kind: Kind::Other, .. }) | Err(FileFault::Absent) => Err(FileFault::Absent),
            Ok(_) | Err(_) => self.find_on_disk(&root, path, now),
        }
    }

    /// Whether the file itself is what a request with those fields selects, and all that it wants to
    /// know of it is known: then there is nothing to wait for.
    pub(crate) fn is_all_there(file: &Representation, request: &Fields) -> bool {
        !file.offer().varies() && !request.contains(&WANT_REPR_DIGEST)
    }

    /// Which representation of the `file` found at `path` a request with those fields selects
    /// (RFC 9110 §12.1): a sibling that holds it in coded form, the file compressed by us, or the file.
    /// Nothing is awaited, and the disk is not asked, where there is no choice.
    pub(crate) async fn select(
        &self,
        path: &CheckedPath<'_>,
        file: Arc<Representation>,
        request: &Fields,
        now: SystemTime,
    ) -> Arc<Representation> {
        let offer = file.offer();
        if !offer.varies() {
            return file;
        }
        let accept = AcceptEncoding::of(request);
        if offer.siblings {
            let root = self.root.at(now);
            let siblings = Siblings { root: &root, table: &self.table, presentation: &self.presentation };
            if let Some(sibling) = siblings.select(path, &file, accept, now) {
                return sibling;
            }
        }
        match &self.compressor {
            Some(compressor) if offer.compression && !wants_exact_bytes(request) => {
                compressor.select(path.as_bytes(), &file, accept).await.unwrap_or(file)
            }
            _ => file,
        }
    }

    /// Tells the digest of what is sent, if the request wants it (RFC 9530).
    pub(crate) async fn tell_digest(
        &self,
        request: &Fields,
        sent: &Arc<Representation>,
        answer: &mut Response,
    ) {
        self.digests.tell(request, sent, answer).await;
    }

    fn find_on_disk(&self, root: &Root, path: &CheckedPath<'_>, now: SystemTime) -> Result<Found, FileFault> {
        for _ in 1..CHANGE_TRIES {
            match self.prepare(root, path, now) {
                Err(FileFault::Changing) => {}
                settled => return settled,
            }
        }
        self.prepare(root, path, now)
    }

    fn prepare(&self, root: &Root, path: &CheckedPath<'_>, now: SystemTime) -> Result<Found, FileFault> {
        let Opened::File(file) = self.open_beneath(root, path)? else { return Ok(Found::Directory) };
        let name = path.as_bytes();
        let representation = Representation::of(&file, name, &self.presentation, now)?;
        let representation = Arc::new(representation);
        if representation.is_settled() {
            self.table.keep(name, &representation);
        }
        Ok(Found::File(representation))
    }

    /// Opens a file; if descriptors are short, those that are only kept are given back for it.
    fn open_beneath(&self, root: &Root, path: &CheckedPath<'_>) -> Result<Opened, FileFault> {
        match root.open_beneath(path) {
            Err(FileFault::Short(_)) if self.table.close_files() > 0 => root.open_beneath(path),
            other => other,
        }
    }

    /// What was compressed.
    #[cfg(test)]
    pub(crate) fn compressor(&self) -> Option<&Compressor> {
        self.compressor.as_ref()
    }

    /// What was digested.
    #[cfg(test)]
    pub(crate) fn digests(&self) -> &Digests {
        &self.digests
    }

    /// The same files with another walk: to try the one that this kernel doesn't need.
    #[cfg(test)]
    pub(crate) fn walking(self, walk: crate::root::Walk) -> Self {
        Self { root: self.root.walking(walk), ..self }
    }
}

/// Whether a request is about bytes that it has got or wants in part. Those are compressed by us to
/// other bytes by the next release of a library: it gets the file as it is, whose tag is strong
/// (RFC 9110 §13.1.1, §14.2).
fn wants_exact_bytes(request: &Fields) -> bool {
    request.contains(&RANGE) || request.contains(&IF_MATCH)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
