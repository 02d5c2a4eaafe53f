//! Every path that a file mentions outside its tests: in `use`, in expressions, types and patterns, in macro calls.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Span, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Macro, Meta, UseTree};

use crate::source::{is_mark, runs, word};

/// A path of at least two segments, or an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The modules within the file, written `mod x { .. }`, that it stands in.
    pub(crate) scope: Vec<String>,
    /// As written, but for a first segment that was imported, which is written out. `::a::b` begins with an empty
    /// segment, `use a::*` ends with `*`, and a method call `x.b()` is `_::b`.
    pub(crate) segments: Vec<String>,
    /// For an import, the name that it gets in its scope.
    pub(crate) imported_as: Option<String>,
    /// Imported under `#[cfg]`: the file chooses, by system or by feature, what the name stands for.
    pub(crate) chosen: bool,
    pub(crate) line: usize,
}

/// All mentions of a file.
pub(crate) fn mentions(file: &syn::File) -> Vec<Mention> {
    let mut reader = Reader { scope: Vec::new(), choosing: false, found: Vec::new() };
    reader.visit_file(file);
    write_out(reader.found)
}

/// Whether these attributes are those of a test: `#[test]`, `#[tokio::test]`, `#[cfg(test)]`, `#[cfg(all(test, ..))]`.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let words: Vec<String> = runs(list.tokens.clone()).iter().flatten().filter_map(word).collect();
            words.iter().any(|word| word == "test") && !words.iter().any(|word| word == "not")
        }
        meta => meta.path().segments.last().is_some_and(|segment| segment.ident == "test"),
    })
}

/// Writes out first segments: after `use std::net;` the path `net::TcpStream` is `std::net::TcpStream`.
fn write_out(found: Vec<Mention>) -> Vec<Mention> {
    let mut imports = BTreeMap::new();
    for mention in &found {
        if let Some(name) = &mention.imported_as {
            imports.insert((mention.scope.clone(), name.clone()), mention.segments.clone());
        }
    }
    let write_out = |mut mention: Mention| {
        let first = mention.segments.first().cloned().unwrap_or_default();
        match imports.get(&(mention.scope.clone(), first)) {
            Some(import) if *import != mention.segments => {
                mention.segments.splice(..1, import.iter().cloned());
                mention
            }
            _ => mention,
        }
    };
    found.into_iter().map(write_out).collect()
}

struct Reader {
    scope: Vec<String>,
    /// Within a `use` under `#[cfg]`.
    choosing: bool,
    found: Vec<Mention>,
}

impl Reader {
    fn record(&mut self, segments: Vec<String>, imported_as: Option<String>, span: Span) {
        let line = span.start().line;
        let (scope, chosen) = (self.scope.clone(), self.choosing);
        self.found.push(Mention { scope, segments, imported_as, chosen, line });
    }

    fn record_import(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.record_import(&step.tree, path);
            }
            UseTree::Name(name) if name.ident == "self" => {
                let name_of_module = path.last().cloned();
                self.record(path, name_of_module, name.ident.span());
            }
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.record(path, Some(name.ident.to_string()), name.ident.span());
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    path.push(rename.ident.to_string());
                }
                self.record(path, Some(rename.rename.to_string()), rename.ident.span());
            }
            UseTree::Glob(glob) => {
                path.push("*".to_owned());
                self.record(path, None, glob.star_token.spans[0]);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.record_import(tree, path.clone());
                }
            }
        }
    }

    fn record_tokens(&mut self, run: &[TokenTree]) {
        for at in 0..run.len() {
            let (before, from_here) = run.split_at(at);
            if let Some(segments) = path_at(before, from_here)
                && let Some(first) = from_here.first()
            {
                self.record(segments, None, first.span());
            }
        }
    }
}

/// The path or method call that starts here in a macro's tokens, which nobody has parsed.
fn path_at(before: &[TokenTree], from_here: &[TokenTree]) -> Option<Vec<String>> {
    let (first, mut rest) = from_here.split_first()?;
    let mut segments = vec![word(first)?];
    if let [.., last] = before
        && is_mark(last, '.')
    {
        let called =
            matches!(rest.first(), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
        return called.then(|| vec!["_".to_owned(), segments.remove(0)]);
    }
    if let [.., a, b] = before
        && is_mark(a, ':')
        && is_mark(b, ':')
    {
        return None; // the middle of a path that was found at its start
    }
    while let [a, b, next, after @ ..] = rest
        && is_mark(a, ':')
        && is_mark(b, ':')
        && let Some(segment) = word(next)
    {
        segments.push(segment);
        rest = after;
    }
    (segments.len() > 1).then_some(segments)
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test(&item.attrs) {
            return;
        }
        self.scope.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.scope.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            let start = item.leading_colon.map(|_| String::new());
            self.choosing = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
            self.record_import(&item.tree, start.into_iter().collect());
            self.choosing = false;
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            segments.insert(0, String::new());
        }
        if segments.len() > 1
            && let Some(first) = path.segments.first()
        {
            self.record(segments, None, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.record(vec!["_".to_owned(), call.method.to_string()], None, call.method.span());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        for run in runs(call.tokens.clone()) {
            self.record_tokens(&run);
        }
    }

    // Neither names anything that the file leans on.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

#[cfg(test)]
#[path = "mentions_tests.rs"]
mod tests;
