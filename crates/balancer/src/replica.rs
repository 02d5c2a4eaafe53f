//! A place that clients are sent to.

use std::fmt;

use message::{Authority, Scheme};

/// The administrator's weight of a replica unless another is given.
pub const WEIGHT_DEFAULT: u32 = 1;

/// The largest weight that can be given to a replica.
pub const WEIGHT_MAX: u32 = 10_000;

/// A place that clients are sent to: a scheme and an authority, and the administrator's weight, which
/// multiplies what its speed earns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    scheme: Scheme,
    authority: Authority,
    weight: u32,
    /// `scheme://authority`, with which each `Location` begins.
    prefix: String,
}

impl Replica {
    /// The replica at `scheme://authority`, of weight [`WEIGHT_DEFAULT`].
    #[must_use]
    pub fn new(scheme: Scheme, authority: Authority) -> Self {
        let prefix = format!("{scheme}://{authority}");
        Self { scheme, authority, weight: WEIGHT_DEFAULT, prefix }
    }

    /// The same replica with another weight; [`Config::new`](crate::config::Config::new) refuses one
    /// outside of `1..=WEIGHT_MAX`.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// How it is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where it is.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The administrator's weight.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// `scheme://authority`
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)
    }
}
