//! Request paths (RFC 3986 §3.3) as names of files. Pure: the disk is not asked.
//!
//! A path is decoded exactly once and judged after that, so that `%2e%2e` is `..` and `%252e` is
//! `%2e`. What comes out can only lead down: no `..`, no separator that was hidden in an escape, no
//! hidden file. That makes names safe to join and to write into a `Location`; that links don't lead
//! elsewhere is proved when the file is opened.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

/// What stands for itself in a path: unreserved, sub-delims, `:` and `@` (RFC 3986 §3.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What doesn't stand in a query (RFC 3986 §3.4). Escapes that are there already are left as they are.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\');

/// The one directory at the top whose name begins with a dot and that is served (RFC 8615 §3).
const WELL_KNOWN: &[u8] = b".well-known";

/// Whether files are served whose names begin with a dot, or that lie in such a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DotFiles {
    /// They are as if they were not there, but for `.well-known` at the top. Such are `.git` and
    /// `.env`, which nobody means to publish.
    #[default]
    Missing,
    /// They are files as others.
    Served,
}

/// A path of names beneath a root. Only this file makes one.
///
/// Each name is neither empty nor `.` nor `..`, holds no `/`, `\` or NUL, and does not begin with a
/// dot, but for `.well-known` at the top and where [`DotFiles`] are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPath<'a> {
    /// The names with `/` between them, decoded; empty for the root itself.
    names: Cow<'a, [u8]>,
    /// Whether the path ended in `/`, and so asks for a directory.
    directory: bool,
    /// What the names were held to.
    dot_files: DotFiles,
}

/// Why a path names no file that may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with `/`.
    #[error("the path does not begin with '/'")]
    Form,
    /// A `%` without two hexadecimal digits after it (RFC 3986 §2.1).
    #[error("the path holds a '%' that is not followed by two hexadecimal digits")]
    Escape,
    /// A NUL, which no file name holds.
    #[error("the path holds a NUL")]
    Nul,
    /// A `.` or `..` segment, which a client removes before it asks (RFC 3986 §5.2.4).
    #[error("the path holds a '.' or '..' segment")]
    Dots,
    /// An empty segment, as in `//`.
    #[error("the path holds an empty segment")]
    Empty,
    /// A `/` or `\` inside a segment, as in `%2F`.
    #[error("the path holds a separator within a segment")]
    Separator,
    /// A name that begins with a dot.
    #[error("the path names a hidden file")]
    Hidden,
}

impl PathFault {
    /// 400 for what is no path to anybody (RFC 9110 §15.5.1), 404 for what may be one elsewhere but
    /// names nothing here.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Form | Self::Escape | Self::Nul | Self::Dots => StatusCode::BAD_REQUEST,
            Self::Empty | Self::Separator | Self::Hidden => StatusCode::NOT_FOUND,
        }
    }
}

