//! What the formats of archives have in common: how much is made at a time, and how a small file is read.

use std::os::unix::fs::FileExt;

use message::body::Segment;
use rustix::io::Errno;

use crate::listing::archive::fault::ArchiveFault;
use crate::root::OpenFile;

/// A step ends when it has made at least so many bytes: what one archive holds in memory.
pub(crate) const STEP_BYTES: usize = 256 << 10;

/// Files up to this many bytes are read whole before anything of them is packed, so that one that has
/// just become shorter can still be left out.
pub(crate) const WHOLE_MAX: u64 = 64 << 10;

/// The next bytes of an archive, in order; none at the end.
pub(crate) type Step = Result<Vec<Segment>, ArchiveFault>;

/// What makes an archive.
pub(crate) trait Packer: Send {
    /// Makes some more of it. Asks the disk.
    fn step(&mut self) -> Step;
}

/// Reads a small file whole; `None` if it has become shorter since it was opened.
pub(crate) fn read_whole(file: &OpenFile) -> Result<Option<Vec<u8>>, ArchiveFault> {
    let size = usize::try_from(file.identity().size()).map_err(|_| Errno::FBIG)?;
    let mut bytes = vec![0; size];
    match read_exact(file, &mut bytes, 0) {
        Ok(()) => Ok(Some(bytes)),
        Err(ArchiveFault::CutShort) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Reads as many bytes as there is room for, from `at` on.
pub(crate) fn read_exact(file: &OpenFile, bytes: &mut [u8], at: u64) -> Result<(), ArchiveFault> {
    file.file().read_exact_at(bytes, at).map_err(|error| match Errno::from_io_error(&error) {
        Some(errno) => errno.into(),
        None => ArchiveFault::CutShort,
    })
}
