//! Weights in content negotiation (RFC 9110 §12.4.2): how much the client prefers what it names.

use crate::field::list::trim;

/// A weight from 0, not acceptable, to 1, preferred most, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// 0: not acceptable.
    pub const NONE: Self = Self(0);
    /// 1: the weight of what is named without one.
    pub const FULL: Self = Self(1000);

    /// Reads a `qvalue`, strictly: 0 to 1 with at most three digits after the point.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (whole, digits) = match text {
            [whole] => (*whole, &[][..]),
            [whole, b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
            _ => return None,
        };
        let padded = digits.iter().chain(b"000").take(3);
        let thousandths = padded.copied().try_fold(0_u16, |sum, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            sum.checked_mul(10)?.checked_add(u16::from(digit))
        })?;
        match (whole, thousandths) {
            (b'0', _) => Some(Self(thousandths)),
            (b'1', 0) => Some(Self::FULL),
            _ => None,
        }
    }

    /// The weight in thousandths.
    #[must_use]
    pub fn thousandths(self) -> u16 {
        self.0
    }

    /// Takes a list member apart: what it names, and its weight (`[ OWS ";" OWS "q=" qvalue ]`).
    ///
    /// The weight is `None` if something else than one weight follows the name.
    #[must_use]
    pub fn of_member(member: &[u8]) -> (&[u8], Option<Self>) {
        let mut halves = member.splitn(2, |byte| *byte == b';').map(trim);
        let name = halves.next().unwrap_or_default();
        let weight = match halves.next() {
            None => Some(Self::FULL),
            Some([b'q' | b'Q', b'=', qvalue @ ..]) => Self::parse(qvalue),
            Some(_) => None,
        };
        (name, weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qvalue_has_at_most_three_decimals_9110_12_4_2() {
        for (text, thousandths) in [
            ("0", 0),
            ("0.", 0),
            ("0.0", 0),
            ("0.000", 0),
            ("0.001", 1),
            ("0.01", 10),
            ("0.5", 500),
            ("0.50", 500),
            ("0.999", 999),
            ("1", 1000),
            ("1.", 1000),
            ("1.000", 1000),
        ] {
            assert_eq!(Weight::parse(text.as_bytes()), Some(Weight(thousandths)), "{text}");
        }
        for no in [
            "", ".", ".5", "2", "1.001", "1.1", "0.0000", "1.0000", "0.5 ", " 0.5", "+1", "-0", "00", "0,5",
            "0.a", "0.5.", "1e0", "10",
        ] {
            assert_eq!(Weight::parse(no.as_bytes()), None, "{no:?}");
        }
    }

    #[test]
    fn a_member_is_a_name_and_maybe_a_weight() {
        let half = Weight(500);
        for (member, expected) in [
            ("gzip", ("gzip", Some(Weight::FULL))),
            ("gzip;q=0.5", ("gzip", Some(half))),
            ("gzip \t;\t Q=0.5", ("gzip", Some(half))),
            ("gzip;q=0", ("gzip", Some(Weight::NONE))),
            ("gzip;", ("gzip", None)),
            ("gzip;q", ("gzip", None)),
            ("gzip;q=", ("gzip", None)),
            ("gzip;q =0.5", ("gzip", None)),
            ("gzip;q= 0.5", ("gzip", None)),
            ("gzip;q=\"0.5\"", ("gzip", None)),
            ("gzip;level=9", ("gzip", None)),
            ("gzip;q=0.5;q=1", ("gzip", None)),
            (";q=1", ("", Some(Weight::FULL))),
        ] {
            let (name, weight) = Weight::of_member(member.as_bytes());
            assert_eq!((str::from_utf8(name).unwrap(), weight), expected, "{member}");
        }
    }
}
