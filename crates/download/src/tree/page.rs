//! A listing, of whichever server: the names in one directory.
//!
//! Pure. What is read: the JSON of our server, nginx (`autoindex_format json`) and Caddy, and the pages of
//! HTML that these, Apache, lighttpd and most others make.

use std::collections::HashSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::tree::anchors::{Anchor, anchors};
use crate::url::Url;

/// What is not encoded in a segment that is made of a name (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One directory's listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) extent: Extent,
}

/// How much of what there is a listing names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// Maybe not all: it has no end, or has no names at all and may be another page altogether.
    Doubtful,
    /// Not all: it says so itself.
    Cut,
}

/// What a listing names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// The one segment of a path by which it is beneath its directory, percent-encoded.
    pub(crate) segment: String,
    pub(crate) is_directory: bool,
    /// Its length in bytes, where that is told exactly.
    pub(crate) size: Option<u64>,
    /// When it was changed, or all that is written beside it: only to tell listings apart.
    pub(crate) modified: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listing {
    Ours {
        entries: Vec<Row>,
        #[serde(default)]
        truncated: bool,
    },
    Rows(Vec<Row>),
}

#[derive(Deserialize)]
struct Row {
    name: String,
    url: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    is_dir: bool,
    size: Option<u64>,
    #[serde(alias = "mtime", alias = "mod_time")]
    modified: Option<String>,
}

/// Reads the listing of the directory at `here`, whose path ends in `/`; `None` if it is none.
pub(crate) fn read(text: &str, here: &Url) -> Option<Page> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut page = if text.starts_with(['{', '[']) { of_json(text, here)? } else { of_html(text, here)? };
    let mut seen = HashSet::new();
    page.entries.retain(|entry| seen.insert((entry.segment.clone(), entry.is_directory)));
    Some(page)
}

fn of_json(text: &str, here: &Url) -> Option<Page> {
    let (rows, truncated) = match serde_json::from_str(text).ok()? {
        Listing::Ours { entries, truncated } => (entries, truncated),
        Listing::Rows(rows) => (rows, false),
    };
    let entries = rows.into_iter().filter_map(|row| entry(row, here)).collect();
    Some(Page { entries, extent: if truncated { Extent::Cut } else { Extent::Whole } })
}

fn entry(row: Row, here: &Url) -> Option<Entry> {
    let (segment, slash) = match row.url {
        Some(reference) => here.child(reference.as_bytes(), here)?,
        None => {
            let name = row.name.strip_suffix('/').unwrap_or(&row.name);
            let is_one = !matches!(name, "" | "." | "..");
            is_one
                .then(|| (utf8_percent_encode(name, UNRESERVED).to_string(), name.len() < row.name.len()))?
        }
    };
    let is_directory = slash || row.is_dir || row.kind.as_deref() == Some("directory");
    let size = row.size.filter(|_| !is_directory);
    Some(Entry { segment, is_directory, size, modified: row.modified })
}

