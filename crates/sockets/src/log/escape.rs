//! What clients send, made harmless for the place in a log where it stands: no byte of it ends a field or a
//! line, or is acted upon by a terminal.

use std::io::Write;

/// Between double quotes, as Apache writes it: visible ASCII as it is but for `"` and `\`, all other bytes as
/// `\xHH`.
pub(super) fn quoted(bytes: &[u8], line: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| !is_plain(*byte)) {
        let (plain, behind) = rest.split_at(end);
        line.extend_from_slice(plain);
        let Some((byte, behind)) = behind.split_first() else { break };
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', *byte]),
            // Writing to memory does not fail, here and below.
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
        rest = behind;
    }
    line.extend_from_slice(rest);
}

/// A JSON string with its quotes (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD, as in other programs'
/// logs.
pub(crate) fn json(bytes: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    if bytes.iter().all(|byte| is_plain(*byte)) {
        line.extend_from_slice(bytes);
    } else {
        json_characters(bytes, line);
    }
    line.push(b'"');
}

fn json_characters(bytes: &[u8], line: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => drop(write!(line, "\\{character}")),
                // The second row of them is acted upon by terminals, too.
                character if character.is_control() => drop(write!(line, "\\u{:04x}", u32::from(character))),
                _ => drop(write!(line, "{character}")),
            }
        }
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: fn(&[u8], &mut Vec<u8>), bytes: &[u8]) -> String {
        let mut line = b"before ".to_vec();
        write(bytes, &mut line);
        String::from_utf8(line).unwrap().strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"/a b?c=d", "/a b?c=d"),
            (b"a\"b\\c", "a\\\"b\\\\c"),
            (b"a\nb\r\x1b[2J\x00\x7f", "a\\x0ab\\x0d\\x1b[2J\\x00\\x7f"),
            ("é".as_bytes(), "\\xc3\\xa9"),
            (b"\xff", "\\xff"),
        ] {
            assert_eq!(written(quoted, bytes), expected);
        }
    }

    #[test]
    fn json_is_json_whatever_was_sent() {
        for (bytes, expected) in [
            (&b""[..], r#""""#),
            (b"/a b", r#""/a b""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"a\nb\x1b\x7f", r#""a\u000ab\u001b\u007f""#),
            ("é\u{9b}".as_bytes(), "\"é\\u009b\""),
            (b"a\xffb\xc3", "\"a\u{fffd}b\u{fffd}\""),
        ] {
            let json = written(json, bytes);
            assert_eq!(json, expected);
            let read: String = serde_json::from_str(&json).unwrap();
            assert_eq!(read, String::from_utf8_lossy(bytes));
        }
    }
}