impl<'a> CheckedPath<'a> {
    /// Decodes and checks the path of a target, without its query; dot files are missing.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(path: &'a [u8]) -> Result<Self, PathFault> {
        Self::parse_with(path, DotFiles::Missing)
    }

    /// Decodes and checks the path of a target, without its query.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse_with(path: &'a [u8], dot_files: DotFiles) -> Result<Self, PathFault> {
        let relative = path.strip_prefix(b"/").ok_or(PathFault::Form)?;
        if relative.is_empty() {
            return Ok(Self { names: Cow::Borrowed(relative), directory: true, dot_files });
        }
        let (encoded, directory) = match relative.strip_suffix(b"/") {
            Some(before) => (before, true),
            None => (relative, false),
        };
        let names = decode(encoded)?;
        check_names(&names, dot_files)?;
        Ok(Self { names, directory, dot_files })
    }

    /// The root itself.
    #[must_use]
    pub fn root() -> CheckedPath<'static> {
        CheckedPath { names: Cow::Borrowed(b""), directory: true, dot_files: DotFiles::Missing }
    }

    /// Names as an operator writes them: not encoded, with or without a `/` at either end, and any of
    /// them with a dot at its beginning.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn of_names(text: &str) -> Result<CheckedPath<'static>, PathFault> {
        let names = text.strip_prefix('/').unwrap_or(text);
        let (names, directory) = match names.strip_suffix('/') {
            Some(before) => (before, true),
            None => (names, names.is_empty()),
        };
        let names = names.as_bytes().to_vec();
        if !names.is_empty() {
            check_names(&names, DotFiles::Served)?;
        }
        Ok(CheckedPath { names: Cow::Owned(names), directory, dot_files: DotFiles::Served })
    }

    /// The same path, or the index file in it if it asks for a directory.
    #[must_use]
    pub fn or_index(&self, index: &FileName) -> Self {
        if !self.directory {
            return self.clone();
        }
        let name = index.as_str().as_bytes();
        let mut names = Vec::with_capacity(self.names.len().saturating_add(name.len()).saturating_add(1));
        names.extend_from_slice(&self.names);
        if !names.is_empty() {
            names.push(b'/');
        }
        names.extend_from_slice(name);
        Self { names: Cow::Owned(names), directory: false, dot_files: self.dot_files }
    }

    /// What is left of the path beneath `above`; `None` if it isn't beneath it. Of the place itself
    /// that is the root.
    #[must_use]
    pub fn beneath(&self, above: &CheckedPath<'_>) -> Option<Self> {
        if above.names.is_empty() {
            return Some(self.clone());
        }
        let start = match self.names.strip_prefix(&*above.names)? {
            [] => above.names.len(),
            [b'/', ..] => above.names.len().saturating_add(1),
            _ => return None,
        };
        let names = match &self.names {
            Cow::Borrowed(names) => Cow::Borrowed(names.get(start..)?),
            Cow::Owned(names) => Cow::Owned(names.get(start..)?.to_vec()),
        };
        Some(Self { names, directory: self.directory, dot_files: self.dot_files })
    }

    /// The file whose last name is this one's with `ending` behind it; `None` of a directory.
    #[must_use]
    pub fn with_ending(&self, ending: &str) -> Option<CheckedPath<'static>> {
        let names = [&*self.names, ending.as_bytes()].concat();
        self.renamed(names).filter(|_| !self.directory)
    }

    /// The file whose last name is this one's without `ending`; `None` if it hasn't got it, or is
    /// nothing without it.
    #[must_use]
    pub fn without_ending(&self, ending: &str) -> Option<CheckedPath<'static>> {
        let names = self.names.strip_suffix(ending.as_bytes())?;
        self.renamed(names.to_vec()).filter(|_| !self.directory)
    }

    /// The directory that the file lies in, if `name` is the file's last name.
    #[must_use]
    pub fn directory_of(&self, name: &FileName) -> Option<CheckedPath<'static>> {
        let above = self.names.strip_suffix(name.as_str().as_bytes()).filter(|_| !self.directory)?;
        let names = match above {
            [] => &[],
            [names @ .., b'/'] => names,
            _ => return None,
        };
        Some(CheckedPath { names: Cow::Owned(names.to_vec()), directory: true, dot_files: self.dot_files })
    }

    fn renamed(&self, names: Vec<u8>) -> Option<CheckedPath<'static>> {
        check_names(&names, self.dot_files).ok()?;
        Some(CheckedPath { names: Cow::Owned(names), directory: false, dot_files: self.dot_files })
    }

    /// The path with one more name at its end.
    ///
    /// # Errors
    /// Why no file of that name is served.
    pub fn child(&self, name: &[u8]) -> Result<CheckedPath<'static>, PathFault> {
        if name.contains(&b'/') {
            return Err(PathFault::Separator);
        }
        let mut names = Vec::with_capacity(self.names.len().saturating_add(name.len()).saturating_add(1));
        if !self.names.is_empty() {
            names.extend_from_slice(&self.names);
            names.push(b'/');
        }
        names.extend_from_slice(name);
        check_names(&names, self.dot_files)?;
        Ok(CheckedPath { names: Cow::Owned(names), directory: false, dot_files: self.dot_files })
    }

    /// The same path, which no longer borrows the target it was read from.
    #[must_use]
    pub fn into_owned(self) -> CheckedPath<'static> {
        CheckedPath {
            names: Cow::Owned(self.names.into_owned()),
            directory: self.directory,
            dot_files: self.dot_files,
        }
    }

    /// Whether the path ends in `/`.
    #[must_use]
    pub fn asks_for_directory(&self) -> bool {
        self.directory
    }

    /// What the names were held to.
    #[must_use]
    pub fn dot_files(&self) -> DotFiles {
        self.dot_files
    }

    /// The names with `/` between them, relative to the root; empty for the root itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.names
    }

    /// The names from the top down.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.split(|b| *b == b'/').filter(|name| !name.is_empty())
    }

    /// The same place with a `/` at its end, as a reference that is relative to the host
    /// (RFC 3986 §4.2): it always begins with exactly one `/`, so that it never names another host.
    #[must_use]
    pub fn as_directory(&self, query: Option<&str>) -> String {
        self.reference(true, query)
    }

    /// The place as a reference that is relative to the host, in the same way.
    #[must_use]
    pub fn as_reference(&self, query: Option<&str>) -> String {
        self.reference(self.directory, query)
    }

    fn reference(&self, directory: bool, query: Option<&str>) -> String {
        let mut reference = String::from("/");
        reference.extend(percent_encode(&self.names, PATH));
        if directory && !self.names.is_empty() {
            reference.push('/');
        }
        if let Some(query) = query {
            reference.push('?');
            reference.extend(utf8_percent_encode(query, QUERY));
        }
        reference
    }
}

