//! The order in which people look for names: numbers by their value, letters without regard to case.

use std::cmp::Ordering;

/// Compares two names: `a2` before `a10`, `B` between `a` and `c`. Names that differ at all are never
/// equal.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let order = match (take(&mut left), take(&mut right)) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => left.compare(&right),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// A number or a single other byte.
enum Part<'a> {
    /// Digits, without zeros before them.
    Number(&'a [u8]),
    /// In lower case if it is an ASCII letter.
    Byte(u8),
}

impl Part<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Self::Byte(a), Self::Byte(b)) => a.cmp(b),
            // Where the digits are in ASCII.
            (Self::Number(_), Self::Byte(b)) => b'0'.cmp(b),
            (Self::Byte(a), Self::Number(_)) => a.cmp(&b'0'),
        }
    }
}

/// Takes the first part off the name.
fn take<'a>(name: &mut &'a [u8]) -> Option<Part<'a>> {
    let (first, rest) = name.split_first()?;
    if !first.is_ascii_digit() {
        *name = rest;
        return Some(Part::Byte(first.to_ascii_lowercase()));
    }
    let end = name.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(name.len());
    let (digits, rest) = name.split_at_checked(end)?;
    *name = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    Some(Part::Number(digits.get(zeros..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In order.
    const NAMES: [&str; 21] = [
        "",
        " ",
        "-1",
        "0",
        "00",
        "01",
        "1",
        "2",
        "10",
        "99999999999999999999998",
        "99999999999999999999999",
        ":",
        "A",
        "a",
        "a1",
        "a1b",
        "a2",
        "a10",
        "B",
        "é",
        "日本",
    ];

    #[test]
    fn names_are_in_the_order_that_people_look_for() {
        for (i, a) in NAMES.iter().enumerate() {
            for (j, b) in NAMES.iter().enumerate() {
                assert_eq!(compare(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
