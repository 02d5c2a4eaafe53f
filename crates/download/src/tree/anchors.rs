//! Where the anchors of a page of HTML lead.
//!
//! Pure. It is no parser of HTML, and needs not be: pages of servers are simple, and what it takes for an
//! anchor that is none, or overlooks, is a name too many or too few in a listing.

/// Elements whose content is no markup.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

/// How much of what is written beside an anchor is kept, in bytes.
const BESIDE: usize = 160;

/// A page of HTML, as far as a listing is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Anchors {
    /// Its anchors (`<a href>`), in order.
    pub(crate) all: Vec<Anchor>,
    /// What it says its references are relative to (`<base href>`).
    pub(crate) base: Option<String>,
    /// It has an end (`</body>` or `</html>`).
    pub(crate) is_whole: bool,
}

/// One anchor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// Where it leads, with character references resolved.
    pub(crate) reference: String,
    /// What is written behind it, up to the next one: listings say size and date there.
    pub(crate) beside: String,
}

/// The anchors of `text`; `None` if that is no page of HTML at all.
pub(crate) fn anchors(text: &str) -> Option<Anchors> {
    let (mut rest, mut found, mut is_page) = (text, Anchors::default(), false);
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let (tag, after) = tag(after);
        rest = after;
        let (name, attributes) = tag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((tag, ""));
        let name = name.trim_end_matches('/').to_ascii_lowercase();
        match name.as_str() {
            "a" => {
                let beside = rest.split("<a").next().unwrap_or_default();
                let beside = beside.get(..beside.floor_char_boundary(BESIDE)).unwrap_or_default();
                let anchor = |reference| Anchor { reference, beside: beside.to_owned() };
                found.all.extend(attribute(attributes, "href").map(anchor));
            }
            "base" if found.base.is_none() => found.base = attribute(attributes, "href"),
            "/body" | "/html" => found.is_whole = true,
            raw if RAW.contains(&raw) => rest = behind(rest, raw),
            _ => {}
        }
        is_page |= matches!(name.as_str(), "a" | "html" | "head" | "body" | "title" | "!doctype");
    }
    is_page.then_some(found)
}

/// A tag's content, and what follows the tag. A `>` inside quotation marks does not end it.
fn tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            }
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    (text, "")
}

/// What follows the end of a raw element.
fn behind<'a>(text: &'a str, element: &str) -> &'a str {
    let ends = |at: &usize| {
        let after = text.get(at + 2..).and_then(|after| after.get(..element.len()));
        after.is_some_and(|name| name.eq_ignore_ascii_case(element))
    };
    let end = text.match_indices("</").map(|(at, _)| at).find(ends);
    end.and_then(|at| text.get(at..)).unwrap_or_default()
}

/// The value of an attribute, with character references resolved.
fn attribute(mut attributes: &str, wanted: &str) -> Option<String> {
    loop {
        attributes = attributes.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if attributes.is_empty() {
            return None;
        }
        let end = attributes.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/'));
        let (name, after) = attributes.split_at_checked(end.unwrap_or(attributes.len()))?;
        let (value, rest) = match after.trim_start().strip_prefix('=') {
            Some(after) => value(after.trim_start()),
            None => ("", after),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(resolved(value.trim()));
        }
        // A lone `=` would stand still.
        attributes = if rest.len() == attributes.len() { rest.get(1..).unwrap_or_default() } else { rest };
    }
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Character references resolved: the names that escaping needs, and numbers.
fn resolved(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        rest = match known {
            Some((character, after)) => {
                out.push(character);
                after
            }
            None => {
                out.push('&');
                after
            }
        };
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(text: &str) -> Vec<String> {
        let all = anchors(text).map(|anchors| anchors.all).unwrap_or_default();
        all.into_iter().map(|anchor| anchor.reference).collect()
    }

    #[test]
    fn anchors_are_found_however_they_are_written() {
        for (text, expected) in [
            ("<a href=\"a\">", &["a"][..]),
            ("<A class=x HREF = 'b c' >B</A>", &["b c"]),
            ("<a href=d/>d</a>", &["d/"]),
            ("<a\nhref=\"x>y\">", &["x>y"]),
            ("<a href=\"a&amp;b&#x41;&#66;&nosuch;&\">", &["a&bAB&nosuch;&"]),
            ("<a data-href=\"no\" title='href=\"no\"' href=yes>", &["yes"]),
            ("<!-- <a href=no> --><a href=yes>", &["yes"]),
            ("<script>'<a href=no>'</script><style><a href=no></STYLE><a href=yes>", &["yes"]),
            ("<a name=x><a =href=no>", &[]),
            ("<abbr href=no>", &[]),
            ("<a href", &[""]),
            ("<a href=\"open", &["open"]),
            ("<html><script>", &[]),
            ("<html><!-- ", &[]),
        ] {
            assert_eq!(references(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_page_is_told_from_anything_else_and_its_end_from_a_cut() {
        for text in ["", "hello", "{\"a\":1}", "<?xml version=\"1.0\"?><metalink/>", "a < b", "\u{1}\u{2}"] {
            assert_eq!(anchors(text), None, "{text:?}");
        }
        assert!(!anchors("<html><body><a href=x>").unwrap().is_whole);
        let page = anchors("<!DOCTYPE html><base href='/d/'><base href=no></BODY>").unwrap();
        assert!(page.is_whole && page.base.as_deref() == Some("/d/"));
    }
}
