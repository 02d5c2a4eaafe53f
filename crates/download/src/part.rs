//! The unfinished file, `NAME.part`: there while it is written, gone when it is dropped.
//!
//! Its writer holds a lock on it (flock(2)), which ends with the process however that ends: so a part
//! without a lock is what a killed download has left, and is replaced, and one with a lock is not
//! ours to touch. Only who holds the lock of a part removes or renames it.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{FileType, FlockOperation};
use rustix::io::Errno;

use crate::directory::Directory;
use crate::file_fault::FileFault;
use crate::name::FileName;

/// How often the part is made anew when others take it away in between.
const CREATE_TRIES: usize = 5;

/// Pieces smaller than this, in bytes, are gathered before they are written.
const GATHER: usize = 64 * 1024;

/// An unfinished file that is ours.
///
/// Writing blocks this thread. A download has nothing else to do while the disk takes no more: what
/// comes meanwhile waits in the socket, so memory stays flat without a queue, and no block is handed
/// from thread to thread, which costs more than the copy into the page cache that a write is.
#[derive(Debug)]
pub(crate) struct Part {
    directory: Arc<Directory>,
    name: FileName,
    file: BufWriter<File>,
    may_replace: bool,
    landed: bool,
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
                Ok(file) if claim(&file).map_err(fault)? => {
                    return Ok(Self {
                        directory: Arc::clone(directory),
                        name: name.clone(),
                        file: BufWriter::with_capacity(GATHER, file),
                        may_replace,
                        landed: false,
                    });
                }
                Ok(_) => {} // somebody thought it stale before it was locked
                Err(error) if error.kind() == ErrorKind::AlreadyExists => remove_stale(directory, &part)?,
                Err(error) => return Err(fault(error)),
            }
        }
        Err(FileFault::InUse { path: directory.path_of(&part) })
    }

    /// Writes `bytes` after those that are there.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        self.file.write_all(bytes).map_err(|error| FileFault::of("write", &self.path(), error))
    }

    /// Makes the part the file.
    pub(crate) async fn land(mut self) -> Result<(), FileFault> {
        let (part, path) = (self.name.part(), self.directory.path_of(&self.name));
        self.file.flush().map_err(|error| FileFault::of("write", &self.path(), error))?;
        let there =
            self.directory.kind_of(&self.name).map_err(|error| FileFault::of("create", &path, error))?;
        if self.may_replace && there.is_some() {
            self.sync().await.map_err(|error| FileFault::of("write", &self.path(), error))?;
        }
        // Else another download's part would become the file.
        if !self.directory.is_file(&part, self.file.get_ref()).unwrap_or(false) {
            return Err(FileFault::Lost { path: self.path() });
        }
        let renamed = self.directory.rename(&part, &self.name, self.may_replace);
        renamed.map_err(|error| FileFault::of("create", &path, error))?;
        self.landed = true;
        Ok(())
    }

    /// Waits until the bytes are on the disk. Without that, a machine that loses power right after the
    /// rename may come up with neither the old file nor the new one. Where nothing is replaced nothing
    /// can be lost but the download, and thousands of small files need not wait for the disk each.
    async fn sync(&self) -> io::Result<()> {
        let file = self.file.get_ref().try_clone()?;
        // May take many seconds: not on this thread, so that the future can be dropped meanwhile.
        match tokio::task::spawn_blocking(move || file.sync_data()).await {
            Ok(result) => result,
            Err(gone) => Err(io::Error::other(gone)),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path_of(&self.name.part())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.landed
            && let Err(error) = remove_own(&self.directory, &self.name.part(), self.file.get_ref())
        {
            tracing::debug!(%error, path = %self.path().display(), "the unfinished file stays");
        }
    }
}

/// Locks a part that was just made; `false` if somebody took it away before that.
fn claim(file: &File) -> io::Result<bool> {
    Ok(lock(file) && file.metadata()?.nlink() > 0)
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
    remove_own(directory, part, &file).map_err(fault)
}

/// Removes the part that is `file`, whose lock we hold. Before we locked it, it may have been removed,
/// and another one made that is not ours.
fn remove_own(directory: &Directory, part: &FileName, file: &File) -> io::Result<()> {
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
        part.write(b"hello ").unwrap();
        part.write(b"world").unwrap();
        assert_eq!(names(&tree), ["x.part"]);
        part.land().await.unwrap();
        assert_eq!(names(&tree), ["x"]);
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"hello world");
    }

    #[test]
    fn a_part_that_is_dropped_is_removed() {
        let (tree, directory, name) = place();
        let mut part = Part::create(&directory, &name, false).unwrap();
        part.write(&[7; 3 * GATHER]).unwrap();
        drop(part);
        assert_eq!(names(&tree), [""; 0]);
    }

    #[tokio::test]
    async fn a_file_that_appears_meanwhile_is_not_replaced_without_leave() {
        let (tree, directory, name) = place();
        let part = Part::create(&directory, &name, false).unwrap();
        fs::write(tree.path().join("x"), "theirs").unwrap();
        assert!(matches!(part.land().await, Err(FileFault::Exists { .. })));
        assert_eq!(names(&tree), ["x"]);
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"theirs");
        let mut part = Part::create(&directory, &name, true).unwrap();
        part.write(b"ours").unwrap();
        part.land().await.unwrap();
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"ours");
    }

    #[tokio::test]
    async fn what_a_killed_download_left_is_replaced() {
        let (tree, directory, name) = place();
        fs::write(tree.path().join("x.part"), "much more than the new one has").unwrap();
        let mut part = Part::create(&directory, &name, false).unwrap();
        part.write(b"new").unwrap();
        part.land().await.unwrap();
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
        other.write(b"theirs").unwrap();
        assert!(matches!(lost.land().await, Err(FileFault::Lost { .. })));
        assert_eq!(names(&tree), ["x.part"]);
        other.land().await.unwrap();
        assert_eq!(fs::read(tree.path().join("x")).unwrap(), b"theirs");
    }

    #[test]
    fn a_part_lost_between_its_making_and_its_lock_is_not_claimed() {
        let (_tree, directory, name) = place();
        let file = directory.create(&name.part()).unwrap();
        remove_stale(&directory, &name.part()).unwrap();
        assert!(!claim(&file).unwrap());
    }
}
