//! The tags of a response: names under which an origin has several of them purged together.
//!
//! There is no RFC about them; these are the fields that origins send already.

use std::collections::BTreeSet;

/// Tags that count of one response, the first ones in their order by name.
pub const RESPONSE_TAGS_MAX: usize = 128;

/// Bytes of one tag; a longer one is none.
pub const TAG_BYTES_MAX: usize = 256;

/// The fields that hold tags, and what stands between two of them: `Surrogate-Key` has spaces, `Cache-Tag`
/// commas, `xkey` either.
const FIELDS: [(&str, &[char]); 3] =
    [("cache-tag", &[',']), ("surrogate-key", &[' ']), ("xkey", &[',', ' '])];

/// The tags in those field lines, which are told apart by case.
pub fn tags<'a>(lines: impl Iterator<Item = (&'a str, &'a [u8])>) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    for (name, value) in lines {
        let field = FIELDS.iter().find(|(field, _)| name.eq_ignore_ascii_case(field));
        let Some(((_, between), text)) = field.zip(std::str::from_utf8(value).ok()) else { continue };
        let all = text.split(*between).map(str::trim).filter(|tag| is_tag(tag));
        for tag in all {
            if tags.len() >= RESPONSE_TAGS_MAX {
                return tags;
            }
            tags.insert(tag.to_owned());
        }
    }
    tags
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.len() <= TAG_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&str, &str)]) -> Vec<String> {
        tags(lines.iter().map(|(name, value)| (*name, value.as_bytes()))).into_iter().collect()
    }

    #[test]
    fn each_field_has_its_own_list() {
        for (lines, expected) in [
            (&[("Cache-Tag", "a, b c ,,a")][..], &["a", "b c"][..]),
            (&[("surrogate-key", "a  b,c ")], &["a", "b,c"]),
            (&[("xkey", "a b, c")], &["a", "b", "c"]),
            (&[("xkey", "A"), ("xkey", "a"), ("cache-tag", "z")], &["A", "a", "z"]),
            (&[("etag", "a"), ("cache-tag", "")], &[]),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn there_are_no_more_than_can_be_kept() {
        let many: String = (0..1000).map(|number| format!("tag{number} ")).collect();
        assert_eq!(read(&[("surrogate-key", &many)]).len(), RESPONSE_TAGS_MAX);
        assert_eq!(read(&[("cache-tag", &"x".repeat(TAG_BYTES_MAX + 1))]).len(), 0);
    }
}
