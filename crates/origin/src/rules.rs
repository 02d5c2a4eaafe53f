//! Rules of the operator: fields that files get by their names.
//!
//! They are applied in the order in which they were given, when a file is prepared and not per
//! request. Of two rules for the same field the later one holds, so that a rule for all files goes
//! first and its exceptions after it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use http::{HeaderName, HeaderValue, header};
use message::fields::{Fields, is_framing};

use crate::disposition::attachment;

/// Which files a rule is for: a glob over names.
///
/// A pattern without a `/` is for files of that name in any directory, such as `*.css`; with one it
/// is for the whole path from the top, such as `assets/**` or `/index.html`. `*` and `?` stop at a
/// `/`, `**` does not; `[a-z]` and `{a,b}` are as in a shell. Letters count as they are written.
#[derive(Clone, Debug)]
pub struct Pattern {
    glob: GlobMatcher,
    whole_path: bool,
}

/// One rule: which files, and what is done to their fields.
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: Pattern,
    deed: Deed,
}

#[derive(Clone, Debug)]
enum Deed {
    Set(HeaderName, HeaderValue),
    Attach,
}

/// Text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// The pattern is empty or not a glob.
    #[error("{pattern:?} is not a pattern for file names: {reason}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no `:` after a name.
    #[error("write a field as 'Name: value', or as 'GLOB=Name: value' for some files only")]
    Form,
    /// The name is not a token (RFC 9110 §5.1).
    #[error("{0:?} can't be the name of a field")]
    Name(String),
    /// The value holds control characters (RFC 9110 §5.5).
    #[error("{0:?} can't stand in a field: it holds a control character")]
    Value(String),
    /// The field is made by the server, and another value would break the message or lie about it.
    #[error("{0} is made by the server itself, from the file and the request: it can't be set")]
    Reserved(HeaderName),
}

/// Fields that follow from the file, the request or the connection. A rule that set one would make two
/// readers of the same message disagree (RFC 9112 §6.3), or two versions of a file one.
static RESERVED: [HeaderName; 15] = [
    header::ACCEPT_RANGES,
    header::AGE,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::DATE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`RuleFault::Pattern`]
    pub fn parse(text: &str) -> Result<Self, RuleFault> {
        let fault = |reason: String| RuleFault::Pattern { pattern: text.to_owned(), reason };
        let anchored = text.strip_prefix('/').unwrap_or(text);
        if anchored.is_empty() {
            return Err(fault(String::from("it is empty; * is for all files")));
        }
        // A directory stands for all that is in it.
        let inside = anchored.ends_with('/').then(|| format!("{anchored}**"));
        let glob = GlobBuilder::new(inside.as_deref().unwrap_or(anchored))
            .literal_separator(true)
            .build()
            .map_err(|error| fault(error.kind().to_string()))?;
        Ok(Self { glob: glob.compile_matcher(), whole_path: text.contains('/') })
    }

    /// Whether it is for the file of this path, which is relative to the root.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let name = || path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        let subject = if self.whole_path { path } else { name() };
        self.glob.is_match(Path::new(OsStr::from_bytes(subject)))
    }
}

impl Rule {
    /// `Cache-Control`: `VALUE` for all files, or `GLOB=VALUE` for some.
    ///
    /// Directives such as `max-age=60` hold a `=` too: what stands before the first one is a pattern if
    /// it has a character that names of directives don't have, one of `/ . * ? [ {`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn cache_control(text: &str) -> Result<Self, RuleFault> {
        let (pattern, value) = match text.split_once('=') {
            Some((glob, value)) if glob.contains(['/', '.', '*', '?', '[', '{']) => (glob, value),
            _ => ("*", text),
        };
        Self::set(pattern, header::CACHE_CONTROL, value)
    }

    /// Any field: `Name: value` for all files, or `GLOB=Name: value` for some.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn field(text: &str) -> Result<Self, RuleFault> {
        let (name, value) = text.split_once(':').ok_or(RuleFault::Form)?;
        let (pattern, name) = name.rsplit_once('=').unwrap_or(("*", name));
        let name = HeaderName::try_from(name.trim()).map_err(|_| RuleFault::Name(name.to_owned()))?;
        Self::set(pattern, name, value)
    }

    /// `Content-Disposition: attachment` with the file's name, for the files of that pattern.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn attachment(pattern: &str) -> Result<Self, RuleFault> {
        Ok(Self { pattern: Pattern::parse(pattern)?, deed: Deed::Attach })
    }

    fn set(pattern: &str, name: HeaderName, value: &str) -> Result<Self, RuleFault> {
        if is_framing(&name) || RESERVED.contains(&name) {
            return Err(RuleFault::Reserved(name));
        }
        let value =
            HeaderValue::from_str(value.trim()).map_err(|_| RuleFault::Value(value.trim().to_owned()))?;
        Ok(Self { pattern: Pattern::parse(pattern)?, deed: Deed::Set(name, value) })
    }
}

