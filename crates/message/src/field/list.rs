//! Comma-separated lists (RFC 9110 §5.6.1), tokens (§5.6.2) and optional white space (§5.6.3).

use http::HeaderName;

use crate::fields::Fields;

/// A field value that does not follow its grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field value that does not follow its grammar")]
pub struct Malformed;

/// The members of one field value; see [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a [u8],
}

/// The members of a list, in order, without the white space around them.
///
/// Commas inside quoted strings do not separate. Empty members are skipped (§5.6.1.2). A quoted string
/// that does not end is [`Malformed`], and nothing comes after that.
///
/// Not for fields in which a `"` or a comma can mean something else: entity tags know no `\`
/// (`etag::Condition`), comments may hold anything (`via::names`).
#[must_use]
pub fn members(value: &[u8]) -> Members<'_> {
    Members { rest: value }
}

/// The members of the list that all lines of `name` make up together (§5.3).
pub fn of<'a>(
    fields: &'a Fields,
    name: &HeaderName,
) -> impl Iterator<Item = Result<&'a [u8], Malformed>> + use<'a> {
    fields.lines(name).flat_map(|line| members(line.as_bytes()))
}

/// Whether `word` is a member of the list in all lines of `name`, in whatever case.
#[must_use]
pub fn contains(fields: &Fields, name: &HeaderName, word: &str) -> bool {
    of(fields, name).any(|member| member.is_ok_and(|member| member.eq_ignore_ascii_case(word.as_bytes())))
}

/// Whether it is a token: one or more of the characters that names are made of (§5.6.2).
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// tchar (§5.6.2).
#[must_use]
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without the spaces and tabs at both ends (OWS, §5.6.3).
#[must_use]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let Some(comma) = separator(self.rest) else {
                self.rest = &[];
                return Some(Err(Malformed));
            };
            let (member, rest) = self.rest.split_at_checked(comma)?;
            self.rest = rest.strip_prefix(b",").unwrap_or(rest);
            let member = trim(member);
            if !member.is_empty() {
                return Some(Ok(member));
            }
        }
        None
    }
}

/// Where the first comma outside a quoted string is, or the length; `None` if a string does not end.
fn separator(bytes: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(bytes.len())
}
