//! The records of a ZIP file (APPNOTE.TXT 6.3.10 §4.3), each in its ZIP64 form only where it must be.

use bytes::BufMut;

use crate::listing::moment::Moment;

/// Stands in a field of 32 bits for a number that is in the ZIP64 extra field instead (§4.5.3).
const IN_EXTRA: u32 = u32::MAX;

/// Versions of the format that a reader must know (§4.4.3): directories and deflate; ZIP64.
const VERSION_PLAIN: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// The system whose file modes are given (§4.4.2): Unix.
const MADE_BY: u16 = (3 << 8) | VERSION_ZIP64;

/// Flag bits (§4.4.4): a data descriptor follows the content; the name is UTF-8.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;

/// Tags of extra fields (§4.5.2): ZIP64; modification time in seconds of UTC, by Info-ZIP.
const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_TIME: u16 = 0x5455;

/// The bits of a mode that say what kind of file it is, as in `st_mode`.
const MODE_DIRECTORY: u32 = 0o040_000;
const MODE_FILE: u32 = 0o100_000;

/// The attribute that says "directory" to systems without modes.
const ATTRIBUTE_DIRECTORY: u32 = 0x10;

/// How a content is written (§4.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// As it is, its length and checksum before it.
    Stored = 0,
    /// In deflate's blocks, its checksum behind it.
    Deflated = 8,
}

/// One file or directory.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    path: Vec<u8>,
    modified: u64,
    mode: u32,
    /// Where it begins in the archive.
    offset: u64,
    pub(crate) method: Method,
    pub(crate) crc: u32,
    /// Length of the content in bytes.
    pub(crate) size: u64,
    /// The same as it is written.
    pub(crate) packed: u64,
}

impl Record {
    pub(crate) fn directory(path: Vec<u8>, modified: u64, offset: u64) -> Self {
        Self { mode: MODE_DIRECTORY | 0o755, ..Self::file(path, modified, offset, false) }
    }

    /// A file, stored and empty so far.
    pub(crate) fn file(path: Vec<u8>, modified: u64, offset: u64, is_executable: bool) -> Self {
        let mode = MODE_FILE | if is_executable { 0o755 } else { 0o644 };
        Self { path, modified, mode, offset, method: Method::Stored, crc: 0, size: 0, packed: 0 }
    }

    /// What stands before the content (§4.3.7).
    pub(crate) fn write_local(&self, out: &mut Vec<u8>) {
        let mut extra = self.time_extra();
        // §4.4.4: with a descriptor, checksum and lengths are zero here. The extra field is there to say
        // that the descriptor's lengths are of 64 bits (§4.3.9.2).
        let (crc, packed, size) = match self.method {
            Method::Stored => (self.crc, low(self.packed), low(self.size)),
            Method::Deflated if self.is_long() => {
                extra.put_u16_le(EXTRA_ZIP64);
                extra.put_u16_le(16);
                extra.put_bytes(0, 16);
                (0, IN_EXTRA, IN_EXTRA)
            }
            Method::Deflated => (0, 0, 0),
        };
        out.put_slice(b"PK\x03\x04");
        out.put_u16_le(if self.is_long() { VERSION_ZIP64 } else { VERSION_PLAIN });
        self.write_what(out);
        out.put_u32_le(crc);
        out.put_u32_le(packed);
        out.put_u32_le(size);
        out.put_u16_le(short(self.path.len()));
        out.put_u16_le(short(extra.len()));
        out.put_slice(&self.path);
        out.put_slice(&extra);
    }

