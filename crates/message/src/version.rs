//! Which version of a file a response speaks of, and whether two of them are the same bytes.
//!
//! Pure. Pieces of different versions are never put together: here is where that is decided.

use std::fmt;

use http::HeaderValue;

use crate::field::digest::{DigestAlgorithm, ReprDigest};
use crate::fields::Fields;
use crate::precondition::Validators;

/// What a source has said about the file that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Length in bytes, if it is known.
    pub length: Option<u64>,
    /// `ETag` and `Last-Modified` (RFC 9110 §8.8).
    pub validators: Validators,
    /// What it says the digest is (RFC 9530); nothing has been checked by it yet.
    pub digest: ReprDigest,
}

/// How two sources' files differ, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Their lengths.
    Length,
    /// The digests that they say.
    Digest,
    /// Their validators (RFC 9110 §8.8): `ETag`, or `Last-Modified` where there is no strong `ETag`.
    Validator,
    /// There is nothing to tell by that they are equal.
    Unknown,
}

impl Version {
    /// What `fields` say of a representation of that length.
    #[must_use]
    pub fn of(fields: &Fields, length: Option<u64>) -> Self {
        Self { length, validators: Validators::of(fields), digest: ReprDigest::of(fields) }
    }

    /// The strong validator (RFC 9110 §13.1.5) under which more of this version can be asked for.
    #[must_use]
    pub fn if_range(&self) -> Option<HeaderValue> {
        let Validators { etag, last_modified, last_modified_is_strong } = &self.validators;
        match (etag, last_modified) {
            (Some(etag), _) if !etag.is_weak() => Some(etag.to_value()),
            (_, Some(date)) if *last_modified_is_strong => Some(date.to_value()),
            _ => None,
        }
    }

    /// Whether `other` is certainly the same bytes.
    ///
    /// Lengths must not differ. Then what says most decides: digests, else strong entity tags (which
    /// mirrors that are copies of each other share, RFC 6249 §4), else dates that are strong validators.
    ///
    /// # Errors
    /// In what they differ, or may.
    pub fn same_as(&self, other: &Self) -> Result<(), Difference> {
        if let (Some(ours), Some(theirs)) = (self.length, other.length)
            && ours != theirs
        {
            return Err(Difference::Length);
        }
        for algorithm in [DigestAlgorithm::Sha512, DigestAlgorithm::Sha256] {
            if let (Some(ours), Some(theirs)) = (self.digest.get(algorithm), other.digest.get(algorithm)) {
                return if ours == theirs { Ok(()) } else { Err(Difference::Digest) };
            }
        }
        self.validated_as(other)
    }

    fn validated_as(&self, other: &Self) -> Result<(), Difference> {
        let (ours, theirs) = (&self.validators, &other.validators);
        if let (Some(our_etag), Some(their_etag)) = (&ours.etag, &theirs.etag)
            && !(our_etag.is_weak() && their_etag.is_weak())
        {
            return if our_etag.strong_eq(their_etag) { Ok(()) } else { Err(Difference::Validator) };
        }
        match (ours.last_modified, theirs.last_modified) {
            (Some(our_date), Some(their_date)) if our_date != their_date => Err(Difference::Validator),
            (Some(_), Some(_)) if ours.last_modified_is_strong && theirs.last_modified_is_strong => Ok(()),
            _ => Err(Difference::Unknown),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "its length is another",
            Self::Digest => "its digest is another",
            Self::Validator => "its ETag or Last-Modified is another",
            Self::Unknown => "it has no strong validator that says it is the same",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    const LATER: &str = "Thu, 01 Jan 2026 01:00:00 GMT";

    fn version(length: u64, lines: &[(header::HeaderName, &str)]) -> Version {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.set(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        Version::of(&fields, Some(length))
    }

    fn etag(length: u64, etag: &str) -> Version {
        version(length, &[(header::ETAG, etag)])
    }

    fn dated(modified: &str, date: &str) -> Version {
        version(5, &[(header::LAST_MODIFIED, modified), (header::DATE, date)])
    }

    fn digested(digest: &str, tag: &str) -> Version {
        version(5, &[(crate::field::digest::REPR_DIGEST, digest), (header::ETAG, tag)])
    }

    #[test]
    fn only_certain_equality_counts_9110_8_8() {
        let of_abc = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
        let of_other = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
        let none = || version(5, &[]);
        for (a, b, same) in [
            (etag(5, "\"a\""), etag(5, "\"a\""), Ok(())),
            (etag(5, "\"a\""), etag(6, "\"a\""), Err(Difference::Length)),
            (etag(5, "\"a\""), etag(5, "\"b\""), Err(Difference::Validator)),
            (etag(5, "W/\"a\""), etag(5, "\"a\""), Err(Difference::Validator)),
            (etag(5, "W/\"a\""), etag(5, "W/\"a\""), Err(Difference::Unknown)),
            (etag(5, "\"a\""), none(), Err(Difference::Unknown)),
            (none(), none(), Err(Difference::Unknown)),
            (dated(DATE, LATER), dated(DATE, LATER), Ok(())),
            (dated(DATE, DATE), dated(DATE, LATER), Err(Difference::Unknown)),
            (dated(DATE, LATER), dated(LATER, LATER), Err(Difference::Validator)),
            (digested(of_abc, "\"a\""), digested(of_abc, "\"b\""), Ok(())),
            (digested(of_abc, "\"a\""), digested(of_other, "\"a\""), Err(Difference::Digest)),
        ] {
            assert_eq!(a.same_as(&b), same, "{a:?}\n{b:?}");
            assert_eq!(b.same_as(&a), same, "the other way round: {a:?}\n{b:?}");
        }
    }

    #[test]
    fn more_is_asked_for_under_a_strong_validator_only_9110_13_1_5() {
        let value = |version: Version| version.if_range().map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(value(etag(5, "\"a\"")), Some("\"a\"".to_owned()));
        assert_eq!(value(etag(5, "W/\"a\"")), None);
        assert_eq!(value(dated(DATE, LATER)), Some(DATE.to_owned()));
        assert_eq!(value(dated(DATE, DATE)), None);
    }
}