fn of_html(text: &str, here: &Url) -> Option<Page> {
    let anchors = anchors(text)?;
    let base = anchors.base.and_then(|base| here.join(base.as_bytes()).ok());
    let base = base.as_ref().unwrap_or(here);
    let entries = anchors.all.into_iter().filter_map(|Anchor { reference, beside }| {
        let (segment, is_directory) = here.child(reference.as_bytes(), base)?;
        Some(Entry { segment, is_directory, size: None, modified: Some(beside) })
    });
    let entries: Vec<Entry> = entries.collect();
    let is_whole = anchors.is_whole && !entries.is_empty();
    Some(Page { entries, extent: if is_whole { Extent::Whole } else { Extent::Doubtful } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        let page = read(text, &Url::parse("http://a:81/pub/d/").unwrap())?;
        let shown = |entry: &Entry| format!("{}{}", entry.segment, if entry.is_directory { "/" } else { "" });
        Some(page.entries.iter().map(shown).collect())
    }

    #[test]
    fn each_servers_listing_is_read() {
        for (server, text) in [
            (
                "ours",
                r#"{"path":"/pub/d/","directories":1,"files":1,"bytes":7,"truncated":false,"entries":[
                {"name":"old","type":"directory","modified":"2026-10-21T14:03:00Z","url":"./old/"},
                {"name":"a b","type":"file","size":7,"modified":"2026-10-21T14:03:00Z","url":"./a%20b"}]}"#,
            ),
            (
                "nginx, JSON",
                r#"[{ "name":"old", "type":"directory", "mtime":"Wed, 21 Oct 2026 14:03:00 GMT" },
                { "name":"a b", "type":"file", "mtime":"Wed, 21 Oct 2026 14:03:00 GMT", "size":7 }]"#,
            ),
            (
                "Caddy, JSON",
                r#"[{"name":"old/","size":4096,"url":"./old/","mod_time":"2026-10-21T14:03:00Z","mode":2147484141,
                "is_dir":true,"is_symlink":false},{"name":"a b","size":7,"url":"./a%20b",
                "mod_time":"2026-10-21T14:03:00Z","mode":420,"is_dir":false,"is_symlink":false}]"#,
            ),
            (
                "nginx",
                "<html>\r\n<head><title>Index of /pub/d/</title></head>\r\n<body>\r\n<h1>Index of /pub/d/</h1><hr>\
                <pre><a href=\"../\">../</a>\r\n<a href=\"old/\">old/</a>    21-Oct-2026 14:03     -\r\n\
                <a href=\"a%20b\">a b</a>   21-Oct-2026 14:03    7\r\n</pre><hr></body>\r\n</html>\r\n",
            ),
            (
                "Apache",
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<html>\n <head>\n  <title>Index of /pub/d</title>\n\
                 </head>\n <body>\n<table><tr><th><a href=\"?C=N;O=D\">Name</a></th><th><a href=\"?C=M;O=A\">Last modified</a></th>\
                 </tr>\n<tr><td><a href=\"/pub/\">Parent Directory</a></td></tr>\n<tr><td><a href=\"old/\">old/</a></td>\
                 <td>2026-10-21 14:03  </td></tr>\n<tr><td><a href=\"a%20b\">a b</a></td><td>7 </td></tr>\n</table>\n\
                 <address>Apache/2.4 Server at <a href=\"mailto:x@y\">a</a> Port 81</address>\n</body></html>\n",
            ),
            (
                "Caddy",
                "<!DOCTYPE html>\n<html><head><title>d</title><style>a{}</style></head><body>\
                 <h1><a href=\"../../\">/</a><a href=\"../\">pub</a><a href=\"\">d</a></h1>\
                 <a href=\"?layout=grid\">Grid</a><a href=\"./?sort=name&order=desc\">Name</a>\
                 <a href=\"./old/\">old</a><a href=\"./a%20b\">a b</a>\
                 <footer><a href=\"https://caddyserver.com\">Caddy</a></footer></body></html>",
            ),
            (
                "lighttpd",
                "<html><body><a href=\"../\">..</a>/<a href=\"old/\">old</a>/<a href=\"a%20b\">a b</a></body></html>",
            ),
        ] {
            assert_eq!(
                names(text).as_deref(),
                Some(&["old/".to_owned(), "a%20b".to_owned()][..]),
                "{server}"
            );
            assert!(
                read(text, &Url::parse("http://a:81/pub/d/").unwrap()).unwrap().extent == Extent::Whole,
                "{server}"
            );
        }
    }

    #[test]
    fn what_is_not_one_step_beneath_is_no_entry() {
        for reference in [
            "..",
            "../x",
            "../../etc/passwd",
            "/",
            "/x",
            "/pub/d",
            "/pub/d/",
            "/pub/d2/x",
            "//b/pub/d/x",
            "http://b/pub/d/x",
            "http://a:82/pub/d/x",
            "https://a:81/pub/d/x",
            "ftp://a:81/pub/d/x",
            "javascript:alert(1)",
            "mailto:x@y",
            "#top",
            "",
            ".",
            "./",
            "x/../..",
            "%2e%2e/x",
            "%2E%2E",
            ".%2e/",
            "x?y",
            "x/?C=N",
            "x/y",
            "x//",
            "//",
            "x\u{0}y",
            "x\r\ny",
        ] {
            let html = format!("<a href=\"{reference}\">x</a>");
            assert_eq!(names(&html), Some(vec![]), "{reference:?}");
            let json = serde_json::json!([{"name": "x", "url": reference}]).to_string();
            assert_eq!(names(&json), Some(vec![]), "{reference:?} as JSON");
        }
        for (name, expected) in [
            ("..", None),
            (".", None),
            ("../", None),
            ("", None),
            ("../x", Some("..%2Fx")),
            ("/etc/passwd", Some("%2Fetc%2Fpasswd")),
            ("a?b#c", Some("a%3Fb%23c")),
            ("\u{fc}", Some("%C3%BC")),
        ] {
            let json = serde_json::json!([{ "name": name }]).to_string();
            assert_eq!(names(&json), Some(expected.map(str::to_owned).into_iter().collect()), "{name:?}");
        }
    }

    #[test]
    fn references_may_be_absolute_if_they_lead_here_and_are_counted_once() {
        let html = "<base href=\"/pub/\"><a href=\"d/x\"><a href=\"/pub/d/y/\"><a href=\"http://A:81/pub/d/z#top\"><a href=d/x>";
        assert_eq!(names(html).unwrap(), ["x", "y/", "z"]);
        assert_eq!(
            names("<a href=x><a href=x/>").unwrap(),
            ["x", "x/"],
            "a file and a directory are two things"
        );
    }

    #[test]
    fn a_cut_or_doubtful_listing_is_not_whole_and_anything_else_is_none() {
        let here = Url::parse("a/").unwrap();
        let extent = |text: &str| read(text, &here).map(|page| page.extent);
        for (text, expected) in [
            ("<a href=x>x</a></body>", Some(Extent::Whole)),
            ("<a href=x>x</a>", Some(Extent::Doubtful)),
            ("<html><h1>It works!</h1></html>", Some(Extent::Doubtful)),
            ("[]", Some(Extent::Whole)),
            (r#"{"entries":[],"truncated":true}"#, Some(Extent::Cut)),
            (r#"{"entries":[]}"#, Some(Extent::Whole)),
            (r#"[{"name":"a"},"#, None),
            (r#"{"error":"no"}"#, None),
            ("[1,2]", None),
            ("\u{7f}ELF", None),
            ("", None),
        ] {
            assert_eq!(extent(text), expected, "{text:?}");
        }
    }
}
