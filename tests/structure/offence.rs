//! What a rule found, said so that an editor can jump to it.

use std::fmt;

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offence {
    place: String,
    what: String,
}

impl Offence {
    /// An offence of a whole crate or file.
    pub(crate) fn of(place: &str, what: impl Into<String>) -> Offence {
        Offence { place: place.to_owned(), what: what.into() }
    }

    /// An offence at a line, counted from 1.
    pub(crate) fn at(path: &str, line: usize, what: impl Into<String>) -> Offence {
        Offence { place: format!("{path}:{line}"), what: what.into() }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}
