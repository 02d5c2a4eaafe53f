//! Names as they stand in HTML, in JSON and in URLs. A name is any bytes but `/` and NUL.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_encode, utf8_percent_encode};

/// What stands for itself everywhere in a URL (unreserved, RFC 3986 §2.3). All else is encoded, so that
/// no name is taken for a scheme, a query or markup.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for what can't be shown.
const REPLACEMENT: char = '\u{fffd}';

/// A name as one segment of a path, byte by byte.
pub(crate) fn segment(name: &[u8]) -> PercentEncode<'_> {
    percent_encode(name, UNRESERVED)
}

/// Text as a value in a query.
pub(crate) fn query_value(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

/// Text in HTML, between tags as in a quoted attribute (HTML, "escapable raw text" and attribute values).
///
/// Control characters, and those that turn the direction of what follows (`evil\u{202e}gpj.exe` would
/// look like `evilexe.jpg`), are shown as U+FFFD. Where the text leads is in the URL beside it.
pub(crate) struct Html<'a>(pub(crate) &'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_special_in_html) {
            let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            f.write_str(plain)?;
            let mut chars = after.chars();
            match chars.next() {
                Some('&') => f.write_str("&amp;")?,
                Some('<') => f.write_str("&lt;")?,
                Some('>') => f.write_str("&gt;")?,
                Some('"') => f.write_str("&quot;")?,
                Some('\'') => f.write_str("&#39;")?,
                _ => fmt::Write::write_char(f, REPLACEMENT)?,
            }
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

fn is_special_in_html(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c.is_control()
}

/// Text as a JSON string, with its quotes (RFC 8259 §7).
///
/// `<` is escaped too, so that even who reads it as HTML finds no markup in it.
pub(crate) struct Json<'a>(pub(crate) &'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut rest = self.0;
        while let Some(at) = rest.find(is_special_in_json) {
            let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            f.write_str(plain)?;
            let mut chars = after.chars();
            match chars.next() {
                Some('"') => f.write_str("\\\"")?,
                Some('\\') => f.write_str("\\\\")?,
                Some(other) => write!(f, "\\u{:04x}", u32::from(other))?,
                None => {}
            }
            rest = chars.as_str();
        }
        write!(f, "{rest}\"")
    }
}

/// All of these are at most four hexadecimal digits long.
fn is_special_in_json(c: char) -> bool {
    matches!(c, '"' | '\\' | '<' | '\u{2028}' | '\u{2029}') || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that people have used against listings, and what becomes of them.
    const NASTY: &[(&[u8], &str, &str)] = &[
        (b"plain-1.0_a~b.txt", "plain-1.0_a~b.txt", "plain-1.0_a~b.txt"),
        (
            b"<script>alert(1)</script>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
        ),
        (b"a\" onmouseover=\"x", "a&quot; onmouseover=&quot;x", "a%22%20onmouseover%3D%22x"),
        (b"it's", "it&#39;s", "it%27s"),
        (b"a&amp;b", "a&amp;amp;b", "a%26amp%3Bb"),
        (b"a\nb\tc\x1b[31m\x7f", "a\u{fffd}b\u{fffd}c\u{fffd}[31m\u{fffd}", "a%0Ab%09c%1B%5B31m%7F"),
        (b"javascript:alert(1)", "javascript:alert(1)", "javascript%3Aalert%281%29"),
        (b"//evil.example", "//evil.example", "%2F%2Fevil.example"),
        (b"a?b#c%20d", "a?b#c%20d", "a%3Fb%23c%2520d"),
        ("evil\u{202e}gpj.exe".as_bytes(), "evil\u{fffd}gpj.exe", "evil%E2%80%AEgpj.exe"),
        ("\u{2067}a\u{2069}".as_bytes(), "\u{fffd}a\u{fffd}", "%E2%81%A7a%E2%81%A9"),
        ("ש\u{200f}é".as_bytes(), "ש\u{200f}é", "%D7%A9%E2%80%8F%C3%A9"),
        (b"\xff\xfe.bin", "\u{fffd}\u{fffd}.bin", "%FF%FE.bin"),
        (b"\xc2\x85", "\u{fffd}", "%C2%85"),
        (b"", "", ""),
    ];

    #[test]
    fn no_name_leaves_its_place_in_html_or_a_url() {
        for (name, html, url) in NASTY {
            let text = String::from_utf8_lossy(name);
            assert_eq!(Html(&text).to_string(), *html, "{name:?}");
            assert_eq!(segment(name).to_string(), *url, "{name:?}");
            let decoded: Vec<u8> = percent_encoding::percent_decode_str(url).collect();
            assert_eq!(decoded, *name, "the URL leads to the very bytes");
        }
    }

    #[test]
    fn a_json_string_is_read_back_as_it_was() {
        let nasty = NASTY.iter().map(|(name, ..)| String::from_utf8_lossy(name).into_owned());
        for text in nasty.chain(["\\\"\\u0041".to_owned(), "\u{2028}\u{0}\u{1f600}".to_owned()]) {
            let json = Json(&text).to_string();
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text, "{json}");
            assert!(!json.contains('<') && !json.chars().any(char::is_control), "{json}");
        }
    }
}
