//! What `sockets cache explain` says of each play, at the origin of it, is what the cache did.

use super::Comes::{InsteadOf, New, NotModified, Own, Replaced, Stored, Validated};
use super::{Says, Turn};
use crate::cache::explain::{explain, line};
use crate::cache::town::did;
use crate::support::wire::Answer;

/// Holds the first of `turns`, which `answer` came of, and what the next one comes to, against what is explained
/// of it.
pub(super) fn agrees(url: &str, args: &[&str], turns: &[Turn], answer: &Answer, what: &str) {
    let [turn, rest @ ..] = turns else { return };
    let Says::This(..) = turn.says else { return };
    let is_first_get = turn.method == "GET" && turn.comes == New && did(answer).starts_with("fwd=uri-miss");
    let changes = !matches!(turn.method, "GET" | "HEAD" | "OPTIONS");
    if !is_first_get && !changes {
        return;
    }
    let fields = turn.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let told = explain(url, &fields, &[&["-X", turn.method], args].concat());
    assert_eq!(told.status, 0, "{what}: {}", told.stderr);
    let page = told.stdout_text();
    if changes {
        return invalidates(page, url, rest, what);
    }
    stores(page, answer, what);
    if let Some(next) = rest.first().filter(|next| next.method == "GET" && next.asks == turn.asks) {
        reuses(page, next, what);
    }
}

fn stores(page: &str, answer: &Answer, what: &str) {
    match line(page, "Stored: ").strip_prefix("no (") {
        None => assert!(did(answer).ends_with(";stored"), "{what}: {}\n{page}", did(answer)),
        Some(why) => {
            let why = format!("detail={}", why.trim_end_matches(')'));
            assert!(did(answer).ends_with(&why), "{what}: {}\n{page}", did(answer));
        }
    }
}

fn reuses(page: &str, next: &Turn, what: &str) {
    let reused = line(page, "Reused: ");
    let on_error = |words| page.contains(&format!("on an error, when stale: {words}"));
    let agrees = match next.comes {
        Stored(_) | NotModified => reused == "yes" || reused == "yes, stale",
        Validated(_) | Replaced => reused == "after a validation",
        New => reused == "no" || reused == "no, it is not stored",
        InsteadOf(_) => reused != "yes" && on_error("answered stale"),
        Own(_) => reused != "yes" && (on_error("the error") || reused == "no, it is not stored"),
    };
    assert!(agrees, "{what}, then {:?}\n{page}", next.comes);
}

fn invalidates(page: &str, url: &str, rest: &[Turn], what: &str) {
    let invalidated = line(page, "Invalidates: ");
    let is_named = invalidated.split(", ").any(|named| named == url);
    match rest.first().map(|next| next.comes) {
        Some(New) => assert!(is_named, "{what}\n{page}"),
        Some(Stored(0)) if line(page, "Stored: ") != "yes" => assert!(!is_named, "{what}\n{page}"),
        _ => {}
    }
}
