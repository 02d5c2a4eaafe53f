//! The rule of limits: `docs/limits.md` and the source name the same ones.

use std::collections::BTreeSet;

use syn::Item;
use syn::spanned::Spanned;

use crate::offence::Offence;
use crate::source::Source;

/// How the name of a limit ends.
const ENDING: &str = "_MAX";

/// Where limits are that nobody meets but tests.
const OF_TESTS: &str = "crates/lab/";

/// Limits of these files that the list does not name, and names in it that these files do not define.
pub(crate) fn offences(document: &Document<'_>, files: &[&Source]) -> Vec<Offence> {
    let named: BTreeSet<&str> = document.names().collect();
    let constants: Vec<Constant<'_>> = files.iter().flat_map(|source| constants(source)).collect();
    let unlisted = |constant: &&Constant<'_>| {
        let is_limit = constant.name.ends_with(ENDING) && !constant.path.starts_with(OF_TESTS);
        is_limit && !named.contains(constant.name.as_str())
    };
    let untold = constants.iter().filter(unlisted).map(|Constant { path, line, name }| {
        Offence::at(path, *line, format!("{name} is not in {}", document.path))
    });
    let gone = named.iter().filter(|name| !constants.iter().any(|constant| constant.name == **name));
    untold.chain(gone.map(|name| Offence::of(document.path, format!("{name} is no constant")))).collect()
}

/// A text that names limits as `` `NAME` ``.
pub(crate) struct Document<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> Document<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        let quoted = self.text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        quoted.filter(|word| {
            word.contains(|c: char| c.is_ascii_uppercase()) && word.chars().all(is_of_constant)
        })
    }
}

fn is_of_constant(character: char) -> bool {
    character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_'
}

struct Constant<'a> {
    path: &'a str,
    line: usize,
    name: String,
}

fn constants(source: &Source) -> Vec<Constant<'_>> {
    let of = |item: &Item| match item {
        Item::Const(item) => Some(Constant {
            path: &source.path,
            line: item.span().start().line,
            name: item.ident.to_string(),
        }),
        _ => None,
    };
    source.syntax.items.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, source: &str) -> Vec<String> {
        let source = Source::new("crates/net/src/a.rs", source).unwrap();
        let document = Document { path: "docs/limits.md", text };
        offences(&document, &[&source]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_limit_that_is_not_told_is_found() {
        let source = "const A: u8 = 1;\npub const WAIT_MAX: u8 = 1;";
        assert_eq!(found("`A`", source), ["crates/net/src/a.rs:2: WAIT_MAX is not in docs/limits.md"]);
        assert!(found("| `WAIT_MAX`, `A` | 5 s |", source).is_empty());
    }

    #[test]
    fn a_limit_that_is_gone_is_found() {
        assert_eq!(found("| `GONE_MAX` | 5 |", ""), ["docs/limits.md: GONE_MAX is no constant"]);
        assert!(found("`--flag`, `Range`, `503`, `net`", "").is_empty());
    }

    #[test]
    fn what_only_tests_meet_is_left_alone() {
        let source = Source::new("crates/lab/src/a.rs", "const A_MAX: u8 = 1;").unwrap();
        assert!(offences(&Document { path: "", text: "" }, &[&source]).is_empty());
    }
}
