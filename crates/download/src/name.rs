//! Names for files, taken from URLs that may wish us ill.
//!
//! Pure: it never looks at a file system.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use percent_encoding::percent_decode_str;

/// The name of a URL that ends in `/`, as wget calls it.
const INDEX: &str = "index.html";

/// What an unfinished file has at the end of its name.
const PART: &str = ".part";

/// What the journal of an unfinished file has at the end of its name, and what one that is being written
/// has: no longer, so that it fits wherever the other does.
const JOURNAL: &str = ".part.sockets";
const JOURNAL_DRAFT: &str = ".part.socket~";

/// Longest extension that a name keeps when it is cut, in bytes.
const EXTENSION_MAX: usize = 16;

/// Exactly one component of a path: joined to a directory, it names something in that directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName(OsString);

impl FileName {
    /// Longest name that is made of a URL, in bytes: file systems take 255, and the name must leave
    /// room for `.part` and for the name of a journal beside that (`.sockets`).
    pub const URL_NAME_MAX: usize = 255 - JOURNAL.len();

    /// A name from the last segment of a URL's path, percent-decoded. Every path gives one:
    ///
    /// - an empty segment (the path ends in `/`) is `index.html`;
    /// - `_` stands for separators of any system, control characters, the characters that turn the
    ///   direction of writing (they make `gpj.exe` look like `exe.jpg`), bytes that are not UTF-8,
    ///   characters that shells or Windows give a meaning (`: * ? " < > |`), and for a leading dot: a
    ///   URL can't make a hidden file such as `.bashrc`;
    /// - names of devices on Windows, such as `NUL` or `com1.txt`, get a `_` before them, since the
    ///   file may go there;
    /// - a name over 242 bytes is cut, and keeps its extension.
    #[must_use]
    pub fn from_url_path(path: &str) -> Self {
        let segment = path.rsplit('/').next().unwrap_or_default();
        let decoded: Vec<u8> = percent_decode_str(segment).collect();
        Self::harmless(&String::from_utf8_lossy(&decoded))
    }

    /// A name from a text that is to be one, changed in the same way.
    pub(crate) fn harmless(text: &str) -> Self {
        let mut name: String = text.chars().map(harmless).collect();
        if name.is_empty() {
            name.push_str(INDEX);
        }
        if name.starts_with('.') {
            name.replace_range(..1, "_");
        }
        if is_device(&name) {
            name.insert(0, '_');
        }
        Self(OsString::from(shortened(name)))
    }

    /// The last component of a path that the user has chosen, as it is; `None` if it has none, as `/`
    /// and `a/..` have not.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        path.file_name().map(|name| Self(name.to_owned()))
    }

    /// The same name with a number before its extension: `x.1.gz`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let name = self.0.to_string_lossy();
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (&*name, String::new()),
        };
        Self(OsString::from(shortened(format!("{stem}.{number}{extension}"))))
    }

    /// The name that the file has until it is whole.
    #[must_use]
    pub fn part(&self) -> Self {
        self.with_end(PART)
    }

    /// A name that the system itself has for something; `None` for `.` and `..`.
    pub(crate) fn of_entry(name: &OsStr) -> Option<Self> {
        (name != "." && name != "..").then(|| Self(name.to_owned()))
    }

    /// The name of the journal beside that.
    #[must_use]
    pub(crate) fn journal(&self) -> Self {
        self.with_end(JOURNAL)
    }

    /// The name of a journal that is being written.
    #[must_use]
    pub(crate) fn journal_draft(&self) -> Self {
        self.with_end(JOURNAL_DRAFT)
    }

    /// The names that the file and what is beside it have until it is whole.
    pub(crate) fn unfinished(&self) -> [Self; 3] {
        [self.part(), self.journal(), self.journal_draft()]
    }

    /// The names of the files for which this would be one of the [unfinished](Self::unfinished) names.
    pub(crate) fn finished(&self) -> impl Iterator<Item = Self> {
        let bytes = self.0.as_bytes();
        let ends = [PART, JOURNAL, JOURNAL_DRAFT].into_iter();
        ends.filter_map(|end| Some(Self(OsStr::from_bytes(bytes.strip_suffix(end.as_bytes())?).to_owned())))
    }

    fn with_end(&self, end: &str) -> Self {
        let mut name = self.0.clone();
        name.push(end);
        Self(name)
    }

    /// The name for the file system.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

