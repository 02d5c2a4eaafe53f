//! The unfinished file, `NAME.part`, and the journal beside it, `NAME.part.sockets`.
//!
//! Its writer holds a lock on it (flock(2)), which ends with the process however that ends: so a part
//! without a lock is what a killed download has left, and one with a lock is not ours to touch. Only who
//! holds the lock of a part removes or renames it, and writes its journal.
//!
//! Bytes are written before the journal says that they are there, and the journal takes its place in one
//! step: so at every moment it can be believed. It is written about once a second while there is something
//! to lose, and when the part is dropped.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use message::field::date::HttpDate;
use message::precondition::Validators;
use rustix::fs::{FallocateFlags, FileType, FlockOperation, Timespec, Timestamps};
use rustix::io::Errno;

use crate::directory::{Directory, Identity};
use crate::file_fault::FileFault;
use crate::journal::{JOURNAL_MAX, Journal};
use crate::mark;
use crate::name::FileName;

/// How often the part is made anew when others take it away in between.
const CREATE_TRIES: usize = 5;

/// Files of at least this length, in bytes, get their place on the disk before they arrive.
const ALLOCATE_MIN: u64 = 8 * 1024 * 1024;

/// An unfinished file that is ours.
///
/// Writing blocks this thread. A download has nothing else to do while the disk takes no more: what
/// comes meanwhile waits in the sockets, so memory stays flat without a queue, and no block is handed
/// from thread to thread, which costs more than the copy into the page cache that a write is.
#[derive(Debug)]
pub(crate) struct Part {
    directory: Arc<Directory>,
    name: FileName,
    file: File,
    identity: Identity,
    may_replace: bool,
    /// Where the last byte that has been written ends; `None` if another run has written some.
    reach: Option<u64>,
    journaled: bool,
    end: End,
}

/// What becomes of a part that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is removed.
    Remove,
    /// It stays, to be gone on with.
    Keep,
    /// It has become the file.
    Landed,
}

