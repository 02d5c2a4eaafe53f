//! Which requests a stored response answers (RFC 9111 §4.1).

use message::field::list;
use message::header::{ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use message::{Fields, HeaderName};

/// The most fields that `Vary` may name; more are taken for `*`.
pub const VARY_MAX: usize = 32;

/// The request fields that a response was selected by, with the values that they had, normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selecting(Vec<(HeaderName, Option<Vec<u8>>)>);

/// `Vary: *`, or something that can't be read: no request ever matches it (§4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariesOnEverything;

impl Selecting {
    /// What `response`, an answer to `request`, was selected by.
    ///
    /// # Errors
    /// [`VariesOnEverything`] if one member, in whatever line, is `*` or no field name.
    pub fn of(response: &Fields, request: &Fields) -> Result<Self, VariesOnEverything> {
        let mut names = Vec::new();
        for member in list::of(response, &VARY) {
            let member = member.map_err(|list::Malformed| VariesOnEverything)?;
            let name = HeaderName::from_bytes(member).map_err(|_| VariesOnEverything)?;
            if name.as_str() == "*" || names.len() == VARY_MAX {
                return Err(VariesOnEverything);
            }
            names.push(name);
        }
        // Order and repetition say nothing.
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        Ok(Self(names.into_iter().map(|name| (name.clone(), normalised(request, &name))).collect()))
    }

    /// The same again, from what was written of it.
    #[must_use]
    pub fn from_parts(parts: Vec<(HeaderName, Option<Vec<u8>>)>) -> Self {
        Self(parts)
    }

    /// Its parts, to be written.
    #[must_use]
    pub fn parts(&self) -> &[(HeaderName, Option<Vec<u8>>)] {
        &self.0
    }

    /// Whether `request` has the same selecting fields, or lacks the same (§4.1).
    #[must_use]
    pub fn matches(&self, request: &Fields) -> bool {
        self.0.iter().all(|(name, value)| normalised(request, name) == *value)
    }
}

/// The value of all lines of that name in one form for what means the same (§4.1): white space around
/// members and the split into lines don't matter; nor does case, in fields that are known to be
/// case-insensitive.
fn normalised(request: &Fields, name: &HeaderName) -> Option<Vec<u8>> {
    if !request.contains(name) {
        return None;
    }
    let members: Result<Vec<&[u8]>, list::Malformed> = list::of(request, name).collect();
    let mut value = match members {
        Ok(members) => members.join(&b','),
        // Not a list: the lines as they are.
        Err(list::Malformed) => {
            let lines: Vec<&[u8]> = request.lines(name).map(message::HeaderValue::as_bytes).collect();
            lines.join(&b'\n')
        }
    };
    if [ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_CHARSET].contains(name) {
        value.make_ascii_lowercase();
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use message::HeaderValue;

    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    fn selecting(vary: &[(&str, &str)], request: &[(&str, &str)]) -> Result<Selecting, VariesOnEverything> {
        Selecting::of(&fields(vary), &fields(request))
    }

    #[test]
    fn section_4_1_a_star_anywhere_never_matches() {
        for vary in [
            &[("vary", "*")][..],
            &[("vary", "accept, *")],
            &[("vary", "accept"), ("vary", "*")],
            &[("vary", "two words")],
            &[("vary", "\"open")],
        ] {
            assert_eq!(selecting(vary, &[]), Err(VariesOnEverything), "{vary:?}");
        }
        assert_eq!(selecting(&[("vary", ", ,")], &[]), Ok(Selecting::default()));
    }

    #[test]
    fn section_4_1_all_named_fields_must_match() {
        let stored =
            selecting(&[("vary", "Accept-Language, Foo")], &[("accept-language", "de"), ("foo", "1")]);
        let stored = stored.unwrap();
        for (request, matches) in [
            (&[("accept-language", "de"), ("foo", "1"), ("bar", "2")][..], true),
            (&[("accept-language", "DE"), ("foo", "1")], true),
            (&[("accept-language", "de"), ("foo", "2")], false),
            (&[("accept-language", "de")], false),
            (&[("accept-language", "de"), ("foo", "")], false),
            (&[], false),
        ] {
            assert_eq!(stored.matches(&fields(request)), matches, "{request:?}");
        }
    }

    #[test]
    fn section_4_1_a_field_that_was_absent_must_be_absent() {
        let stored = selecting(&[("vary", "foo")], &[]).unwrap();
        assert!(stored.matches(&fields(&[("bar", "1")])));
        assert!(!stored.matches(&fields(&[("foo", "1")])));
    }

    #[test]
    fn section_4_1_what_means_the_same_is_the_same() {
        let stored = selecting(&[("vary", "foo")], &[("foo", "a, b")]).unwrap();
        assert!(stored.matches(&fields(&[("foo", "a,b")])));
        assert!(stored.matches(&fields(&[("foo", " a"), ("foo", "b ")])));
        assert!(!stored.matches(&fields(&[("foo", "A, b")])), "case may matter in an unknown field");
        assert!(!stored.matches(&fields(&[("foo", "b, a")])), "order may, too");
        assert_eq!(
            selecting(&[("vary", "B, a, A")], &[("a", "1")]),
            selecting(&[("vary", "a"), ("vary", "b")], &[("a", "1")])
        );
    }
}
