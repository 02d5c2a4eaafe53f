//! The content of a message as bytes.

use bytes::{Bytes, BytesMut};
use message::{Body, Failure, FailureKind, FileSlice, Segment};

/// How much [`body_bytes`] reads, in bytes: no test needs more in memory.
pub const BODY_BYTES_MAX: usize = 1 << 30;

/// Reads `body` to its end, files too.
///
/// # Errors
/// What the body fails with; a file that became shorter, or more than [`BODY_BYTES_MAX`] bytes, is a
/// [`FailureKind::ProxyInternalError`].
pub async fn body_bytes(body: Body) -> Result<Bytes, Failure> {
    let mut stream = body.into_stream();
    let mut all = BytesMut::new();
    while let Some(segment) = stream.next().await {
        match segment? {
            Segment::Bytes(bytes) => take(&mut all, &bytes)?,
            Segment::File(slice) => read_all(&mut all, &slice)?,
        }
    }
    Ok(all.freeze())
}

/// Bytes that look random and are the same each time; a shift, a gap or a repetition shows.
#[must_use]
pub fn noise(length: usize) -> Vec<u8> {
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn read_all(all: &mut BytesMut, slice: &FileSlice) -> Result<(), Failure> {
    let mut at = 0;
    while at < slice.len() {
        let block = read_block(slice, at, BODY_BYTES_MAX)?;
        at += Segment::Bytes(block.clone()).len();
        take(all, &block)?;
    }
    Ok(())
}

fn take(all: &mut BytesMut, bytes: &[u8]) -> Result<(), Failure> {
    if all.len() + bytes.len() > BODY_BYTES_MAX {
        return Err(Failure::new(
            FailureKind::ProxyInternalError,
            "the body is too long to collect in a test",
        ));
    }
    all.extend_from_slice(bytes);
    Ok(())
}

/// At most `max` bytes of `slice` from `at`; at least one, or an error.
pub(crate) fn read_block(slice: &FileSlice, at: u64, max: usize) -> Result<Bytes, Failure> {
    slice.read_at(at, max).map_err(|error| {
        Failure::new(FailureKind::ProxyInternalError, format!("the file could not be read: {error}"))
    })
}
