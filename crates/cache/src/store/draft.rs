//! A body that is being written: its file, the disk set aside for it, and the checksums of what is there.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use message::{FileSlice, Segment};

use crate::store::checksum::{Checksums, Summing};
use crate::store::disk::Temporary;
use crate::store::quota::Reservation;

/// How much of another file is copied at a time, in bytes.
const BLOCK: usize = 256 * 1024;

/// A body that is being written. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) temporary: Temporary,
    pub(crate) reservation: Reservation,
    /// All of it, where it is in memory anyway.
    pub(crate) content: Option<Bytes>,
    pen: Pen,
}

/// Writes to a draft, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    file: Arc<File>,
    summing: Arc<Mutex<Summing>>,
}

impl Draft {
    /// An empty one.
    pub(crate) fn new(temporary: Temporary, reservation: Reservation) -> Self {
        let pen = Pen { file: Arc::clone(temporary.file()), summing: Arc::default() };
        Self { temporary, reservation, content: None, pen }
    }

    /// The file that it is written to.
    #[must_use]
    pub(crate) fn file(&self) -> &Arc<File> {
        self.temporary.file()
    }

    /// What writes to it.
    #[must_use]
    pub(crate) fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// The checksums of all `size` bytes of it.
    ///
    /// # Errors
    /// What was not written in order is read again, which may fail.
    pub(crate) fn checksums(&self, size: u64) -> io::Result<Checksums> {
        let mut summing = self.pen.summing.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *summing).finish(&self.pen.file, size)
    }
}

impl Pen {
    /// Writes `segments` one after the other, the first at `at`.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write(&self, segments: &[Segment], at: u64) -> io::Result<()> {
        let mut at = at;
        for segment in segments {
            match segment {
                Segment::Bytes(bytes) => self.write_bytes(bytes, at)?,
                Segment::File(slice) => self.copy(slice, at)?,
            }
            at = at.saturating_add(segment.len());
        }
        Ok(())
    }

    fn copy(&self, slice: &FileSlice, at: u64) -> io::Result<()> {
        let mut done = 0_u64;
        while done < slice.len() {
            let block = slice.read_at(done, BLOCK)?;
            self.write_bytes(&block, at.saturating_add(done))?;
            done = done.saturating_add(block.len().try_into().unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn write_bytes(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)?;
        self.summing.lock().unwrap_or_else(PoisonError::into_inner).add(at, bytes);
        Ok(())
    }
}
