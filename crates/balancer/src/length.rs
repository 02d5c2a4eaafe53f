//! Which length of the probed file is the right one. Pure.
//!
//! A replica that answers 200 with a short page is the fastest of all, and wrong: a length that
//! disagrees must not win.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What length the probed file must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LengthRule {
    /// The one that most replicas send. Where as many send one as another, it stays what it was; if
    /// it was neither, the replica named first is right. So while a new version is brought to one
    /// replica after the other, there are always some that get clients, and they all have the same.
    #[default]
    Agreed,
    /// This many bytes.
    Exactly(u64),
    /// Any: the probed path is made for each request, or is different on each replica.
    Any,
}

impl LengthRule {
    /// The right length, if there is one, after each replica's last whole transfer had one of
    /// `lengths` (`None`: it had none), where it was `before` until now.
    pub(crate) fn right(self, lengths: &[Option<u64>], before: Option<u64>) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Exactly(length) => Some(length),
            Self::Agreed => agreed(lengths, before),
        }
    }
}

fn agreed(lengths: &[Option<u64>], before: Option<u64>) -> Option<u64> {
    /// How many send it, whether it was right until now, and who sends it first: the larger wins.
    type Claim = (usize, bool, Reverse<usize>);
    let mut claims: BTreeMap<u64, Claim> = BTreeMap::new();
    for (index, length) in lengths.iter().enumerate() {
        if let Some(length) = *length {
            claims.entry(length).or_insert((0, Some(length) == before, Reverse(index))).0 += 1;
        }
    }
    let best = claims.into_iter().max_by_key(|(_, claim)| *claim);
    best.map(|(length, _)| length).or(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_replicas_decide_then_what_it_was_then_who_is_named_first() {
        for (lengths, before, right) in [
            (&[Some(9), Some(7), Some(7)][..], None, Some(7)),
            (&[Some(9), Some(7), Some(7)], Some(9), Some(7)),
            (&[Some(9), Some(7)], None, Some(9)),
            (&[Some(9), Some(7)], Some(7), Some(7)),
            (&[Some(9), Some(7)], Some(8), Some(9)),
            (&[None, Some(7)], Some(9), Some(7)),
            (&[None, None], Some(9), Some(9)),
            (&[None], None, None),
        ] {
            assert_eq!(LengthRule::Agreed.right(lengths, before), right, "{lengths:?} {before:?}");
        }
    }

    #[test]
    fn a_length_that_is_given_is_not_voted_on() {
        assert_eq!(LengthRule::Exactly(5).right(&[Some(7), Some(7)], None), Some(5));
        assert_eq!(LengthRule::Any.right(&[Some(7), Some(7)], Some(7)), None);
    }
}
