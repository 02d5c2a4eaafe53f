//! The directory beneath which everything lies, and the one way to open something in it.
//!
//! Containment is proved by opening: the kernel walks the path from the root's descriptor and refuses
//! to leave it (openat2(2), `RESOLVE_BENEATH`), links included, whoever renames what in the meantime.
//! Links that stay inside are followed; absolute ones are refused, since they start outside.
//!
//! Where openat2 is missing (before Linux 5.6, under an old container's filter, on other systems) the
//! path is walked name by name, and no link is followed at all: then links that stay inside are not
//! served either.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use message::body::FileSlice;
use message::hosts::SameHost;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, open, openat, stat, statat};
use rustix::io::{Errno, retry_on_intr};
use watch::{Calm, Watch};

use crate::identity::{Identity, Kind};
use crate::path::CheckedPath;

/// How files are opened. A FIFO doesn't block, a terminal doesn't become ours, and no child gets any.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How directories are opened to be read. Links are followed, as far as the walk does.
const LISTED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How directories on the way are opened where the path is walked by hand. A link is not a directory.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How often the kernel may say that it can't tell whether a path stayed inside, because something
/// was renamed while it looked.
const RENAME_TRIES: usize = 8;

/// An open directory.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    /// What stat(2) said of it when it was opened. While it is open no other directory has its numbers.
    stat: Stat,
    walk: Walk,
    watch: Watch,
}

/// Who holds a path to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// The kernel, by openat2(2).
    Kernel,
    /// We, name by name, following no link.
    ByHand,
}

/// What a path led to.
#[derive(Debug)]
pub enum Opened {
    /// A regular file.
    File(OpenFile),
    /// A directory.
    Directory,
}

/// A regular file that lies beneath the root, and the version of it that was there when it was opened.
#[derive(Clone, Debug)]
pub struct OpenFile {
    file: Arc<File>,
    identity: Identity,
}

/// What a name is at present, as far as stat(2) can tell. Not proved to lie beneath the root.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Which version of it.
    pub identity: Identity,
}

/// Why a directory can't be served. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// There is no such directory.
    #[error(
        "{} is not a directory here: create it (mkdir -p {}) or name another: sockets server DIR",
        .0.display(), .0.display()
    )]
    Missing(PathBuf),
    /// It is there, but something else.
    #[error("{} is a file, not a directory: name the directory it is in: sockets server DIR", .0.display())]
    NotDirectory(PathBuf),
    /// This user may not read it.
    #[error("{} may not be read by this user: change its permissions or run as another user", .0.display())]
    Forbidden(PathBuf),
    /// Anything else.
    #[error("{} can't be opened: {}", .0.display(), .1)]
    Other(PathBuf, std::io::Error),
    /// Two directories are to be served for one host.
    #[error(transparent)]
    SameHost(#[from] SameHost),
}

/// Why a file can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Nothing that may be served has this name.
    #[error("no such file")]
    Absent,
    /// It is there, but this process may not read it.
    #[error("the file may not be read")]
    Forbidden,
    /// The process or the system has no descriptor or memory to spare now: not the file's fault.
    #[error("no file can be opened now ({0})")]
    Short(Errno),
    /// It was changed while it was read.
    #[error("the file changes while it is read")]
    Changing,
    /// The disk failed, or something else that isn't the client's fault.
    #[error("the file can't be read ({0})")]
    Unreadable(Errno),
}

impl Root {
    /// Opens the directory at `path`, and finds out who can hold paths to it.
    ///
    /// # Errors
    /// Why it can't be served, and what to do about it.
    pub fn open(path: &Path) -> Result<Self, OpenFault> {
        let (directory, stat) = open_root(path).map_err(|errno| OpenFault::of(path, errno))?;
        // NOSYS: too old a kernel. PERM: a filter that doesn't know the call and denies it.
        let walk = match open_in_kernel(&directory, b".", FILE) {
            Err(Errno::NOSYS | Errno::PERM) => Walk::ByHand,
            _ => Walk::Kernel,
        };
        let watch = Watch::new(&directory, 0);
        Ok(Self { directory, stat, walk, watch })
    }

