//! The chunked transfer coding (RFC 9112 §7.1), from bytes to content.

use bytes::{Buf, Bytes, BytesMut};
use message::field::{list, quoted};
use message::fields::Fields;

use crate::encode::is_forbidden_in_trailers;
use crate::fault::Fault;
use crate::limits::{EXTENSION_BYTES_ALLOWANCE, Limits};
use crate::parse::{self, LineSearch, SectionSearch, without_cr};

/// Reads one chunked body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks {
    at: At,
    /// Content announced by the sizes so far, in bytes.
    announced: u64,
    /// Extensions so far, in bytes.
    extensions: u64,
}

/// Where in the body the next byte belongs.
#[derive(Clone, Debug)]
enum At {
    /// `chunk-size [ chunk-ext ] CRLF`
    Size(LineSearch),
    /// `chunk-data`, of which so many bytes are to come.
    Data(u64),
    /// The CRLF after `chunk-data`.
    DataEnd,
    /// `trailer-section CRLF`
    Trailers(SectionSearch),
}

impl Default for At {
    fn default() -> Self {
        Self::Size(LineSearch::default())
    }
}

/// A part of a chunked body.
pub(crate) enum Part {
    /// Content; never empty.
    Data(Bytes),
    /// The end, with the trailer section.
    End(Fields),
}

impl Chunks {
    /// The next part of the body, once it has come. `content_max` bounds the whole content in bytes.
    pub(crate) fn next(
        &mut self,
        inbox: &mut BytesMut,
        limits: &Limits,
        content_max: u64,
    ) -> Result<Option<Part>, Fault> {
        loop {
            match &mut self.at {
                At::Size(search) => {
                    let Some((size, extension)) = size_line(search, inbox, limits)? else { return Ok(None) };
                    inbox.advance(search.consumed());
                    self.at = self.begin(size, extension, content_max)?;
                }
                At::Data(left) => {
                    let data = take(inbox, *left);
                    if data.is_empty() {
                        return Ok(None);
                    }
                    *left = left.saturating_sub(length(&data));
                    if *left == 0 {
                        self.at = At::DataEnd;
                    }
                    return Ok(Some(Part::Data(data)));
                }
                At::DataEnd => match inbox.get(..2).unwrap_or(inbox) {
                    b"\r\n" => {
                        inbox.advance(2);
                        self.at = At::default();
                    }
                    b"" | b"\r" => return Ok(None),
                    _ => return Err(Fault::ChunkEnd),
                },
                At::Trailers(search) => {
                    let end = search.end(inbox, limits.trailer_bytes, limits.field_lines)?;
                    return end.map(|end| trailers(inbox, end, search.count())).transpose();
                }
            }
        }
    }

    /// What follows a size line: data, or after the last chunk (size 0) the trailers.
    fn begin(&mut self, size: u64, extension: u64, content_max: u64) -> Result<At, Fault> {
        // RFC 9112 §7.1.1: "a recipient ought to limit the total length of chunk extensions". Content
        // in crumbs with long extensions would cost a lot of work for little of it.
        self.extensions = self.extensions.saturating_add(extension);
        if self.extensions > self.announced.saturating_add(EXTENSION_BYTES_ALLOWANCE) {
            return Err(Fault::ChunkExtensionsTooLong);
        }
        self.announced = self.announced.checked_add(size).ok_or(Fault::ChunkSizeOverflow)?;
        if self.announced > content_max {
            return Err(Fault::BodyTooLarge);
        }
        Ok(if size == 0 { At::Trailers(SectionSearch::default()) } else { At::Data(size) })
    }
}

/// The trailer section, of `end` bytes with its empty line, and `lines` lines without.
fn trailers(inbox: &mut BytesMut, end: usize, lines: usize) -> Result<Part, Fault> {
    let section = Bytes::copy_from_slice(inbox.get(..end).unwrap_or_default());
    inbox.advance(section.len());
    let mut fields = parse::section(&section, lines)?;
    // RFC 9110 §6.5.1: what frames, routes or authenticates is not taken from a trailer.
    let forbidden: Vec<_> =
        fields.iter().map(|(name, _)| name).filter(|name| is_forbidden_in_trailers(name)).cloned().collect();
    for name in &forbidden {
        fields.remove(name);
    }
    Ok(Part::End(fields))
}

/// At most `max` bytes from the front of `inbox`, not copied.
pub(crate) fn take(inbox: &mut BytesMut, max: u64) -> Bytes {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    inbox.split_to(inbox.len().min(max)).freeze()
}

/// A length as the number of bytes that it is: `usize` has at most 64 bits.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The size of a chunk and the length of its extensions, once the line has come.
fn size_line(search: &mut LineSearch, bytes: &[u8], limits: &Limits) -> Result<Option<(u64, u64)>, Fault> {
    let window = bytes.get(..limits.chunk_line_bytes).unwrap_or(bytes);
    let Some(line) = search.next(window) else {
        let too_long = bytes.len() >= limits.chunk_line_bytes;
        return if too_long { Err(Fault::ChunkExtensionsTooLong) } else { Ok(None) };
    };
    let line = without_cr(line)?;
    let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, extension) = line.split_at_checked(digits).unwrap_or((line, b""));
    if !is_extension(extension) {
        let starts_well = matches!(extension, [b';' | b' ' | b'\t', ..]) && !digits.is_empty();
        return Err(if starts_well { Fault::ChunkExtension } else { Fault::ChunkSize });
    }
    Ok(Some((size(digits)?, length(extension))))
}

/// The most digits that a chunk size may have: as many as `u64::MAX` has. Zeros at the front count.
const SIZE_DIGITS_MAX: usize = 16;

/// RFC 9112 §7.1: `1*HEXDIG`; "recipients MUST anticipate potentially large hexadecimal numerals".
fn size(digits: &[u8]) -> Result<u64, Fault> {
    if digits.is_empty() {
        return Err(Fault::ChunkSize);
    }
    if digits.len() > SIZE_DIGITS_MAX {
        return Err(Fault::ChunkSizeOverflow);
    }
    digits
        .iter()
        .try_fold(0_u64, |sum, digit| {
            let value = char::from(*digit).to_digit(16)?;
            sum.checked_mul(16)?.checked_add(u64::from(value))
        })
        .ok_or(Fault::ChunkSizeOverflow)
}

/// RFC 9112 §7.1.1: `*( BWS ";" BWS name [ BWS "=" BWS value ] )`. Extensions are checked and ignored.
fn is_extension(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(rest) = space(bytes).strip_prefix(b";").and_then(|rest| token(space(rest))) else {
            return false;
        };
        bytes = rest;
        let Some(rest) = space(rest).strip_prefix(b"=").map(space) else { continue };
        let Some(rest) = quoted::take(rest).map(|(_, rest)| rest).or_else(|| token(rest)) else {
            return false;
        };
        bytes = rest;
    }
    true
}

/// What follows white space.
fn space(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    bytes.get(len..).unwrap_or_default()
}

/// What follows a token.
fn token(bytes: &[u8]) -> Option<&[u8]> {
    let len = bytes.iter().take_while(|b| list::is_token_byte(**b)).count();
    if len == 0 { None } else { bytes.get(len..) }
}
