//! Validation of a stored response by a conditional GET (RFC 9111 §4.3).

use message::field::decimal;
use message::field::etag::EntityTag;
use message::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE, SET_COOKIE,
};
use message::{Fields, HeaderName};

use crate::policy::terms::Terms;
use crate::stored::StoredResponse;

/// The request fields by which a client asks for less than the whole response.
static CONDITIONS: [HeaderName; 4] = [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE];

/// Whether a client asks for less than the whole response.
#[must_use]
pub fn is_conditional(request: &Fields) -> bool {
    CONDITIONS.iter().any(|name| request.contains(name))
}

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
/// answer all the same (§4.3.1): with the entity tags of them all. Whether there are any.
pub fn offer_tags<'a>(request: &mut Fields, stored: impl Iterator<Item = &'a StoredResponse>) -> bool {
    let mut is_offered = false;
    for etag in stored.filter_map(|stored| stored.validators.etag.as_ref()) {
        request.append(IF_NONE_MATCH, etag.to_value());
        is_offered = true;
    }
    is_offered
}

/// Whether a 304 names the version that `stored` is of, and that alone (§4.3.4).
#[must_use]
pub fn names(not_modified: &Fields, stored: &StoredResponse) -> bool {
    match (EntityTag::of(not_modified), &stored.validators.etag) {
        (Some(told), Some(ours)) => told.weak_eq(ours),
        _ => false,
    }
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

/// What a 304 does not change (§3.2): what the length and the form of the stored content are, and what
/// it was a part of.
static UNTOUCHED: [HeaderName; 4] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_TYPE, CONTENT_RANGE];

/// The fields of a stored response after a 304 (§3.2, §4.3.4): each field of the 304 in the place of the
/// stored one of that name, all others as they were.
#[must_use]
pub fn updated(stored: &Fields, not_modified: &Fields, targets: &[HeaderName]) -> Fields {
    let changes =
        |name: &HeaderName| !UNTOUCHED.contains(name) && may_take(name, stored, not_modified, targets);
    let mut fields = Fields::with_capacity(stored.len().saturating_add(not_modified.len()));
    for (name, value) in stored.iter() {
        if !not_modified.contains(name) || !changes(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    for (name, value) in not_modified.iter() {
        if changes(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    fields
}

/// A cookie in a 304 is, as in a 200, kept for others only where freshness is explicit (§7.3).
fn may_take(name: &HeaderName, stored: &Fields, not_modified: &Fields, targets: &[HeaderName]) -> bool {
    let is_explicit = |fields: &Fields| Terms::of(fields, targets).is_explicit(fields);
    *name != SET_COOKIE || is_explicit(not_modified) || is_explicit(stored)
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
