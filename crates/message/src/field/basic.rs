//! The Basic scheme (RFC 7617): what a client sends, and what asks for it, to a server (`Authorization`)
//! or to a proxy (`Proxy-Authorization`, RFC 9110 §11.7).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use crate::fields::Fields;

/// Longest credentials that are decoded, in characters of base64.
pub const CREDENTIALS_MAX: usize = 1024;

/// A user name and a password, as they were sent.
#[derive(PartialEq, Eq)]
pub struct Credentials {
    decoded: Vec<u8>,
    /// Where the first colon is.
    colon: usize,
}

impl Credentials {
    /// What a request carries in the field of that name. `None` if that is nothing, or not what §2 says it
    /// must be; which of the two makes no difference to the answer.
    #[must_use]
    pub fn of(request: &Fields, name: &HeaderName) -> Option<Self> {
        // Twice is not once: whoever else looked at the request may have taken the other.
        let (scheme, rest) = request.text(name)?.split_once(' ')?;
        // RFC 9110 §11.1: the scheme's name is case-insensitive; one or more spaces follow it.
        let encoded = rest.trim_matches(' ');
        if !scheme.eq_ignore_ascii_case("Basic") || encoded.len() > CREDENTIALS_MAX {
            return None;
        }
        let decoded = STANDARD.decode(encoded).ok()?;
        // §2: neither of the two may hold a control character. Not checked to be UTF-8, which we ask
        // for (§2.1): in another charset they are those of no user.
        if decoded.iter().any(u8::is_ascii_control) {
            return None;
        }
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        Some(Self { decoded, colon })
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        self.decoded.get(..self.colon).unwrap_or_default()
    }

    /// The password: all that follows the first colon.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        self.decoded.get(self.colon.saturating_add(1)..).unwrap_or_default()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// What asks for a user name and password for `realm` (§2, §2.1). What can't be shown in a field is
/// left out of the realm.
#[must_use]
pub fn challenge(realm: &str) -> HeaderValue {
    let mut text = String::from("Basic realm=\"");
    for character in realm.chars().filter(|c| *c == ' ' || c.is_ascii_graphic()) {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push_str("\", charset=\"UTF-8\"");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Basic realm=\"\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn sent(lines: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut fields = Fields::new();
        for line in lines {
            fields.append(header::AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        Credentials::of(&fields, &header::AUTHORIZATION)
            .map(|both| (both.user().to_vec(), both.password().to_vec()))
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn the_password_is_all_after_the_first_colon_7617_2() {
        let both = |user: &[u8], password: &[u8]| Some((user.to_vec(), password.to_vec()));
        // The examples of §2 and §2.1.
        assert_eq!(sent(&[b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]), both(b"Aladdin", b"open sesame"));
        assert_eq!(sent(&[b"Basic dGVzdDoxMjPCow=="]), both(b"test", "123£".as_bytes()));
        assert_eq!(sent(&[&encoded(b"a:b:c")]), both(b"a", b"b:c"));
        assert_eq!(sent(&[&encoded(b":")]), both(b"", b""));
        assert_eq!(sent(&[&encoded(b"a:\xff\xfe")]), both(b"a", b"\xff\xfe"));
        assert_eq!(sent(&[b"bASIC   YTpi"]), both(b"a", b"b"));
    }

    #[test]
    fn what_is_no_credentials_is_as_none() {
        let huge = encoded(&[b'a'; CREDENTIALS_MAX]);
        let nothing: &[&[u8]] = &[];
        for lines in [
            nothing,
            &[b""],
            &[b"Basic"],
            &[b"Basic "],
            &[b"Basic YTpi!"],
            &[b"Basic YTp"],
            &[b"Basic YTpi YTpi"],
            &[b"Basic=YTpi"],
            &[b"Basic\tYTpi"],
            &[b"Bearer YTpi"],
            &[b"Basic YTpi, Basic YTpi"],
            &[b"Basic YTpi", b"Basic YTpi"],
            &[b"Basic \xc3\xa4"],
            &[&encoded(b"no colon")],
            &[&encoded(b"a:b\n")],
            &[&encoded(b"a\0:b")],
            &[&huge],
        ] {
            assert_eq!(sent(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn a_challenge_quotes_its_realm_9110_5_6_4() {
        for (realm, expected) in [
            ("files", "Basic realm=\"files\", charset=\"UTF-8\""),
            ("my \"own\" \\ files", r#"Basic realm="my \"own\" \\ files", charset="UTF-8""#),
            ("a\r\nb: c\u{e4}", "Basic realm=\"ab: c\", charset=\"UTF-8\""),
        ] {
            assert_eq!(challenge(realm), expected);
        }
    }
}
