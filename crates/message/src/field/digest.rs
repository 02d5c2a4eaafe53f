//! Digests of representations (RFC 9530): what `Repr-Digest` says and what `Want-Repr-Digest` asks for.
//!
//! What is said here are names and values; nobody here computes a digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use crate::field::dictionary::{self, Value};
use crate::field::value::written;
use crate::fields::Fields;

/// `Repr-Digest` (RFC 9530 §3).
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// `Content-Digest` (RFC 9530 §2): of a message's content and not of the representation.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// `Want-Repr-Digest` (RFC 9530 §4).
pub const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// Length of a SHA-256 digest in bytes.
pub const SHA256_BYTES: usize = 32;

/// Length of a SHA-512 digest in bytes.
pub const SHA512_BYTES: usize = 64;

/// The greatest preference that can be told (§4).
const PREFERENCE_MAX: u8 = 10;

/// An algorithm that tells whether bytes were changed, even on purpose: the active ones of RFC 9530
/// §7.2. The others there (MD5, SHA-1, checksums) are insecure, and not for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// `sha-256`
    Sha256,
    /// `sha-512`
    Sha512,
}

/// How much a client wants a digest by each algorithm: 0, not at all, to 10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantReprDigest {
    sha256: u8,
    sha512: u8,
}

/// The digests of a representation that somebody has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReprDigest {
    sha256: Option<[u8; SHA256_BYTES]>,
    sha512: Option<[u8; SHA512_BYTES]>,
}

impl DigestAlgorithm {
    /// The key that stands for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Sha256 => SHA256_BYTES,
            Self::Sha512 => SHA512_BYTES,
        }
    }

    /// The algorithm of that key, which is in small letters (RFC 9651 §3.1.2).
    #[must_use]
    pub fn parse(key: &[u8]) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|algorithm| key == algorithm.name().as_bytes())
    }
}

impl WantReprDigest {
    /// What all lines of `Want-Repr-Digest` ask for together.
    ///
    /// A field that is no dictionary asks for nothing (RFC 9651 §4.2), nor does a member that is no
    /// integer from 0 to 10 (RFC 9530 §4).
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        let mut want = Self::default();
        for (key, value) in dictionary::of(fields, &WANT_REPR_DIGEST).unwrap_or_default() {
            let preference = match value {
                Value::Integer(number) => u8::try_from(number).ok().filter(|p| *p <= PREFERENCE_MAX),
                _ => None,
            };
            match DigestAlgorithm::parse(key) {
                Some(DigestAlgorithm::Sha256) => want.sha256 = preference.unwrap_or(0),
                Some(DigestAlgorithm::Sha512) => want.sha512 = preference.unwrap_or(0),
                None => {}
            }
        }
        want
    }

    /// The algorithm that is wanted most, SHA-256 if both are alike; `None` if none is wanted.
    #[must_use]
    pub fn preferred(self) -> Option<DigestAlgorithm> {
        match (self.sha256, self.sha512) {
            (0, 0) => None,
            (sha256, sha512) if sha256 >= sha512 => Some(DigestAlgorithm::Sha256),
            _ => Some(DigestAlgorithm::Sha512),
        }
    }
}

impl ReprDigest {
    /// What all lines of `Repr-Digest` say together.
    ///
    /// Nothing if the field is no dictionary (RFC 9651 §4.2). Algorithms that we don't know are ignored
    /// (RFC 9530 §3), and so are digests that don't have their algorithm's length.
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        let mut digests = Self::default();
        for (key, value) in dictionary::of(fields, &REPR_DIGEST).unwrap_or_default() {
            let bytes = match value {
                Value::Bytes(bytes) => bytes,
                _ => Vec::new(),
            };
            match DigestAlgorithm::parse(key) {
                Some(DigestAlgorithm::Sha256) => digests.sha256 = bytes.try_into().ok(),
                Some(DigestAlgorithm::Sha512) => digests.sha512 = bytes.try_into().ok(),
                None => {}
            }
        }
        digests
    }

    /// The digest by that algorithm, of its [length](DigestAlgorithm::length).
    #[must_use]
    pub fn get(&self, algorithm: DigestAlgorithm) -> Option<&[u8]> {
        match algorithm {
            DigestAlgorithm::Sha256 => self.sha256.as_ref().map(<[u8; SHA256_BYTES]>::as_slice),
            DigestAlgorithm::Sha512 => self.sha512.as_ref().map(<[u8; SHA512_BYTES]>::as_slice),
        }
    }
}

