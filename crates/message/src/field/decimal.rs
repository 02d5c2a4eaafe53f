//! `1*DIGIT`: no sign, no point, no white space, nothing else (RFC 9110 §8.6, §14.1.1, RFC 9111 §1.2.2).

/// The number, or `u64::MAX` for a greater one; `None` unless there are digits and only digits.
#[must_use]
pub fn saturating(digits: &[u8]) -> Option<u64> {
    fold(digits, |sum, digit| Some(sum.saturating_mul(10).saturating_add(digit)))
}

/// The number; `None` for one over `u64::MAX`, and unless there are digits and only digits.
#[must_use]
pub fn exact(digits: &[u8]) -> Option<u64> {
    fold(digits, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
}

fn fold(digits: &[u8], push: impl Fn(u64, u64) -> Option<u64>) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        push(sum, u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_nothing_else() {
        for text in ["", "+1", "-1", "1.0", " 1", "1 ", "0x1", "1e3", "\u{661}"] {
            assert_eq!(exact(text.as_bytes()), None, "{text:?}");
            assert_eq!(saturating(text.as_bytes()), None, "{text:?}");
        }
        for (text, number) in [("0", 0), ("007", 7), ("18446744073709551615", u64::MAX)] {
            assert_eq!(exact(text.as_bytes()), Some(number), "{text:?}");
            assert_eq!(saturating(text.as_bytes()), Some(number), "{text:?}");
        }
    }

    #[test]
    fn a_number_too_great_is_refused_or_saturates() {
        for text in ["18446744073709551616", "99999999999999999999999999999999"] {
            assert_eq!(exact(text.as_bytes()), None, "{text:?}");
            assert_eq!(saturating(text.as_bytes()), Some(u64::MAX), "{text:?}");
        }
    }
}
