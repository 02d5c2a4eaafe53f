//! A list of entries for people: one page that needs nothing but itself.
//!
//! It works without its script, which only makes the search instant. Every name stands in it escaped,
//! and the content security policy lets nothing run or load but what is in these files.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use crate::listing::blocks::Document;
use crate::listing::entries::{Entries, Entry, EntryKind};
use crate::listing::escape::{Html, segment};
use crate::listing::icon::Icon;
use crate::listing::moment::Moment;
use crate::listing::quantity::{Count, Grouped, Size};
use crate::listing::query::{Key, Order, Packing, Query};
use crate::path::CheckedPath;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The picture in the browser's tab, so that it asks for none.
const TAB_ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Cpath fill='%233b82f6' d='M1.5 3h4.6l1.6 1.8h6.8V13h-13z'/%3E%3C/svg%3E";

/// So many rows are laid out together, and only when they come into view: a page of 100,000 rows is
/// there at once.
const GROUP_ROWS: usize = 200;

/// What the page may do (Content Security Policy Level 3): use its own style and script, show pictures
/// that are in the style, send its form to this server, and no more.
pub(crate) fn content_security_policy() -> &'static HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'self'",
            source(STYLE),
            source(SCRIPT)
        );
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    &POLICY
}

/// How the policy names an inline style or script.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// A page that shows a directory.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) directory: CheckedPath<'static>,
    pub(crate) query: Query,
    /// The host that was asked; may be empty.
    pub(crate) host: String,
    /// Whether archives are offered.
    pub(crate) archives: bool,
}

impl Document for Page {
    fn start(&self, entries: &Entries, out: &mut String) {
        // A String takes whatever it is given.
        let _ = self.head(out);
        let _ = self.above(entries, out);
        let _ = self.column_heads(out);
    }

    fn entry(&self, index: usize, entry: &Entry, out: &mut String) {
        if index.is_multiple_of(GROUP_ROWS) {
            out.push_str("<tbody role=rowgroup>\n");
        }
        let _ = row(entry, out);
    }

    fn end(&self, entries: &Entries, out: &mut String) {
        let _ = self.below(entries, out);
    }
}

impl Page {
    fn head(&self, out: &mut String) -> fmt::Result {
        let title = self.title();
        write!(
            out,
            "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
             <meta name=viewport content=\"width=device-width,initial-scale=1\">\n\
             <meta name=color-scheme content=\"light dark\">\n<title>{}{}</title>\n\
             <link rel=icon href=\"{TAB_ICON}\">\n<style>{STYLE}</style>\n</head>\n<body>\n",
            Html(&title),
            if self.directory.names().next().is_none() {
                String::new()
            } else {
                format!(" – {}", Html(self.top()))
            },
        )
    }

    /// The name of the directory; that of the host for the topmost one.
    fn title(&self) -> String {
        match self.directory.names().last() {
            Some(name) => String::from_utf8_lossy(name).into_owned(),
            None => self.top().to_owned(),
        }
    }

    /// What the topmost directory is called.
    fn top(&self) -> &str {
        if self.host.is_empty() { "Files" } else { &self.host }
    }

    /// What stands above the entries: where this is, how much there is, the search, the archives.
    fn above(&self, entries: &Entries, out: &mut String) -> fmt::Result {
        out.push_str("<header>\n");
        self.way(out)?;
        write!(out, "<h1><bdi>{}</bdi></h1>\n<div class=bar>\n", Html(&self.title()))?;
        self.search(out)?;
        self.summary(entries, out)?;
        self.offers(entries, out)?;
        out.push_str("</div>\n");
        if entries.truncated {
            let shown = Grouped(u64::try_from(entries.list.len()).unwrap_or(u64::MAX));
            writeln!(
                out,
                "<p class=note>There are more entries than the {shown} that are listed. Search to see the others.</p>",
            )?;
        }
        out.push_str("</header>\n<main>\n");
        Ok(())
    }

    /// The directories above this one, as references that hold wherever the site is mounted.
    fn way(&self, out: &mut String) -> fmt::Result {
        let depth = self.directory.names().count();
        if depth == 0 {
            return Ok(());
        }
        out.push_str("<nav aria-label=\"Directories above\"><ol>");
        let above = std::iter::once(self.top().into())
            .chain(self.directory.names().map(String::from_utf8_lossy))
            .take(depth);
        for (level, name) in above.enumerate() {
            let up = "../".repeat(depth.saturating_sub(level));
            write!(out, "<li><a href=\"{up}\"><bdi>{}</bdi></a>", Html(&name))?;
        }
        out.push_str("</ol></nav>\n");
        Ok(())
    }

