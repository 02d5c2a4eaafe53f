//! Comma-separated lists (RFC 9110 §5.6.1), tokens (§5.6.2) and optional white space (§5.6.3).

use http::{HeaderName, HeaderValue};

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

/// The members of the list that all lines of `name` make up together, for a field whose members are
/// tokens, such as `Connection`, `Vary` or `Trailer`.
///
/// A `"` means nothing there, so that it can't hide a member from us that somebody else sees. That the
/// members are [tokens](is_token) is not checked; there are no empty ones.
pub fn tokens<'a>(fields: &'a Fields, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let members = |line: &'a HeaderValue| line.as_bytes().split(|byte| *byte == b',').map(trim);
    fields.lines(name).flat_map(members).filter(|member| !member.is_empty())
}

/// Whether `token` is a member of the list of [`tokens`] in `name`, in whatever case.
#[must_use]
#[inline]
pub fn contains(fields: &Fields, name: &HeaderName, token: &str) -> bool {
    fields.contains(name) && tokens(fields, name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether it is a token: one or more of the characters that names are made of (§5.6.2).
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// tchar (§5.6.2).
#[must_use]
pub fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'#'..=b'\'' | b'!' | b'*' | b'+' | b'-' | b'.' | b'|' | b'~')
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

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, VARY};
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Vec<Result<&str, Malformed>> {
        members(value.as_bytes()).map(|member| member.map(|m| str::from_utf8(m).unwrap())).collect()
    }

    #[test]
    fn members_are_apart_by_commas_9110_5_6_1() {
        for (value, expected) in [
            ("", vec![]),
            (" ", vec![]),
            (",", vec![]),
            (", ,\t,", vec![]),
            ("a", vec!["a"]),
            ("foo ,bar,", vec!["foo", "bar"]),
            ("foo , ,bar,charlie", vec!["foo", "bar", "charlie"]),
            ("\t a b \t,c", vec!["a b", "c"]),
            (r#"a="x, y", b"#, vec![r#"a="x, y""#, "b"]),
            (r#""a\", b""#, vec![r#""a\", b""#]),
            (r#""a\\", b"#, vec![r#""a\\""#, "b"]),
            (r"a\, b", vec![r"a\", "b"]),
            (r#""", b"#, vec![r#""""#, "b"]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(Ok).collect();
            assert_eq!(read(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_string_that_does_not_end_is_told_and_ends_the_list() {
        assert_eq!(read(r#"a, b="c, d"#), [Ok("a"), Err(Malformed)]);
        assert_eq!(read(r#"""#), [Err(Malformed)]);
        assert_eq!(read(r#""\""#), [Err(Malformed)]);
    }

    #[test]
    fn all_lines_make_one_list_9110_5_3() {
        let mut fields = Fields::new();
        fields.append(VARY, HeaderValue::from_static("accept, \"open"));
        fields.append(VARY, HeaderValue::from_static("accept-language"));
        let all: Vec<_> = of(&fields, &VARY).collect();
        assert_eq!(all, [Ok(&b"accept"[..]), Err(Malformed), Ok(b"accept-language")]);
    }

    #[test]
    fn a_quote_hides_no_token() {
        let mut fields = Fields::new();
        fields.append(CONNECTION, HeaderValue::from_static("\"x, Close"));
        assert_eq!(tokens(&fields, &CONNECTION).collect::<Vec<_>>(), [&b"\"x"[..], b"Close"]);
        assert!(contains(&fields, &CONNECTION, "close"));
        assert!(!contains(&fields, &CONNECTION, "x"));
        assert!(!contains(&fields, &VARY, "close"));
    }

    #[test]
    fn tokens_are_made_of_tchar_9110_5_6_2() {
        assert!(is_token(b"!#$%&'*+-.^_`|~09azAZ"));
        for no in [
            "", " ", "a b", "a,", "\"a\"", "a=b", "(", "[", "{", "@", ":", ";", "/", "?", "\\", "\u{e9}",
            "\x7f",
        ] {
            assert!(!is_token(no.as_bytes()), "{no:?}");
        }
    }

    proptest! {
        #[test]
        fn members_of_anything_are_neither_empty_nor_padded(value in any::<Vec<u8>>()) {
            for member in members(&value).flatten() {
                prop_assert!(!member.is_empty());
                prop_assert_eq!(trim(member), member);
            }
        }

        #[test]
        fn tokens_that_are_joined_come_apart_again(tokens in prop::collection::vec("[!#-'*+.a-z]{1,9}", 0..9)) {
            let joined = tokens.join(" ,, ");
            let apart: Vec<_> = read(&joined).into_iter().flatten().map(str::to_owned).collect();
            prop_assert_eq!(apart, tokens);
        }
    }
}
