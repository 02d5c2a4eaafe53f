//! The URLs that can be asked for, and references to others (RFC 3986).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use message::target::{Authority, PathAndQuery, Scheme, Target, TargetFault};
use percent_encoding::{AsciiSet, percent_encode};

/// What RFC 3986 §2 gives no place in a URI, and people and servers write there nevertheless. Control
/// characters are not among them: they are no slip but an attack, and stay to be refused.
const ENCODED: &AsciiSet = &AsciiSet::EMPTY
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An absolute http or https URL without a fragment: what one request asks for.
///
/// It holds only ASCII without controls and spaces, so that it may be printed as it is. Its path has
/// no `.` and `..` segments (RFC 3986 §6.2.2.3) and its port is left out where it is the scheme's own
/// (RFC 9110 §4.2.3), so that equal URLs are the same place. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    scheme: Scheme,
    authority: Authority,
    path: PathAndQuery,
}

impl Url {
    /// Parses what a person types: `http://` is taken for granted where no scheme is given, spaces and
    /// letters beyond ASCII are percent-encoded, a fragment is cut off.
    ///
    /// # Errors
    /// What is wrong with it, and in which part.
    pub fn parse(text: &str) -> Result<Self, TargetFault> {
        Self::try_from(Target::parse_url(&encoded(text.trim().as_bytes()))?)
    }

    /// The same path and query on another server, by http.
    #[must_use]
    pub fn at(&self, authority: &Authority) -> Self {
        Self::of(Scheme::Http, authority.clone(), self.0.path.clone())
    }

    /// Resolves `reference`, such as the value of a `Location` field (RFC 9110 §10.2.2), against this
    /// URL, as RFC 3986 §5.2.2 says it (strictly: `http:x` is not relative). Its fragment is cut off.
    ///
    /// # Errors
    /// What is wrong with the URL that results, and in which part.
    pub fn join(&self, reference: &[u8]) -> Result<Self, TargetFault> {
        let reference = encoded(reference);
        let reference = reference.split_once('#').map_or(&*reference, |(before, _)| before);
        if let Some(rest) = after_scheme(reference) {
            return if rest.starts_with("//") { Self::absolute(reference) } else { Err(TargetFault::Form) };
        }
        if reference.starts_with("//") {
            return Self::absolute(&format!("{}:{reference}", self.0.scheme));
        }
        let path = self.join_path(reference);
        let path = PathAndQuery::parse(path)?;
        Ok(Self::of(self.0.scheme, self.0.authority.clone(), path))
    }

    /// The branches of RFC 3986 §5.2.2 for a reference without scheme and authority.
    fn join_path(&self, reference: &str) -> String {
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let (path, query) = if path.is_empty() {
            (Cow::Borrowed(self.0.path.path()), query.or(self.0.path.query()))
        } else if path.starts_with('/') {
            (Cow::Borrowed(path), query)
        } else {
            // §5.2.3: all but the last segment of the base's path.
            let directory = self.0.path.path().rsplit_once('/').map_or("", |(before, _)| before);
            (Cow::Owned(format!("{directory}/{path}")), query)
        };
        with_query(without_dots(&path), query)
    }

    fn of(scheme: Scheme, authority: Authority, path: PathAndQuery) -> Self {
        Self(Arc::new(Parts { scheme, authority: authority.normalised(scheme), path }))
    }

    fn absolute(text: &str) -> Result<Self, TargetFault> {
        Self::try_from(Target::parse(text)?)
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// Whether scheme, host and port are the same (RFC 9110 §4.3.1).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.0.scheme == other.0.scheme && self.0.authority == other.0.authority
    }

    /// The path, percent-encoded; begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path.path()
    }

    /// The directory of this name: the same without a query, and with `/` at its end.
    pub(crate) fn as_directory(&self) -> Self {
        self.beneath(&[])
    }

    /// What is beneath this directory by these segments, which are percent-encoded.
    pub(crate) fn beneath(&self, segments: &[&str]) -> Self {
        let mut path = self.path().to_owned();
        if !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(&segments.join("/"));
        // Segments of URLs that could be parsed make one that can be.
        let path = PathAndQuery::parse(path).unwrap_or_else(|_| self.0.path.clone());
        Self::of(self.0.scheme, self.0.authority.clone(), path)
    }

    /// The one segment by which `reference` is beneath this directory, and whether that is a directory again.
    /// `None` if it leads anywhere else. It is relative to `base`.
    pub(crate) fn child(&self, reference: &[u8], base: &Self) -> Option<(String, bool)> {
        let led_to = base.join(reference).ok()?;
        if !led_to.is_same_origin(self) || led_to.0.path.query().is_some() {
            return None;
        }
        let rest = led_to.path().strip_prefix(self.path())?;
        let segment = rest.strip_suffix('/').unwrap_or(rest);
        let is_one = self.path().ends_with('/') && !segment.is_empty() && !segment.contains('/');
        is_one.then(|| (segment.to_owned(), segment.len() < rest.len()))
    }
}

impl TryFrom<Target> for Url {
    type Error = TargetFault;