    /// What stands in the table of contents (§4.3.12).
    pub(crate) fn write_central(&self, out: &mut Vec<u8>) {
        // §4.5.3: those that don't fit, in this order.
        let in_extra = [self.size, self.packed, self.offset].map(|number| (number, is_long(number)));
        let mut zip64 = Vec::new();
        for (number, _) in in_extra.iter().filter(|(_, is_long)| *is_long) {
            zip64.put_u64_le(*number);
        }
        let mut extra = self.time_extra();
        if !zip64.is_empty() {
            extra.put_u16_le(EXTRA_ZIP64);
            extra.put_u16_le(short(zip64.len()));
            extra.put_slice(&zip64);
        }
        let needs_zip64 = self.is_long() || !zip64.is_empty();
        let attributes = if self.path.ends_with(b"/") { ATTRIBUTE_DIRECTORY } else { 0 };
        out.put_slice(b"PK\x01\x02");
        out.put_u16_le(MADE_BY);
        out.put_u16_le(if needs_zip64 { VERSION_ZIP64 } else { VERSION_PLAIN });
        self.write_what(out);
        out.put_u32_le(self.crc);
        out.put_u32_le(low(self.packed));
        out.put_u32_le(low(self.size));
        out.put_u16_le(short(self.path.len()));
        out.put_u16_le(short(extra.len()));
        out.put_bytes(0, 2 + 2 + 2); // no comment, the first disk, not known to be text
        out.put_u32_le(self.mode.wrapping_shl(16) | attributes);
        out.put_u32_le(low(self.offset));
        out.put_slice(&self.path);
        out.put_slice(&extra);
    }

    /// Flags, method and time, which are the same in both places.
    fn write_what(&self, out: &mut Vec<u8>) {
        let utf8 = if str::from_utf8(&self.path).is_ok() { FLAG_UTF8 } else { 0 };
        let (descriptor, method) = match self.method {
            Method::Stored => (0, 0),
            Method::Deflated => (FLAG_DESCRIPTOR, 8),
        };
        let (time, date) = dos_time(self.modified);
        out.put_u16_le(utf8 | descriptor);
        out.put_u16_le(method);
        out.put_u16_le(time);
        out.put_u16_le(date);
    }

    /// When it was modified, to the second; nothing where 31 bits don't hold that.
    fn time_extra(&self) -> Vec<u8> {
        let mut extra = Vec::new();
        if let Some(seconds) = u32::try_from(self.modified).ok().filter(|seconds| *seconds < 1 << 31) {
            extra.put_u16_le(EXTRA_TIME);
            extra.put_u16_le(5);
            extra.put_u8(1); // of modification
            extra.put_u32_le(seconds);
        }
        extra
    }

    /// Whether its lengths are given in 64 bits.
    fn is_long(&self) -> bool {
        is_long(self.size) || is_long(self.packed)
    }
}

/// What stands behind a content whose checksum was not known before (§4.3.9).
pub(crate) struct Descriptor<'a>(&'a Record);

impl<'a> Descriptor<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        Self(record)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Record { crc, packed, size, .. } = self.0;
        out.put_slice(b"PK\x07\x08");
        out.put_u32_le(*crc);
        for length in [packed, size] {
            if self.0.is_long() { out.put_u64_le(*length) } else { out.put_u32_le(low(*length)) }
        }
    }
}

/// The end of an archive (§4.3.14 to §4.3.16).
pub(crate) struct End {
    /// How many records are in the table of contents.
    pub(crate) records: u64,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Where it begins.
    pub(crate) offset: u64,
}

impl End {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Self { records, size, offset } = *self;
        let is_many = records >= u64::from(u16::MAX);
        if is_many || is_long(size) || is_long(offset) {
            out.put_slice(b"PK\x06\x06");
            out.put_u64_le(44); // the length of what follows
            out.put_u16_le(MADE_BY);
            out.put_u16_le(VERSION_ZIP64);
            out.put_bytes(0, 4 + 4); // the first disk, and the one where the contents begin
            out.put_u64_le(records);
            out.put_u64_le(records);
            out.put_u64_le(size);
            out.put_u64_le(offset);
            out.put_slice(b"PK\x06\x07");
            out.put_u32_le(0);
            out.put_u64_le(offset.saturating_add(size));
            out.put_u32_le(1); // of so many disks
        }
        let records = u16::try_from(records).unwrap_or(u16::MAX);
        out.put_slice(b"PK\x05\x06");
        out.put_bytes(0, 2 + 2);
        out.put_u16_le(records);
        out.put_u16_le(records);
        out.put_u32_le(low(size));
        out.put_u32_le(low(offset));
        out.put_u16_le(0); // no comment
    }
}

