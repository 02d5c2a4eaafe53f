//! `Via` (RFC 9110 §7.6.3): through whom a message has come, and whether through us already.

use std::borrow::Cow;

use http::header::VIA;

use crate::field::list::is_token_byte;
use crate::field::value::written;
use crate::fields::Fields;

/// The version in which we receive messages.
const RECEIVED: &[u8] = b"1.1 ";

/// Adds that the message was received as HTTP/1.1 by whom `pseudonym` names, after all others.
///
/// A pseudonym is a token, or host and port; characters that neither can hold are left out.
pub fn append(fields: &mut Fields, pseudonym: &str) {
    let mut text = Vec::with_capacity(RECEIVED.len().saturating_add(pseudonym.len()));
    text.extend_from_slice(RECEIVED);
    text.extend(pseudonym.bytes().filter(|byte| is_received_by(*byte)));
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

/// Without comments (§5.6.5), in which commas mean nothing and which may hold comments. One that does
/// not end is taken for no comment: it must not hide those whose names were added after it.
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
    if depth == 0 { Cow::Owned(text) } else { Cow::Borrowed(value) }
}

fn is_received_by(byte: u8) -> bool {
    is_token_byte(byte) || matches!(byte, b':' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn via(lines: &[&'static str]) -> Fields {
        let mut fields = Fields::new();
        for line in lines {
            fields.append(VIA, HeaderValue::from_static(line));
        }
        fields
    }

    #[test]
    fn we_come_after_all_others_9110_7_6_3() {
        let mut fields = via(&["1.0 fred"]);
        append(&mut fields, "Sockets");
        assert_eq!(fields.lines(&VIA).collect::<Vec<_>>(), ["1.0 fred", "1.1 Sockets"]);
        assert!(names(&fields, "Sockets") && names(&fields, "fred"));
    }

    #[test]
    fn a_pseudonym_that_is_none_breaks_nothing() {
        let mut fields = Fields::new();
        append(&mut fields, "a b,\r\n(c)\u{e9}:[d]");
        assert_eq!(fields.get(&VIA).unwrap(), "1.1 abc:[d]");
    }

    #[test]
    fn we_are_found_wherever_we_stand() {
        for line in [
            "1.1 Sockets",
            "1.1 sOCKETS",
            "HTTP/1.1 Sockets",
            "1.0 fred, 1.1 Sockets (a comment)",
            "1.0 fred (a, 1.1 b (c) \\) d), 1.1\tSockets",
            "1.0 fred (never ends, 1.1 Sockets",
            " ,, 2  Sockets ,",
        ] {
            assert!(names(&via(&[line]), "Sockets"), "{line:?}");
            assert!(names(&via(&["1.0 fred", line, "1.1 p"]), "Sockets"), "{line:?}");
        }
    }

    #[test]
    fn others_are_not_taken_for_us() {
        for line in [
            "",
            "Sockets",
            "1.1 Sockets2",
            "1.1 fred Sockets",
            "1.1 fred (x, 1.1 Sockets)",
            "1.1 fred (a (b), 1.1 Sockets, c)",
            r"1.1 fred (a \), 1.1 Sockets , c)",
            "Sockets 1.1",
        ] {
            assert!(!names(&via(&[line]), "Sockets"), "{line:?}");
        }
        assert!(!names(&Fields::new(), "Sockets"));
    }

    proptest! {
        /// Whatever a client writes, it can't hide that a proxy after it added our name.
        #[test]
        fn nothing_that_comes_before_hides_us(before in "[ -~]{0,30}", after in "[ -~]{0,30}") {
            let mut fields = Fields::new();
            fields.append(VIA, HeaderValue::from_str(&before).unwrap());
            append(&mut fields, "Sockets");
            fields.append(VIA, HeaderValue::from_str(&after).unwrap());
            prop_assert!(names(&fields, "Sockets"));
        }
    }
}
