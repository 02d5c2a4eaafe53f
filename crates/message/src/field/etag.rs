//! Entity tags (RFC 9110 §8.8.3) and the conditions that are made of them (§13.1.1, §13.1.2).

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::field::list::{Malformed, trim};
use crate::field::value::written;
use crate::fields::Fields;

/// An entity tag, strong (`"v1"`) or weak (`W/"v1"`).
///
/// `==` asks whether two tags are written the same; whether they *match* is for
/// [`strong_eq`](EntityTag::strong_eq) and [`weak_eq`](EntityTag::weak_eq) to say.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntityTag {
    /// As it is written, so that sending it costs a reference.
    value: HeaderValue,
    weak: bool,
}

/// What `If-Match` or `If-None-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`: any current representation.
    Any,
    /// One of these; not empty.
    Tags(Vec<EntityTag>),
}

/// The most tags that a condition may list; more are taken for a malformed list.
pub const TAGS_MAX: usize = 256;

impl EntityTag {
    /// The strong tag of those opaque characters, which go without the quotes; `None` if one of them
    /// can't stand in a tag (a `"`, a space, a control character).
    #[must_use]
    pub fn strong(opaque: impl AsRef<[u8]>) -> Option<Self> {
        Self::new(b"\"", opaque.as_ref(), false)
    }

    /// The weak tag of those opaque characters; see [`EntityTag::strong`].
    #[must_use]
    pub fn weak(opaque: impl AsRef<[u8]>) -> Option<Self> {
        Self::new(b"W/\"", opaque.as_ref(), true)
    }

    fn new(start: &[u8], opaque: &[u8], weak: bool) -> Option<Self> {
        let written = |opaque| written([start, opaque, b"\""].concat());
        opaque.iter().copied().all(is_opaque).then(|| Self { value: written(opaque), weak })
    }

    /// Reads one tag and nothing else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (tag, rest) = take(text)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag in `ETag`: `None` if there is none, more than one, or not a tag.
    #[must_use]
    pub fn of(fields: &Fields) -> Option<Self> {
        let mut lines = fields.lines(&http::header::ETAG);
        let first = lines.next()?;
        if lines.next().is_some() { None } else { Self::parse(first.as_bytes()) }
    }

    /// Whether it is weak: it may stay the same where the bytes change (§8.8.1).
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.weak
    }

    /// What stands between the quotes.
    #[must_use]
    pub fn opaque(&self) -> &[u8] {
        let text = self.value.as_bytes();
        let text = text.strip_prefix(b"W/").unwrap_or(text);
        text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
    }

    /// Strong comparison (§8.8.3.2): both strong, and the same. Only this says that bytes are equal.
    #[must_use]
    pub fn strong_eq(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque() == other.opaque()
    }

    /// Weak comparison (§8.8.3.2): the same, weak or not.
    #[must_use]
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque() == other.opaque()
    }

    /// The field value.
    #[must_use]
    pub fn to_value(&self) -> HeaderValue {
        self.value.clone()
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.value.as_bytes()))
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Condition {
    /// The condition that all lines of `name` make up together; `None` if there is no such line.
    ///
    /// # Errors
    /// [`Malformed`] for anything but `*` alone or a list of 1 to [`TAGS_MAX`] tags. What to do then
    /// depends on the field; see `precondition`.
    #[inline]
    pub fn of(fields: &Fields, name: &HeaderName) -> Result<Option<Self>, Malformed> {
        if fields.contains(name) { Self::read(fields, name).map(Some) } else { Ok(None) }
    }

    fn read(fields: &Fields, name: &HeaderName) -> Result<Self, Malformed> {
        let mut tags = Vec::new();
        let mut any = false;
        for line in fields.lines(name) {
            if trim(line.as_bytes()) == b"*" && !any {
                any = true;
            } else {
                read_tags(line.as_bytes(), &mut tags)?;
            }
        }
        match (any, tags.is_empty()) {
            (true, true) => Ok(Self::Any),
            (false, false) => Ok(Self::Tags(tags)),
            (true, false) | (false, true) => Err(Malformed),
        }
    }

    /// Whether one of the tags is the `current` one by strong comparison; `*` asks only that there is
    /// something current, which the caller knows.
    #[must_use]
    pub fn strongly_names(&self, current: Option<&EntityTag>) -> bool {
        self.names(current, EntityTag::strong_eq)
    }

    /// The same by weak comparison.
    #[must_use]
    pub fn weakly_names(&self, current: Option<&EntityTag>) -> bool {
        self.names(current, EntityTag::weak_eq)
    }

    fn names(&self, current: Option<&EntityTag>, equal: impl Fn(&EntityTag, &EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => current.is_some_and(|current| tags.iter().any(|tag| equal(tag, current))),
        }
    }
}

/// Adds the tags of one line. A list of its own kind: commas and `\` may stand within the quotes.
fn read_tags(line: &[u8], tags: &mut Vec<EntityTag>) -> Result<(), Malformed> {
    let mut rest = trim(line);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b",") {
            rest = trim(after);
            continue;
        }
        let (tag, after) = take(rest).ok_or(Malformed)?;
        rest = trim(after);
        if tags.len() == TAGS_MAX || !(rest.is_empty() || rest.starts_with(b",")) {
            return Err(Malformed);
        }
        tags.push(tag);
    }
    Ok(())
}

