//! Dictionaries of structured fields (RFC 9651 §3.2), parsed as §4.2 says: one mistake anywhere and
//! there is no dictionary.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderName;

use crate::field::decimal;
use crate::field::list::{Malformed, is_token_byte, trim};
use crate::fields::Fields;

/// What a key stands for. Its parameters are checked and not kept: no field that we read has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// An integer (§3.3.1), of at most 15 digits.
    Integer(i64),
    /// A byte sequence (§3.3.5).
    Bytes(Vec<u8>),
    /// A boolean (§3.3.6); a key without a value is true (§3.2).
    Boolean(bool),
    /// A string (§3.3.3), without its quotes and backslashes.
    String(Vec<u8>),
    /// Something else that is well formed: a decimal, a token, a date, a display string, an inner list.
    Other,
}

/// The most digits of an integer (§3.3.1).
const INTEGER_DIGITS_MAX: usize = 15;
/// The most digits of a decimal before its point (§3.3.2).
const DECIMAL_DIGITS_MAX: usize = 12;
/// The most digits of a decimal after its point (§3.3.2).
const FRACTION_DIGITS_MAX: usize = 3;

/// §4.2.7: padding may be missing, and its bits need not be 0.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The members of the dictionary that all lines of `name` make up together, in order. Where a key stands
/// twice the last one counts (§4.2.2); the caller sees both.
pub(crate) fn of<'a>(fields: &'a Fields, name: &HeaderName) -> Result<Vec<(&'a [u8], Value)>, Malformed> {
    let mut members = Vec::new();
    for line in fields.lines(name) {
        let mut reader = Reader { rest: line.as_bytes() };
        reader.dictionary(&mut members).ok_or(Malformed)?;
    }
    Ok(members)
}

/// What is left to be read. Each method takes one thing off its start; `None` if that is not there.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// §4.2.2
    fn dictionary(&mut self, members: &mut Vec<(&'a [u8], Value)>) -> Option<()> {
        self.skip_spaces();
        while !self.rest.is_empty() {
            let key = self.key()?;
            let value = if self.skip(b'=') { self.member_value()? } else { Value::Boolean(true) };
            self.parameters()?;
            members.push((key, value));
            self.rest = trim(self.rest); // OWS; at the end of the field also what §4.2 step 7 skips
            if self.rest.is_empty() {
                break;
            }
            self.expect(b',')?;
            self.rest = trim(self.rest);
            if self.rest.is_empty() {
                return None; // a comma at the end
            }
        }
        Some(())
    }

    /// An item or an inner list, without its parameters (§4.2.1.1).
    fn member_value(&mut self) -> Option<Value> {
        if self.skip(b'(') { self.inner_list() } else { self.bare_item() }
    }

    /// What follows the `(` (§4.2.1.2).
    fn inner_list(&mut self) -> Option<Value> {
        loop {
            self.skip_spaces();
            if self.skip(b')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.rest.first()?, b' ' | b')') {
                return None;
            }
        }
    }

    /// §4.2.3.2
    fn parameters(&mut self) -> Option<()> {
        while self.skip(b';') {
            self.skip_spaces();
            self.key()?;
            if self.skip(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// §4.2.3.3
    fn key(&mut self) -> Option<&'a [u8]> {
        if !matches!(self.rest.first()?, b'a'..=b'z' | b'*') {
            return None;
        }
        Some(self.take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
    }

    /// §4.2.3.1
    fn bare_item(&mut self) -> Option<Value> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b':' => self.byte_sequence(),
            b'?' => self.boolean(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => {
                // §4.2.6
                self.take_while(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'));
                Some(Value::Other)
            }
            _ => None,
        }
    }

    /// §4.2.4
    fn number(&mut self) -> Option<Value> {
        let negative = self.skip(b'-');
        let digits = self.digits();
        if self.skip(b'.') {
            let fraction = self.digits();
            let fits = (1..=DECIMAL_DIGITS_MAX).contains(&digits.len())
                && (1..=FRACTION_DIGITS_MAX).contains(&fraction.len());
            return fits.then_some(Value::Other);
        }
        if digits.len() > INTEGER_DIGITS_MAX {
            return None;
        }
        let number = i64::try_from(decimal::exact(digits)?).ok()?;
        Some(Value::Integer(if negative { number.checked_neg()? } else { number }))
    }

    /// §4.2.5
    fn string(&mut self) -> Option<Value> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Some(Value::String(text)),
                b'\\' => text.push(self.next().filter(|byte| matches!(byte, b'"' | b'\\'))?),
                byte @ b' '..=b'~' => text.push(byte),
                _ => return None,
            }
        }
    }

    /// §4.2.7
    fn byte_sequence(&mut self) -> Option<Value> {
        self.expect(b':')?;
        let text = self.take_while(|byte| byte != b':');
        self.expect(b':')?;
        BASE64.decode(text).ok().map(Value::Bytes)
    }

    /// §4.2.8
    fn boolean(&mut self) -> Option<Value> {
        self.expect(b'?')?;
        let digit = self.next().filter(|digit| matches!(digit, b'0' | b'1'))?;
        Some(Value::Boolean(digit == b'1'))
    }

    /// §4.2.9: an integer, never a decimal.
    fn date(&mut self) -> Option<Value> {
        self.expect(b'@')?;
        matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
    }

    /// §4.2.10: visible ASCII, and UTF-8 in `%` and two digits of which the letters are small.
    fn display_string(&mut self) -> Option<Value> {
        self.expect(b'%')?;
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return str::from_utf8(&text).is_ok().then_some(Value::Other),
                b'%' => {
                    let (high, low) = (hexadecimal(self.next()?)?, hexadecimal(self.next()?)?);
                    text.push(high.checked_mul(16)?.checked_add(low)?);
                }
                byte @ b' '..=b'~' => text.push(byte),
                _ => return None,
            }
        }
    }

    fn digits(&mut self) -> &'a [u8] {
        self.take_while(|byte| byte.is_ascii_digit())
    }

    fn skip_spaces(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    /// Takes that byte, if it is the next one.
    fn skip(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
#[path = "dictionary_tests.rs"]
mod tests;
