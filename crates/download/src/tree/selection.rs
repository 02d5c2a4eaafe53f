//! Which files and directories of a tree are wanted.
//!
//! Pure.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

/// A pattern over the paths in a tree.
///
/// `*` and `?` stand for characters but `/`, `**` for any number of directories, `[a-z]` and `{a,b}` for one of
/// several. One without `/` is about the last name of a path, wherever in the tree; one with it about the whole
/// path from the root of the tree; one that ends in `/` about directories only.
#[derive(Clone, Debug)]
pub struct Pattern {
    glob: GlobMatcher,
    whole_path: bool,
    directories: bool,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no pattern: {reason}")]
pub struct PatternFault {
    pattern: String,
    reason: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        let fault =
            |reason: &dyn fmt::Display| PatternFault { pattern: text.to_owned(), reason: reason.to_string() };
        let bare = text.strip_suffix('/').unwrap_or(text);
        let glob = bare.strip_prefix('/').unwrap_or(bare);
        if glob.is_empty() {
            return Err(fault(&"it is empty"));
        }
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        let glob = built.map_err(|error| fault(error.kind()))?.compile_matcher();
        Ok(Self { glob, whole_path: bare.contains('/'), directories: bare.len() < text.len() })
    }

    fn matches(&self, path: &str, is_directory: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        (is_directory || !self.directories) && self.glob.is_match(if self.whole_path { path } else { name })
    }
}

/// What of a tree is wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Files must match one of these, if there are any.
    pub include: Vec<Pattern>,
    /// Neither files nor directories may match one of these.
    pub exclude: Vec<Pattern>,
}

impl Selection {
    /// Whether the file of this path from the root of the tree is wanted.
    pub(crate) fn has_file(&self, path: &str) -> bool {
        let included =
            self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(path, false));
        included && !self.exclude.iter().any(|pattern| pattern.matches(path, false))
    }

    /// Whether the directory of this path is to be looked into.
    pub(crate) fn has_directory(&self, path: &str) -> bool {
        !self.exclude.iter().any(|pattern| pattern.matches(path, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let parse = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        Selection { include: parse(include), exclude: parse(exclude) }
    }

    #[test]
    fn files_are_in_if_they_are_included_and_not_excluded() {
        for (include, exclude, path, expected) in [
            (&[][..], &[][..], "a/b", true),
            (&["*.iso"], &[], "a/b.iso", true),
            (&["*.iso"], &[], "a/b.txt", false),
            (&["*.iso", "SHA*"], &[], "a/SHA256SUMS", true),
            (&["a/*.iso"], &[], "a/b.iso", true),
            (&["a/*.iso"], &[], "c/a/b.iso", false),
            (&["/*.iso"], &[], "b.iso", true),
            (&["/*.iso"], &[], "a/b.iso", false),
            (&["**/x/*"], &[], "a/b/x/c", true),
            (&[], &["*.tmp"], "a/b.tmp", false),
            (&[], &["tmp/"], "tmp", true),
            (&["*.{iso,img}"], &["debug-*"], "debug-1.img", false),
        ] {
            assert_eq!(
                selection(include, exclude).has_file(path),
                expected,
                "{include:?} {exclude:?} {path}"
            );
        }
    }

    #[test]
    fn directories_are_in_unless_they_are_excluded() {
        for (exclude, path, expected) in [
            (&[][..], "a", true),
            (&["tmp/"], "a/tmp", false),
            (&["a/tmp/"], "a/tmp", false),
            (&["a/tmp/"], "b/a/tmp", true),
            (&["tmp"], "tmp", false),
        ] {
            assert_eq!(selection(&["*.iso"], exclude).has_directory(path), expected, "{exclude:?} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for text in ["", "/", "a[", "{a"] {
            assert!(Pattern::parse(text).unwrap_err().to_string().contains("is no pattern"), "{text}");
        }
    }
}