/// Decodes the escapes of several segments; what would change where segments end is refused.
fn decode(encoded: &[u8]) -> Result<Cow<'_, [u8]>, PathFault> {
    if !encoded.contains(&b'%') {
        return Ok(Cow::Borrowed(encoded));
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = bytes.next().and_then(hex_digit).ok_or(PathFault::Escape)?;
        let low = bytes.next().and_then(hex_digit).ok_or(PathFault::Escape)?;
        match (high << 4) | low {
            b'/' => return Err(PathFault::Separator),
            other => decoded.push(other),
        }
    }
    Ok(Cow::Owned(decoded))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn check_names(names: &[u8], dot_files: DotFiles) -> Result<(), PathFault> {
    for (depth, name) in names.split(|b| *b == b'/').enumerate() {
        match name {
            [] => return Err(PathFault::Empty),
            b"." | b".." => return Err(PathFault::Dots),
            _ if name.contains(&0) => return Err(PathFault::Nul),
            // A separator elsewhere, and to browsers here: `/\evil` is `//evil` to them.
            _ if name.contains(&b'\\') => return Err(PathFault::Separator),
            _ if name == WELL_KNOWN && depth == 0 => {}
            [b'.', ..] if dot_files == DotFiles::Missing => return Err(PathFault::Hidden),
            _ => {}
        }
    }
    Ok(())
}

/// The name of one file, without a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(Cow<'static, str>);

/// Text that is not the name of one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a file name: it must not be empty, '.' or '..', nor hold a '/' or a NUL")]
pub struct NotAFileName(String);

