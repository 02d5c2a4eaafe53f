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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quoted_strings_are_unescaped_9110_5_6_4() {
        for (value, text) in [
            (&br#""""#[..], &b""[..]),
            (br#""a, b""#, b"a, b"),
            (b"\"a\tb\"", b"a\tb"),
            (br#""a\"b\\c\d""#, br#"a"b\cd"#),
            (b"\"\xe9\\\xe9\"", b"\xe9\xe9"),
        ] {
            assert_eq!(unquote(value).as_deref(), Some(text), "{value:?}");
            assert_eq!(token_or_quoted(value).as_deref(), Some(text), "{value:?}");
        }
        assert_eq!(token_or_quoted(b"token").as_deref(), Some(&b"token"[..]));
        assert_eq!(take(br#""a"; b"#), Some((Cow::Borrowed(&b"a"[..]), &b"; b"[..])));
    }

    #[test]
    fn what_is_not_quite_a_quoted_string_is_none() {
        for value in [
            &b""[..],
            b"a",
            b"\"",
            b"\"a",
            b"a\"",
            br#""a\""#,
            br#""\"#,
            br#""a"b"#,
            br#""a" "#,
            br#" "a""#,
            b"'a'",
            b"\"a\nb\"",
            b"\"a\x7fb\"",
            b"\"\\\0\"",
        ] {
            assert_eq!(unquote(value), None, "{value:?}");
        }
        assert_eq!(token_or_quoted(b"a b"), None);
        assert_eq!(token_or_quoted(b""), None);
    }

    fn read(value: &str) -> Vec<Result<(String, String), Malformed>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let pair = |(name, value): (&[u8], Cow<'_, [u8]>)| (text(name), text(&value));
        parameters(value.as_bytes()).map(|parameter| parameter.map(pair)).collect()
    }

    #[test]
    fn parameters_are_read_in_order_9110_5_6_6() {
        for (value, expected) in [
            ("", vec![]),
            (" ; ;\t;", vec![]),
            (";a=b", vec![("a", "b")]),
            (" ; a=b ;c=\"d; e\\\"\"\t;; F=g ", vec![("a", "b"), ("c", "d; e\""), ("F", "g")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(n, v)| Ok((n.to_string(), v.to_string()))).collect();
            assert_eq!(read(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_malformed_parameter_is_told_and_ends_them() {
        for value in ["; a", "; a=", "; a =b", "; a= b", "; =b", "; a=\"b", "; a=b c", "a=b", "; a=\"b\"c"] {
            let read = read(value);
            assert_eq!(read.iter().filter(|parameter| parameter.is_err()).count(), 1, "{value:?}");
            assert!(read.last().is_some_and(Result::is_err), "{value:?}");
        }
        assert_eq!(read("; a=b; c").len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(text in prop::collection::vec(any::<u8>().prop_filter("text", |b| is_text(*b)), 0..40)) {
            let mut value = vec![b'"'];
            for byte in &text {
                if matches!(byte, b'"' | b'\\') {
                    value.push(b'\\');
                }
                value.push(*byte);
            }
            value.push(b'"');
            prop_assert_eq!(unquote(&value), Some(Cow::Owned(text)));
        }

        #[test]
        fn anything_can_be_read_without_harm(value in "[ ;=\"\\\\a]{0,12}") {
            let end = parameters(value.as_bytes()).take(20).count();
            prop_assert!(end <= 12);
            let _ = unquote(value.as_bytes());
        }
    }
}
