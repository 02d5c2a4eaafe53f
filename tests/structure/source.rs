//! One Rust file: its path in the workspace, its text, its tokens and its syntax.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

/// Every file by its path, relative to the workspace and with `/` between the parts.
pub(crate) type Sources = BTreeMap<String, Source>;

/// A parsed file. Lines are counted from 1.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    /// The tokens as written, also those within macros, which `syntax` does not look into.
    pub(crate) runs: Vec<Run>,
}

/// Tokens that stand beside each other: those of the file, or those between one pair of brackets.
pub(crate) type Run = Vec<TokenTree>;

impl Source {
    /// Parses a file.
    ///
    /// # Errors
    /// The text is not Rust.
    pub(crate) fn new(path: &str, text: &str) -> syn::Result<Source> {
        let syntax = syn::parse_file(text)?;
        let tokens: TokenStream = text.parse()?;
        Ok(Source { path: path.to_owned(), text: text.to_owned(), syntax, runs: runs(tokens) })
    }
}

/// All runs of a stream, the outer before the inner.
pub(crate) fn runs(tokens: TokenStream) -> Vec<Run> {
    let mut found = Vec::new();
    let mut waiting = vec![tokens];
    while let Some(tokens) = waiting.pop() {
        let run: Run = tokens.into_iter().collect();
        waiting.extend(run.iter().filter_map(|token| match token {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        }));
        found.push(run);
    }
    found
}

/// The identifier or keyword that this token is.
pub(crate) fn word(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

/// Whether this token is the punctuation mark.
pub(crate) fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// Sources in memory, for the tests of the rules.
#[cfg(test)]
pub(crate) fn sources(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(path, text).unwrap())).collect()
}
