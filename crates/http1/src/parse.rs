//! Lines and sections: from bytes to method, target, version, status and fields.
//!
//! What is looked for while bytes arrive ([`LineSearch`], [`SectionSearch`]) is kept apart from what is
//! read once a line or a section has come whole. Each search goes over a byte once, however the bytes
//! were cut up on their way, and finds the same fault first.
//!
//! One rule makes lines safe: they end in CRLF, and hold no other CR, LF or control character. RFC 9112
//! §2.2 lets a recipient take a lone LF for a line end; recipients that do and don't stand behind one
//! another, which is what request smuggling lives on, so it is refused here.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use memchr::memchr;
use message::field::list;
use message::fields::Fields;
use message::target::Target;

use crate::fault::Fault;
use crate::head::Version;
use crate::limits::{
    FIELD_LINES_CEILING, Limits, METHOD_BYTES_MAX, STATUS_LINE_BYTES_MAX, VERSION_BYTES_MAX,
};

/// Looks for the ends of lines in bytes that are still arriving.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineSearch {
    /// Where the line that is looked for begins.
    start: usize,
    /// How far there is certainly no end of it.
    searched: usize,
}

impl LineSearch {
    /// The next line without its LF, once that has come.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let new = bytes.get(self.searched..)?;
        let Some(found) = memchr(b'\n', new) else {
            self.searched = bytes.len();
            return None;
        };
        let end = self.searched.saturating_add(found);
        let line = bytes.get(self.start..end);
        self.start = end.saturating_add(1);
        self.searched = self.start;
        line
    }

    /// How many bytes the lines found so far have, with their ends.
    pub(crate) fn consumed(&self) -> usize {
        self.start
    }
}

/// Looks for the end of a header or trailer section in bytes that are still arriving.
#[derive(Clone, Debug, Default)]
pub(crate) struct SectionSearch {
    lines: LineSearch,
    count: usize,
}

impl SectionSearch {
    /// The length of the section with the empty line that ends it, once that has come.
    pub(crate) fn end(
        &mut self,
        bytes: &[u8],
        bytes_max: usize,
        lines_max: usize,
    ) -> Result<Option<usize>, Fault> {
        let window = bytes.get(..bytes_max).unwrap_or(bytes);
        while let Some(line) = self.lines.next(window) {
            match without_cr(line)?.first() {
                None => return Ok(Some(self.lines.consumed())),
                // RFC 9112 §2.2: reject, or skip such lines and hope that everybody else does.
                Some(b' ' | b'\t') if self.count == 0 => return Err(Fault::SpaceBeforeFields),
                // RFC 9112 §5.2: a server rejects it, or unfolds it; we write no folded lines either.
                Some(b' ' | b'\t') => return Err(Fault::Folding),
                Some(_) => self.count = self.count.saturating_add(1),
            }
            if self.count > lines_max.min(FIELD_LINES_CEILING) {
                return Err(Fault::TooManyFields);
            }
        }
        if bytes.len() >= bytes_max { Err(Fault::FieldsTooLong) } else { Ok(None) }
    }

    /// How many field lines were found.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// A request line (RFC 9112 §3).
#[derive(Clone, Debug)]
pub(crate) struct RequestLine {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) version: Version,
}

/// A status line (RFC 9112 §4); the reason phrase is checked and dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusLine {
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
}

