//! Structured fields (RFC 9651), as far as this crate writes them: one item with parameters, the
//! member of a list, serialised as §4.1.1 says. What it reads of them is in `dictionary`.

use std::fmt::Write as _;

use http::HeaderName;

use crate::field::list::is_token_byte;
use crate::field::value::written;
use crate::fields::Fields;

/// The greatest integer that a structured field can hold (§3.3.1).
const INTEGER_MAX: i64 = 999_999_999_999_999;

/// Room for an ordinary member, so that it does not grow while it is written.
const LENGTH_EXPECTED: usize = 96;

/// A list member as it is being written.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    text: String,
}

impl Item {
    /// A token, or a string if `text` can't be one.
    pub(crate) fn new(text: &str) -> Self {
        let mut item = Self { text: String::with_capacity(LENGTH_EXPECTED) };
        item.push_token_or_string(text);
        item
    }

    /// `;key`, a boolean that is true.
    pub(crate) fn flag(mut self, key: &'static str) -> Self {
        self.push_key(key);
        self
    }

    /// `;key=number`, clamped to what can be written.
    pub(crate) fn integer(mut self, key: &'static str, number: i64) -> Self {
        self.push_key(key);
        // Writing to a String never fails.
        let _ = write!(self.text, "={}", number.clamp(-INTEGER_MAX, INTEGER_MAX));
        self
    }

    /// `;key="text"`
    pub(crate) fn string(mut self, key: &'static str, text: &str) -> Self {
        self.push_key(key);
        self.text.push('=');
        self.push_string(text);
        self
    }

    /// `;key=text`, or `;key="text"` if it can't be a token.
    pub(crate) fn token_or_string(mut self, key: &'static str, text: &str) -> Self {
        self.push_key(key);
        self.text.push('=');
        self.push_token_or_string(text);
        self
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds it to the list in `name`, after all that is there: a line of its own (RFC 9110 §5.3).
    pub(crate) fn append_to(self, fields: &mut Fields, name: HeaderName) {
        fields.append(name, written(self.text));
    }

    fn push_key(&mut self, key: &'static str) {
        self.text.push(';');
        self.text.push_str(key);
    }

    fn push_token_or_string(&mut self, text: &str) {
        if is_structured_token(text) { self.text.push_str(text) } else { self.push_string(text) }
    }

    /// §4.1.6. What is not visible ASCII can't be told and becomes `?`.
    fn push_string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(if matches!(character, ' '..='~') { character } else { '?' });
        }
        self.text.push('"');
    }
}

/// §3.3.4: a letter or `*`, then the characters of a token, `:` and `/`.
fn is_structured_token(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && text.bytes().all(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CACHE_STATUS;

    use super::*;

    #[test]
    fn a_name_is_a_token_if_it_can_be_9651_3_3_4() {
        for (name, written) in [
            ("Sockets", "Sockets"),
            ("*a/b:c", "*a/b:c"),
            ("cache.example", "cache.example"),
            ("1st", "\"1st\""),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("[::1]:80", "\"[::1]:80\""),
        ] {
            assert_eq!(Item::new(name).as_str(), written);
        }
    }

    #[test]
    fn a_string_is_ascii_with_quotes_and_backslashes_escaped_9651_4_1_6() {
        let item = Item::new("a").string("s", "say \"hi\" \\ \r\n\u{e9}");
        assert_eq!(item.as_str(), r#"a;s="say \"hi\" \\ ???""#);
    }

    #[test]
    fn integers_have_at_most_15_digits_9651_3_3_1() {
        let item = Item::new("a").integer("x", i64::MAX).integer("y", i64::MIN).integer("z", -7).flag("f");
        assert_eq!(item.as_str(), "a;x=999999999999999;y=-999999999999999;z=-7;f");
    }

    #[test]
    fn a_member_goes_after_those_that_are_there() {
        let mut fields = Fields::new();
        fields.append(CACHE_STATUS, HeaderValue::from_static("Inner;hit"));
        Item::new("a").string("s", "\0\n").append_to(&mut fields, CACHE_STATUS);
        assert_eq!(fields.lines(&CACHE_STATUS).collect::<Vec<_>>(), ["Inner;hit", "a;s=\"??\""]);
    }
}
