//! Text inside HTML, XML, JSON and `Link`. Pure.

/// Adds `text` so that it stays inside an element or an attribute's quotes, of HTML or XML.
pub(crate) fn escape(markup: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            // Not even as a reference in XML 1.0.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                markup.push('\u{fffd}');
            }
            _ => markup.push(character),
        }
    }
}

/// `text` as a string of JSON, with its quotes (RFC 8259 §7).
pub(crate) fn json(text: &str) -> String {
    let mut string = String::with_capacity(text.len().saturating_add(2));
    string.push('"');
    for character in text.chars() {
        match character {
            '"' => string.push_str("\\\""),
            '\\' => string.push_str("\\\\"),
            '\0'..='\x1f' => string.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

/// Adds a path so that it is a URI reference (RFC 3986 §2.1): what a request target may hold by custom and a
/// reference may not, such as `>`, is encoded.
pub(crate) fn reference(link: &mut String, path: &str) {
    for byte in path.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0..=b' ' | 0x7f.. => {
                link.push_str(&format!("%{byte:02X}"));
            }
            _ => link.push(char::from(byte)),
        }
    }
}

/// Digits of a digest.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(put: impl Fn(&mut String, &str), text: &str) -> String {
        let mut all = String::new();
        put(&mut all, text);
        all
    }

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(with(escape, "a<b>&\"'\u{1}"), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}");
        assert_eq!(json("a\"\\\n\u{e9}"), "\"a\\\"\\\\\\u000a\u{e9}\"");
        assert_eq!(with(reference, "/a>;b\"\\\u{e9}%20?x=1"), "/a%3E;b%22%5C%C3%A9%20?x=1");
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
