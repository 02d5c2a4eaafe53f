//! Which files have more than one representation (RFC 9110 §12.1), so that their answers vary.

use http::HeaderValue;

use crate::media_type::{self, Gain};

/// Shortest file that is compressed, if nothing else is said: a shorter one fits in the packet that
/// its head is sent in.
pub const SMALLEST_BYTES: u64 = 256;

/// Longest file that is compressed, if nothing else is said: about a second of one core at worst.
pub const LARGEST_BYTES: u64 = 8 << 20;

/// Most bytes of compressed content that are kept, if nothing else is said.
pub const COMPRESSED_BYTES: usize = 64 << 20;

/// Which files are compressed, and how much of the outcome is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Shortest file that is compressed, in bytes.
    pub smallest_bytes: u64,
    /// Longest file that is compressed, in bytes. Longer ones are sent as they are, or from a sibling.
    pub largest_bytes: u64,
    /// Most bytes of compressed content that are kept in memory. What is too long for an eighth of it
    /// is sent as it is.
    pub memory_bytes: usize,
}

/// What there may be of a file beside its own bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Files beside it that hold it in coded form.
    pub siblings: bool,
    /// Its content, compressed by us.
    pub compression: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self { smallest_bytes: SMALLEST_BYTES, largest_bytes: LARGEST_BYTES, memory_bytes: COMPRESSED_BYTES }
    }
}

impl Compression {
    fn is_for(&self, size: u64) -> bool {
        self.memory_bytes > 0 && (self.smallest_bytes..=self.largest_bytes).contains(&size)
    }
}

impl Offer {
    /// For a file of that type and size. What is compressed already has no sibling worth looking for.
    #[must_use]
    pub fn of(
        siblings: bool,
        compression: Option<&Compression>,
        media_type: &HeaderValue,
        size: u64,
    ) -> Self {
        if !siblings && compression.is_none() {
            return Self::default();
        }
        let gain = media_type::gain(media_type);
        Self {
            siblings: siblings && gain != Gain::None,
            compression: gain == Gain::Much
                && compression.is_some_and(|compression| compression.is_for(size)),
        }
    }

    /// Whether `Accept-Encoding` has a say in what is sent.
    ///
    /// That alone makes an answer vary (RFC 9110 §12.5.5), also where no sibling lies on the disk just
    /// now: it may do so in a minute, when a cache has stored this answer for everybody.
    #[must_use]
    pub fn varies(self) -> bool {
        self.siblings || self.compression
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_variants_by_its_type_and_size() {
        let (html, bin, png) = ("text/html; charset=utf-8", "application/octet-stream", "image/png");
        let on = Compression { smallest_bytes: 10, largest_bytes: 20, memory_bytes: 1 };
        let off = Compression { memory_bytes: 0, ..on };
        for (siblings, compression, media_type, size, expected) in [
            (false, None, html, 15, (false, false)),
            (true, None, html, 15, (true, false)),
            (true, None, bin, 0, (true, false)),
            (true, Some(&on), png, 15, (false, false)),
            (false, Some(&on), html, 9, (false, false)),
            (false, Some(&on), html, 10, (false, true)),
            (false, Some(&on), html, 20, (false, true)),
            (true, Some(&on), html, 21, (true, false)),
            (false, Some(&on), bin, 15, (false, false)),
            (false, Some(&off), html, 15, (false, false)),
        ] {
            let offer = Offer::of(siblings, compression, &HeaderValue::from_static(media_type), size);
            assert_eq!((offer.siblings, offer.compression), expected, "{media_type} {size}");
            assert_eq!(offer.varies(), expected.0 || expected.1);
        }
    }
}
