//! Where else a file is, as responses tell it: `Link` (RFC 8288) with the relations of RFC 6249.
//!
//! Pure.

use message::field::list::trim;
use message::field::quoted::parameters;
use message::{Fields, header};

use crate::url::Url;

/// The most links that are read in one response.
const LINKS_MAX: usize = 64;

/// The priority of a link that does not say one: after all that do (RFC 6249 §3.1).
const PRIORITY_LEAST: u32 = 999_999;

/// What is at the other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The same file (RFC 6249 §3); less is asked first.
    Duplicate { priority: u32 },
    /// A metalink of it (RFC 6249 §2).
    DescribedBy,
}

/// Where a response points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) url: Url,
    pub(crate) relation: Relation,
}

/// The links in `fields`, which came with `base`. Those that can't be read or asked for are left out.
pub(crate) fn links(fields: &Fields, base: &Url) -> Vec<Link> {
    if !fields.contains(&header::LINK) {
        return Vec::new();
    }
    let members = fields.lines(&header::LINK).flat_map(|line| members(line.as_bytes()));
    members.filter_map(|member| link(member, base)).take(LINKS_MAX).collect()
}

/// The links of a line. Commas part them, but not within `<` and `>`, nor in quoted strings (RFC 8288 §3).
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut within, mut escaped) = (None, false);
    let parts = line.split(move |byte| {
        match (within, byte) {
            (Some(b'"'), _) if escaped => escaped = false,
            (Some(b'"'), b'\\') => escaped = true,
            (None, b'<') => within = Some(b'>'),
            (None, b'"') => within = Some(b'"'),
            (Some(end), byte) if end == *byte => within = None,
            (None, b',') => return true,
            _ => {}
        }
        false
    });
    parts.map(trim).filter(|part| !part.is_empty())
}

fn link(member: &[u8], base: &Url) -> Option<Link> {
    let rest = member.strip_prefix(b"<")?;
    let end = rest.iter().position(|byte| *byte == b'>')?;
    let (target, rest) = rest.split_at_checked(end)?;
    let (mut relations, mut priority, mut is_metalink) = (Vec::new(), None, false);
    for (name, value) in parameters(rest.get(1..)?).flatten() {
        let text = String::from_utf8_lossy(&value).to_ascii_lowercase();
        match name.to_ascii_lowercase().as_slice() {
            // RFC 8288 §3.3: the first counts; it may hold several.
            b"rel" if relations.is_empty() => relations = text.split(' ').map(str::to_owned).collect(),
            b"pri" => priority = text.parse().ok().filter(|pri| (1..=PRIORITY_LEAST).contains(pri)),
            b"type" => is_metalink = text == "application/metalink4+xml",
            // About another thing than the response (RFC 8288 §3.2).
            b"anchor" => return None,
            _ => {}
        }
    }
    let has = |relation: &str| relations.iter().any(|other| other == relation);
    let relation = if has("duplicate") {
        Relation::Duplicate { priority: priority.unwrap_or(PRIORITY_LEAST) }
    } else if has("describedby") && is_metalink {
        Relation::DescribedBy
    } else {
        return None;
    };
    Some(Link { url: base.join(target).ok()?, relation })
}

#[cfg(test)]
mod tests {
    use message::HeaderValue;

    use super::*;

    fn read(value: &'static str) -> Vec<(String, Relation)> {
        let mut fields = Fields::new();
        fields.append(header::LINK, HeaderValue::from_static(value));
        let base = Url::parse("http://a/dir/x").unwrap();
        links(&fields, &base).into_iter().map(|link| (link.url.to_string(), link.relation)).collect()
    }

    fn duplicate(url: &str, priority: u32) -> (String, Relation) {
        (url.to_owned(), Relation::Duplicate { priority })
    }

    #[test]
    fn duplicates_have_priorities_6249_3() {
        assert_eq!(
            read("<http://b/x>; rel=duplicate; pri=2, <http://c:81/x>; rel=\"duplicate\"; PRI=\"1\"; geo=de"),
            [duplicate("http://b/x", 2), duplicate("http://c:81/x", 1)]
        );
        assert_eq!(read("</y>; rel=\"nofollow Duplicate\""), [duplicate("http://a/y", 999_999)]);
        assert_eq!(read("<y>; rel=duplicate; pri=0"), [duplicate("http://a/dir/y", 999_999)]);
    }

    #[test]
    fn a_metalink_is_known_by_its_type_6249_2() {
        let found = read("<x.meta4>; rel=describedby; type=\"application/metalink4+xml\"");
        assert_eq!(found, [("http://a/dir/x.meta4".to_owned(), Relation::DescribedBy)]);
        assert_eq!(read("<x.asc>; rel=describedby; type=\"application/pgp-signature\""), []);
    }

    #[test]
    fn a_comma_in_a_target_or_a_string_ends_nothing_8288_3() {
        assert_eq!(
            read(
                "<http://b/x,y;v=1>; rel=duplicate, <http://c/x>; title=\"a, <b>\\\", c\"; rel=duplicate,, </z,>;rel=duplicate"
            ),
            [
                duplicate("http://b/x,y;v=1", 999_999),
                duplicate("http://c/x", 999_999),
                duplicate("http://a/z,", 999_999)
            ]
        );
    }

    #[test]
    fn what_is_not_for_us_is_left_out_8288() {
        for value in [
            "<http://b/x>; rel=next",
            "<http://b/x>",
            "http://b/x; rel=duplicate",
            "<http://b/x; rel=duplicate",
            "<ftp://b/x>; rel=duplicate",
            "<http://b/x>; rel=duplicate; anchor=\"/other\"",
            "<http://b/x>; rel=next; rel=duplicate",
        ] {
            assert_eq!(read(value), [], "{value}");
        }
    }
}
