//! `Link` on a redirect: the other servers that have the file (RFC 6249). Pure.

use message::HeaderValue;

use crate::markup::reference;
use crate::replica::Replica;

/// Behind a path, this names its Metalink document.
pub(crate) const METALINK_SUFFIX: &str = ".meta4";

/// The media type of Metalink documents (RFC 5854 §8.1).
pub(crate) const METALINK_TYPE: &str = "application/metalink4+xml";

/// What `Link` says: each of `others` has the same file at `path` (with its query), the best first; and
/// where the document is that describes it (RFC 6249 §2, §3). `None` if there is nothing to say.
#[must_use]
pub(crate) fn value<'a>(
    others: impl Iterator<Item = &'a Replica>,
    path: &str,
    described: bool,
) -> Option<HeaderValue> {
    let mut link = String::with_capacity(256);
    for (place, replica) in (1..).zip(others) {
        begin(&mut link);
        link.push_str(replica.url());
        reference(&mut link, path);
        link.push_str(&format!(">; rel=duplicate; pri={place}"));
        if let Some(country) = replica.country() {
            link.push_str("; geo=");
            link.push_str(country.as_str());
        }
    }
    let bare = path.split_once('?').map_or(path, |(bare, _)| bare);
    // A directory has no document; and of a path that begins with two slashes a reference would name a host
    // (RFC 3986 §4.2).
    if described && !bare.ends_with('/') && !bare.starts_with("//") {
        begin(&mut link);
        reference(&mut link, bare);
        link.push_str(METALINK_SUFFIX);
        link.push_str(">; rel=describedby; type=\"");
        link.push_str(METALINK_TYPE);
        link.push('"');
    }
    HeaderValue::try_from(link).ok().filter(|value| !value.is_empty())
}

fn begin(link: &mut String) {
    link.push_str(if link.is_empty() { "<" } else { ", <" });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(lines: &[&str], path: &str) -> Option<String> {
        let replicas: Vec<_> = lines.iter().map(|line| Replica::parse(line).unwrap()).collect();
        value(replicas.iter(), path, true).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_others_are_named_best_first_6249_3() {
        let expected = "<http://b.test/a/x?y>; rel=duplicate; pri=1; geo=de, \
             <http://c.test:81/a/x?y>; rel=duplicate; pri=2, \
             </a/x.meta4>; rel=describedby; type=\"application/metalink4+xml\"";
        assert_eq!(link(&["b.test country=DE", "c.test:81"], "/a/x?y").unwrap(), expected);
    }

    #[test]
    fn no_path_gets_out_of_its_brackets() {
        let text = link(&["b.test"], "/x>; rel=evil, <http://evil/\u{e9}").unwrap();
        assert!(text.starts_with("<http://b.test/x%3E;%20rel=evil,%20%3Chttp://evil/%C3%A9>;"), "{text}");
        let text = link(&[], "//evil.test/x");
        assert_eq!(text, None, "a reference would lead there");
        assert_eq!(link(&[], "/directory/"), None);
    }
}
