//! The files and directories of an archive, one after the other.

use std::sync::Arc;
use std::vec;

use rustix::fs::{Mode, fstat};

use crate::listing::archive::fault::ArchiveFault;
use crate::listing::entries::{Entry, EntryKind};
use crate::listing::query::{Key, Order};
use crate::listing::read::read;
use crate::path::CheckedPath;
use crate::root::{FileFault, OpenFile, Opened, Root};

/// Most files and directories in one archive, if nothing else is said.
pub(crate) const ARCHIVE_ENTRIES_MAX: usize = 1_000_000;

/// Most names that are known and have not had their turn, if nothing else is said: all that a descent holds
/// in memory.
pub(crate) const ARCHIVE_PENDING_MAX: usize = 200_000;

/// Most directories within each other in an archive, if nothing else is said.
pub(crate) const ARCHIVE_DEPTH_MAX: usize = 64;

/// What the topmost directory of a site is called in an archive. Its own name is nobody's business.
const TOPMOST: &[u8] = b"files";

/// How far a descent goes before it gives up: an archive that would be larger is broken off visibly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Most files and directories in one archive.
    pub entries: usize,
    /// Most names that are known and have not had their turn, about 100 bytes each.
    pub pending: usize,
    /// Most directories within each other.
    pub depth: usize,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { entries: ARCHIVE_ENTRIES_MAX, pending: ARCHIVE_PENDING_MAX, depth: ARCHIVE_DEPTH_MAX }
    }
}

/// What comes next in an archive.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its path in the archive, which begins with the name of the packed directory; a directory's ends
    /// in `/`.
    pub(crate) path: Vec<u8>,
    /// In seconds since 1970.
    pub(crate) modified: u64,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Directory,
    File {
        file: OpenFile,
        /// Whether its owner may run it.
        is_executable: bool,
    },
}

/// A way through a directory, depth first and by name.
///
/// No descriptor is held between two steps: each directory and each file is opened from the root, and
/// so proved to lie beneath it.
#[derive(Debug)]
pub(crate) struct Descent {
    root: Arc<Root>,
    start: CheckedPath<'static>,
    begun: bool,
    levels: Vec<Level>,
    limits: ArchiveLimits,
    seen: usize,
}

/// What is left of one directory.
#[derive(Debug)]
struct Level {
    directory: CheckedPath<'static>,
    entries: vec::IntoIter<Entry>,
}

impl Descent {
    pub(crate) fn new(root: Arc<Root>, start: CheckedPath<'static>, limits: ArchiveLimits) -> Self {
        Self { root, start, begun: false, levels: Vec::new(), limits, seen: 0 }
    }

    /// What comes next, if there is anything. Asks the disk.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, ArchiveFault> {
        if !self.begun {
            self.begun = true;
            let start = self.start.clone();
            self.enter(start)?;
            return self.item(&self.start, 0, Content::Directory).map(Some);
        }
        while let Some(level) = self.levels.last_mut() {
            let Some(entry) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            let Ok(path) = level.directory.child(&entry.name) else { continue };
            self.seen = self.seen.saturating_add(1);
            if self.seen > self.limits.entries {
                return Err(ArchiveFault::Entries(self.limits.entries));
            }
            // What has vanished or may not be read any more is left out.
            match self.visit(&entry, &path) {
                Err(ArchiveFault::Disk(FileFault::Absent | FileFault::Forbidden)) | Ok(None) => {}
                other => return other,
            }
        }
        Ok(None)
    }

    fn visit(&mut self, entry: &Entry, path: &CheckedPath<'static>) -> Result<Option<Item>, ArchiveFault> {
        match entry.kind {
            // What is behind it may have its turn elsewhere, or be this very directory.
            EntryKind::Directory if entry.is_link => Ok(None),
            EntryKind::Directory => {
                self.enter(path.clone())?;
                self.item(path, entry.modified, Content::Directory).map(Some)
            }
            EntryKind::File(_) => {
                let Opened::File(file) = self.root.open_beneath(path)? else { return Ok(None) };
                let mode = Mode::from_raw_mode(fstat(file.file())?.st_mode);
                let is_executable = mode.contains(Mode::XUSR);
                self.item(path, entry.modified, Content::File { file, is_executable }).map(Some)
            }
        }
    }

    /// Reads a directory, to go through it next.
    fn enter(&mut self, directory: CheckedPath<'static>) -> Result<(), ArchiveFault> {
        if self.levels.len() > self.limits.depth {
            return Err(ArchiveFault::Depth(self.limits.depth));
        }
        let pending: usize = self.levels.iter().map(|level| level.entries.len()).sum();
        let room = self.limits.pending.saturating_sub(pending);
        let mut entries = read(&self.root, &directory, room, |_| true)?;
        if entries.truncated {
            return Err(ArchiveFault::Entries(self.limits.pending));
        }
        entries.sort(Key::Name, Order::Ascending);
        self.levels.push(Level { directory, entries: entries.list.into_iter() });
        Ok(())
    }

    fn item(&self, path: &CheckedPath<'_>, modified: u64, content: Content) -> Result<Item, ArchiveFault> {
        let mut packed = name(&self.start).to_vec();
        let below = path.as_bytes().strip_prefix(self.start.as_bytes()).ok_or(ArchiveFault::Name)?;
        if !below.is_empty() {
            if !below.starts_with(b"/") {
                packed.push(b'/');
            }
            packed.extend_from_slice(below);
        }
        if matches!(content, Content::Directory) {
            packed.push(b'/');
        }
        Ok(Item { path: packed, modified, content })
    }
}

/// What a packed directory is called.
pub(crate) fn name<'a>(directory: &'a CheckedPath<'_>) -> &'a [u8] {
    directory.names().last().unwrap_or(TOPMOST)
}
