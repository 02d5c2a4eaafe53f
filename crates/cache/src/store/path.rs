//! Where the body of a stored response lies: a mapping from keys to file names that people can read,
//! that never gives two keys one file, and that can be read backwards.
//!
//! `http://localhost:8000/docs/index.html` lies in `localhost:8000/docs/index.html`. Where a URI can't be
//! a file name as it is, the escape byte is `^`, which no correct URI holds (RFC 3986 §2):
//!
//! | in the URI | in the file name |
//! |---|---|
//! | a byte that is not a visible ASCII character, or one of `^ " * < > ? \ \|` | `^` and two hex digits |
//! | a segment `.` or `..`, a host that begins with `.` | its first `.` as `^2e` |
//! | nothing after the last `/` | `^index` |
//! | an empty segment before that | `^none` |
//! | `?` and the query | `^q` and the query, its `/` as `^2f` |
//! | `https` | `^https` after the host |
//! | a capital letter, on a file system that does not tell them from small ones | `^` and two hex digits |
//! | a second, third.. variant of the response (`Vary`) | `^v1`, `^v2`.. at the end |
//! | a file where there is a directory of that name (`/a` beside `/a/b`) | `^leaf` at the end |
//! | a directory where there is a file of that name | `^tree` after it |
//! | a name of more than 200 bytes, a path of more than 1024 bytes or 32 directories | its beginning, `^long`, and 32 hex digits of a hash |
//!
//! Only the last one can't be read backwards from the name alone; the index holds the whole key.

use crate::key::CacheKey;

/// The longest name of a file or directory before a mark is added, in bytes; systems allow 255.
const NAME_MAX: usize = 200;

/// The longest path below the cache's directory, in bytes; systems allow 4096 in all.
const PATH_MAX: usize = 1024;

/// The most directories that one path goes through.
const DEPTH_MAX: usize = 32;

/// What of a name that is too long stays readable, in bytes.
const PREFIX: usize = 100;

/// Whether the file system tells `a` from `A`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// It does.
    Told,
    /// It does not: capital letters are escaped.
    Folded,
}

/// A path below the cache's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyPath {
    /// The directories, the host's first.
    pub(crate) directories: Vec<String>,
    /// The file.
    pub(crate) leaf: String,
}

/// What is added to a directory's name where a file has it.
pub(crate) const TREE: &str = "^tree";

/// What is added to a file's name where a directory has it.
pub(crate) const LEAF: &str = "^leaf";

impl BodyPath {
    /// Where the variant `slot` of `key` lies, unless a file or a directory is in the way.
    pub(crate) fn of(key: &CacheKey, slot: u8, case: Case) -> Self {
        let host = host(key, case);
        let mut segments: Vec<String> = key.path().split('/').skip(1).map(|s| escape(s, case)).collect();
        let mut leaf = segments.pop().unwrap_or_default();
        if leaf.is_empty() {
            leaf.push_str("^index");
        }
        if let Some(query) = key.query() {
            leaf.push_str("^q");
            leaf.push_str(&escape_bytes(query, case));
        }
        for segment in segments.iter_mut().filter(|segment| segment.is_empty()) {
            segment.push_str("^none");
        }
        let length = segments.iter().fold(leaf.len(), |sum, segment| sum.saturating_add(segment.len()));
        if length > PATH_MAX || segments.len() >= DEPTH_MAX {
            leaf = hashed(&format!("{}/{leaf}", segments.join("/")), 0);
            segments.clear();
        }
        let mut directories = vec![shortened(host)];
        directories.extend(segments.into_iter().map(shortened));
        let mut leaf = shortened(leaf);
        if slot > 0 {
            leaf.push_str(&format!("^v{slot}"));
        }
        Self { directories, leaf }
    }
}

/// The key and the variant whose body lies at `path`; `None` if no body does, or if the name does not say
/// it all.
#[cfg(test)]
pub(crate) fn read(path: &str) -> Option<(CacheKey, u8)> {
    let (host, path) = path.split_once('/')?;
    let (scheme, host) = match host.strip_suffix("^https") {
        Some(host) => ("https", host),
        None => ("http", host),
    };
    let mut names: Vec<&str> = path.split('/').collect();
    let leaf = names.pop()?;
    let leaf = leaf.strip_suffix(LEAF).unwrap_or(leaf);
    let (leaf, slot) = match leaf.rsplit_once("^v") {
        Some((leaf, slot)) => (leaf, slot.parse().ok()?),
        None => (leaf, 0),
    };
    let (leaf, query) = match leaf.split_once("^q") {
        Some((leaf, query)) => (leaf, format!("?{}", unescape(query)?)),
        None => (leaf, String::new()),
    };
    let mut uri = format!("{scheme}://{}", unescape(host)?);
    for name in names {
        let name = name.strip_suffix(TREE).unwrap_or(name);
        uri.push('/');
        uri.push_str(&if name == "^none" { String::new() } else { unescape(name)? });
    }
    uri.push('/');
    uri.push_str(&if leaf == "^index" { String::new() } else { unescape(leaf)? });
    Some((CacheKey::parse(&(uri + &query))?, slot))
}

#[cfg(test)]
fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'^' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.get(2..)?;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn host(key: &CacheKey, case: Case) -> String {
    let mut host = match key.authority().strip_prefix('.') {
        Some(rest) => format!("^2e{}", escape_bytes(rest, case)),
        None => escape_bytes(key.authority(), case),
    };
    if key.scheme() == "https" {
        host.push_str("^https");
    }
    host
}

fn escape(segment: &str, case: Case) -> String {
    match segment {
        "." => String::from("^2e"),
        ".." => String::from("^2e."),
        segment => escape_bytes(segment, case),
    }
}

fn escape_bytes(text: &str, case: Case) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte, case) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("^{byte:02x}"));
        }
    }
    escaped
}

fn is_plain(byte: u8, case: Case) -> bool {
    match byte {
        b'^' | b'"' | b'*' | b'<' | b'>' | b'?' | b'\\' | b'|' | b'/' => false,
        b'A'..=b'Z' => case == Case::Told,
        byte => byte.is_ascii_graphic(),
    }
}

fn shortened(name: String) -> String {
    if name.len() <= NAME_MAX { name } else { hashed(&name, PREFIX) }
}

/// At most the first `keep` bytes of an escaped name, and what tells it from others that begin alike.
fn hashed(name: &str, keep: usize) -> String {
    format!("{}^long{:032x}", name.get(..keep).unwrap_or_default(), fnv_1a(name.as_bytes()))
}

/// FNV-1a of 128 bits: enough to find a free name; that a file is the right one is proved by the index.
fn fnv_1a(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
