//! What a 304, or a 200 to HEAD, changes of a stored response (RFC 9111 §3.2).

use message::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, SET_COOKIE};
use message::{Fields, HeaderName};

use crate::policy::terms::Terms;

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
mod tests {
    use super::*;
    use crate::testing::{fields, same};

    #[test]
    fn section_3_2_a_304_replaces_adds_and_keeps() {
        let before = fields(&[("etag", "\"v1\""), ("x", "old"), ("x", "older"), ("kept", "yes")]);
        let told = fields(&[("x", "new"), ("added", "1"), ("added", "2")]);
        same(
            &updated(&before, &told, &[]),
            &[("etag", "\"v1\""), ("x", "new"), ("kept", "yes"), ("added", "1"), ("added", "2")],
        );
    }

    #[test]
    fn section_3_2_a_304_does_not_change_what_the_content_is() {
        let before = [("content-type", "text/plain"), ("content-encoding", "br")];
        let told = [
            ("content-type", "text/html"),
            ("content-encoding", "gzip"),
            ("content-length", "0"),
            ("content-range", "bytes */1"),
        ];
        same(&updated(&fields(&before), &fields(&told), &[]), &before);
    }

    #[test]
    fn section_7_3_a_cookie_in_a_304_is_kept_only_where_freshness_is_explicit() {
        let cookie = ("set-cookie", "id=1");
        same(&updated(&fields(&[]), &fields(&[cookie]), &[]), &[]);
        let fresh = ("cache-control", "max-age=60");
        same(&updated(&fields(&[]), &fields(&[cookie, fresh]), &[]), &[cookie, fresh]);
        same(&updated(&fields(&[fresh]), &fields(&[cookie]), &[]), &[cookie, fresh]);
    }
}
