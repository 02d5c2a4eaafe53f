//! What `sockets cache explain` says of a turn of a play, at the origin of it, is what the cache did.

use crate::cache::explain::{explain, line};
use crate::cache::town::did;
use crate::support::wire::Answer;

/// A turn, and what is known of it.
pub(super) struct Told<'a> {
    pub(super) url: &'a str,
    pub(super) method: &'static str,
    pub(super) fields: &'a [&'a str],
    /// The options of the cache.
    pub(super) args: &'a [&'a str],
    pub(super) what: &'a str,
}

/// What came of what is stored, when the same was asked once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reused {
    AsItIs,
    Validated,
    Not,
    InsteadOfAnError,
    /// There was an error, and nothing in its place.
    NotOnAnError,
}

impl Told<'_> {
    fn page(&self) -> String {
        let told = explain(self.url, self.fields, &[&["-X", self.method], self.args].concat());
        assert_eq!(told.status, 0, "{}: {}", self.what, told.stderr);
        told.stdout_text().to_owned()
    }

    /// Holds a GET that brought something new against it, and what came when it was asked again.
    pub(super) fn agrees(&self, answer: &Answer, again: Option<Reused>) {
        let (page, what) = (self.page(), self.what);
        match line(&page, "Stored: ").strip_prefix("no (") {
            None => assert!(did(answer).ends_with(";stored"), "{what}: {}\n{page}", did(answer)),
            Some(why) => {
                let why = format!("detail={}", why.trim_end_matches(')'));
                assert!(did(answer).ends_with(&why), "{what}: {}\n{page}", did(answer));
            }
        }
        let reused = line(&page, "Reused: ");
        let on_error = |words| page.contains(&format!("on an error, when stale: {words}"));
        let agrees = again.is_none_or(|again| match again {
            Reused::AsItIs => reused == "yes" || reused == "yes, stale",
            Reused::Validated => reused == "after a validation",
            Reused::Not => reused == "no" || reused == "no, it is not stored",
            Reused::InsteadOfAnError => reused != "yes" && on_error("answered stale"),
            Reused::NotOnAnError => {
                reused != "yes" && (on_error("the error") || reused == "no, it is not stored")
            }
        });
        assert!(agrees, "{what}, then {again:?}\n{page}");
    }

    /// Holds against it whether what was stored was invalidated.
    pub(super) fn agrees_on_invalidation(&self, is_invalidated: bool) {
        let page = self.page();
        let is_named = line(&page, "Invalidates: ").split(", ").any(|named| named == self.url);
        assert_eq!(is_named, is_invalidated, "{}\n{page}", self.what);
    }
}