    /// [`TargetFault::Form`] for any form but the absolute one.
    fn try_from(target: Target) -> Result<Self, TargetFault> {
        let Target::Absolute(scheme, authority, path) = target else {
            return Err(TargetFault::Form);
        };
        // A target may hold any UTF-8, such as letters or C1 controls; a URL only its encoding.
        let text = encoded(path.as_str().as_bytes());
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*text, None),
        };
        let path = PathAndQuery::parse(with_query(without_dots(path), query))?;
        Ok(Self::of(scheme, authority, path))
    }
}

impl From<&Url> for Target {
    fn from(url: &Url) -> Self {
        Self::Absolute(url.0.scheme, url.0.authority.clone(), url.0.path.clone())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme, self.0.authority, self.0.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

fn encoded(bytes: &[u8]) -> Cow<'_, str> {
    percent_encode(bytes, ENCODED).into()
}

/// What follows `scheme:` (RFC 3986 §3.1), if the reference begins with one.
fn after_scheme(reference: &str) -> Option<&str> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_scheme.then_some(rest)
}

/// RFC 3986 §5.2.4, for a path that begins with `/`; an encoded dot is a dot (§6.2.2.2).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_directory = false;
    for segment in path.split('/').skip(1) {
        let dots = dots(segment);
        match dots {
            0 => kept.push(segment),
            1 => {}
            _ => drop(kept.pop()),
        }
        ends_in_directory = dots > 0;
    }
    if ends_in_directory {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

/// 1 for a `.` segment, 2 for a `..` segment, 0 for any other.
fn dots(segment: &str) -> usize {
    let dot = |text: &str| text == "." || text.eq_ignore_ascii_case("%2e");
    let halves =
        if segment.starts_with('.') { segment.split_at_checked(1) } else { segment.split_at_checked(3) };
    match halves {
        Some((first, "")) if dot(first) => 1,
        Some((first, second)) if dot(first) && dot(second) => 2,
        _ => 0,
    }
}

fn with_query(mut path: String, query: Option<&str>) -> String {
    if let Some(query) = query {
        path.push('?');
        path.push_str(query);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn joined(base: &str, reference: &str) -> Result<String, TargetFault> {
        url(base).join(reference.as_bytes()).map(|url| url.to_string())
    }

    #[test]
    fn references_resolve_as_in_the_examples_of_rfc_3986_section_5_4() {
        for (reference, expected) in [
            ("http://g/", "http://g/"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("HTTP://G:80", "http://g/"),
            ("https://g:443/%7e", "https://g/%7e"),
            ("%2e%2E/g", "http://a/b/g"),
            ("a b?c d\u{e4}", "http://a/b/c/a%20b?c%20d%C3%A4"),
        ] {
            assert_eq!(joined("http://a/b/c/d;p?q", reference).as_deref(), Ok(expected), "{reference:?}");
        }
    }

    #[test]
    fn references_that_nothing_can_be_asked_for_are_refused_by_name() {
        for (reference, fault) in [
            ("http:g", TargetFault::Form),
            ("g:h", TargetFault::Form),
            ("ftp://g/", TargetFault::Scheme),
            ("javascript://g/", TargetFault::Scheme),
            ("///g", TargetFault::Host),
            ("http://u@g/", TargetFault::Userinfo),
            ("http://g:99999/", TargetFault::Port),
            ("g\r\nSet-Cookie: x", TargetFault::Character),
            ("g\0", TargetFault::Character),
        ] {
            assert_eq!(joined("http://a/b", reference), Err(fault), "{reference:?}");
        }
    }

    #[test]
    fn what_a_person_types_becomes_a_url() {
        for (typed, expected) in [
            ("localhost:8000/index.html", "http://localhost:8000/index.html"),
            ("http://A.Example:80", "http://a.example/"),
            ("a/b/../c/./d", "http://a/c/d"),
            ("a/\u{fc}ber uns.txt#top", "http://a/%C3%BCber%20uns.txt"),
            ("a/?u=http://b/..", "http://a/?u=http://b/.."),
            ("[::1]:8000/x", "http://[::1]:8000/x"),
        ] {
            assert_eq!(Url::parse(typed).map(|url| url.to_string()).as_deref(), Ok(expected), "{typed:?}");
        }
        assert_eq!(Url::parse("ftp://a/"), Err(TargetFault::Scheme));
        assert_eq!(Url::parse(""), Err(TargetFault::Host));
    }

    #[test]
    fn only_an_absolute_target_is_a_url() {
        let origin = Target::Origin(PathAndQuery::root());
        assert_eq!(Url::try_from(origin), Err(TargetFault::Form));
        let url = url("http://a:8000/x?y");
        assert_eq!(Url::try_from(Target::from(&url)), Ok(url));
    }

    #[test]
    fn a_url_holds_only_printable_ascii_whatever_the_target_held() {
        let target = Target::parse("http://a/\u{9b}2J\u{202e}x").unwrap();
        let text = Url::try_from(target).unwrap().to_string();
        assert!(text.bytes().all(|b| b.is_ascii_graphic()), "{text}");
    }

    #[test]
    fn the_same_path_elsewhere_is_asked_by_http() {
        let balancer = Authority::parse("b.example:8080").unwrap();
        assert_eq!(url("https://a/x?y").at(&balancer).to_string(), "http://b.example:8080/x?y");
    }
}
