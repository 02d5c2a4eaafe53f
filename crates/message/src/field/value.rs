//! Field values that this crate has written itself.

use bytes::Bytes;
use http::HeaderValue;

/// The value of `text`, which holds nothing but visible ASCII, spaces and obs-text.
#[expect(clippy::expect_used, reason = "callers write or check every byte of it themselves")]
pub(crate) fn written(text: impl Into<Bytes>) -> HeaderValue {
    HeaderValue::from_maybe_shared(text.into()).expect("no control characters")
}
