//! `Content-Disposition: attachment` (RFC 6266), so that a browser saves a file instead of showing it.

use std::fmt::Write as _;

use http::HeaderValue;

/// What stands for itself in an extended value: attr-char (RFC 8187 §3.2.1).
const ATTR_CHAR_MARKS: &[u8] = b"!#$&+-.^_`|~";

/// Says that the content is to be saved, under the last name of `path`.
///
/// `filename` is kept to characters that every client reads alike: visible ASCII without `"`, `\` and
/// `%` (RFC 6266 Appendix D), with `_` for all others. Where that changes the name, `filename*` gives
/// it as it is in UTF-8, and comes last, since some old clients take the first that they know.
#[must_use]
pub(crate) fn attachment(path: &[u8]) -> HeaderValue {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    let name = String::from_utf8_lossy(name);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || ATTR_CHAR_MARKS.contains(&byte) {
                value.push(char::from(byte));
            } else {
                // Writing to a string can't fail.
                let _ = write!(value, "%{byte:02X}");
            }
        }
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_so_that_no_client_reads_another_one_6266() {
        for (path, expected) in [
            (&b"a/b/report.pdf"[..], r#"attachment; filename="report.pdf""#),
            (b"two words.txt", r#"attachment; filename="two words.txt""#),
            (b"a\"b.txt", r#"attachment; filename="a_b.txt"; filename*=UTF-8''a%22b.txt"#),
            (b"a\\b.txt", r#"attachment; filename="a_b.txt"; filename*=UTF-8''a%5Cb.txt"#),
            (b"100%41.txt", r#"attachment; filename="100_41.txt"; filename*=UTF-8''100%2541.txt"#),
            (b"a;b=c.txt", r#"attachment; filename="a;b=c.txt""#),
            (
                b"a\r\nSet-Cookie: x",
                r#"attachment; filename="a__Set-Cookie: x"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x"#,
            ),
            (
                "naïve 漢.txt".as_bytes(),
                r#"attachment; filename="na_ve _.txt"; filename*=UTF-8''na%C3%AFve%20%E6%BC%A2.txt"#,
            ),
            (
                "\u{202e}fdp.exe".as_bytes(),
                r#"attachment; filename="_fdp.exe"; filename*=UTF-8''%E2%80%AEfdp.exe"#,
            ),
            (b"\xff.bin", r#"attachment; filename="_.bin"; filename*=UTF-8''%EF%BF%BD.bin"#),
            (b"it's (1)*.txt", r#"attachment; filename="it's (1)*.txt""#),
        ] {
            assert_eq!(attachment(path), expected, "{}", String::from_utf8_lossy(path));
        }
    }
}