/// Does to `fields` what the rules for this path say.
pub(crate) fn apply(rules: &[Rule], path: &[u8], fields: &mut Fields) {
    for rule in rules.iter().filter(|rule| rule.pattern.matches(path)) {
        match &rule.deed {
            Deed::Set(name, value) => fields.set(name.clone(), value.clone()),
            Deed::Attach => fields.set(header::CONTENT_DISPOSITION, attachment(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rules: &[Rule], path: &str) -> Fields {
        let mut fields = Fields::new();
        apply(rules, path.as_bytes(), &mut fields);
        fields
    }

    #[test]
    fn patterns_are_for_names_or_for_paths() {
        for (pattern, yes, no) in [
            ("*", &["a", "d/a", "a b.c"][..], &[][..]),
            ("*.css", &["a.css", "d/e/a.css", ".css"], &["a.css.gz", "a.CSS", "css", "a.css/b"]),
            ("index.html", &["index.html", "d/index.html"], &["xindex.html"]),
            ("/index.html", &["index.html"], &["d/index.html"]),
            ("d/*.js", &["d/a.js"], &["d/e/a.js", "x/d/a.js", "a.js"]),
            ("d/**", &["d/a", "d/e/a.js"], &["d", "x/d/a"]),
            ("d/", &["d/a", "d/e/a.js"], &["d", "dd/a"]),
            ("**/e/*", &["e/a", "d/e/a"], &["d/e/f/a"]),
            ("*.{png,jpg}", &["a.png", "d/a.jpg"], &["a.gif"]),
            ("*-[0-9a-f]?.js", &["app-0x.js"], &["app-x0.js"]),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for path in yes {
                assert!(pattern.matches(path.as_bytes()), "{pattern:?} {path}");
            }
            for path in no {
                assert!(!pattern.matches(path.as_bytes()), "{pattern:?} {path}");
            }
        }
        assert!(Pattern::parse("*.bin").unwrap().matches(b"d/\xff.bin"), "names need not be UTF-8");
    }

    #[test]
    fn the_last_rule_for_a_field_holds() {
        let rules = [
            Rule::cache_control("no-cache").unwrap(),
            Rule::cache_control("assets/**=max-age=31536000, immutable").unwrap(),
            Rule::cache_control("*.map=private=\"a\"").unwrap(),
            Rule::field("X-Robots-Tag: none").unwrap(),
            Rule::field("*.svg=Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'")
                .unwrap(),
        ];
        for (path, cache_control) in [
            ("index.html", "no-cache"),
            ("assets/a.js", "max-age=31536000, immutable"),
            ("assets/a.js.map", "private=\"a\""),
        ] {
            let fields = applied(&rules, path);
            assert_eq!(fields.text(&header::CACHE_CONTROL), Some(cache_control), "{path}");
            assert_eq!(fields.text(&HeaderName::from_static("x-robots-tag")), Some("none"));
            assert!(!fields.contains(&header::CONTENT_SECURITY_POLICY));
        }
        let fields = applied(&rules, "a.svg");
        let policy = fields.text(&header::CONTENT_SECURITY_POLICY);
        assert_eq!(policy, Some("default-src 'none'; style-src 'unsafe-inline'"));
    }

    #[test]
    fn a_plain_cache_control_is_not_taken_for_a_pattern() {
        for value in ["max-age=60", "public, max-age=60", "no-cache", "s-maxage=1, max-age=2"] {
            let fields = applied(&[Rule::cache_control(value).unwrap()], "any/file");
            assert_eq!(fields.text(&header::CACHE_CONTROL), Some(value));
        }
    }

    #[test]
    fn an_attachment_says_the_name_of_the_file() {
        let rules = [Rule::attachment("*.pdf").unwrap()];
        let fields = applied(&rules, "d/a.pdf");
        assert_eq!(fields.text(&header::CONTENT_DISPOSITION), Some(r#"attachment; filename="a.pdf""#));
        assert!(applied(&rules, "d/a.txt").is_empty());
    }

    #[test]
    fn what_would_break_or_belie_the_message_is_refused() {
        for name in ["Content-Length", "Transfer-Encoding", "etag", "Content-Encoding", "Connection"] {
            let fault = Rule::field(&format!("{name}: 1")).unwrap_err();
            assert_eq!(fault, RuleFault::Reserved(HeaderName::try_from(name).unwrap()), "{name}");
        }
        for (text, fault) in [
            ("X-Name", RuleFault::Form),
            ("a b: 1", RuleFault::Name("a b".to_owned())),
            (": 1", RuleFault::Name(String::new())),
            ("X: a\r\nY: b", RuleFault::Value("a\r\nY: b".to_owned())),
        ] {
            assert_eq!(Rule::field(text).unwrap_err(), fault, "{text:?}");
        }
        for pattern in ["", "/", "[", "{a,b"] {
            let fault = Rule::attachment(pattern).unwrap_err();
            assert!(matches!(fault, RuleFault::Pattern { .. }), "{pattern:?} {fault}");
        }
    }
}
