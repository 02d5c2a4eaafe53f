//! Bodies as ordinary files: written under a temporary name, published by rename, known again by size,
//! modification time and inode.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use watch::{Proof, Watch};

use crate::key::CacheKey;
use crate::store::path::{BodyPath, Case, LEAF, TREE};

/// What is not a body, below the cache's directory.
const PRIVATE: &str = ".sockets";

/// How often a file is put in its place again because somebody removed the directory meanwhile.
const PLACE_TRIES: usize = 8;

/// The cache's directory.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// The directory itself, open: that of the changes below it is heard.
    directory: OwnedFd,
    /// Its device and inode.
    number: (u64, u64),
    watch: Watch,
    case: Case,
    next_temporary: AtomicU64,
}

/// By what a file is known again: written, replaced or cut by anybody else it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Bytes.
    pub(crate) size: u64,
    modified_seconds: i64,
    modified_nanos: i64,
    inode: u64,
}

/// A body that is not published yet; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    file: Arc<File>,
    is_published: bool,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified_seconds: metadata.mtime(),
            modified_nanos: metadata.mtime_nsec(),
            inode: metadata.ino(),
        }
    }
}

impl Disk {
    /// Makes the cache's directory ready, but touches nothing that another process may be using.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let private = root.join(PRIVATE);
        fs::create_dir_all(private.join("tmp"))?;
        let case = case_of(&private)?;
        let directory = File::open(root)?;
        let number = number_of(&directory.metadata()?);
        let directory = OwnedFd::from(directory);
        let watch = Watch::new(&directory, 0);
        Ok(Self { root: root.to_owned(), directory, number, watch, case, next_temporary: AtomicU64::new(0) })
    }

    /// Where the index lies.
    pub(crate) fn index(&self) -> PathBuf {
        self.root.join(PRIVATE).join("index.redb")
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.root)?)?)
    }

    /// Bytes of the file system that this process may still take.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let state = rustix::fs::statvfs(&self.root)?;
        Ok(state.f_bavail.saturating_mul(state.f_frsize))
    }

    /// Takes the disk for the first `size` bytes of a file, so that writing them can't fail for want of it.
    pub(crate) fn allocate(&self, file: &File, size: u64) -> io::Result<()> {
        if size == 0 {
            return Ok(());
        }
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
            // There are file systems that can't: then it is found out by writing.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Where the journal lies.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join(PRIVATE).join("journal")
    }

    /// Removes what an earlier process did not publish. Only for the one process that holds the index.
    pub(crate) fn remove_temporaries(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.temporaries())? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    /// A new, empty body.
    pub(crate) fn temporary(&self) -> io::Result<Temporary> {
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let path = self.temporaries().join(number.to_string());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Ok(Temporary { path, file: Arc::new(file), is_published: false })
    }

    /// Where variant `slot` of `key` is to lie.
    pub(crate) fn path_of(&self, key: &CacheKey, slot: u8) -> BodyPath {
        BodyPath::of(key, slot, self.case)
    }

    /// Where a part of variant `slot` of `key` is to lie: nowhere where it could be taken for the whole.
    pub(crate) fn part_path_of(&self, key: &CacheKey, slot: u8) -> BodyPath {
        let mut path = self.path_of(key, slot);
        path.directories.splice(0..0, [PRIVATE, "parts"].map(String::from));
        path
    }

    /// Takes the part at `path` back, to be completed, if it is the one that `identity` describes.
    pub(crate) fn take_back(&self, path: &str, identity: &Identity) -> io::Result<Option<Temporary>> {
        if !self.is_unchanged(path, identity) {
            return Ok(None);
        }
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.temporaries().join(number.to_string());
        fs::rename(self.root.join(path), &temporary)?;
        self.remove_empty_directories(path);
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(&temporary)?);
        Ok(Some(Temporary { path: temporary, file, is_published: false }))
    }

    /// Puts a body in its place, over one that may lie there; gives the path below the directory, and
    /// what the file is known by from now on. `announce` is told each place before it is tried.
    pub(crate) fn publish(
        &self,
        body: Temporary,
        path: &BodyPath,
        announce: impl Fn(&str) -> io::Result<()>,
    ) -> io::Result<(String, Identity)> {
        let mut body = body;
        let identity = Identity::of(&body.file.metadata()?);
        let mut tries = 0;
        let place = loop {
            tries += 1;
            match self.place(&body.path, path, &announce) {
                // Eviction has removed a directory that was empty.
                Err(error) if error.kind() == ErrorKind::NotFound && tries < PLACE_TRIES => {}
                outcome => break outcome?,
            }
        };
        body.is_published = true;
        Ok((place, identity))
    }

    fn place(
        &self,
        from: &Path,
        path: &BodyPath,
        announce: &impl Fn(&str) -> io::Result<()>,
    ) -> io::Result<String> {
        let mut place = String::new();
        for name in &path.directories {
            let name = self.directory(&place, name)?;
            place.push_str(&name);
            place.push('/');
        }
        place.push_str(&path.leaf);
        announce(&place)?;
        match fs::rename(from, self.root.join(&place)) {
            // A directory has the name.
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                place.push_str(LEAF);
                announce(&place)?;
                fs::rename(from, self.root.join(&place))?;
            }
            outcome => outcome?,
        }
        Ok(place)
    }

    /// Makes sure that there is a directory `name` in `parent`, under another name if a file has that one.
    /// Links are not followed: bodies lie below the cache's directory and nowhere else.
    fn directory(&self, parent: &str, name: &str) -> io::Result<String> {
        for name in [name.to_owned(), format!("{name}{TREE}")] {
            let path = self.root.join(parent).join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
            }
            if fs::symlink_metadata(&path)?.is_dir() {
                return Ok(name);
            }
        }
        Err(io::Error::new(ErrorKind::NotADirectory, format!("{parent}{name} is in the way of a directory")))
    }

    /// Whether the body at `path` is the one that `identity` describes.
    pub(crate) fn is_unchanged(&self, path: &str, identity: &Identity) -> bool {
        fs::symlink_metadata(self.root.join(path))
            .is_ok_and(|metadata| metadata.is_file() && Identity::of(&metadata) == *identity)
    }

    /// The same for a request that was received at `now`. What a look has proved is looked at again only when
    /// something has happened in its directories.
    pub(crate) fn is_there(&self, path: &str, identity: &Identity, proof: &Proof, now: SystemTime) -> bool {
        // Before the look: what is proved in this calm is of what is seen after this.
        let calm = self.watch.calm();
        if calm.is_some_and(|calm| proof.holds(calm, now)) {
            return true;
        }
        let is_there = self.is_unchanged(path, identity);
        if is_there {
            proof.seen(calm, now, || self.proves(path, identity, now));
        }
        is_there
    }

    /// Whether the body is at `path`, and any change of that will be told of, from before that was seen.
    fn proves(&self, path: &str, identity: &Identity, now: SystemTime) -> bool {
        let names = path.split('/').map(str::as_bytes);
        // Another file system may be one of those that don't tell; and another directory is not watched.
        let is_beside = |file: Metadata| file.dev() == self.number.0;
        self.watch.covers(&self.directory, names, now)
            && self.is_unchanged(path, identity)
            && fs::symlink_metadata(self.root.join(path)).is_ok_and(is_beside)
            && fs::metadata(&self.root).is_ok_and(|root| number_of(&root) == self.number)
    }

    /// Opens the body at `path` if it is the one that `identity` describes; `None` if it is not, or
    /// is gone.
    pub(crate) fn open_body(&self, path: &str, identity: &Identity) -> io::Result<Option<Arc<File>>> {
        // Asked first, so that nothing but a file is ever opened: a pipe would block.
        if !self.is_unchanged(path, identity) {
            return Ok(None);
        }
        match File::open(self.root.join(path)) {
            Ok(file) if Identity::of(&file.metadata()?) == *identity => Ok(Some(Arc::new(file))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the body at `path`, if it is the one that `identity` describes, and the directories that
    /// are empty then.
    pub(crate) fn remove(&self, path: &str, identity: &Identity) {
        if self.is_unchanged(path, identity) {
            self.remove_any(path);
        }
    }

    /// Removes whatever file lies at `path`: one that took the place of a body.
    pub(crate) fn remove_any(&self, path: &str) {
        if fs::remove_file(self.root.join(path)).is_ok() {
            self.remove_empty_directories(path);
        }
    }

    /// Removes the directories above `path` that are empty.
    fn remove_empty_directories(&self, path: &str) {
        let mut directory = Path::new(path).parent();
        while let Some(name) = directory.filter(|name| !name.as_os_str().is_empty()) {
            if fs::remove_dir(self.root.join(name)).is_err() {
                return; // not empty: the usual case
            }
            directory = name.parent();
        }
    }

    fn temporaries(&self) -> PathBuf {
        self.root.join(PRIVATE).join("tmp")
    }
}

impl Temporary {
    /// The open file.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_published {
            // What can't be removed now is removed at the next start.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn number_of(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn case_of(directory: &Path) -> io::Result<Case> {
    drop(File::create(directory.join("case"))?);
    Ok(if directory.join("CASE").exists() { Case::Folded } else { Case::Told })
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
