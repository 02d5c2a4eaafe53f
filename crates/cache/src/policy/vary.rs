//! Which requests a stored response answers (RFC 9111 §4.1).

use message::field::list::{self, trim};
use message::field::weight::Weight;
use message::header::{ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use message::{Fields, HeaderName};

/// The most fields that `Vary` may name; more are taken for `*`.
pub const VARY_MAX: usize = 32;

/// The most requests that differ in selecting fields for which one stored response is known to be right.
pub const ALTERNATIVES_MAX: usize = 16;

/// The fields of one request that `Vary` names, each with its value, normalised; `None` for one that the
/// request did not have.
pub type Alternative = Vec<(HeaderName, Option<Vec<u8>>)>;

/// The requests that a stored response answers: those whose selecting fields are like those of the request
/// that brought it, or of one to which the origin said that it is the answer, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selecting(Vec<Alternative>);

/// `Vary: *`, or something that can't be read: no request ever matches it (§4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariesOnEverything;

impl Default for Selecting {
    /// Every request.
    fn default() -> Self {
        Self(vec![Alternative::new()])
    }
}

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
        let values = names.into_iter().map(|name| (name.clone(), normalised(request, &name)));
        Ok(Self(vec![values.collect()]))
    }

    /// The same again, from what was written of it.
    #[must_use]
    pub fn from_alternatives(alternatives: Vec<Alternative>) -> Self {
        Self(alternatives)
    }

    /// Its parts, to be written.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.0
    }

    /// Whether `request` has the same selecting fields, or lacks the same (§4.1).
    #[must_use]
    pub fn matches(&self, request: &Fields) -> bool {
        self.0
            .iter()
            .any(|alternative| alternative.iter().all(|(name, value)| normalised(request, name) == *value))
    }

    /// Whether a response is selected by the request field of that name.
    #[must_use]
    pub fn names(&self, name: &HeaderName) -> bool {
        self.0.iter().flatten().any(|(selecting, _)| selecting == name)
    }

    /// Whether both speak of one and the same kind of request, so that one takes the place of the other.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|alternative| other.0.contains(alternative))
    }

    /// The requests of both: a validation said that the response answers those of `other`, too (§4.3.4).
    /// If it also said that other fields select now, nothing is known of earlier requests. Of too many the
    /// oldest are forgotten.
    #[must_use]
    pub fn joined(&self, other: Self) -> Self {
        let names = |alternative: &Alternative| -> Vec<HeaderName> {
            alternative.iter().map(|(name, _)| name.clone()).collect()
        };
        let now: Vec<_> = other.0.iter().map(names).collect();
        let mut all = self.0.clone();
        all.retain(|alternative| !other.0.contains(alternative) && now.contains(&names(alternative)));
        all.extend(other.0);
        let excess = all.len().saturating_sub(ALTERNATIVES_MAX);
        Self(all.split_off(excess))
    }
}

/// Fields whose members have weights, are compared without case, and mean the same in whatever order.
static PREFERENCES: [HeaderName; 3] = [ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_CHARSET];

/// The value of all lines of that name in one form for what means the same (§4.1): white space around
/// members and the split into lines don't matter; nor, in fields that state preferences, do case and
/// order (RFC 9110 §12.4.2, §12.5.4: it is the weight that counts).
fn normalised(request: &Fields, name: &HeaderName) -> Option<Vec<u8>> {
    if !request.contains(name) {
        return None;
    }
    let members: Result<Vec<&[u8]>, list::Malformed> = list::of(request, name).collect();
    let Ok(members) = members else {
        // Not a list: the lines as they are.
        let lines: Vec<&[u8]> = request.lines(name).map(message::HeaderValue::as_bytes).collect();
        return Some(lines.join(&b'\n'));
    };
    if !PREFERENCES.contains(name) {
        return Some(members.join(&b','));
    }
    let mut preferences: Vec<Vec<u8>> = members.into_iter().map(preference).collect();
    preferences.sort();
    preferences.dedup();
    Some(preferences.join(&b','))
}

/// One member of a list of preferences: what it names, in lower case, and its weight, if it is not 1.
fn preference(member: &[u8]) -> Vec<u8> {
    match Weight::of_member(member) {
        (name, Some(Weight::FULL)) => trim(name).to_ascii_lowercase(),
        (name, Some(weight)) => {
            let mut text = trim(name).to_ascii_lowercase();
            text.extend(format!(";q={}", weight.thousandths()).bytes());
            text
        }
        (_, None) => member.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fields;

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

    #[test]
    fn section_4_1_preferences_mean_the_same_in_whatever_order_and_case() {
        let stored =
            selecting(&[("vary", "accept-language")], &[("accept-language", "en, de;q=0.5")]).unwrap();
        for (value, matches) in [
            ("en,de;q=0.5", true),
            ("de ; q=0.50, EN", true),
            ("de;q=0.500,en;q=1.0", true),
            ("en, de", false),
            ("en", false),
            ("en, de;q=0.6", false),
            ("en, de;q=x", false),
        ] {
            assert_eq!(stored.matches(&fields(&[("accept-language", value)])), matches, "{value}");
        }
        assert!(stored.matches(&fields(&[("accept-language", "de;q=0.5"), ("accept-language", "en")])));
    }

    #[test]
    fn section_4_3_4_a_response_may_be_found_right_for_other_requests_too() {
        let vary = [("vary", "foo")];
        let of = |value: &str| selecting(&vary, &[("foo", value)]).unwrap();
        let both = of("1").joined(of("2"));
        for (value, matches) in [("1", true), ("2", true), ("3", false)] {
            assert_eq!(both.matches(&fields(&[("foo", value)])), matches, "{value}");
        }
        assert!(both.overlaps(&of("2")) && of("1").overlaps(&both) && !both.overlaps(&of("3")));
        assert_eq!(both.joined(of("1")).alternatives().len(), 2);
        assert_eq!(both.joined(Selecting::default()), Selecting::default(), "it varies no more");
        let many = (0..100).fold(both, |all, number| all.joined(of(&number.to_string())));
        assert_eq!(many.alternatives().len(), ALTERNATIVES_MAX);
        assert!(many.matches(&fields(&[("foo", "99")])) && !many.matches(&fields(&[("foo", "1")])));
    }
}