    /// Whether it is this very directory that is at `path` now. Nothing is opened.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        let same = |now: Stat| now.st_dev == self.stat.st_dev && now.st_ino == self.stat.st_ino;
        retry_on_intr(|| stat(path)).is_ok_and(same)
    }

    /// Opens what is at `path` now, with the same walk. `era`: a number that no other root of the site has.
    ///
    /// # Errors
    /// Why it can't be served, and what to do about it.
    pub fn reopen(&self, path: &Path, era: u64) -> Result<Self, OpenFault> {
        let (directory, stat) = open_root(path).map_err(|errno| OpenFault::of(path, errno))?;
        let watch = Watch::new(&directory, era);
        Ok(Self { directory, stat, walk: self.walk, watch })
    }

    /// The same root with another walk: to try the one that this kernel doesn't need.
    #[must_use]
    pub fn walking(self, walk: Walk) -> Self {
        Self { walk, ..self }
    }

    /// Looks at a name without opening it.
    ///
    /// Links are followed wherever they lead. That is harmless, for nothing is served on the strength
    /// of it: a file that is open already is served if it is *the same* version of the same file, and
    /// that one was proved to lie beneath the root when it was opened; all else is opened first.
    ///
    /// # Errors
    /// [`FileFault::Absent`] is final, since opening reaches nothing that looking does not. Any other
    /// fault may be that of a place outside, so only opening can tell.
    pub fn look(&self, path: &CheckedPath<'_>) -> Result<Seen, FileFault> {
        let stat = retry_on_intr(|| statat(&self.directory, path.as_bytes(), AtFlags::empty()));
        stat.map(|stat| Seen::of(&stat)).map_err(fault)
    }

    /// The calm that there is beneath it; see [`Watch::calm`].
    pub(crate) fn calm(&self) -> Option<Calm> {
        self.watch.calm()
    }

    /// Whether `path` leads to that very version, and any change of that will be told of, from before that was
    /// seen. Only then may it be taken for proved.
    pub(crate) fn proves(&self, path: &CheckedPath<'_>, identity: &Identity, now: SystemTime) -> bool {
        // Another file system may be one of those that don't tell.
        if !identity.is_beside(&self.stat) || !self.watch.covers(&self.directory, path.names(), now) {
            return false;
        }
        let itself = AtFlags::SYMLINK_NOFOLLOW;
        let stat = retry_on_intr(|| statat(&self.directory, path.as_bytes(), itself));
        stat.is_ok_and(|stat| Identity::of(&stat) == *identity)
    }

    /// Opens what `path` leads to beneath the root.
    ///
    /// # Errors
    /// Why it can't be served. What lies outside is [`FileFault::Absent`], as is whatever is neither
    /// a regular file nor a directory.
    pub fn open_beneath(&self, path: &CheckedPath<'_>) -> Result<Opened, FileFault> {
        let opened = match self.walk {
            Walk::Kernel => open_in_kernel(&self.directory, path.as_bytes(), FILE),
            Walk::ByHand => open_by_hand(&self.directory, path, FILE | OFlags::NOFOLLOW),
        };
        let file = File::from(opened.map_err(fault)?);
        let seen = see(&file)?;
        match seen.kind {
            Kind::File => Ok(Opened::File(OpenFile { file: Arc::new(file), identity: seen.identity })),
            Kind::Directory => Ok(Opened::Directory),
            Kind::Other => Err(FileFault::Absent),
        }
    }

    /// Opens the directory that `path` leads to beneath the root, to be read.
    ///
    /// # Errors
    /// Why it can't be listed. [`FileFault::Absent`] if it lies outside or is no directory.
    pub fn open_directory(&self, path: &CheckedPath<'_>) -> Result<OwnedFd, FileFault> {
        let opened = match (path.as_bytes(), self.walk) {
            (b"", _) => retry_on_intr(|| openat(&self.directory, ".", LISTED, Mode::empty())),
            (names, Walk::Kernel) => open_in_kernel(&self.directory, names, LISTED),
            (_, Walk::ByHand) => open_by_hand(&self.directory, path, DIRECTORY),
        };
        opened.map_err(fault)
    }

    /// What a symbolic link leads to, if that lies beneath the root. Nothing is opened for reading, so
    /// that a link to a device does no harm.
    ///
    /// # Errors
    /// [`FileFault::Absent`] if it leads outside or nowhere, or where no link is followed at all.
    pub fn follow(&self, link: &CheckedPath<'_>) -> Result<Seen, FileFault> {
        match self.walk {
            Walk::ByHand => Err(FileFault::Absent),
            Walk::Kernel => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let place = open_in_kernel(&self.directory, link.as_bytes(), flags).map_err(fault)?;
                fstat(place).map(|stat| Seen::of(&stat)).map_err(fault)
            }
        }
    }
}

impl OpenFault {
    fn of(path: &Path, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno {
            Errno::NOENT => Self::Missing(path),
            Errno::NOTDIR => Self::NotDirectory(path),
            Errno::ACCESS | Errno::PERM => Self::Forbidden(path),
            other => Self::Other(path, other.into()),
        }
    }
}

impl Seen {
    fn of(stat: &Stat) -> Self {
        Self { kind: Kind::of(stat), identity: Identity::of(stat) }
    }
}

