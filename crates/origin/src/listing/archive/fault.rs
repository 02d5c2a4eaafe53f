//! Why an archive is broken off.

use message::failure::{Failure, FailureKind};
use rustix::io::Errno;

use crate::root::FileFault;

/// What keeps an archive from being whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArchiveFault {
    #[error("there are more than {0} files and directories in it")]
    Entries(usize),
    #[error("directories lie more than {0} deep in it")]
    Depth(usize),
    #[error("its table of contents takes more than {0} bytes: ask for a tar")]
    Contents(usize),
    #[error("a name in it can't be packed")]
    Name,
    #[error("a file became shorter while it was sent")]
    CutShort,
    #[error("{0}")]
    Disk(#[from] FileFault),
}

impl From<Errno> for ArchiveFault {
    fn from(errno: Errno) -> Self {
        Self::Disk(FileFault::Unreadable(errno))
    }
}

impl From<ArchiveFault> for Failure {
    fn from(fault: ArchiveFault) -> Self {
        Self::new(FailureKind::ProxyInternalError, format!("the archive can't be whole: {fault}"))
    }
}