impl Part {
    /// Makes the part of `name`, empty. `may_replace`: it may take the place of a file that is there.
    pub(crate) fn create(
        directory: &Arc<Directory>,
        name: &FileName,
        may_replace: bool,
    ) -> Result<Self, FileFault> {
        let part = name.part();
        let fault = |error| FileFault::of("create", &directory.path_of(&part), error);
        for _ in 0..CREATE_TRIES {
            match directory.create(&part) {
                Ok(file) => {
                    // Somebody may have thought it stale before it was locked.
                    let Some(identity) = claim(&file).map_err(fault)? else { continue };
                    // A run that was killed after its rename has left its journal, which is of another part.
                    remove_journal(directory, name).map_err(fault)?;
                    return Ok(Self::of(directory, name, file, identity, may_replace));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => remove_stale(directory, &part)?,
                Err(error) => return Err(fault(error)),
            }
        }
        Err(FileFault::InUse { path: directory.path_of(&part) })
    }

    /// The part of `name` that another run has left, and its journal; `None` if there is none to go on with.
    /// It stays where it is when it is dropped, until it is [begun](Self::begin_anew) anew.
    ///
    /// # Errors
    /// Another process is at it.
    pub(crate) fn reopen(
        directory: &Arc<Directory>,
        name: &FileName,
        may_replace: bool,
    ) -> Result<Option<(Self, Journal)>, FileFault> {
        let Ok(file) = directory.open_own(&name.part()) else { return Ok(None) };
        if !lock(&file) {
            return Err(FileFault::InUse { path: directory.path_of(&name.part()) });
        }
        let Some(journal) = read_journal(directory, name) else { return Ok(None) };
        let Ok(held) = file.metadata() else { return Ok(None) };
        let identity = Identity::of(&held);
        if journal.spans.end() > held.len() || !directory.is_file(&name.part(), identity).unwrap_or(false) {
            return Ok(None);
        }
        let mut part = Self::of(directory, name, file, identity, may_replace);
        (part.journaled, part.end, part.reach) = (true, End::Keep, None);
        Ok(Some((part, journal)))
    }

    fn of(
        directory: &Arc<Directory>,
        name: &FileName,
        file: File,
        identity: Identity,
        may_replace: bool,
    ) -> Self {
        let (directory, name, reach) = (Arc::clone(directory), name.clone(), Some(0));
        Self { directory, name, file, identity, may_replace, reach, journaled: false, end: End::Remove }
    }

    /// Throws away what is in it.
    pub(crate) fn begin_anew(&mut self) -> Result<(), FileFault> {
        // First of all nothing may say any more that it is there.
        self.forget_journal();
        (self.end, self.reach) = (End::Remove, Some(0));
        self.file.set_len(0).map_err(|error| FileFault::of("write", &self.path(), error))
    }

    /// Takes the room for `length` bytes on the disk: one that has no room says so now, and the file lies
    /// in one piece. In memory (tmpfs) that would cost as much as writing it, and only the room is looked at.
    pub(crate) fn allocate(&self, length: u64) -> Result<(), FileFault> {
        if length < ALLOCATE_MIN {
            return Ok(());
        }
        let full = || FileFault::Full { path: self.path() };
        let held = self.file.metadata().map_or(0, |metadata| metadata.blocks().saturating_mul(512));
        if let Ok(room) = rustix::fs::fstatvfs(&self.file)
            && room.f_bavail.saturating_mul(room.f_frsize) < length.saturating_sub(held)
            && room.f_blocks > 0
        {
            return Err(full());
        }
        if is_in_memory(&self.file) {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, length) {
            Err(Errno::NOSPC) => Err(full()),
            // A file system that can't goes without.
            _ => Ok(()),
        }
    }

    /// Writes `bytes` where they belong.
    pub(crate) fn write_at(&mut self, bytes: &[u8], at: u64) -> Result<(), FileFault> {
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.reach = self.reach.map(|reach| reach.max(end));
        self.file.write_all_at(bytes, at).map_err(|error| FileFault::of("write", &self.path(), error))
    }

    /// The file, for whoever hashes it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Says in the journal what is there: it is then kept if it is dropped. A journal that can't be written
    /// is no reason to give up: less is kept then. Whether it is kept.
    pub(crate) fn note(&mut self, journal: &Journal) -> bool {
        match self.write_journal(journal) {
            Ok(()) => {
                self.journaled = true;
                self.end = End::Keep;
            }
            Err(error) => tracing::debug!(%error, path = %self.path().display(), "no journal"),
        }
        self.journaled
    }

    fn write_journal(&self, journal: &Journal) -> io::Result<()> {
        let (name, draft) = (self.name.journal(), self.name.journal_draft());
        let made = match self.directory.create(&draft) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.directory.remove(&draft)?;
                self.directory.create(&draft)
            }
            made => made,
        }?;
        made.write_all_at(journal.to_string().as_bytes(), 0)?;
        self.directory.rename(&draft, &name, true)
    }

    fn forget_journal(&mut self) {
        if self.journaled {
            let _ = remove_journal(&self.directory, &self.name);
            let _ = self.directory.remove(&self.name.journal_draft());
            self.journaled = false;
        }
    }

    /// Makes the part the file, `length` bytes long, and of that version, as far as it is known.
    pub(crate) async fn land(mut self, length: u64, version: &Validators) -> Result<(), FileFault> {
        let (part, path) = (self.name.part(), self.directory.path_of(&self.name));
        let write_fault = |error| FileFault::of("write", &self.path(), error);
        if self.reach != Some(length) {
            self.file.set_len(length).map_err(write_fault)?;
        }
        if self.journaled
            || (self.may_replace && self.directory.kind_of(&self.name).is_ok_and(|it| it.is_some()))
        {
            self.sync().await.map_err(write_fault)?;
        }
        let modified = set_modified(&self.file, version.last_modified.map(HttpDate::to_system_time));
        if let Some(etag) = &version.etag {
            mark::write(&self.file, length, modified, etag);
        }
        // Else another download's part would become the file.
        if !self.directory.is_file(&part, self.identity).unwrap_or(false) {
            return Err(FileFault::Lost { path: self.path() });
        }
        let renamed = self.directory.rename(&part, &self.name, self.may_replace);
        renamed.map_err(|error| FileFault::of("create", &path, error))?;
        self.end = End::Landed;
        self.forget_journal();
        Ok(())
    }

    /// Waits until the bytes are on the disk. Without that, a machine that loses power right after the
    /// rename may come up with neither the old file nor the new one. Where nothing is replaced, and what
    /// arrived took less than a second, nothing can be lost but that: thousands of small files need not
    /// wait for the disk each.
    async fn sync(&self) -> io::Result<()> {
        let file = self.file.try_clone()?;
        // May take many seconds: not on this thread, so that the future can be dropped meanwhile.
        match tokio::task::spawn_blocking(move || file.sync_data()).await {
            Ok(result) => result,
            Err(gone) => Err(io::Error::other(gone)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path_of(&self.name.part())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.end != End::Remove {
            return;
        }
        self.forget_journal();
        if let Err(error) = remove_own(&self.directory, &self.name.part(), self.identity) {
            tracing::debug!(%error, path = %self.path().display(), "the unfinished file stays");
        }
    }
}

fn remove_journal(directory: &Directory, name: &FileName) -> io::Result<()> {
    match directory.remove(&name.journal()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_journal(directory: &Directory, name: &FileName) -> Option<Journal> {
    let file = directory.open_own(&name.journal()).ok()?;
    let mut text = String::new();
    file.take(JOURNAL_MAX).read_to_string(&mut text).ok()?;
    Journal::parse(&text)
}

/// A file's time is that of its version, as far as the file system can hold it. Gives it, in seconds since 1970.
fn set_modified(file: &File, modified: Option<SystemTime>) -> Option<i64> {
    let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    let last_modification = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let last_access = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    rustix::fs::futimens(file, &Timestamps { last_access, last_modification }).ok()?;
    Some(seconds)
}

/// Whether the file system keeps its files in memory.
fn is_in_memory(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    #[cfg(target_os = "linux")]
    return rustix::fs::fstatfs(file).is_ok_and(|fs| fs.f_type == TMPFS_MAGIC);
    #[cfg(not(target_os = "linux"))]
    false
}

/// Locks a part that was just made, and tells which file it is; `None` if somebody took it away before that.
fn claim(file: &File) -> io::Result<Option<Identity>> {
    if !lock(file) {
        return Ok(None);
    }
    let metadata = file.metadata()?;
    Ok((metadata.nlink() > 0).then(|| Identity::of(&metadata)))
}

/// `false` if another process has it. A file system without locks (some network ones) leaves us as
/// safe as without them.
fn lock(file: &File) -> bool {
    !matches!(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK))
}

/// Removes a part that no process is writing.
fn remove_stale(directory: &Directory, part: &FileName) -> Result<(), FileFault> {
    let path = directory.path_of(part);
    let fault = |error| FileFault::of("replace", &path, error);
    match directory.kind_of(part).map_err(fault)? {
        Some(FileType::RegularFile) => {}
        Some(_) => return Err(FileFault::NotRegular { path }),
        None => return Ok(()),
    }
    let file = match directory.open_file(part) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fault(error)),
    };
    if !lock(&file) {
        return Err(FileFault::InUse { path });
    }
    let identity = Identity::of(&file.metadata().map_err(fault)?);
    remove_own(directory, part, identity).map_err(fault)
}

