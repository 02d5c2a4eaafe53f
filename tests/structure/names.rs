//! Rules of words: nothing left for later, no test that is not run, no name that says nothing.

use syn::Attribute;
use syn::visit::{self, Visit};

use crate::offence::Offence;
use crate::source::{Source, runs, word};

/// Marks of work left undone, in two halves so that this file has none.
const LEFT_FOR_LATER: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// Names of files and folders that would hold anything.
const EMPTY_FILE_NAMES: &[&str] =
    &["util", "utils", "common", "core", "helper", "helpers", "manager", "managers"];

/// First or last words of type names that say nothing.
const EMPTY_TYPE_WORDS: &[&str] = &["Manager", "Helper", "Util", "Utils", "Context", "Data", "Info"];

/// All of a file's offences against the words.
pub(crate) fn offences(source: &Source) -> Vec<Offence> {
    [left_for_later(source), ignored_tests(source), file_name(source), type_names(source)].concat()
}

fn left_for_later(source: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        if let Some(mark) = words.find(|word| LEFT_FOR_LATER.contains(word)) {
            offences.push(Offence::at(&source.path, number, format!("{mark}: do it now, or open an issue")));
        }
    }
    offences
}

fn ignored_tests(source: &Source) -> Vec<Offence> {
    let mut reader = Ignored { lines: Vec::new() };
    reader.visit_file(&source.syntax);
    let what = "an ignored test: run it or remove it";
    reader.lines.into_iter().map(|line| Offence::at(&source.path, line, what)).collect()
}

/// The lines of `#[ignore]`, `#[ignore = ".."]` and `#[cfg_attr(.., ignore)]`.
struct Ignored {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for Ignored {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        let within = |list: &syn::MetaList| runs(list.tokens.clone()).iter().flatten().any(is_ignore);
        let conditional = path.is_ident("cfg_attr") && attribute.meta.require_list().is_ok_and(within);
        if path.is_ident("ignore") || conditional {
            self.lines.push(attribute.pound_token.spans[0].start().line);
        }
        visit::visit_attribute(self, attribute);
    }
}

fn is_ignore(token: &proc_macro2::TokenTree) -> bool {
    word(token).is_some_and(|word| word == "ignore")
}

fn file_name(source: &Source) -> Vec<Offence> {
    let parts = source.path.trim_end_matches(".rs").split('/');
    let empty = parts.filter(|part| EMPTY_FILE_NAMES.contains(part));
    empty.map(|part| Offence::of(&source.path, format!("`{part}` does not say what it holds"))).collect()
}

fn type_names(source: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    for pair in source.runs.iter().flat_map(|run| run.windows(2)) {
        if let [keyword, name] = pair
            && let (Some(keyword), Some(name), line) = (word(keyword), word(name), name.span().start().line)
            && matches!(keyword.as_str(), "struct" | "enum" | "trait" | "union")
            && says_nothing(&name)
        {
            offences.push(Offence::at(&source.path, line, format!("`{name}` does not say what it is")));
        }
    }
    offences
}

fn says_nothing(name: &str) -> bool {
    let words = camel_words(name);
    [words.first(), words.last()].into_iter().flatten().any(|word| EMPTY_TYPE_WORDS.contains(word))
}

/// `FileSlice` is `File` and `Slice`.
fn camel_words(name: &str) -> Vec<&str> {
    let mut starts: Vec<usize> =
        name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(at, _)| at).collect();
    starts.push(name.len());
    starts.windows(2).filter_map(|ends| name.get(*ends.first()?..*ends.last()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        offences(&Source::new(path, text).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mark_of_work_left_is_found_as_a_word() {
        for mark in LEFT_FOR_LATER {
            assert_eq!(found("a.rs", &format!("\n// {mark}: later")).len(), 1, "{mark}");
            assert_eq!(found("a.rs", &format!("fn f() {{ /* {mark}(me) */ }}")).len(), 1, "{mark}");
            assert!(found("a.rs", &format!("// {mark}{mark}")).is_empty(), "{mark}");
        }
    }

    #[test]
    fn an_ignored_test_is_found() {
        for attribute in ["ignore", "ignore = \"slow\"", "cfg_attr(windows, ignore)"] {
            let text = format!("#[test]\n#[{attribute}]\nfn t() {{}}");
            assert_eq!(found("a.rs", &text), ["a.rs:2: an ignored test: run it or remove it"], "{attribute}");
        }
        assert!(found("a.rs", "#[test]\nfn ignore() {}").is_empty());
    }

    #[test]
    fn a_file_or_folder_that_would_hold_anything_is_found() {
        for path in
            ["crates/a/src/util.rs", "crates/core/src/lib.rs", "crates/a/tests/common/mod.rs", "a/helpers.rs"]
        {
            assert_eq!(found(path, "").len(), 1, "{path}");
        }
        assert!(found("crates/a/src/utility_of_weights.rs", "").is_empty());
    }

    #[test]
    fn a_type_name_that_says_nothing_is_found() {
        let texts =
            ["struct PoolManager;", "enum DataKind {}", "trait Helper {}", "m! { pub struct ReplyInfo {} }"];
        for text in texts {
            assert_eq!(found("a.rs", text).len(), 1, "{text}");
        }
        for text in
            ["struct Database;", "struct Informed;", "use std::task::Context;", "struct A { data: Data }"]
        {
            assert!(found("a.rs", text).is_empty(), "{text}");
        }
    }
}
