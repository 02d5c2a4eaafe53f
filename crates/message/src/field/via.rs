//! `Via` (RFC 9110 §7.6.3): through whom a message has come, and whether through us already.

use std::borrow::Cow;

use http::header::VIA;

use crate::field::list::is_token_byte;
use crate::field::value::written;
use crate::fields::Fields;

/// Adds that the message was received as HTTP/1.1 by whom `pseudonym` names, after all others.
///
/// A pseudonym is a token, or host and port; characters that neither can hold are left out.
pub fn append(fields: &mut Fields, pseudonym: &str) {
    let mut text = String::from("1.1 ");
    text.extend(pseudonym.chars().filter(|c| u8::try_from(*c).is_ok_and(is_received_by)));
    fields.append(VIA, written(text));
}

/// Whether the message has come through whom `pseudonym` names, in whatever case.
#[must_use]
pub fn names(fields: &Fields, pseudonym: &str) -> bool {
    fields.lines(&VIA).any(|line| {
        let line = without_comments(line.as_bytes());
        line.split(|byte| *byte == b',')
            .any(|member| received_by(member).is_some_and(|by| by.eq_ignore_ascii_case(pseudonym.as_bytes())))
    })
}

/// The second word of a member: `1.1 received-by`.
fn received_by(member: &[u8]) -> Option<&[u8]> {
    member.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).nth(1)
}

/// Without comments (§5.6.5), in which commas mean nothing and which may hold comments. Who wrote one
/// that does not end has made the rest of the line unreadable: it is left out.
fn without_comments(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'(') {
        return Cow::Borrowed(value);
    }
    let mut text = Vec::with_capacity(value.len());
    let mut depth: usize = 0;
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match (byte, depth) {
            (b'(', _) => depth = depth.saturating_add(1),
            (b')', 1..) => depth = depth.saturating_sub(1),
            (b'\\', 1..) => drop(bytes.next()),
            (_, 1..) => {}
            (byte, 0) => text.push(*byte),
        }
    }
    Cow::Owned(text)
}

fn is_received_by(byte: u8) -> bool {
    is_token_byte(byte) || matches!(byte, b':' | b'[' | b']')
}
