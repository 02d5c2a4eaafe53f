//! Pieces whose digests are known, and which of them have been seen to be right.

use std::fs::File;
use std::io;
use std::ops::Range;

use message::Spans;

use crate::metalink::Pieces;

/// The pieces of a file of known length.
#[derive(Debug)]
pub(crate) struct Mosaic {
    pieces: Pieces,
    length: u64,
    right: Vec<bool>,
}

impl Mosaic {
    /// `None` if the pieces are not those of a file of that length.
    pub(crate) fn new(pieces: Pieces, length: u64) -> Option<Self> {
        let count = usize::try_from(length.div_ceil(pieces.length.max(1))).ok()?;
        let right = vec![false; count];
        (count == pieces.digests.len()).then_some(Self { pieces, length, right })
    }

    /// Looks at the pieces that `arrived` has touched, of those that are wholly `there`. Gives the wrong ones.
    pub(crate) fn check(
        &mut self,
        arrived: &Range<u64>,
        there: &Spans,
        file: &File,
    ) -> io::Result<Vec<Range<u64>>> {
        let mut wrong = Vec::new();
        for number in arrived.start / self.pieces.length..=arrived.end.saturating_sub(1) / self.pieces.length
        {
            wrong.extend(self.look_at(number, there, file)?);
        }
        Ok(wrong)
    }

    /// Looks at the pieces that nobody has looked at yet: those that another run has left.
    pub(crate) fn check_rest(&mut self, there: &Spans, file: &File) -> io::Result<Vec<Range<u64>>> {
        let unseen = (0..).zip(&self.right).filter(|(_, right)| !**right).map(|(number, _)| number);
        let mut wrong = Vec::new();
        for number in unseen.collect::<Vec<u64>>() {
            wrong.extend(self.look_at(number, there, file)?);
        }
        Ok(wrong)
    }

    /// Where the piece is, if it is whole and wrong.
    fn look_at(&mut self, number: u64, there: &Spans, file: &File) -> io::Result<Option<Range<u64>>> {
        let start = number.saturating_mul(self.pieces.length);
        let range = start..start.saturating_add(self.pieces.length).min(self.length);
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let (Some(right), Some(digest)) = (self.right.get_mut(at), self.pieces.digests.get(at)) else {
            return Ok(None);
        };
        if !there.contains(&range) {
            return Ok(None);
        }
        *right = digest.is_of(file, range.start, range.end.saturating_sub(range.start))?;
        Ok((!*right).then_some(range))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::digest::{Algorithm, Hasher};

    #[test]
    fn wrong_pieces_are_found_when_they_are_whole() {
        let digests = [&b"abc"[..], b"def", b"g"].map(|text| {
            let mut hasher = Hasher::new(Algorithm::Sha256);
            hasher.update(text);
            hasher.finish()
        });
        let pieces = Pieces { length: 3, digests: digests.to_vec() };
        assert!(Mosaic::new(pieces.clone(), 6).is_none() && Mosaic::new(pieces.clone(), 10).is_none());
        let mut mosaic = Mosaic::new(pieces, 7).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdXfg").unwrap();
        let there = |text| Spans::parse(text).unwrap();
        assert_eq!(mosaic.check(&(0..5), &there("0-5"), &file).unwrap(), []);
        assert_eq!(mosaic.check(&(5..7), &there("0-7"), &file).unwrap(), vec![3..6; 1]);
        assert_eq!(mosaic.check_rest(&there("0-7"), &file).unwrap(), vec![3..6; 1]);
    }
}
