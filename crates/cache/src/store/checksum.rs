//! A checksum for each block of a body: CRC-32C of 64 KiB, the last block of what is left.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Bytes that one checksum is of.
const BLOCK: usize = 64 * 1024;

/// The checksums of a body's blocks, in order; none for an empty body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checksums(Vec<u32>);

/// Sums up a body as it is written, as long as it is written in order.
#[derive(Debug, Default)]
pub(crate) struct Summing {
    whole: Vec<u32>,
    /// The checksum of what has come of the block after these.
    open: u32,
    /// How many bytes were summed up.
    at: u64,
}

impl Checksums {
    /// As they are written in the index.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sum| sum.to_le_bytes()).collect()
    }

    /// Reads what [`Checksums::encode`] wrote; anything else fits no body.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let (sums, _) = bytes.as_chunks();
        Self(sums.iter().map(|sum| u32::from_le_bytes(*sum)).collect())
    }

    /// The checksums of what lies in `file` in these stretches, each with the position behind its end.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn of(file: &File, stretches: impl Iterator<Item = Range<u64>>) -> io::Result<Self> {
        let mut block = vec![0; BLOCK];
        let sums =
            pieces(stretches).map(|(at, end)| Ok(crc32c::crc32c(read_block(file, &mut block, at, end)?)));
        Ok(Self(sums.collect::<io::Result<_>>()?))
    }

    /// Whether what lies in `file` in these stretches has these checksums. What can't be read is not what was
    /// written.
    pub(crate) fn fit(&self, file: &File, stretches: impl Iterator<Item = Range<u64>>) -> bool {
        let mut block = vec![0; BLOCK];
        let mut sums = self.0.iter();
        let are_right = pieces(stretches).all(|(at, end)| {
            let read = read_block(file, &mut block, at, end);
            read.is_ok_and(|read| sums.next() == Some(&crc32c::crc32c(read)))
        });
        are_right && sums.next().is_none()
    }
}

/// Stretches cut into blocks, the last of each as it comes.
fn pieces(stretches: impl Iterator<Item = Range<u64>>) -> impl Iterator<Item = (u64, u64)> {
    let block = u64::try_from(BLOCK).unwrap_or(u64::MAX);
    stretches.flat_map(move |Range { start, end }| {
        let starts = std::iter::successors(Some(start), move |at| at.checked_add(block));
        starts.take_while(move |at| *at < end).map(move |at| (at, end.min(at.saturating_add(block))))
    })
}

impl Summing {
    /// Notes that `bytes` were written at `at`. What does not follow what was noted before, and what is
    /// written over, is left to [`Summing::finish`].
    pub(crate) fn add(&mut self, at: u64, bytes: &[u8]) {
        if at < self.at {
            self.restart(at);
        }
        if at != self.at {
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.room()));
            self.open = crc32c::crc32c_append(self.open, now);
            self.at = self.at.saturating_add(length(now));
            if self.room() == BLOCK {
                self.whole.push(std::mem::take(&mut self.open));
            }
            rest = later;
        }
    }

    /// The checksums of all `size` bytes of `file`. What was not summed up as it was written is read.
    ///
    /// # Errors
    /// If it can't be read, or is not as long as that.
    pub(crate) fn finish(mut self, file: &File, size: u64) -> io::Result<Checksums> {
        if self.at > size {
            self.restart(0);
        }
        let mut block = vec![0; if self.at < size { BLOCK } else { 0 }];
        while self.at < size {
            let room = self.room();
            let read = read_block(file, block.get_mut(..room).unwrap_or_default(), self.at, size)?;
            self.add(self.at, read);
        }
        if self.room() < BLOCK {
            self.whole.push(self.open);
        }
        Ok(Checksums(self.whole))
    }

    /// How much of the open block has not come yet.
    fn room(&self) -> usize {
        BLOCK - usize::try_from(self.at).unwrap_or_default() % BLOCK
    }

    /// Forgets the block in which `at` lies, and all after it.
    fn restart(&mut self, at: u64) {
        let blocks = usize::try_from(at).unwrap_or_default() / BLOCK;
        self.whole.truncate(blocks);
        self.open = 0;
        self.at = u64::try_from(blocks * BLOCK).unwrap_or_default();
    }
}

/// The bytes from `at` to the end of a block, or to `end`, if the file is as long as that.
fn read_block<'b>(file: &File, block: &'b mut [u8], at: u64, end: u64) -> io::Result<&'b [u8]> {
    let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    let length = left.min(block.len());
    let block = block.get_mut(..length).unwrap_or_default();
    file.read_exact_at(block, at)?;
    Ok(block)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