/// Whether a number is too large for a field of 32 bits, in which the largest one has a meaning of its own.
fn is_long(number: u64) -> bool {
    number >= u64::from(IN_EXTRA)
}

/// The number, or what says that it is in the extra field.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_EXTRA)
}

/// Paths have at most 4096 bytes, as the system opens no longer ones; extra fields are all made here.
fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// Time and date as MS-DOS has them (§4.4.6): in steps of 2 s from 1980 to 2107. They have no time
/// zone; UTC is what the time in the extra field is in.
fn dos_time(seconds: u64) -> (u16, u16) {
    let Moment { year, month, day, hour, minute, second } = Moment::of(seconds);
    let Some(years) = year.checked_sub(1980) else { return (0, (1 << 5) | 1) };
    let date = years.min(127).wrapping_shl(9) | month.wrapping_shl(5) | day;
    let time = hour.wrapping_shl(11) | minute.wrapping_shl(5) | (second / 2);
    (u16::try_from(time).unwrap_or(0), u16::try_from(date).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::FileExt;
    use std::process::Command;

    use super::*;
    use crate::listing::testing::is_installed;

    /// The content of the large file is a hole that nobody reads: what is tested is every 64-bit field.
    #[test]
    fn an_archive_of_more_than_4_gib_is_read_by_python() {
        let size = 5_u64 << 30;
        let mut large = Record::file(b"d/large".to_vec(), 784_111_777, 0, false);
        (large.method, large.size, large.packed) = (Method::Deflated, size, size + 400_000);
        let mut front = Vec::new();
        large.write_local(&mut front);
        let behind = front.len() as u64 + large.packed;
        let mut back = Vec::new();
        Descriptor::of(&large).write(&mut back);
        let mut small = Record::file(b"d/small".to_vec(), u64::MAX, behind + back.len() as u64, true);
        (small.size, small.packed, small.crc) = (5, 5, crc32fast::hash(b"small"));
        small.write_local(&mut back);
        back.extend_from_slice(b"small");
        let contents = behind + back.len() as u64;
        let mut central = Vec::new();
        large.write_central(&mut central);
        small.write_central(&mut central);
        back.extend_from_slice(&central);
        End { records: 2, size: central.len() as u64, offset: contents }.write(&mut back);

        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("archive.zip");
        let file = fs::File::create(&path).unwrap();
        file.write_all_at(&front, 0).unwrap();
        file.write_all_at(&back, behind).unwrap();
        if !is_installed("python3") {
            return;
        }
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1])\n\
            large, small = z.infolist()\n\
            assert large.file_size == 5 << 30 and large.compress_size == (5 << 30) + 400000, large\n\
            assert large.date_time == (1994, 11, 6, 8, 49, 36), large\n\
            assert small.header_offset > 5 << 30 and small.external_attr >> 16 == 0o100755, small\n\
            assert z.read('d/small') == b'small'\n\
            assert z.open('d/large').read(0) == b''\n";
        let ended = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    #[test]
    fn many_records_are_counted_in_64_bits_4_4_22() {
        for (records, is_long) in [(65_534, false), (65_535, true)] {
            let mut end = Vec::new();
            End { records, size: 0, offset: 0 }.write(&mut end);
            assert_eq!(end.starts_with(b"PK\x06\x06"), is_long, "{records}");
        }
    }

    #[test]
    fn time_is_in_steps_of_two_seconds_from_1980_4_4_6() {
        for (seconds, time, date) in [
            (0, 0, 0x0021),
            (315_532_800, 0, 0x0021),
            (784_111_777, 0x4632, 0x1d66),
            (u64::MAX, 0xbf7d, 0xff9f),
        ] {
            assert_eq!(dos_time(seconds), (time, date), "{seconds}");
        }
    }
}
