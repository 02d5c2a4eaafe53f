//! A list of entries for programs.
//!
//! ```json
//! {"path":"/pub/","directories":1,"files":1,"bytes":12,"truncated":false,"entries":[
//! {"name":"old","type":"directory","modified":"2026-10-21T14:03:00Z","url":"./old/"},
//! {"name":"a b.txt","type":"file","size":12,"modified":"2026-10-21T14:03:00Z","url":"./a%20b.txt"}
//! ]}
//! ```
//!
//! `url` is a reference relative to the URL of the list itself (RFC 3986 §4.2), and exact. A name that
//! is not UTF-8 can't be a JSON string: `name` then has U+FFFD for what is not, and `"lossy":true`.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::listing::blocks::Document;
use crate::listing::entries::{Entries, Entry, EntryKind};
use crate::listing::escape::{Json, segment};
use crate::listing::moment::Moment;

/// A list in JSON (RFC 8259).
#[derive(Debug)]
pub(crate) struct JsonList {
    /// The path of the directory from the root, with `/` at both ends.
    pub(crate) path: String,
}

impl Document for JsonList {
    fn start(&self, entries: &Entries, out: &mut String) {
        // A String takes whatever it is given.
        let _ = writeln!(
            out,
            r#"{{"path":{},"directories":{},"files":{},"bytes":{},"truncated":{},"entries":["#,
            Json(&self.path),
            entries.directories,
            entries.files(),
            entries.bytes,
            entries.truncated,
        );
    }

    fn entry(&self, index: usize, entry: &Entry, out: &mut String) {
        if index > 0 {
            out.push_str(",\n");
        }
        let _ = write_entry(entry, out);
    }

    fn end(&self, entries: &Entries, out: &mut String) {
        out.push_str(if entries.list.is_empty() { "]}\n" } else { "\n]}\n" });
    }
}

fn write_entry(entry: &Entry, out: &mut String) -> std::fmt::Result {
    let text = entry.text();
    write!(out, r#"{{"name":{},"#, Json(&text))?;
    if matches!(text, Cow::Owned(_)) {
        out.push_str(r#""lossy":true,"#);
    }
    let slash = match entry.kind {
        EntryKind::Directory => {
            out.push_str(r#""type":"directory","#);
            "/"
        }
        EntryKind::File(size) => {
            write!(out, r#""type":"file","size":{size},"#)?;
            ""
        }
    };
    let modified = Moment::of(entry.modified);
    write!(out, r#""modified":"{modified}","url":"./{}{slash}"}}"#, segment(&entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::blocks::{Begun, Blocks};
    use serde_json::{Value, json};

    fn list(names: &[&[u8]], path: &str) -> Value {
        let mut entries = Entries::default();
        for name in names {
            let kind = if name.starts_with(b"d") { EntryKind::Directory } else { EntryKind::File(7) };
            entries.push(Entry { name: (*name).into(), kind, modified: 784_111_777, is_link: false });
        }
        match Blocks::begin(JsonList { path: path.into() }, entries) {
            Begun::Whole(bytes) => serde_json::from_slice(&bytes).unwrap(),
            Begun::More(..) => panic!("a few entries"),
        }
    }

    #[test]
    fn an_entry_says_what_it_is_and_where() {
        assert_eq!(
            list(&[b"d 1", b"\xff\"<\\\n"], "/a \"b\"/"),
            json!({
                "path": "/a \"b\"/", "directories": 1, "files": 1, "bytes": 7, "truncated": false,
                "entries": [
                    {"name": "d 1", "type": "directory", "modified": "1994-11-06T08:49:37Z", "url": "./d%201/"},
                    {"name": "\u{fffd}\"<\\\n", "lossy": true, "type": "file", "size": 7,
                     "modified": "1994-11-06T08:49:37Z", "url": "./%FF%22%3C%5C%0A"},
                ],
            })
        );
    }

    #[test]
    fn an_empty_directory_is_an_empty_list() {
        assert_eq!(list(&[], "/").get("entries"), Some(&json!([])));
    }
}