    fn search(&self, out: &mut String) -> fmt::Result {
        let Query { key, order, filter, .. } = &self.query;
        out.push_str("<form role=search action=\"./\">\n");
        if *key != Key::default() {
            writeln!(out, "<input type=hidden name=sort value={}>", key.name())?;
        }
        if *order != key.usual_order() {
            writeln!(out, "<input type=hidden name=order value={}>", order.name())?;
        }
        write!(
            out,
            "<input type=search name=q value=\"{}\" placeholder=\"Search names\" \
             aria-label=\"Search names in this directory\" aria-keyshortcuts=\"/\" autocomplete=off \
             autocapitalize=off spellcheck=false>\n<button>Search</button>\n</form>\n",
            Html(filter),
        )
    }

    fn summary(&self, entries: &Entries, out: &mut String) -> fmt::Result {
        let folders = Count { number: entries.directories, one: "folder", many: "folders" };
        let files = Count { number: entries.files(), one: "file", many: "files" };
        out.push_str("<p role=status>");
        match (entries.directories, entries.files()) {
            (0, _) => write!(out, "{files}")?,
            (_, 0) => write!(out, "{folders}")?,
            _ => write!(out, "{folders}, {files}")?,
        }
        if entries.files() > 0 {
            write!(out, ", <span title=\"{} bytes\">{}</span>", Grouped(entries.bytes), Size(entries.bytes))?;
        }
        if !self.query.filter.is_empty() {
            let all = Query { filter: String::new(), ..self.query.clone() };
            let reference = all.sorted(all.key, all.order);
            let filter = Html(&self.query.filter);
            write!(out, " with <q><bdi>{filter}</bdi></q> <a href=\"{}\">show all</a>", Html(&reference))?;
        }
        out.push_str("</p>\n");
        Ok(())
    }

    fn offers(&self, entries: &Entries, out: &mut String) -> fmt::Result {
        if !self.archives || entries.list.is_empty() {
            return Ok(());
        }
        // Buttons and no links: who mirrors a site follows every link, and would take all of it twice more.
        out.push_str("<form class=all action=\"./\"><span>Download all</span>");
        for packing in [Packing::Tar, Packing::Zip] {
            let name = packing.name();
            write!(out, " <button name=archive value={name}>.{name}</button>")?;
        }
        out.push_str("</form>\n");
        Ok(())
    }

    fn column_heads(&self, out: &mut String) -> fmt::Result {
        out.push_str("<table role=table aria-label=\"Files\">\n<thead role=rowgroup><tr role=row>");
        for key in Key::ALL {
            let (label, is_current) = (column_label(key), key == self.query.key);
            // The current column turns round; another one starts with what is usual for it.
            let order = if is_current { self.query.order.reversed() } else { key.usual_order() };
            let reference = self.query.sorted(key, order);
            let sorted = match (is_current, self.query.order) {
                (false, _) => "",
                (true, Order::Ascending) => " aria-sort=ascending",
                (true, Order::Descending) => " aria-sort=descending",
            };
            write!(
                out,
                "<th role=columnheader scope=col{sorted}><a href=\"{}\" rel=nofollow>{label}</a>",
                Html(&reference)
            )?;
        }
        out.push_str("</thead>\n");
        if self.directory.names().next().is_some() {
            out.push_str(
                "<tbody role=rowgroup>\n<tr role=row class=up><th role=rowheader scope=row>\
                 <a href=\"../\">Parent directory</a><td role=cell><td role=cell>\n",
            );
        }
        Ok(())
    }

    fn below(&self, entries: &Entries, out: &mut String) -> fmt::Result {
        out.push_str("</table>\n");
        let told = match (entries.list.is_empty(), self.query.filter.is_empty()) {
            (true, true) => "There is nothing in here.",
            _ => "No name matches.",
        };
        let hidden = if entries.list.is_empty() { "" } else { " hidden" };
        write!(
            out,
            "<p class=none{hidden}>{told}</p>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

fn column_label(key: Key) -> &'static str {
    match key {
        Key::Name => "Name",
        Key::Size => "Size",
        Key::Time => "Modified <small>(UTC)</small>",
    }
}

/// HTML lets the end tags of cells and rows be left out: there may be many.
fn row(entry: &Entry, out: &mut String) -> fmt::Result {
    let (name, text) = (segment(&entry.name), entry.text());
    let text = Html(&text);
    match entry.kind {
        EntryKind::Directory => write!(
            out,
            "<tr role=row class={}><th role=rowheader scope=row><a href=\"./{name}/\"><bdi>{text}/</bdi></a>\
             <td role=cell>",
            Icon::Folder.class()
        )?,
        EntryKind::File(size) => write!(
            out,
            "<tr role=row class={}><th role=rowheader scope=row><a href=\"./{name}\"><bdi>{text}</bdi></a>\
             <td role=cell><data value={size} title=\"{} bytes\">{}</data>",
            Icon::of_file(&entry.name).class(),
            Grouped(size),
            Size(size)
        )?,
    }
    let modified = Moment::of(entry.modified);
    writeln!(out, "<td role=cell><time datetime={modified}>{}</time>", modified.short())
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