/// Removes the part that is that file, whose lock we hold. Before we locked it, it may have been removed,
/// and another one made that is not ours.
fn remove_own(directory: &Directory, part: &FileName, file: Identity) -> io::Result<()> {
    if directory.is_file(part, file)? { directory.remove(part) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    fn place() -> (TempDir, Arc<Directory>, FileName) {
        let tree = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::open(tree.path()).unwrap());
        (tree, directory, FileName::of_path(Path::new("x")).unwrap())
    }

    fn names(tree: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(tree.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_part_becomes_the_file_in_one_step() {
        let (tree, directory, name) = place();
        let mut part = Part::create(&directory, &name, false).unwrap();
        part.write_at(b"world", 6).unwrap();
        part.write_at(b"hello ", 0).unwrap();
        assert_eq!(names(&tree), ["x.part"]);
        part.land(11, &Validators::default()).await.unwrap();
        assert_eq!(names(&tree), ["x"]);
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"hello world");
    }

    #[test]
    fn a_part_that_is_dropped_is_removed() {
        let (tree, directory, name) = place();
        let mut part = Part::create(&directory, &name, false).unwrap();
        part.write_at(&[7; 100_000], 0).unwrap();
        drop(part);
        assert_eq!(names(&tree), [""; 0]);
    }

    #[tokio::test]
    async fn a_file_that_appears_meanwhile_is_not_replaced_without_leave() {
        let (tree, directory, name) = place();
        let part = Part::create(&directory, &name, false).unwrap();
        fs::write(tree.path().join("x"), "theirs").unwrap();
        assert!(matches!(part.land(0, &Validators::default()).await, Err(FileFault::Exists { .. })));
        assert_eq!(names(&tree), ["x"]);
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"theirs");
        let mut part = Part::create(&directory, &name, true).unwrap();
        part.write_at(b"ours", 0).unwrap();
        part.land(4, &Validators::default()).await.unwrap();
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"ours");
    }

    #[test]
    fn a_journal_of_a_part_that_is_gone_is_not_believed_of_the_next_one() {
        let (tree, directory, name) = place();
        fs::write(tree.path().join("x.part.sockets"), "sockets journal 1").unwrap();
        let part = Part::create(&directory, &name, false).unwrap();
        assert_eq!(names(&tree), ["x.part"]);
        drop(part);
    }

    #[tokio::test]
    async fn what_a_killed_download_left_is_replaced() {
        let (tree, directory, name) = place();
        fs::write(tree.path().join("x.part"), "much more than the new one has").unwrap();
        let mut part = Part::create(&directory, &name, false).unwrap();
        part.write_at(b"new", 0).unwrap();
        part.land(3, &Validators::default()).await.unwrap();
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"new");
    }

    #[test]
    fn a_part_that_is_being_written_is_left_alone() {
        let (tree, directory, name) = place();
        let first = Part::create(&directory, &name, false).unwrap();
        let second = Part::create(&directory, &name, false).unwrap_err();
        assert!(matches!(second, FileFault::InUse { .. }), "{second}");
        assert_eq!(names(&tree), ["x.part"]);
        drop(first);
        Part::create(&directory, &name, false).unwrap();
    }

    #[test]
    fn a_part_that_is_no_regular_file_is_left_alone() {
        let (tree, directory, name) = place();
        let (victim, part) = (tree.path().join("victim"), tree.path().join("x.part"));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &part).unwrap();
        assert!(matches!(Part::create(&directory, &name, false), Err(FileFault::NotRegular { .. })));
        fs::remove_file(&part).unwrap();
        fs::create_dir(&part).unwrap();
        assert!(matches!(Part::create(&directory, &name, false), Err(FileFault::NotRegular { .. })));
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_part_that_was_taken_away_never_makes_another_one_the_file() {
        let (tree, directory, name) = place();
        let lost = Part::create(&directory, &name, true).unwrap();
        fs::remove_file(tree.path().join("x.part")).unwrap();
        let mut other = Part::create(&directory, &name, false).unwrap();
        other.write_at(b"theirs", 0).unwrap();
        assert!(matches!(lost.land(0, &Validators::default()).await, Err(FileFault::Lost { .. })));
        assert_eq!(names(&tree), ["x.part"]);
        other.land(6, &Validators::default()).await.unwrap();
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"theirs");
    }

    #[test]
    fn a_part_lost_between_its_making_and_its_lock_is_not_claimed() {
        let (_tree, directory, name) = place();
        let file = directory.create(&name.part()).unwrap();
        remove_stale(&directory, &name.part()).unwrap();
        assert_eq!(claim(&file).unwrap(), None);
    }
}