/// The request line at the front of `bytes`, once it has come, and its length with its end.
pub(crate) fn request_line(
    search: &mut LineSearch,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Option<(RequestLine, usize)>, Fault> {
    let Some(line) = search.next(bytes) else {
        // The CR of an end that has not come yet is no part of the line.
        refuse_early(bytes.strip_suffix(b"\r").unwrap_or(bytes), limits)?;
        return Ok(None);
    };
    refuse_early(line.strip_suffix(b"\r").unwrap_or(line), limits)?;
    let line = parse_request_line(without_cr(line)?, limits)?;
    Ok(Some((line, search.consumed())))
}

/// Refuses what can't become a request line any more, however it goes on.
///
/// What is refused of a beginning is refused of every line that begins so, with the same fault; so it
/// does not matter how much of the line had come when this looked at it.
fn refuse_early(line: &[u8], limits: &Limits) -> Result<(), Fault> {
    let beginning = line.get(..=METHOD_BYTES_MAX).unwrap_or(line);
    let method_len = beginning.iter().position(|b| *b == b' ');
    let method = beginning.get(..method_len.unwrap_or(beginning.len())).unwrap_or_default();
    if !method.iter().all(|b| list::is_token_byte(*b)) {
        return Err(Fault::Method);
    }
    if method.len() > METHOD_BYTES_MAX {
        return Err(Fault::MethodTooLong);
    }
    let Some(after) = method_len.and_then(|len| line.get(len.saturating_add(1)..)) else { return Ok(()) };
    // Nothing is too long yet if all of it together is not: the target is looked at once, at the end.
    if after.len() <= limits.target_bytes {
        return Ok(());
    }
    let beginning = after.get(..=limits.target_bytes).unwrap_or(after);
    let target_len = beginning.iter().position(|b| *b == b' ').ok_or(Fault::TargetTooLong)?;
    let version_len = after.len().saturating_sub(target_len).saturating_sub(1);
    if version_len > VERSION_BYTES_MAX { Err(Fault::Version) } else { Ok(()) }
}

fn parse_request_line(line: &[u8], limits: &Limits) -> Result<RequestLine, Fault> {
    // RFC 9112 §3 lets a recipient split at any white space; one space is what a sender must write.
    let mut words = line.splitn(3, |b| *b == b' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Err(Fault::RequestLine);
    };
    if method.is_empty() || target.is_empty() || version.contains(&b' ') {
        return Err(Fault::RequestLine);
    }
    let method = Method::from_bytes(method).map_err(|_| Fault::Method)?;
    // Before the target: the preface of HTTP/2, `PRI * HTTP/2.0`, is a matter of the version.
    let version = parse_version(version)?;
    if version == Version::Http10 && !limits.allow_http10 {
        return Err(Fault::VersionNotSupported);
    }
    let target = Target::parse(target).map_err(Fault::Target)?;
    if !goes_with(&target, &method) {
        return Err(Fault::TargetForm);
    }
    Ok(RequestLine { method, target, version })
}

/// Whether a form of target can go with a method: authority-form is for CONNECT, which has no other
/// (RFC 9112 §3.2.3), and asterisk-form for OPTIONS (§3.2.4).
pub(crate) fn goes_with(target: &Target, method: &Method) -> bool {
    match target {
        Target::Authority(_) => *method == Method::CONNECT,
        Target::Asterisk => *method == Method::OPTIONS,
        Target::Origin(_) | Target::Absolute(..) => *method != Method::CONNECT,
    }
}

/// The status line at the front of `bytes`, once it has come, and its length with its end.
pub(crate) fn status_line(
    search: &mut LineSearch,
    bytes: &[u8],
) -> Result<Option<(StatusLine, usize)>, Fault> {
    let window = bytes.get(..STATUS_LINE_BYTES_MAX).unwrap_or(bytes);
    match search.next(window) {
        Some(line) => Ok(Some((parse_status_line(without_cr(line)?)?, search.consumed()))),
        None if bytes.len() >= STATUS_LINE_BYTES_MAX => Err(Fault::StatusLineTooLong),
        None => Ok(None),
    }
}

fn parse_status_line(line: &[u8]) -> Result<StatusLine, Fault> {
    let mut words = line.splitn(3, |b| *b == b' ');
    let (Some(version), Some(code)) = (words.next(), words.next()) else {
        return Err(Fault::StatusLine);
    };
    let version = parse_version(version)?;
    let status = parse_status(code)?;
    // The space before an empty reason is often left out; nothing hangs on it.
    let reason = words.next().unwrap_or_default();
    if !is_reason(reason) {
        return Err(Fault::StatusLine);
    }
    Ok(StatusLine { version, status })
}

/// RFC 9110 §15: three digits, 100 to 599. A client that gets another number treats it as a fault of
/// the server's.
fn parse_status(code: &[u8]) -> Result<StatusCode, Fault> {
    let status = StatusCode::from_bytes(code).map_err(|_| Fault::Status)?;
    if status.as_u16() < 600 { Ok(status) } else { Err(Fault::Status) }
}

/// RFC 9112 §2.3. `HTTP/`, digits, and perhaps a dot and digits are a version, though not one of ours;
/// anything else is none. The name is case-sensitive.
fn parse_version(bytes: &[u8]) -> Result<Version, Fault> {
    match bytes {
        b"HTTP/1.1" => return Ok(Version::Http11),
        b"HTTP/1.0" => return Ok(Version::Http10),
        _ => {}
    }
    if bytes.len() > VERSION_BYTES_MAX {
        return Err(Fault::Version);
    }
    let number = bytes.strip_prefix(b"HTTP/").ok_or(Fault::Version)?;
    let mut parts = number.splitn(2, |b| *b == b'.');
    if parts.all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit)) {
        Err(Fault::VersionNotSupported)
    } else {
        Err(Fault::Version)
    }
}

/// The fields of a whole section of so many lines, which ends with its empty line. The values are parts
/// of it, not copies.
pub(crate) fn section(section: &Bytes, lines: usize) -> Result<Fields, Fault> {
    let mut search = LineSearch::default();
    let mut fields = Fields::with_capacity(lines);
    while let Some(line) = search.next(section) {
        let line = without_cr(line)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field_line(line)?;
        let value = HeaderValue::from_maybe_shared(section.slice_ref(value)).map_err(|_| bad_value(value))?;
        fields.append(name, value);
    }
    Ok(fields)
}

/// RFC 9112 §5.
fn field_line(line: &[u8]) -> Result<(HeaderName, &[u8]), Fault> {
    let colon = line.iter().position(|b| *b == b':').ok_or(Fault::NoColon)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(Fault::NoColon)?;
    // RFC 9112 §5.1: never taken for a part of the name, nor passed over.
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Fault::SpaceBeforeColon);
    }
    let name = HeaderName::from_bytes(name).map_err(|_| Fault::FieldName)?;
    Ok((name, list::trim(rest.get(1..).unwrap_or_default())))
}

fn bad_value(value: &[u8]) -> Fault {
    if value.contains(&b'\r') { Fault::BareCr } else { Fault::FieldValue }
}

/// A line without the CR of its end.
pub(crate) fn without_cr(line: &[u8]) -> Result<&[u8], Fault> {
    line.strip_suffix(b"\r").ok_or(Fault::BareLf)
}

/// What may stand in a reason phrase (RFC 9112 §4): visible characters, space, tab, and bytes
/// beyond ASCII.
fn is_reason(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\t' | b' '..=b'~' | 0x80..))
}
