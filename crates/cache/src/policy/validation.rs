//! Validation of a stored response by a conditional GET (RFC 9111 §4.3).

use message::field::cache_control::CacheControl;
use message::field::etag::EntityTag;
use message::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, SET_COOKIE,
};
use message::{Fields, HeaderName};

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
pub fn updated(stored: &Fields, not_modified: &Fields) -> Fields {
    let changes = |name: &HeaderName| !UNTOUCHED.contains(name) && may_take(name, stored, not_modified);
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
fn may_take(name: &HeaderName, stored: &Fields, not_modified: &Fields) -> bool {
    let is_explicit = |fields: &Fields| {
        let directives = CacheControl::of(fields, &CACHE_CONTROL);
        directives.public || directives.s_maxage.or(directives.max_age).is_some() || fields.contains(&EXPIRES)
    };
    *name != SET_COOKIE || is_explicit(not_modified) || is_explicit(stored)
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
