//! Content that is compressed by us, for the clients that take it so (RFC 9110 §8.4).
//!
//! Each version of a file is compressed once for each coding, off the threads that serve requests,
//! and kept while there is room. Until then, or if it gains nothing, the file is sent as it is. Only
//! files are compressed, never anything that holds what the client has sent: so the length of an
//! answer tells nothing of a secret (CRIME, BREACH).

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use message::field::coding::{AcceptEncoding, ContentCoding};
use workshop::workshop::Workshop;

use crate::identity::Identity;
use crate::representation::Representation;
use crate::table::{Table, coded_name};

/// What is offered, the best first: of those that a client likes as well, zstd costs the least for
/// both, and gzip the most bytes.
const OFFERED: [ContentCoding; 4] =
    [ContentCoding::Zstd, ContentCoding::Brotli, ContentCoding::Gzip, ContentCoding::Identity];

/// Levels at which text is compressed at some 30 to 100 MB/s by one core, to a quarter or a fifth. That
/// of zstd asks for a window of at most 4 MiB; a client need not have more than 8 MiB (RFC 9659 §3).
const GZIP_LEVEL: u32 = 6;
const BROTLI_LEVEL: i32 = 5;
const ZSTD_LEVEL: i32 = 6;

/// How much brotli takes in at a time, in bytes.
const BROTLI_BLOCK: usize = 64 << 10;

/// How many files are compressed at a time, each on a thread of its own.
const AT_ONCE: usize = 2;

/// How long a request waits for its file to be compressed. That is worth it: by then some 5 MB are.
const PATIENCE: Duration = Duration::from_millis(100);

/// One version of a file in one coding, under one name: the fields depend on the name.
type Key = (Vec<u8>, Identity);

/// The compressed forms of files.
#[derive(Debug)]
pub(crate) struct Compressor {
    kept: Arc<Table>,
    workshop: Arc<Workshop<Key, Arc<Representation>>>,
}

impl Compressor {
    /// One that keeps at most `memory_bytes` of compressed content.
    pub(crate) fn new(memory_bytes: usize) -> Self {
        Self { kept: Arc::new(Table::new(memory_bytes, 0)), workshop: Workshop::new(AT_ONCE) }
    }

    /// How much memory the compressed content takes.
    #[cfg(test)]
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept.memory_bytes()
    }

    /// How many times a file was compressed.
    #[cfg(test)]
    pub(crate) fn compressed(&self) -> u64 {
        self.workshop.begun()
    }

    /// The file of that name in the coding that the client likes best; `None` if that is none, or if
    /// it is not to be had now.
    pub(crate) async fn select(
        &self,
        name: &[u8],
        file: &Arc<Representation>,
        accept: AcceptEncoding,
    ) -> Option<Arc<Representation>> {
        let coding = accept.choose(&OFFERED).filter(|coding| *coding != ContentCoding::Identity)?;
        // An unsettled version may have other bytes in a moment, under the same identity.
        if !file.is_settled() || file.is_compressed_in_vain() {
            return None;
        }
        let name = coded_name(name, coding);
        if let Some(kept) = self.kept.get(&name, file.identity()) {
            return Some(kept);
        }
        let (table, source, making) = (Arc::clone(&self.kept), Arc::clone(file), name.clone());
        let make = move || compress_and_keep(&source, coding, &making, &table);
        let kept = || self.kept.get(&name, file.identity());
        self.workshop.get((name.clone(), *file.identity()), PATIENCE, kept, make).await
    }
}

fn compress_and_keep(
    file: &Representation,
    coding: ContentCoding,
    name: &[u8],
    table: &Table,
) -> Option<Arc<Representation>> {
    let bytes = match compress(file, coding) {
        Ok(bytes) => bytes,
        Err(error) => {
            let name = String::from_utf8_lossy(name);
            tracing::warn!(%name, %error, "a file was not compressed");
            return None;
        }
    };
    let is_smaller = u64::try_from(bytes.len()).is_ok_and(|length| length < file.length());
    let compressed = Arc::new(file.compressed(coding, Bytes::from(bytes)));
    // What can't be kept would be compressed again for each request.
    if !is_smaller || !table.has_room_for(&compressed) {
        file.set_compressed_in_vain();
        return None;
    }
    table.keep(name, &compressed);
    Some(compressed)
}

/// The whole content in that coding. The same bytes give the same outcome, in this process.
fn compress(file: &Representation, coding: ContentCoding) -> io::Result<Box<[u8]>> {
    let out = Vec::new();
    let out = match coding {
        ContentCoding::Identity => through(out, file, Ok)?,
        ContentCoding::Gzip => {
            let encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            through(encoder, file, flate2::write::GzEncoder::finish)?
        }
        ContentCoding::Brotli => {
            let size_hint = usize::try_from(file.length()).unwrap_or(0);
            let parameters =
                brotli::enc::BrotliEncoderParams { quality: BROTLI_LEVEL, size_hint, ..Default::default() };
            let encoder = brotli::CompressorWriter::with_params(out, BROTLI_BLOCK, &parameters);
            through(encoder, file, |encoder| Ok(encoder.into_inner()))?
        }
        ContentCoding::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?;
            encoder.set_pledged_src_size(Some(file.length()))?;
            through(encoder, file, zstd::stream::write::Encoder::finish)?
        }
    };
    // What is kept is counted by its length.
    Ok(out.into_boxed_slice())
}

/// Writes the whole content to an encoder and ends it.
fn through<W: Write>(
    mut encoder: W,
    file: &Representation,
    finish: impl FnOnce(W) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    file.read(|block| encoder.write_all(block))?;
    finish(encoder)
}

#[cfg(test)]
#[path = "compress_tests.rs"]
mod tests;
