//! What can go wrong with a file, and what to do about it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file could not be made, written or put in its place. `Display` is one line for people.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Something of that name is there, and was not to be replaced.
    #[error("{} is there already (--force replaces it)", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process is writing the unfinished file of that name.
    #[error("{} is being written by another download", .path.display())]
    InUse {
        /// The unfinished file.
        path: PathBuf,
    },
    /// What would be written is the unfinished file of another download.
    #[error("{} is the beginning of a whole download, to be gone on with (-o chooses another name)", .path.display())]
    Unfinished {
        /// The unfinished file.
        path: PathBuf,
    },
    /// Somebody removed or replaced the unfinished file while it was written.
    #[error("{} was taken away during the download", .path.display())]
    Lost {
        /// The unfinished file.
        path: PathBuf,
    },
    /// A device, pipe, link or the like where only a regular file is replaced.
    #[error("{} is not a regular file, and is left alone", .path.display())]
    NotRegular {
        /// The thing.
        path: PathBuf,
    },
    /// A directory where a file was to be.
    #[error("{path} is a directory (--dir {path} saves into it)", path = .path.display())]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The output directory is not there.
    #[error("there is no directory {path} (create it with: mkdir -p {path})", path = .path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// Something else is where the output directory was to be.
    #[error("{} is not a directory", .path.display())]
    NotDirectory {
        /// The thing.
        path: PathBuf,
    },
    /// A path that does not end in a name, such as `/` or `..`.
    #[error("{} does not name a file", .path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// The user may not.
    #[error("no permission to {doing} {}", .path.display())]
    Denied {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A file system that is not written to.
    #[error("{} is on a read-only file system", .path.display())]
    ReadOnly {
        /// Where.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left on the disk for {}", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The user's share of the disk is used up.
    #[error("the disk quota has no room for {}", .path.display())]
    Quota {
        /// The file.
        path: PathBuf,
    },
    /// More bytes than the file system, or the process's limit, takes in one file.
    #[error("{} would be larger than a file may be here", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A name that the file system does not take.
    #[error("the name {} is too long for the file system (-o chooses another)", .path.display())]
    NameTooLong {
        /// The file.
        path: PathBuf,
    },
    /// Whoever read the output has closed it.
    #[error("{} was closed by its reader", .path.display())]
    ReaderGone {
        /// The output.
        path: PathBuf,
    },
    /// Anything else that the system says.
    #[error("can't {doing} {}: {error}", .path.display())]
    Other {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

impl FileFault {
    /// What `error` means, which came of `doing` (a verb, such as "write") something at `path`.
    pub(crate) fn of(doing: &'static str, path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::AlreadyExists => Self::Exists { path },
            ErrorKind::PermissionDenied => Self::Denied { doing, path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::StorageFull => Self::Full { path },
            ErrorKind::QuotaExceeded => Self::Quota { path },
            ErrorKind::FileTooLarge => Self::TooLarge { path },
            ErrorKind::InvalidFilename => Self::NameTooLong { path }, // ENAMETOOLONG
            ErrorKind::IsADirectory => Self::IsDirectory { path },
            ErrorKind::NotADirectory => Self::NotDirectory { path },
            ErrorKind::BrokenPipe => Self::ReaderGone { path },
            _ => Self::Other { doing, path, error },
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn each_way_a_disk_says_no_has_its_own_line_with_the_path() {
        for (errno, line) in [
            (Errno::NOSPC, "no space left on the disk for d/x"),
            (Errno::DQUOT, "the disk quota has no room for d/x"),
            (Errno::ACCESS, "no permission to write d/x"),
            (Errno::PERM, "no permission to write d/x"),
            (Errno::ROFS, "d/x is on a read-only file system"),
            (Errno::NAMETOOLONG, "the name d/x is too long for the file system (-o chooses another)"),
            (Errno::FBIG, "d/x would be larger than a file may be here"),
            (Errno::ISDIR, "d/x is a directory (--dir d/x saves into it)"),
            (Errno::PIPE, "d/x was closed by its reader"),
            (Errno::IO, "can't write d/x: Input/output error (os error 5)"),
        ] {
            assert_eq!(FileFault::of("write", Path::new("d/x"), errno.into()).to_string(), line);
        }
    }
}