/// Takes the tag at the start of `input` off it.
fn take(input: &[u8]) -> Option<(EntityTag, &[u8])> {
    // "W/" is case-sensitive (§8.8.3).
    let unprefixed = input.strip_prefix(b"W/");
    let inside = unprefixed.unwrap_or(input).strip_prefix(b"\"")?;
    let end = inside.iter().position(|byte| !is_opaque(*byte))?;
    let rest = inside.get(end..)?.strip_prefix(b"\"")?;
    let text = input.get(..input.len().checked_sub(rest.len())?)?;
    let tag = EntityTag { value: written(Bytes::copy_from_slice(text)), weak: unprefixed.is_some() };
    Some((tag, rest))
}

/// etagc (§8.8.3): visible, but no `"`.
fn is_opaque(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use http::header::IF_NONE_MATCH;
    use proptest::prelude::*;

    use super::*;

    fn tag(text: &str) -> EntityTag {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    fn condition(lines: &[&str]) -> Result<Option<Condition>, Malformed> {
        let mut fields = Fields::new();
        for line in lines {
            fields.append(IF_NONE_MATCH, HeaderValue::from_str(line).unwrap());
        }
        Condition::of(&fields, &IF_NONE_MATCH)
    }

    #[test]
    fn tags_are_read_strictly_9110_8_8_3() {
        for text in [r#""""#, r#""xyzzy""#, r#"W/"xyzzy""#, r#"W/"""#, r#""a,b""#, r#""a\""#, r#""W/""#] {
            assert_eq!(tag(text).to_string(), text);
        }
        for no in [
            "", "xyzzy", "\"", "\"a", "a\"", "W/", "W/a", "w/\"a\"", "W\"a\"", "\"a b\"", "\"a\"b", " \"a\"",
            "'a'", "\"a\"\"", "W/ \"a\"",
        ] {
            assert_eq!(EntityTag::parse(no.as_bytes()), None, "{no:?}");
        }
        assert_eq!(EntityTag::parse(b"\"a\x7f\""), None);
        assert_eq!(EntityTag::parse(b"\"\xe9\"").map(|tag| tag.opaque().to_vec()), Some(vec![0xe9]));
    }

    /// The table of §8.8.3.2.
    #[test]
    fn the_two_comparisons_9110_8_8_3_2() {
        for (one, other, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
            (r#""1""#, r#""2""#, false, false),
        ] {
            let (one, other) = (tag(one), tag(other));
            assert_eq!((one.strong_eq(&other), one.weak_eq(&other)), (strong, weak), "{one} {other}");
            assert_eq!((other.strong_eq(&one), other.weak_eq(&one)), (strong, weak), "{other} {one}");
        }
    }

    #[test]
    fn a_tag_is_made_only_of_what_can_stand_in_one() {
        assert_eq!(EntityTag::strong("v1"), Some(tag(r#""v1""#)));
        assert_eq!(EntityTag::weak("v1"), Some(tag(r#"W/"v1""#)));
        assert!(EntityTag::weak("v1").unwrap().is_weak() && !EntityTag::strong("v1").unwrap().is_weak());
        for no in ["a\"b", "a b", "a\r\nb", "\0"] {
            assert_eq!(EntityTag::strong(no), None, "{no:?}");
        }
    }

    #[test]
    fn a_response_has_one_tag_or_none() {
        let mut fields = Fields::new();
        assert_eq!(EntityTag::of(&fields), None);
        fields.append(http::header::ETAG, HeaderValue::from_static("\"1\""));
        assert_eq!(EntityTag::of(&fields), Some(tag("\"1\"")));
        fields.append(http::header::ETAG, HeaderValue::from_static("\"1\""));
        assert_eq!(EntityTag::of(&fields), None);
    }

    #[test]
    fn conditions_are_one_list_over_all_lines_9110_13_1() {
        let tags = |tags: &[&str]| Ok(Some(Condition::Tags(tags.iter().map(|text| tag(text)).collect())));
        assert_eq!(condition(&[]), Ok(None));
        assert_eq!(condition(&[" * "]), Ok(Some(Condition::Any)));
        assert_eq!(condition(&[r#""a""#]), tags(&[r#""a""#]));
        assert_eq!(
            condition(&[r#""a,b" , W/"c\",,"#, "", r#""d""#]),
            tags(&[r#""a,b""#, r#"W/"c\""#, r#""d""#])
        );
    }

    #[test]
    fn a_list_that_is_not_one_is_told() {
        for lines in [
            &[""][..],
            &[","],
            &["*", "*"],
            &["*, *"],
            &["*, \"a\""],
            &["*", "\"a\""],
            &["a"],
            &["\"a\", b"],
            &["\"a\" \"b\""],
            &["\"a\"\"b\""],
            &["\"a"],
            &["\"a\", w/\"b\""],
        ] {
            assert_eq!(condition(lines), Err(Malformed), "{lines:?}");
        }
        let many = vec!["\"a\""; TAGS_MAX];
        assert!(condition(&many).is_ok());
        assert_eq!(condition(&[&*many.join(","), "\"a\""]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(weak in any::<bool>(), opaque in prop::collection::vec(any::<u8>().prop_filter("etagc", |b| is_opaque(*b)), 0..40)) {
            let tag = if weak { EntityTag::weak(&opaque) } else { EntityTag::strong(&opaque) }.unwrap();
            prop_assert_eq!(tag.opaque(), &*opaque);
            prop_assert_eq!(EntityTag::parse(tag.to_value().as_bytes()), Some(tag));
        }

        #[test]
        fn anything_can_be_read_without_harm(line in "[W/\"*, \\\\a]{0,12}") {
            if let Ok(Some(Condition::Tags(tags))) = condition(&[&line]) {
                prop_assert!(!tags.is_empty());
            }
        }
    }
}
