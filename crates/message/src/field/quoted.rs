//! Quoted strings (RFC 9110 §5.6.4) and parameters (§5.6.6).

use std::borrow::Cow;

use crate::field::list::{Malformed, is_token, is_token_byte, trim};

/// Takes the quoted string at the start of `input` off it: what it means, and what follows it.
///
/// `None` unless `input` starts with a `"`, the string ends, and all in it is `qdtext` or a
/// `quoted-pair`. Nothing is copied unless there is a `\` in it.
#[must_use]
pub fn take(input: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let inside = input.strip_prefix(b"\"")?;
    let mut bytes = inside.iter().enumerate();
    let mut pairs = false;
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let (raw, rest) = inside.split_at_checked(at)?;
                let text = if pairs { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) };
                return Some((text, rest.strip_prefix(b"\"")?));
            }
            b'\\' => {
                pairs = true;
                bytes.next().filter(|(_, byte)| is_text(**byte))?;
            }
            byte if is_text(*byte) => {}
            _ => return None,
        }
    }
    None
}

/// What `value` means, which is one quoted string and nothing else.
#[must_use]
pub fn unquote(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    take(value).and_then(|(text, rest)| rest.is_empty().then_some(text))
}

/// What `value` means, which is one token or one quoted string and nothing else.
#[must_use]
pub fn token_or_quoted(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    if is_token(value) { Some(Cow::Borrowed(value)) } else { unquote(value) }
}

/// The parameters of one field value or list member; see [`parameters`].
#[derive(Clone, Debug)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

/// The `;name=value` parameters that `rest` consists of, in order (§5.6.6).
///
/// White space may stand around `;` but not around `=`. Empty parameters are skipped. Names are to be
/// compared without case. After [`Malformed`] nothing comes.
#[must_use]
pub fn parameters(rest: &[u8]) -> Parameters<'_> {
    Parameters { rest: trim(rest) }
}

impl<'a> Iterator for Parameters<'a> {
    /// Name and value.
    type Item = Result<(&'a [u8], Cow<'a, [u8]>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let Some(rest) = self.rest.strip_prefix(b";").map(trim) else {
                self.rest = &[];
                return Some(Err(Malformed));
            };
            self.rest = rest;
            if rest.is_empty() || rest.starts_with(b";") {
                continue;
            }
            let parameter = self.take_parameter();
            if parameter.is_none() {
                self.rest = &[];
            }
            return Some(parameter.ok_or(Malformed));
        }
        None
    }
}

impl<'a> Parameters<'a> {
    fn take_parameter(&mut self) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
        let (name, rest) = take_token(self.rest)?;
        let rest = rest.strip_prefix(b"=")?;
        let (value, rest) = if rest.starts_with(b"\"") {
            take(rest)?
        } else {
            take_token(rest).map(|(value, rest)| (Cow::Borrowed(value), rest))?
        };
        self.rest = trim(rest);
        Some((name, value))
    }
}

fn take_token(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(input.len());
    if end == 0 { None } else { input.split_at_checked(end) }
}

/// Without the first `\` of each `quoted-pair`.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        let meant = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
        text.push(*meant);
    }
    text
}

/// What may stand in a quoted string, as it is or after a `\`: no control character but the tab.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}
