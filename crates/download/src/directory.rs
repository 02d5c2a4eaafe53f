//! The output directory, open: everything that happens to files happens in here.
//!
//! All calls are relative to the open directory and take [`FileName`]s, which are one component each,
//! and no call follows a symbolic link: so no name leads out of it, and it stays the same directory
//! even if somebody renames it or puts a link in its place during a download.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::file_fault::FileFault;
use crate::name::FileName;

/// Permissions of a new file, before the umask.
const MODE: Mode = Mode::from_bits_truncate(0o666);

/// Permissions of a new directory, before the umask.
const DIRECTORY_MODE: Mode = Mode::from_bits_truncate(0o777);

/// An open directory, and the path by which people know it.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

/// Which file an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl Directory {
    /// Opens the directory at `path`; the empty path is the current one.
    pub(crate) fn open(path: &Path) -> Result<Self, FileFault> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned() }),
            Err(Errno::NOENT) => Err(FileFault::NoDirectory { path: path.to_owned() }),
            Err(errno) => Err(FileFault::of("open the directory", path, errno.into())),
        }
    }

    /// Opens the directory `name` in here. One that is a link to another is none.
    pub(crate) fn enter(&self, name: &FileName) -> Result<Self, FileFault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path_of(name);
        match rustix::fs::openat(&self.fd, name.as_os_str(), flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(FileFault::NotDirectory { path }),
            Err(errno) => Err(FileFault::of("open the directory", &path, errno.into())),
        }
    }

    /// The same, and makes it if it is not there.
    pub(crate) fn make(&self, name: &FileName) -> Result<Self, FileFault> {
        match rustix::fs::mkdirat(&self.fd, name.as_os_str(), DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => self.enter(name),
            Err(errno) => Err(FileFault::of("create", &self.path_of(name), errno.into())),
        }
    }

    /// What is in here, and of what kind each is.
    pub(crate) fn entries(&self) -> io::Result<Vec<(FileName, FileType)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            if let Some(name) = FileName::of_entry(OsStr::from_bytes(entry.file_name().to_bytes()))
                && let Some(kind) = self.kind_of(&name)?
            {
                entries.push((name, kind));
            }
        }
        Ok(entries)
    }

    /// Its own path, for people.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` in here, for people; not to be opened.
    pub(crate) fn path_of(&self, name: &FileName) -> PathBuf {
        if self.path == Path::new(".") { PathBuf::from(name.as_os_str()) } else { self.path.join(name) }
    }

    /// What kind of thing `name` is; `None` if it is not there.
    pub(crate) fn kind_of(&self, name: &FileName) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.fd, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes a file that was not there, and opens it for reading and writing.
    pub(crate) fn create(&self, name: &FileName) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name.as_os_str(), flags, MODE)?))
    }

    /// Opens what is there for reading, without waiting for the other end of a pipe.
    pub(crate) fn open_file(&self, name: &FileName) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name.as_os_str(), flags, Mode::empty())?))
    }

    /// Opens a regular file that is the user's own and has no other name, for reading and writing: in a
    /// directory that others may write to, nobody else can have put it there.
    pub(crate) fn open_own(&self, name: &FileName) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.fd, name.as_os_str(), flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        let is_own = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == rustix::process::geteuid().as_raw()
            && stat.st_nlink == 1;
        if is_own { Ok(file) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    /// Whether `name` is the file of that identity, and not another one that has taken its place.
    pub(crate) fn is_file(&self, name: &FileName, file: Identity) -> io::Result<bool> {
        match rustix::fs::statat(&self.fd, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(here) => Ok(Identity { device: here.st_dev, inode: here.st_ino } == file),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &FileName) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name.as_os_str(), AtFlags::empty())?)
    }

    /// Removes a directory if there is nothing in it; whether it is gone.
    pub(crate) fn remove_empty(&self, name: &FileName) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.fd, name.as_os_str(), AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives a file another name, in one step. What has that name already is replaced if `replace`
    /// says so, else it is an error.
    pub(crate) fn rename(&self, from: &FileName, to: &FileName, replace: bool) -> io::Result<()> {
        let (from_name, to_name) = (from.as_os_str(), to.as_os_str());
        if replace {
            return Ok(rustix::fs::renameat(&self.fd, from_name, &self.fd, to_name)?);
        }
        match rustix::fs::renameat_with(&self.fd, from_name, &self.fd, to_name, RenameFlags::NOREPLACE) {
            // A file system that can't: then a look and a rename, with a gap between the two.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match self.kind_of(to)? {
                Some(_) => Err(Errno::EXIST.into()),
                None => self.rename(from, to, true),
            },
            result => Ok(result?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        FileName::of_path(Path::new(text)).unwrap()
    }

    #[test]
    fn it_stays_the_same_directory_when_a_link_takes_its_place() {
        let tree = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (tree.path().join("out"), tree.path().join("elsewhere"));
        std::fs::create_dir(&out).unwrap();
        std::fs::create_dir(&elsewhere).unwrap();
        let directory = Directory::open(&out).unwrap();
        std::fs::rename(&out, tree.path().join("moved")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &out).unwrap();
        directory.create(&name("x")).unwrap();
        assert!(tree.path().join("moved/x").exists() && !elsewhere.join("x").exists());
    }

    #[test]
    fn nothing_is_made_or_opened_through_a_link() {
        let tree = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(tree.path().join("target"), tree.path().join("link")).unwrap();
        let directory = Directory::open(tree.path()).unwrap();
        assert!(directory.create(&name("link")).is_err() && directory.open_file(&name("link")).is_err());
        assert_eq!(directory.kind_of(&name("link")).unwrap(), Some(FileType::Symlink));
        assert!(!tree.path().join("target").exists());
    }

    #[test]
    fn a_rename_replaces_only_when_told_to() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join("new"), "new").unwrap();
        std::fs::write(tree.path().join("old"), "old").unwrap();
        let directory = Directory::open(tree.path()).unwrap();
        let refused = directory.rename(&name("new"), &name("old"), false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(tree.path().join("old")).unwrap(), b"old");
        directory.rename(&name("new"), &name("old"), true).unwrap();
        assert_eq!(std::fs::read(tree.path().join("old")).unwrap(), b"new");
    }

    #[test]
    fn a_directory_that_is_not_there_says_what_to_type() {
        let tree = tempfile::tempdir().unwrap();
        let missing = tree.path().join("missing");
        let fault = Directory::open(&missing).unwrap_err().to_string();
        assert!(fault.ends_with(&format!("(create it with: mkdir -p {})", missing.display())), "{fault}");
        let file = tree.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Directory::open(&file), Err(FileFault::NotDirectory { .. })));
    }
}