impl FileName {
    /// Takes a name as it is.
    ///
    /// # Errors
    /// If it is not the name of one file.
    pub fn parse(name: &str) -> Result<Self, NotAFileName> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(NotAFileName(name.to_owned()));
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for FileName {
    /// `index.html`
    fn default() -> Self {
        Self(Cow::Borrowed("index.html"))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<CheckedPath<'_>, PathFault> {
        CheckedPath::parse(path.as_bytes())
    }

    #[test]
    fn a_path_is_decoded_once() {
        for (path, names) in [
            ("/", ""),
            ("/a", "a"),
            ("/a/b.txt", "a/b.txt"),
            ("/a%20b/%C3%A9", "a b/é"),
            ("/%252e%252e/x", "%2e%2e/x"),
            ("/%61%2Eb", "a.b"),
            ("/...", "refused"),
            ("/a..b/c.", "a..b/c."),
            ("/a?b", "a?b"),
            ("/a%0d%0ab", "a\r\nb"),
            ("/.well-known/acme/x", ".well-known/acme/x"),
            ("/%2ewell-known/x", ".well-known/x"),
        ] {
            match parse(path) {
                Ok(checked) => assert_eq!(checked.as_bytes(), names.as_bytes(), "{path}"),
                Err(fault) => assert_eq!((fault, names), (PathFault::Hidden, "refused"), "{path}"),
            }
        }
    }

    #[test]
    fn names_need_not_be_utf8() {
        assert_eq!(parse("/%ff").unwrap().as_bytes(), b"\xff");
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for (path, fault) in [
            ("", PathFault::Form),
            ("a", PathFault::Form),
            ("/%", PathFault::Escape),
            ("/%2", PathFault::Escape),
            ("/%zz", PathFault::Escape),
            ("/%+1", PathFault::Escape),
            ("/a%00", PathFault::Nul),
            ("/..", PathFault::Dots),
            ("/../etc/passwd", PathFault::Dots),
            ("/a/../b", PathFault::Dots),
            ("/a/..", PathFault::Dots),
            ("/a/./b", PathFault::Dots),
            ("/./", PathFault::Dots),
            ("/%2e%2e/etc/passwd", PathFault::Dots),
            ("/%2E./etc/passwd", PathFault::Dots),
            ("//", PathFault::Empty),
            ("//evil", PathFault::Empty),
            ("///", PathFault::Empty),
            ("/a//b", PathFault::Empty),
            ("/a//", PathFault::Empty),
            ("/a%2fb", PathFault::Separator),
            ("/..%2fetc", PathFault::Separator),
            ("/%2F", PathFault::Separator),
            ("/\\evil", PathFault::Separator),
            ("/%5cevil", PathFault::Separator),
            ("/a\\..\\b", PathFault::Separator),
            ("/.git/config", PathFault::Hidden),
            ("/%2egit/config", PathFault::Hidden),
            ("/a/.htpasswd", PathFault::Hidden),
            ("/a/.well-known/x", PathFault::Hidden),
            ("/.well-known/.secret", PathFault::Hidden),
        ] {
            assert_eq!(parse(path), Err(fault), "{path}");
        }
    }

    #[test]
    fn the_index_is_named_only_where_a_directory_is_asked_for() {
        let index = FileName::default();
        for (path, names) in [("/", "index.html"), ("/a/", "a/index.html"), ("/a", "a")] {
            assert_eq!(parse(path).unwrap().or_index(&index).as_bytes(), names.as_bytes());
        }
    }

    #[test]
    fn a_reference_to_a_directory_stays_on_this_host_and_keeps_the_query() {
        for (path, query, reference) in [
            ("/a", None, "/a/"),
            ("/a/b", Some("q=1&r=%20"), "/a/b/?q=1&r=%20"),
            ("/a", Some(""), "/a/?"),
            ("/%C3%A9%20%3F%23%25", None, "/%C3%A9%20%3F%23%25/"),
            ("/a:b@c", None, "/a:b@c/"),
            ("/a%0d%0aX:1", Some("é\"<"), "/a%0D%0AX:1/?%C3%A9%22%3C"),
        ] {
            assert_eq!(parse(path).unwrap().as_directory(query), reference);
        }
    }

    #[test]
    fn a_child_is_one_more_name_that_may_be_served() {
        let (top, below) = (parse("/").unwrap(), parse("/a/b/").unwrap());
        assert_eq!(top.child(b"c").unwrap().as_bytes(), b"c");
        assert_eq!(below.child(b"c\xff").unwrap().as_bytes(), b"a/b/c\xff");
        assert!(!below.child(b"c").unwrap().asks_for_directory());
        for (name, fault) in [
            (&b".git"[..], PathFault::Hidden),
            (b"..", PathFault::Dots),
            (b"", PathFault::Empty),
            (b"c/d", PathFault::Separator),
            (b"c\\d", PathFault::Separator),
            (b"c\0", PathFault::Nul),
        ] {
            assert_eq!(below.child(name).unwrap_err(), fault, "{name:?}");
        }
    }

    #[test]
    fn dot_files_are_names_where_they_are_served() {
        let parse = |path: &'static str| CheckedPath::parse_with(path.as_bytes(), DotFiles::Served);
        for (path, names) in [("/.git/config", ".git/config"), ("/a/...", "a/..."), ("/..a", "..a")] {
            assert_eq!(parse(path).unwrap().as_bytes(), names.as_bytes());
        }
        for path in ["/..", "/.", "/a/..", "/%2e%2e/b", "/.git/../b"] {
            assert_eq!(parse(path).unwrap_err(), PathFault::Dots, "{path}");
        }
        assert!(parse("/a/").unwrap().child(b".b").is_ok(), "and so are those in them");
    }

    #[test]
    fn an_operator_writes_names_and_not_escapes() {
        for (text, names, directory) in [
            ("404.html", "404.html", false),
            ("/a/404.html", "a/404.html", false),
            ("a b%20c", "a b%20c", false),
            (".hidden/x", ".hidden/x", false),
            ("/docs/", "docs", true),
            ("/", "", true),
            ("", "", true),
        ] {
            let path = CheckedPath::of_names(text).unwrap();
            assert_eq!((path.as_bytes(), path.asks_for_directory()), (names.as_bytes(), directory));
        }
        for text in ["//a", "..", "a/../b", "a//b", "a\\b", "a\0b", "a//"] {
            assert!(CheckedPath::of_names(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_lies_beneath_is_told_by_whole_names() {
        for (path, above, beneath) in [
            ("/a/b/c", "/a/b", Some("/c")),
            ("/a/b/", "/a/b", Some("/")),
            ("/a/b/c/", "/", Some("/a/b/c/")),
            ("/ab", "/a", None),
            ("/a", "/a/b", None),
        ] {
            let beneath_it = parse(path).unwrap().beneath(&CheckedPath::of_names(above).unwrap());
            assert_eq!(beneath_it.map(|path| path.as_reference(None)).as_deref(), beneath, "{path}");
        }
        assert!(parse("/a/b%20c").unwrap().beneath(&CheckedPath::of_names("a").unwrap()).is_some());
    }

    #[test]
    fn endings_come_and_go_without_making_another_name_of_it() {
        let without = |path| parse(path).unwrap().without_ending(".html").map(|path| path.as_reference(None));
        assert_eq!(without("/a/b.html").as_deref(), Some("/a/b"));
        assert_eq!(without("/a.html/b"), None);
        assert_eq!(without("/a.html/"), None);
        for path in ["/.html", "/a/.html", "/..html", "/...html"] {
            let path = CheckedPath::parse_with(path.as_bytes(), DotFiles::Served).unwrap();
            assert_eq!(path.without_ending(".html"), None, "{path:?}");
        }
        let with = |path| parse(path).unwrap().with_ending(".html").map(|path| path.as_reference(None));
        assert_eq!(with("/a/b").as_deref(), Some("/a/b.html"));
        assert_eq!((with("/a/"), with("/")), (None, None));
    }

    #[test]
    fn the_directory_of_a_file_by_that_name() {
        let index = FileName::default();
        for (path, directory) in [
            ("/index.html", Some("/")),
            ("/a/index.html", Some("/a/")),
            ("/a/x-index.html", None),
            ("/a/index.html/", None),
            ("/a", None),
        ] {
            let found = parse(path).unwrap().directory_of(&index).map(|path| path.as_reference(None));
            assert_eq!(found.as_deref(), directory, "{path}");
        }
    }

    #[test]
    fn a_file_name_is_one_name() {
        assert_eq!(FileName::parse("home.html").unwrap().as_str(), "home.html");
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0"] {
            assert!(FileName::parse(name).is_err(), "{name:?}");
        }
    }
}
