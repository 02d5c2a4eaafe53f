//! The ZIP format (APPNOTE.TXT 6.3.10), written from the front to the back.
//!
//! Nothing is compressed: what is worth downloading mostly is already. A small file is stored, its
//! length and checksum before it. The checksum of a large one is known only behind it (a data
//! descriptor, §4.3.9); since a stored content does not say where it ends, a reader that goes from the
//! front could not find it. So large files are written as deflate's own "stored" blocks (RFC 1951
//! §3.2.4): 5 bytes more in 64 KiB, and every reader finds the end.

use bytes::{BufMut, Bytes};
use crc32fast::Hasher;
use message::body::Segment;

use crate::listing::archive::descent::{Content, Descent, Item};
use crate::listing::archive::fault::ArchiveFault;
use crate::listing::archive::packer::{Packer, STEP_BYTES, Step, WHOLE_MAX, read_exact, read_whole};
use crate::listing::archive::zip_record::{Descriptor, End, Method, Record};
use crate::root::OpenFile;

/// Most bytes of the table of contents, which is held in memory until it is sent at the end: about
/// 150,000 files with names of 50 bytes.
pub(crate) const CONTENTS_MAX: usize = 16 << 20;

/// Longest block that deflate can store.
const BLOCK_MAX: usize = 0xffff;

/// What stands before such a block: whether it is the last one, its length, and that inverted.
const BLOCK_HEAD_BYTES: u64 = 5;

/// An archive in the making.
pub(crate) struct Zip {
    descent: Descent,
    /// How many bytes have been made.
    offset: u64,
    contents: Vec<u8>,
    contents_max: usize,
    records: u64,
    large: Option<Large>,
    ended: bool,
}

/// A large file that has been begun.
struct Large {
    file: OpenFile,
    at: u64,
    crc: Hasher,
    record: Record,
}

impl Zip {
    pub(crate) fn new(descent: Descent) -> Self {
        let (contents, contents_max) = (Vec::new(), CONTENTS_MAX);
        Self { descent, offset: 0, contents, contents_max, records: 0, large: None, ended: false }
    }

    /// For tests of the limit.
    #[cfg(test)]
    pub(crate) fn with_contents_max(self, contents_max: usize) -> Self {
        Self { contents_max, ..self }
    }

    fn add(&mut self, item: Item, out: &mut Vec<u8>) -> Result<(), ArchiveFault> {
        let offset = self.offset.saturating_add(length(out));
        let Content::File { file, is_executable } = item.content else {
            let record = Record::directory(item.path, item.modified, offset);
            record.write_local(out);
            return self.list(&record);
        };
        let (path, modified, size) = (item.path, item.modified, file.identity().size());
        if size > WHOLE_MAX {
            let blocks = size.div_ceil(u64::try_from(BLOCK_MAX).unwrap_or(u64::MAX));
            let packed = size.saturating_add(blocks.saturating_mul(BLOCK_HEAD_BYTES));
            let mut record = Record::file(path, modified, offset, is_executable);
            (record.method, record.size, record.packed) = (Method::Deflated, size, packed);
            record.write_local(out);
            self.large = Some(Large { file, at: 0, crc: Hasher::new(), record });
            return Ok(());
        }
        let Some(content) = read_whole(&file)? else { return Ok(()) };
        let mut record = Record::file(path, modified, offset, is_executable);
        (record.size, record.packed, record.crc) = (size, size, crc32fast::hash(&content));
        record.write_local(out);
        out.extend_from_slice(&content);
        self.list(&record)
    }

    /// Adds what stands of it in the table of contents.
    fn list(&mut self, record: &Record) -> Result<(), ArchiveFault> {
        record.write_central(&mut self.contents);
        self.records = self.records.saturating_add(1);
        if self.contents.len() > self.contents_max {
            return Err(ArchiveFault::Contents(self.contents_max));
        }
        Ok(())
    }

    /// Adds the table of contents and the end.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        let offset = self.offset.saturating_add(length(out));
        let end = End { records: self.records, size: length(&self.contents), offset };
        out.append(&mut self.contents);
        end.write(out);
    }
}

impl Large {
    /// Adds blocks of the file until the step is full; `true` at the end of the file.
    fn pack(&mut self, out: &mut Vec<u8>) -> Result<bool, ArchiveFault> {
        let mut block = vec![0; BLOCK_MAX];
        while out.len() < STEP_BYTES {
            let left = self.record.size.saturating_sub(self.at);
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_MAX);
            block.truncate(wanted);
            read_exact(&self.file, &mut block, self.at)?;
            self.at = self.at.saturating_add(length(&block));
            self.crc.update(&block);
            let is_last = self.at == self.record.size;
            let length = u16::try_from(wanted).unwrap_or(u16::MAX);
            out.put_u8(u8::from(is_last));
            out.put_u16_le(length);
            out.put_u16_le(!length);
            out.extend_from_slice(&block);
            if is_last {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Packer for Zip {
    fn step(&mut self) -> Step {
        let mut out = Vec::new();
        while !self.ended && out.len() < STEP_BYTES {
            if let Some(mut large) = self.large.take() {
                if large.pack(&mut out)? {
                    large.record.crc = large.crc.finalize();
                    Descriptor::of(&large.record).write(&mut out);
                    self.list(&large.record)?;
                } else {
                    self.large = Some(large);
                }
                continue;
            }
            match self.descent.next()? {
                Some(item) => self.add(item, &mut out)?,
                None => self.end(&mut out),
            }
        }
        self.offset = self.offset.saturating_add(length(&out));
        Ok(if out.is_empty() { Vec::new() } else { vec![Segment::Bytes(Bytes::from(out))] })
    }
}

/// A `usize` always fits: Sockets is built for targets of at most 64 bits.
fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
