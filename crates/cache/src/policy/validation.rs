//! Validation of a stored response by a conditional GET (RFC 9111 §4.3).

use message::field::coding::{AcceptEncoding, ContentCoding};
use message::field::etag::EntityTag;
use message::field::{decimal, list};
use message::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use message::{Fields, HeaderName, HeaderValue};

use crate::stored::StoredResponse;

/// The request fields by which a client asks for less than the whole response.
static CONDITIONS: [HeaderName; 4] = [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE];

/// Makes a request that asks for the whole response, whatever the client has of it.
pub fn make_unconditional(request: &mut Fields) {
    for name in &CONDITIONS {
        request.remove(name);
    }
}

/// Makes a request that asks whether `stored` is current still (§4.3.1): with its entity tag and its
/// modification date, each as the origin wrote it.
pub fn make_conditional(request: &mut Fields, stored: &StoredResponse) {
    make_unconditional(request);
    if let Some(etag) = &stored.validators.etag {
        request.set(IF_NONE_MATCH, etag.to_value());
    }
    if stored.validators.last_modified.is_some()
        && let Some(date) = stored.fields.get(&LAST_MODIFIED)
    {
        request.set(IF_MODIFIED_SINCE, date.clone());
    }
}

/// Makes a request that asks whether one of several stored responses, none of which matches it, is the
/// answer all the same (§4.3.1): with the entity tags of all, strong and weak.
pub fn offer_tags<'a>(request: &mut Fields, stored: impl Iterator<Item = &'a StoredResponse>) {
    let mut tags: Vec<HeaderValue> = Vec::new();
    for etag in stored.filter_map(|stored| stored.validators.etag.as_ref()) {
        let tag = etag.to_value();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    // One line: some origins read no more.
    let list = tags.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
    if !list.is_empty()
        && let Ok(list) = HeaderValue::from_bytes(&list)
    {
        request.set(IF_NONE_MATCH, list);
    }
}

/// Whether `stored` can be the answer to a request that it does not match: an origin that chooses by content
/// coding means none that the client refuses. One with a tag that names a compressed and a plain form
/// alike, as weak tags often do, means the other.
#[must_use]
pub fn can_be_meant(stored: &StoredResponse, request: &Fields) -> bool {
    if !stored.selecting.names(&ACCEPT_ENCODING) {
        return true;
    }
    // RFC 9110 §12.5.3 allows any coding to who says nothing; but who can decode says so.
    let accepted = request.contains(&ACCEPT_ENCODING).then(|| AcceptEncoding::of(request));
    list::of(&stored.fields, &CONTENT_ENCODING).all(|coding| {
        let coding = coding.ok().and_then(ContentCoding::parse);
        coding.zip(accepted.as_ref()).is_some_and(|(coding, accepted)| accepted.accepts(coding))
    })
}

/// The stored responses that a 304 names by its tag (§4.3.4), the most recent first: all that have a strong
/// one; of those that have a weak one the most recent.
#[must_use]
pub fn named<'a, V>(
    not_modified: &Fields,
    stored: &'a [V],
    head: impl Fn(&V) -> &StoredResponse,
) -> Vec<&'a V> {
    let Some(told) = EntityTag::of(not_modified) else { return Vec::new() };
    let is_meant = |ours: &EntityTag| if told.is_weak() { told.weak_eq(ours) } else { told.strong_eq(ours) };
    let mut named: Vec<&V> =
        stored.iter().filter(|stored| head(stored).validators.etag.as_ref().is_some_and(is_meant)).collect();
    named.sort_by_key(|stored| std::cmp::Reverse(head(stored).recency()));
    named.truncate(if told.is_weak() { 1 } else { named.len() });
    named
}

/// What a 200 to HEAD says of a stored response (§4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadSays {
    /// It is the same: its fields are to be updated.
    Same,
    /// It is another one now: what is stored is stale.
    Changed,
}

/// Compares a 200 to HEAD with a stored response of `length` bytes (§4.3.5): what it says of validators
/// and length must be what is stored.
#[must_use]
pub fn compare_head(head: &Fields, stored: &StoredResponse, length: u64) -> HeadSays {
    let is_same = |name: &HeaderName| !head.contains(name) || head.lines(name).eq(stored.fields.lines(name));
    let told = head.text(&CONTENT_LENGTH).map(|length| decimal::exact(length.as_bytes()));
    let fits = told.is_none_or(|told| told == Some(length));
    if fits && is_same(&ETAG) && is_same(&LAST_MODIFIED) && is_same(&CONTENT_ENCODING) {
        HeadSays::Same
    } else {
        HeadSays::Changed
    }
}

/// Whether a 304 is about `stored` (§4.3.4).
///
/// One with a strong tag is about the response with that tag only. One with a weak tag is not about a
/// response with another. One without a tag is about what was asked for, which was `stored` alone.
#[must_use]
pub fn is_about(not_modified: &Fields, stored: &StoredResponse) -> bool {
    match (EntityTag::of(not_modified), &stored.validators.etag) {
        (Some(told), Some(ours)) if told.is_weak() => told.weak_eq(ours),
        (Some(told), Some(ours)) => told.strong_eq(ours) || (ours.is_weak() && told.weak_eq(ours)),
        (Some(told), None) => told.is_weak(),
        (None, _) => !not_modified.contains(&ETAG),
    }
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