/// The value of a `Repr-Digest` field that tells that `digest`.
#[must_use]
pub fn repr_digest_value(algorithm: DigestAlgorithm, digest: &[u8]) -> HeaderValue {
    // RFC 9651 §4.1.8: a byte sequence is base64 between colons.
    written(format!("{}=:{}:", algorithm.name(), STANDARD.encode(digest)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::DigestAlgorithm::{Sha256, Sha512};
    use super::*;

    /// The SHA-256 digest of RFC 9530's first example.
    const EXAMPLE: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";

    fn section(name: &HeaderName, lines: &[&str]) -> Fields {
        let mut fields = Fields::new();
        for line in lines {
            fields.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        fields
    }

    fn preferred(lines: &[&str]) -> Option<DigestAlgorithm> {
        WantReprDigest::of(&section(&WANT_REPR_DIGEST, lines)).preferred()
    }

    fn told(lines: &[&str]) -> ReprDigest {
        ReprDigest::of(&section(&REPR_DIGEST, lines))
    }

    #[test]
    fn the_algorithm_wanted_most_is_preferred_9530_4() {
        for (lines, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["sha-256=1"], Some(Sha256)),
            (&["sha-256=10"], Some(Sha256)),
            (&["sha-512=3, sha-256=10, unixsum=0"], Some(Sha256)),
            (&["sha-256=3, sha-512=10, unixsum=0"], Some(Sha512)),
            (&["sha-512=5, sha-256=5"], Some(Sha256)),
            (&["sha-512=3", "sha-256=2"], Some(Sha512)),
            (&["sha-256=1;x=y"], Some(Sha256)),
            (&["sha-256=0, sha-512=0"], None),
            (&["sha-256=0, sha-512=1"], Some(Sha512)),
            (&["md5=10, sha=9"], None),
            // A key that stands twice (RFC 9651 §4.2.2).
            (&["sha-256=5, sha-256=0"], None),
            (&["sha-256=0", "sha-256=5"], Some(Sha256)),
            // Not a preference.
            (&["sha-256=11"], None),
            (&["sha-256=-1"], None),
            (&["sha-256=266"], None),
            (&["sha-256=1.0"], None),
            (&["sha-256"], None),
            (&["sha-256=?1, sha-512=1"], Some(Sha512)),
            (&["sha-256=\"5\""], None),
            // Not a dictionary.
            (&["SHA-256=5"], None),
            (&["sha-256=5,"], None),
            (&["sha-256=5", "sha-512=3 x"], None),
            (&["sha-256;q=0.5, sha-512;q=x y"], None),
        ] {
            assert_eq!(preferred(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_digest_is_written_as_a_byte_sequence_9530_3() {
        let digest = told(&[EXAMPLE]).get(Sha256).unwrap().to_vec();
        assert_eq!(digest[..4], [0x44, 0xaf, 0xf4, 0xab]);
        assert_eq!(repr_digest_value(Sha256, &digest), EXAMPLE);
    }

    #[test]
    fn digests_are_read_by_algorithm_9530_3() {
        let long = format!("sha-512=:{}:", STANDARD.encode([7; SHA512_BYTES]));
        let both = told(&[&format!("{EXAMPLE}, {long}, md5=:AAAA:")]);
        assert_eq!(both, told(&[&long, EXAMPLE]));
        assert_eq!(both.get(Sha512), Some(&[7; SHA512_BYTES][..]));
        assert_eq!(both.get(Sha256).map(<[u8]>::len), Some(Sha256.length()));
        assert_eq!(told(&[&long]).get(Sha256), None);
    }

    #[test]
    fn what_is_not_a_digest_is_not_told() {
        let nothing = ReprDigest::default();
        let short = format!("sha-256=:{}:", STANDARD.encode([7; SHA256_BYTES - 1]));
        let swapped = format!("sha-256=:{}:", STANDARD.encode([7; SHA512_BYTES]));
        for line in ["", "md5=:AAAA:", "sha-256", "sha-256=5", "sha-256=::", &short, &swapped] {
            assert_eq!(told(&[line]), nothing, "{line}");
        }
        // The last of two counts, and a mistake anywhere spoils all (RFC 9651 §4.2).
        assert_eq!(told(&[EXAMPLE, &short]), nothing);
        assert_eq!(told(&[EXAMPLE, "sha-512=:!:"]), nothing);
        assert_eq!(told(&[&EXAMPLE[..EXAMPLE.len() - 1]]), nothing);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(sha256 in any::<[u8; SHA256_BYTES]>(), sha512 in prop::collection::vec(any::<u8>(), SHA512_BYTES)) {
            let mut fields = Fields::new();
            fields.append(REPR_DIGEST, repr_digest_value(Sha512, &sha512));
            fields.append(REPR_DIGEST, repr_digest_value(Sha256, &sha256));
            let digests = ReprDigest::of(&fields);
            prop_assert_eq!(digests.get(Sha256), Some(&sha256[..]));
            prop_assert_eq!(digests.get(Sha512), Some(&sha512[..]));
        }
    }
}
