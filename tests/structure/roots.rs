//! Rules of a crate's first file: `lib.rs` defines nothing, and `unsafe` is forbidden but in one room.

use syn::spanned::Spanned;
use syn::{Item, Meta, Visibility};

use crate::offence::Offence;
use crate::source::{Source, word};

/// The only folder with `unsafe` in it, and the crate around it, which therefore cannot forbid it.
const UNSAFE_CRATE: &str = "crates/net/src/";
const UNSAFE_ROOM: &str = "crates/net/src/sys";

/// What a `lib.rs` holds besides documentation, attributes, `mod x;` and `pub use`.
pub(crate) fn definitions(source: &Source) -> Vec<Offence> {
    let lists = |item: &Item| match item {
        Item::Mod(item) => item.content.is_none(),
        Item::Use(item) => matches!(item.vis, Visibility::Public(_)),
        _ => false,
    };
    let defined = source.syntax.items.iter().filter(|item| !lists(item));
    let tell = |item: &Item| {
        let what = "lib.rs lists modules and re-exports; this belongs in a file of its own";
        Offence::at(&source.path, item.span().start().line, what)
    };
    defined.map(tell).collect()
}

/// A crate root without `#![forbid(unsafe_code)]`.
pub(crate) fn missing_forbid(root: &Source) -> Option<Offence> {
    let forbids = root.syntax.attrs.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("forbid") && list.tokens.to_string() == "unsafe_code",
        _ => false,
    });
    let missing = !forbids && !root.path.starts_with(UNSAFE_CRATE);
    missing.then(|| Offence::of(&root.path, "lacks #![forbid(unsafe_code)]"))
}

/// The word `unsafe` outside its room, within macros too.
pub(crate) fn unsafe_elsewhere(source: &Source) -> Vec<Offence> {
    if source.path.strip_prefix(UNSAFE_ROOM).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')) {
        return Vec::new();
    }
    let tokens = source.runs.iter().flatten();
    let found = tokens.filter(|token| word(token).is_some_and(|word| word == "unsafe"));
    let what = format!("`unsafe` outside {UNSAFE_ROOM}");
    found.map(|token| Offence::at(&source.path, token.span().start().line, what.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path, text).unwrap()
    }

    #[test]
    fn a_lib_rs_of_modules_and_reexports_is_allowed() {
        let text =
            "//! Docs.\n#![forbid(unsafe_code)]\npub mod a;\nmod b;\npub use b::B;\n#[cfg(test)]\nmod tests;";
        assert!(definitions(&source("lib.rs", text)).is_empty());
    }

    #[test]
    fn a_lib_rs_that_defines_is_found() {
        for text in ["pub struct A;", "fn f() {}", "mod a { }", "use b::B;", "pub const N: u8 = 1;", "m!();"]
        {
            assert_eq!(definitions(&source("lib.rs", text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn every_root_but_that_of_net_forbids_unsafe() {
        assert!(missing_forbid(&source("crates/cache/src/lib.rs", "#![forbid(unsafe_code)]")).is_none());
        assert!(missing_forbid(&source("crates/cache/src/lib.rs", "#![deny(unsafe_code)]")).is_some());
        assert!(missing_forbid(&source("crates/net/src/lib.rs", "pub mod sys;")).is_none());
    }

    #[test]
    fn unsafe_outside_its_room_is_found() {
        let blocks =
            ["fn f() {\n unsafe { g() } }", "m! {\n unsafe { g() } }", "\nunsafe impl Send for A {}"];
        for text in blocks {
            let found = unsafe_elsewhere(&source("crates/net/src/dial.rs", text));
            assert_eq!(
                found,
                [Offence::at("crates/net/src/dial.rs", 2, "`unsafe` outside crates/net/src/sys")]
            );
            assert!(unsafe_elsewhere(&source("crates/net/src/sys/linux.rs", text)).is_empty());
        }
        assert!(
            unsafe_elsewhere(&source(
                "a.rs",
                "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";"
            ))
            .is_empty()
        );
    }
}