impl OpenFile {
    /// The open file.
    #[must_use]
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The version that was there when it was opened.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// All of it, of that version; `None` if it is longer than a file can be.
    #[must_use]
    pub fn whole(&self) -> Option<FileSlice> {
        let size = self.identity.size();
        let slice = FileSlice::new(Arc::clone(&self.file), size, 0, size)?;
        Some(match self.identity.modified().to_system_time() {
            Some(modified) => slice.of_version(size, modified),
            None => slice, // from before 1970: whether it was written over can't be told
        })
    }

    /// Whether it is still that version.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        see(&self.file).is_ok_and(|seen| seen.identity == self.identity)
    }
}

fn open_root(path: &Path) -> Result<(OwnedFd, Stat), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = retry_on_intr(|| open(path, flags, Mode::empty()))?;
    let stat = fstat(&directory)?;
    Ok((directory, stat))
}

#[cfg(target_os = "linux")]
fn open_in_kernel(directory: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let attempt = || retry_on_intr(|| openat2(directory, path, flags, Mode::empty(), resolve));
    for _ in 1..RENAME_TRIES {
        match attempt() {
            Err(Errno::AGAIN) => {}
            settled => return settled,
        }
    }
    attempt()
}

#[cfg(not(target_os = "linux"))]
fn open_in_kernel(_: &OwnedFd, _: &[u8], _: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Walks name by name, and opens the last one with `last`, which must not follow links. No name is `..`
/// and no link is followed, so each step leads down.
fn open_by_hand(root: &OwnedFd, path: &CheckedPath<'_>, last: OFlags) -> Result<OwnedFd, Errno> {
    let mut names = path.names().peekable();
    let mut above: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let directory = above.as_ref().unwrap_or(root);
        let flags = if names.peek().is_some() { DIRECTORY } else { last };
        above = Some(retry_on_intr(|| openat(directory, name, flags, Mode::empty()))?);
    }
    above.ok_or(Errno::ISDIR) // the root itself: only ever asked for its index
}

fn see(file: &File) -> Result<Seen, FileFault> {
    fstat(file).map(|stat| Seen::of(&stat)).map_err(fault)
}

