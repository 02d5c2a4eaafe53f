//! The rule of evidence: each test that a document names is there.

use std::collections::BTreeSet;

use proc_macro2::TokenTree;

use crate::offence::Offence;
use crate::source::{Source, word};

/// The fewest words in the name of a test that a document names.
const WORDS_MIN: usize = 3;

/// Names in `text` that no function of `sources` has.
pub(crate) fn offences<'a>(
    path: &str,
    text: &str,
    sources: impl Iterator<Item = &'a Source>,
) -> Vec<Offence> {
    let functions: BTreeSet<String> = sources.flat_map(functions).collect();
    let gone = names(text).filter(|(_, name)| !functions.contains(*name));
    gone.map(|(line, name)| Offence::at(path, line, format!("{name} is no function"))).collect()
}

/// The names in a text that are those of tests, with their lines.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().zip(1..);
    let quoted = lines.flat_map(|(line, at)| line.split('`').skip(1).step_by(2).map(move |word| (at, word)));
    quoted.filter(|(_, word)| is_name(word))
}

fn is_name(word: &str) -> bool {
    word.split('_').count() >= WORDS_MIN
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The names of all functions in a file, also of those within macros.
fn functions(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for run in &source.runs {
        for pair in run.windows(2) {
            if let [keyword, name] = pair
                && word(keyword).as_deref() == Some("fn")
                && let TokenTree::Ident(name) = name
            {
                found.push(name.to_string());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, source: &str) -> Vec<String> {
        let source = Source::new("crates/a/src/a.rs", source).unwrap();
        offences("docs/a.md", text, [&source].into_iter()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let source = "mod tests { #[test] fn one_two_three() {} } m! { fn in_a_macro() {} }";
        assert!(found("| `one_two_three`, `in_a_macro` |", source).is_empty());
        assert_eq!(found("x\n`one_two_four`", source), ["docs/a.md:2: one_two_four is no function"]);
    }

    #[test]
    fn other_words_are_left_alone() {
        assert!(found("`max-age`, `Cache-Control`, `crates/a/b_c_d`, `two_words`", "").is_empty());
    }
}
