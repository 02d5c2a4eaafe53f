//! Content codings undone while the content arrives (RFC 9110 §8.4.1), where the caller asked for that.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use message::{Fields, HeaderValue, header};

/// What is asked for.
pub(crate) const CODINGS: HeaderValue = HeaderValue::from_static("zstd, br, gzip");

/// How much is decoded at once, in bytes: a few bytes may stand for very many.
const BLOCK: usize = 64 * 1024;

/// The largest window that a zstd frame may ask for, as its logarithm: 8 MiB (RFC 9659 §3).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A coding that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Zstd,
}

impl Coding {
    /// The one coding that the content is in; `None` if there is none, or one that is not understood, or several.
    pub(crate) fn of(fields: &Fields) -> Option<Self> {
        let mut lines = fields.lines(&header::CONTENT_ENCODING);
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let names =
            [("br", Self::Brotli), ("gzip", Self::Gzip), ("x-gzip", Self::Gzip), ("zstd", Self::Zstd)];
        let said = |(name, _): &(&str, Self)| line.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        names.into_iter().find(said).map(|(_, coding)| coding)
    }
}

/// Undoes a coding, a block at a time.
pub(crate) struct Decoder {
    feed: Feed,
    decoded: Box<dyn Read + Send>,
}

/// What has arrived and has not been decoded yet.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    blocks: VecDeque<Bytes>,
    is_all: bool,
}

impl Decoder {
    /// # Errors
    /// The decoder can't be made.
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        let feed = Feed::default();
        let source = feed.clone();
        let decoded: Box<dyn Read + Send> = match coding {
            Coding::Brotli => Box::new(brotli::Decompressor::new(source, BLOCK)),
            Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
            Coding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        };
        Ok(Self { feed, decoded })
    }

    /// More has arrived.
    pub(crate) fn feed(&self, block: Bytes) {
        self.feed.lock(|arrived| arrived.blocks.push_back(block));
    }

    /// Nothing more will.
    pub(crate) fn end(&self) {
        self.feed.lock(|arrived| arrived.is_all = true);
    }

    /// Some of what that stands for; `None` until more has arrived, or if that was all.
    ///
    /// # Errors
    /// It is not in that coding, or was cut short.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut block = vec![0; BLOCK];
        match self.decoded.read(&mut block) {
            Ok(0) => Ok(None),
            Ok(count) => {
                block.truncate(count);
                Ok(Some(Bytes::from(block)))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Feed {
    fn lock<T>(&self, act: impl FnOnce(&mut Arrived) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Read for Feed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.lock(|arrived| {
            let Some(first) = arrived.blocks.front_mut() else {
                return if arrived.is_all { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
            };
            let count = first.len().min(out.len());
            first.copy_to_slice(out.get_mut(..count).unwrap_or_default());
            if first.is_empty() {
                arrived.blocks.pop_front();
            }
            Ok(count)
        })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lab::noise;

    use super::*;

    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Gzip, Coding::Zstd];

    fn coded(coding: Coding, content: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Brotli => {
                let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
                writer.write_all(content).unwrap();
                writer.into_inner()
            }
            Coding::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(content).unwrap();
                writer.finish().unwrap()
            }
            Coding::Zstd => zstd::stream::encode_all(content, 3).unwrap(),
        }
    }

    fn decoded(coding: Coding, bytes: &[u8], step: usize) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::new(coding)?;
        let mut content = Vec::new();
        for block in bytes.chunks(step) {
            decoder.feed(Bytes::copy_from_slice(block));
            while let Some(block) = decoder.next()? {
                content.extend_from_slice(&block);
            }
        }
        decoder.end();
        while let Some(block) = decoder.next()? {
            content.extend_from_slice(&block);
        }
        Ok(content)
    }

    #[test]
    fn what_was_coded_comes_out_again_however_it_arrives() {
        let mut content = noise(100_000);
        content.extend_from_slice(&[7; 300_000]);
        for coding in ALL {
            for content in [&content[..], b"", b"x"] {
                let bytes = coded(coding, content);
                for step in [1, 1000, 1 << 20] {
                    assert!(decoded(coding, &bytes, step).unwrap() == content, "{coding:?} by {step}");
                }
            }
        }
    }

    #[test]
    fn what_was_cut_short_or_is_something_else_is_an_error() {
        let content = noise(50_000);
        for coding in ALL {
            let bytes = coded(coding, &content);
            for end in [1, 5, 100, bytes.len() / 2, bytes.len() - 1] {
                assert!(decoded(coding, &bytes[..end], 1000).is_err(), "{coding:?} cut at {end}");
            }
            assert!(decoded(coding, &content, 1000).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn a_few_bytes_that_stand_for_very_many_come_out_block_by_block() {
        for coding in ALL {
            let bytes = coded(coding, &vec![0; 20 << 20]);
            let mut decoder = Decoder::new(coding).unwrap();
            decoder.feed(Bytes::from(bytes));
            decoder.end();
            let (mut total, mut most) = (0, 0);
            while let Some(block) = decoder.next().unwrap() {
                (total, most) = (total + block.len(), most.max(block.len()));
            }
            assert!(total == 20 << 20 && most <= BLOCK, "{coding:?} {total} {most}");
        }
    }

    #[test]
    fn one_coding_that_is_known_is_undone() {
        for (lines, expected) in [
            (&["gzip"][..], Some(Coding::Gzip)),
            (&["X-GZIP"], Some(Coding::Gzip)),
            (&["br"], Some(Coding::Brotli)),
            (&["zstd"], Some(Coding::Zstd)),
            (&["gzip, br"], None),
            (&["gzip", "gzip"], None),
            (&["compress"], None),
            (&["identity"], None),
            (&[], None),
        ] {
            let mut fields = Fields::new();
            for line in lines {
                fields.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(Coding::of(&fields), expected, "{lines:?}");
        }
    }
}