impl AsRef<Path> for FileName {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

fn harmless(c: char) -> char {
    let turns_writing =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
    let has_meaning = matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    if c.is_control() || turns_writing || ends_line || has_meaning || c == char::REPLACEMENT_CHARACTER {
        '_'
    } else {
        c
    }
}

/// Windows takes these for devices in every directory, with any extension and in any case.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    let numbered = match stem.split_at_checked(3) {
        Some((kind, number)) => {
            (kind.eq_ignore_ascii_case("com") || kind.eq_ignore_ascii_case("lpt"))
                && matches!(number.as_bytes(), [b'0'..=b'9'])
        }
        None => false,
    };
    numbered || ["con", "prn", "aux", "nul", "conin$", "conout$"].into_iter().any(is)
}

fn shortened(mut name: String) -> String {
    if name.len() <= FileName::URL_NAME_MAX {
        return name;
    }
    let extension = match name.rsplit_once('.') {
        Some((_, extension)) if extension.len() <= EXTENSION_MAX => format!(".{extension}"),
        _ => String::new(),
    };
    name.truncate(name.floor_char_boundary(FileName::URL_NAME_MAX.saturating_sub(extension.len())));
    name.push_str(&extension);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> String {
        FileName::from_url_path(path).as_os_str().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_is_the_last_segment_decoded() {
        for (path, expected) in [
            ("/index.html", "index.html"),
            ("/a/b/debian-13.iso", "debian-13.iso"),
            ("/a%20b.txt", "a b.txt"),
            ("/%C3%BCber.txt", "\u{fc}ber.txt"),
            ("/100%", "100%"),
            ("/", "index.html"),
            ("/a/", "index.html"),
            ("", "index.html"),
        ] {
            assert_eq!(name(path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_name_leads_nowhere() {
        for (path, expected) in [
            ("/..", "_."),
            ("/.", "_"),
            ("/%2e%2e", "_."),
            ("/..%2f..%2fetc%2fpasswd", "_._.._etc_passwd"),
            ("/%2fetc%2fpasswd", "_etc_passwd"),
            ("/..%5c..%5cevil.exe", "_._.._evil.exe"),
            ("/C:%5cevil", "C__evil"),
            ("/a%00.txt", "a_.txt"),
            ("/a%0d%0ab", "a__b"),
            ("/%1b%5b2J", "_[2J"),
            ("/%c2%9b2J", "_2J"),
            ("/%ff%fe", "__"),
            ("/.bashrc", "_bashrc"),
            ("/%e2%80%aegpj.exe", "_gpj.exe"),
            ("/nul", "_nul"),
            ("/COM1.txt", "_COM1.txt"),
            ("/con .x", "_con .x"),
            ("/com10", "com10"),
            ("/console", "console"),
        ] {
            assert_eq!(name(path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_keeps_its_extension() {
        let long = name(&format!("/{}.iso", "\u{fc}".repeat(300)));
        assert!(
            long.len() <= FileName::URL_NAME_MAX && long.len() > FileName::URL_NAME_MAX - 2,
            "{}",
            long.len()
        );
        assert!(long.ends_with("\u{fc}.iso"));
        assert_eq!(name(&format!("/{}", "x".repeat(300))).len(), FileName::URL_NAME_MAX);
        let no_extension = name(&format!("/a.{}", "x".repeat(300)));
        assert_eq!(no_extension.len(), FileName::URL_NAME_MAX);
    }

    #[test]
    fn a_chosen_path_ends_in_a_name_or_has_none() {
        let of = |path: &str| FileName::of_path(Path::new(path)).map(|name| name.0);
        assert_eq!(of("a/.hidden"), Some(".hidden".into()));
        for none in ["/", "..", "a/..", ""] {
            assert_eq!(of(none), None, "{none:?}");
        }
        assert_eq!(FileName::from_url_path("/x").part().0, "x.part");
    }
}
