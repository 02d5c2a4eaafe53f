//! The path beneath which a site is served, for a site that doesn't have a host of its own.

use std::fmt;

use crate::path::{CheckedPath, PathFault};

/// The path beneath which a site is served; the top, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    path: CheckedPath<'static>,
    /// As it stands before a path that begins with `/`: without one at its end; empty for the top.
    reference: String,
}

/// Where a path lies that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Within<'a> {
    /// There, beneath the base.
    Path(CheckedPath<'a>),
    /// It is the base without the `/` at its end.
    Itself,
    /// Elsewhere.
    Outside,
}

impl Base {
    /// Takes a path such as `/docs`, with or without a `/` at either end, not percent-encoded.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        let path = CheckedPath::of_names(text)?;
        let reference = path.as_directory(None).trim_end_matches('/').to_owned();
        Ok(Self { path, reference })
    }

    /// What a path leads to beneath the base.
    #[must_use]
    pub fn within<'a>(&self, path: CheckedPath<'a>) -> Within<'a> {
        if self.reference.is_empty() {
            return Within::Path(path);
        }
        match path.beneath(&self.path) {
            None => Within::Outside,
            Some(rest) if rest.as_bytes().is_empty() && !rest.asks_for_directory() => Within::Itself,
            Some(rest) => Within::Path(rest),
        }
    }

    /// A reference to something beneath the base, from the reference to it as if there were no base:
    /// it begins with one `/`.
    #[must_use]
    pub fn reference(&self, beneath: &str) -> String {
        format!("{}{beneath}", self.reference)
    }

    /// What stands before each path, percent-encoded: `""` or such as `/docs`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.reference
    }
}

impl Default for Base {
    /// The top.
    fn default() -> Self {
        Self { path: CheckedPath::root(), reference: String::new() }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(base: &str, path: &str) -> Option<String> {
        let path = CheckedPath::parse(path.as_bytes()).unwrap();
        match Base::parse(base).unwrap().within(path) {
            Within::Path(path) => Some(path.as_reference(None)),
            Within::Itself => Some("itself".to_owned()),
            Within::Outside => None,
        }
    }

    #[test]
    fn a_path_is_beneath_a_base_by_whole_names() {
        for (base, path, expected) in [
            ("/", "/a/b", Some("/a/b")),
            ("", "/", Some("/")),
            ("/docs", "/docs", Some("itself")),
            ("/docs/", "/docs/", Some("/")),
            ("docs", "/docs/a/b/", Some("/a/b/")),
            ("/docs", "/d%6fcs/a", Some("/a")),
            ("/docs", "/docsy/a", None),
            ("/docs", "/doc", None),
            ("/docs", "/", None),
            ("/docs", "/a/docs/b", None),
            ("/a/b", "/a/b/c", Some("/c")),
            ("/a/b", "/a", None),
            ("/a b", "/a%20b/c", Some("/c")),
        ] {
            assert_eq!(within(base, path).as_deref(), expected, "{path} in {base}");
        }
    }

    #[test]
    fn a_reference_has_the_base_before_it_and_stays_on_the_host() {
        for (base, reference) in [("/", "/x/"), ("/docs", "/docs/x/"), ("a b/c/", "/a%20b/c/x/")] {
            assert_eq!(Base::parse(base).unwrap().reference("/x/"), reference);
        }
        assert_eq!(Base::default(), Base { path: CheckedPath::root(), ..Base::parse("/").unwrap() });
        assert_eq!(Base::parse("/docs/").unwrap().to_string(), "/docs/");
    }

    #[test]
    fn what_names_no_place_is_no_base() {
        for (base, fault) in
            [("//evil", PathFault::Empty), ("/a/../b", PathFault::Dots), ("a\\b", PathFault::Separator)]
        {
            assert_eq!(Base::parse(base).unwrap_err(), fault, "{base}");
        }
    }
}
