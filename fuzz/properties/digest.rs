//! Whatever bytes come as a `Repr-Digest` or a `Want-Repr-Digest`.

use message::field::digest::{
    DigestAlgorithm, REPR_DIGEST, ReprDigest, WANT_REPR_DIGEST, WantReprDigest, repr_digest_value,
};
use message::{Fields, HeaderValue};

/// A digest has its algorithm's length, and is written and read again as the same; one mistake in any
/// line and nothing is told or wanted.
pub(crate) fn check(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut told = Fields::new();
    told.set(REPR_DIGEST, value.clone());
    let digests = ReprDigest::of(&told);
    let mut again = Fields::new();
    for algorithm in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        if let Some(digest) = digests.get(algorithm) {
            assert_eq!(digest.len(), algorithm.length());
            again.append(REPR_DIGEST, repr_digest_value(algorithm, digest));
        }
    }
    assert_eq!(ReprDigest::of(&again), digests);
    told.append(REPR_DIGEST, HeaderValue::from_static("=mistake"));
    assert_eq!(ReprDigest::of(&told), ReprDigest::default());

    let mut wanted = Fields::new();
    wanted.set(WANT_REPR_DIGEST, value);
    let _ = WantReprDigest::of(&wanted).preferred();
    wanted.append(WANT_REPR_DIGEST, HeaderValue::from_static("=mistake"));
    assert_eq!(WantReprDigest::of(&wanted).preferred(), None);
}
