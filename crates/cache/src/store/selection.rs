//! Which stored responses somebody means.

use crate::key::CacheKey;

/// Which stored responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All variants of one.
    Key(CacheKey),
    /// All whose key begins so.
    Prefix(String),
    /// All that the origin gave this tag.
    Tag(String),
}

/// What becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They go.
    Gone,
    /// They are stale from now on: validated before the next use, and still there where stale responses
    /// answer (RFC 5861).
    Stale,
}

impl Selection {
    /// Whether a response that is just being fetched may be among them. What its tags are is not known yet.
    #[must_use]
    pub(crate) fn may_hold(&self, key: &CacheKey) -> bool {
        match self {
            Self::Key(this) => this == key,
            Self::Prefix(prefix) => key.as_str().starts_with(prefix.as_str()),
            Self::Tag(_) => true,
        }
    }
}
