//! Conditional requests (RFC 9110 §13).
//!
//! Whoever calls these has already found that without the condition the answer would be a 2xx: else
//! conditions are to be ignored (§13.2.1).

use std::time::Duration;

use http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use http::{HeaderName, Method};

use crate::field::date::HttpDate;
use crate::field::digest::{CONTENT_DIGEST, REPR_DIGEST};
use crate::field::etag::{Condition, EntityTag};
use crate::fields::Fields;

/// By what a representation is told from others of the same resource (§8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<EntityTag>,
    /// `Last-Modified`.
    pub last_modified: Option<HttpDate>,
    /// Whether the date tells apart any two versions (§8.8.2.2): it is certain that the representation
    /// did not change twice within that second.
    pub last_modified_is_strong: bool,
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What it asks for.
    Perform,
    /// 304 Not Modified.
    NotModified,
    /// 412 Precondition Failed.
    Failed,
}

/// From how long before a response was made a `Last-Modified` in it is a strong validator.
///
/// §8.8.2.2 asks for a second by the same clock, or enough to make differences of clocks unlikely.
const STRONG_AFTER: Duration = Duration::from_secs(60);

impl Validators {
    /// The validators in a response.
    #[must_use]
    pub fn of(response: &Fields) -> Self {
        let last_modified = HttpDate::of(response, &LAST_MODIFIED);
        let age_then = last_modified.zip(HttpDate::of(response, &DATE)).and_then(|(modified, made)| {
            made.to_system_time().duration_since(modified.to_system_time()).ok()
        });
        Self {
            etag: EntityTag::of(response),
            last_modified,
            last_modified_is_strong: age_then.is_some_and(|age| age >= STRONG_AFTER),
        }
    }
}

/// Judges a request's conditions for the origin, in the order of §13.2.2. `current` is `None` where
/// there is no current representation.
#[must_use]
pub fn evaluate(method: &Method, request: &Fields, current: Option<&Validators>) -> Verdict {
    if is_unconditional(method) {
        return Verdict::Perform;
    }
    // Steps 1 and 2: for whoever changes the resource.
    let unchanged = match Condition::of(request, &IF_MATCH) {
        Ok(Some(condition)) => current.is_some_and(|current| condition.strongly_names(current.etag.as_ref())),
        Ok(None) => is_unmodified(request, current),
        // Whatever it was meant to protect, it did not name what is there.
        Err(_) => false,
    };
    if !unchanged {
        return Verdict::Failed;
    }
    evaluate_known(method, request, current, current.and_then(|current| current.last_modified))
}

/// Judges a request's conditions for a cache that has a stored response it may use (RFC 9111 §4.3.2).
///
/// `If-Match` and `If-Unmodified-Since` are for the origin: a request with one of them is not to be
/// answered from the cache. Where the stored response has no `Last-Modified`, `If-Modified-Since` is
/// compared with `made`: its `Date`, or when it was received if it has none.
#[must_use]
pub fn evaluate_stored(method: &Method, request: &Fields, stored: &Validators, made: HttpDate) -> Verdict {
    if is_unconditional(method) {
        return Verdict::Perform;
    }
    evaluate_known(method, request, Some(stored), Some(stored.last_modified.unwrap_or(made)))
}

/// Whether `Range` is to be followed, as far as `If-Range` has a say (§13.1.5); it is if there is none.
#[must_use]
pub fn if_range_holds(request: &Fields, current: &Validators) -> bool {
    let mut lines = request.lines(&IF_RANGE);
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return !request.contains(&IF_RANGE);
    };
    if let Some(tag) = EntityTag::parse(line.as_bytes()) {
        // §13.1.5: the strong comparison; a weak tag never holds.
        return current.etag.as_ref().is_some_and(|current| tag.strong_eq(current));
    }
    // §13.1.5: exactly that date, and only if it is strong; not an earlier or a later one.
    let date = HttpDate::parse(line.as_bytes());
    date.is_some() && current.last_modified_is_strong && date == current.last_modified
}

/// The fields of a 304, made from those of the 200 that it stands for (§15.4.5).
///
/// Left out is what describes the content, which the client has already. `Last-Modified` stays only
/// where there is no `ETag`, as the one thing that caches can update by. All else stays: what §15.4.5
/// demands (`Cache-Control`, `Content-Location`, `Date`, `ETag`, `Expires`, `Vary`) and what belongs
/// to this response rather than to its content, such as `Age`, `Set-Cookie` or CORS.
#[must_use]
pub fn not_modified(ok: &Fields) -> Fields {
    let mut fields = ok.clone();
    remove_description(&mut fields);
    if fields.contains(&ETAG) {
        fields.remove(&LAST_MODIFIED);
    }
    fields
}

/// What describes content and nothing else.
static DESCRIPTION: [HeaderName; 8] = [
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    CONTENT_DIGEST,
    REPR_DIGEST,
];

/// Takes out what describes content that is not there.
pub(crate) fn remove_description(fields: &mut Fields) {
    for name in &DESCRIPTION {
        fields.remove(name);
    }
}

/// §13.2.1: methods that neither select nor change a representation take no conditions.
fn is_unconditional(method: &Method) -> bool {
    *method == Method::CONNECT || *method == Method::OPTIONS || *method == Method::TRACE
}

/// `If-Unmodified-Since` (§13.1.4): ignored if it is no date or stands twice, or if there is no date
/// to compare it with.
fn is_unmodified(request: &Fields, current: Option<&Validators>) -> bool {
    let modified = current.and_then(|current| current.last_modified);
    let since = HttpDate::of(request, &IF_UNMODIFIED_SINCE);
    modified.zip(since).is_none_or(|(modified, since)| modified <= since)
}

/// Steps 3 and 4: for whoever has a representation already, or wants to make the first.
fn evaluate_known(
    method: &Method,
    request: &Fields,
    current: Option<&Validators>,
    modified: Option<HttpDate>,
) -> Verdict {
    let reads = *method == Method::GET || *method == Method::HEAD;
    let known = match Condition::of(request, &IF_NONE_MATCH) {
        Ok(Some(condition)) => current.is_some_and(|current| condition.weakly_names(current.etag.as_ref())),
        // §13.1.3: only without `If-None-Match`, only for GET and HEAD; ignored if it is no date or
        // stands twice, or if there is no date to compare it with.
        Ok(None) if reads => {
            let since = HttpDate::of(request, &IF_MODIFIED_SINCE);
            modified.zip(since).is_some_and(|(modified, since)| modified <= since)
        }
        Ok(None) => false,
        // Unreadable: a reader gets the whole, a writer does not overwrite.
        Err(_) => !reads,
    };
    match (known, reads) {
        (false, _) => Verdict::Perform,
        (true, true) => Verdict::NotModified,
        (true, false) => Verdict::Failed,
    }
}

#[cfg(test)]
#[path = "precondition_tests.rs"]
mod tests;
