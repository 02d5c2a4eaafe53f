//! The tar format, as GNU writes it: names of any length and any bytes, files of any size.
//!
//! Large files go to the client as they are on the disk, between headers that are made here.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use message::body::{FileSlice, Segment};
use rustix::io::Errno;
use tar::{Builder, EntryType, Header};

use crate::listing::archive::descent::{Content, Descent, Item};
use crate::listing::archive::fault::ArchiveFault;
use crate::listing::archive::packer::{Packer, STEP_BYTES, Step, WHOLE_MAX, read_whole};
use crate::root::OpenFile;

/// All lengths in the format are multiples of this.
const RECORD_BYTES: usize = 512;

/// Two records of zeros are the end of an archive.
const END_BYTES: usize = 2 * RECORD_BYTES;

/// An archive in the making.
pub(crate) struct Tar {
    descent: Descent,
    /// Makes headers; it is emptied after each.
    headers: Builder<Vec<u8>>,
    ended: bool,
}

impl Tar {
    pub(crate) fn new(descent: Descent) -> Self {
        Self { descent, headers: Builder::new(Vec::new()), ended: false }
    }

    /// Adds what comes before a content of `size` bytes.
    fn head(&mut self, item: &Item, size: u64, out: &mut Vec<u8>) -> Result<(), ArchiveFault> {
        let mut header = Header::new_gnu();
        let (kind, mode) = match item.content {
            Content::Directory => (EntryType::Directory, 0o755),
            Content::File { is_executable: true, .. } => (EntryType::Regular, 0o755),
            Content::File { is_executable: false, .. } => (EntryType::Regular, 0o644),
        };
        header.set_entry_type(kind);
        header.set_mode(mode);
        // Whose they are on this machine means nothing elsewhere.
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(item.modified);
        header.set_size(size);
        let path = OsStr::from_bytes(&item.path);
        self.headers.append_data(&mut header, path, io::empty()).map_err(|_| ArchiveFault::Name)?;
        out.append(self.headers.get_mut());
        Ok(())
    }

    /// Adds a file whole, or its beginning, and gives what follows.
    fn file(
        &mut self,
        item: &Item,
        file: &OpenFile,
        out: &mut Vec<u8>,
    ) -> Result<Option<Rest>, ArchiveFault> {
        let size = file.identity().size();
        if size > WHOLE_MAX {
            let slice = file.whole().ok_or(Errno::OVERFLOW)?;
            self.head(item, size, out)?;
            return Ok(Some(Rest { slice, padding: padding(size) }));
        }
        if let Some(content) = read_whole(file)? {
            self.head(item, size, out)?;
            out.extend_from_slice(&content);
            out.extend_from_slice(padding(size));
        }
        Ok(None)
    }
}

/// A large file, and what fills its last record.
struct Rest {
    slice: FileSlice,
    padding: &'static [u8],
}

impl Packer for Tar {
    fn step(&mut self) -> Step {
        let mut out = Vec::new();
        while !self.ended && out.len() < STEP_BYTES {
            let Some(item) = self.descent.next()? else {
                self.ended = true;
                out.resize(out.len().saturating_add(END_BYTES), 0);
                break;
            };
            let Content::File { file, .. } = &item.content else {
                self.head(&item, 0, &mut out)?;
                continue;
            };
            if let Some(Rest { slice, padding }) = self.file(&item, file, &mut out)? {
                let before = Segment::Bytes(Bytes::from(out));
                return Ok(vec![before, Segment::File(slice), Segment::Bytes(Bytes::from_static(padding))]);
            }
        }
        Ok(if out.is_empty() { Vec::new() } else { vec![Segment::Bytes(Bytes::from(out))] })
    }
}

/// What fills the last record of a content of `size` bytes.
fn padding(size: u64) -> &'static [u8] {
    static ZEROS: [u8; RECORD_BYTES] = [0; RECORD_BYTES];
    let over = usize::try_from(size % 512).unwrap_or(0);
    let missing = if over == 0 { 0 } else { RECORD_BYTES.saturating_sub(over) };
    ZEROS.get(..missing).unwrap_or_default()
}