/// What an error number says about the file.
pub(crate) fn fault(errno: Errno) -> FileFault {
    match errno {
        // NOENT, NOTDIR: no such name. XDEV: the path leads outside. LOOP: links in a circle, or any
        // link where none is followed. NAMETOOLONG, INVAL, ILSEQ: a name that this file system can't
        // have. NXIO, NODEV: a socket, or a device without a driver.
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::XDEV
        | Errno::LOOP
        | Errno::NAMETOOLONG
        | Errno::INVAL
        | Errno::ILSEQ
        | Errno::NXIO
        | Errno::NODEV => FileFault::Absent,
        Errno::ACCESS | Errno::PERM => FileFault::Forbidden,
        // AGAIN: renamed while we looked, each time, or leased to another program.
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => FileFault::Short(errno),
        other => FileFault::Unreadable(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_error_number_is_told_as_what_it_is() {
        for (errno, expected) in [
            (Errno::NOENT, FileFault::Absent),
            (Errno::XDEV, FileFault::Absent),
            (Errno::LOOP, FileFault::Absent),
            (Errno::NAMETOOLONG, FileFault::Absent),
            (Errno::ACCESS, FileFault::Forbidden),
            (Errno::MFILE, FileFault::Short(Errno::MFILE)),
            (Errno::NFILE, FileFault::Short(Errno::NFILE)),
            (Errno::NOMEM, FileFault::Short(Errno::NOMEM)),
            (Errno::IO, FileFault::Unreadable(Errno::IO)),
            (Errno::STALE, FileFault::Unreadable(Errno::STALE)),
        ] {
            assert_eq!(fault(errno), expected);
        }
    }

    #[test]
    fn a_directory_that_is_missing_says_what_to_type() {
        let temporary = tempfile::tempdir().unwrap();
        let missing = temporary.path().join("files");
        let told = Root::open(&missing).unwrap_err().to_string();
        assert!(told.contains(&format!("mkdir -p {}", missing.display())), "{told}");
        assert!(told.contains("sockets server DIR"), "{told}");
        std::fs::write(&missing, "").unwrap();
        assert!(matches!(Root::open(&missing), Err(OpenFault::NotDirectory(_))));
    }

    /// Opens `path` beneath a fresh directory that `make` has filled.
    fn open_in(walk: Walk, path: &str, make: impl Fn(&Path)) -> Result<Opened, FileFault> {
        let temporary = tempfile::tempdir().unwrap();
        let served = temporary.path().join("served");
        std::fs::create_dir(&served).unwrap();
        std::fs::write(temporary.path().join("secret"), "secret").unwrap();
        make(&served);
        let root = Root::open(&served).unwrap().walking(walk);
        let path = CheckedPath::parse(path.as_bytes()).unwrap();
        root.open_beneath(&path)
    }

    #[test]
    fn nothing_outside_is_opened_by_either_walk() {
        for walk in [Walk::Kernel, Walk::ByHand] {
            let relative = open_in(walk, "/out", |dir| symlink("../secret", dir.join("out")).unwrap());
            assert_eq!(relative.unwrap_err(), FileFault::Absent, "{walk:?}");
            let above = open_in(walk, "/up/secret", |dir| symlink("..", dir.join("up")).unwrap());
            assert_eq!(above.unwrap_err(), FileFault::Absent, "{walk:?}");
            let absolute = open_in(walk, "/in", |dir| {
                std::fs::write(dir.join("file"), "").unwrap();
                symlink(dir.join("file"), dir.join("in")).unwrap();
            });
            assert_eq!(absolute.unwrap_err(), FileFault::Absent, "{walk:?}");
            let magic = open_in(walk, "/fd", |dir| symlink("/proc/self/fd/0", dir.join("fd")).unwrap());
            assert_eq!(magic.unwrap_err(), FileFault::Absent, "{walk:?}");
            let circle = open_in(walk, "/a", |dir| symlink("a", dir.join("a")).unwrap());
            assert_eq!(circle.unwrap_err(), FileFault::Absent, "{walk:?}");
        }
    }

    #[test]
    fn a_link_that_stays_inside_is_followed_by_the_kernel_only() {
        let make = |dir: &Path| {
            std::fs::create_dir(dir.join("d")).unwrap();
            std::fs::write(dir.join("file"), "").unwrap();
            symlink("../file", dir.join("d/link")).unwrap();
        };
        assert!(matches!(open_in(Walk::Kernel, "/d/link", make), Ok(Opened::File(_))));
        assert_eq!(open_in(Walk::ByHand, "/d/link", make).unwrap_err(), FileFault::Absent);
    }

    #[test]
    fn a_directory_is_opened_beneath_the_root_only() {
        let temporary = tempfile::tempdir().unwrap();
        let served = temporary.path().join("served");
        std::fs::create_dir_all(served.join("a/b")).unwrap();
        std::fs::write(served.join("file"), "").unwrap();
        symlink("..", served.join("up")).unwrap();
        symlink("a/b", served.join("in")).unwrap();
        for walk in [Walk::Kernel, Walk::ByHand] {
            let root = Root::open(&served).unwrap().walking(walk);
            let open = |path: &str| root.open_directory(&CheckedPath::parse(path.as_bytes()).unwrap());
            for path in ["/", "/a", "/a/b/"] {
                assert!(open(path).is_ok(), "{walk:?} {path}");
            }
            for path in ["/file", "/up", "/up/served", "/none"] {
                assert_eq!(open(path).unwrap_err(), FileFault::Absent, "{walk:?} {path}");
            }
            assert_eq!(open("/in").is_ok(), walk == Walk::Kernel);
        }
    }

    #[test]
    fn a_link_is_followed_beneath_the_root_only() {
        let temporary = tempfile::tempdir().unwrap();
        let served = temporary.path().join("served");
        std::fs::create_dir_all(served.join("a")).unwrap();
        std::fs::write(served.join("file"), "12345").unwrap();
        std::fs::write(temporary.path().join("secret"), "secret").unwrap();
        symlink("../file", served.join("a/in")).unwrap();
        symlink("../../secret", served.join("a/out")).unwrap();
        symlink("none", served.join("a/dangling")).unwrap();
        let root = Root::open(&served).unwrap();
        let follow = |path: &str| root.follow(&CheckedPath::parse(path.as_bytes()).unwrap());
        let seen = follow("/a/in").unwrap();
        assert_eq!((seen.kind, seen.identity.size()), (Kind::File, 5));
        assert_eq!(follow("/a/out").unwrap_err(), FileFault::Absent);
        assert_eq!(follow("/a/dangling").unwrap_err(), FileFault::Absent);
        let by_hand = root.walking(Walk::ByHand);
        let link = CheckedPath::parse(b"/a/in").unwrap();
        assert_eq!(by_hand.follow(&link).unwrap_err(), FileFault::Absent);
    }

    #[test]
    fn files_and_directories_are_told_apart_by_either_walk() {
        let make = |dir: &Path| {
            std::fs::create_dir_all(dir.join("a/b")).unwrap();
            std::fs::write(dir.join("a/b/file"), "12345").unwrap();
        };
        for walk in [Walk::Kernel, Walk::ByHand] {
            assert!(matches!(open_in(walk, "/a/b", make), Ok(Opened::Directory)), "{walk:?}");
            match open_in(walk, "/a/b/file", make) {
                Ok(Opened::File(file)) => assert_eq!(file.identity().size(), 5, "{walk:?}"),
                other => panic!("{walk:?}: {other:?}"),
            }
            let through = open_in(walk, "/a/b/file/x", make);
            assert_eq!(through.unwrap_err(), FileFault::Absent, "{walk:?}");
        }
    }
}
