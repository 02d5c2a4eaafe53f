//! The modules of one crate: which file each is in, what it defines, and where a path written in it leads.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::mentions::{Mention, is_test, mentions};
use crate::source::Sources;

/// A module's path from the root of its crate, which is the empty one.
type ModulePath = Vec<String>;

/// A re-export of a re-export is followed so far; a longer chain than this is a circle of `use`.
const MAX_REEXPORTS: usize = 16;

/// The module tree of a crate, without what only its tests load.
pub(crate) struct Modules {
    modules: BTreeMap<ModulePath, Module>,
    /// What each file mentions, with the file's own module.
    mentions: Vec<(String, ModulePath, Mention)>,
}

struct Module {
    file: String,
    defines: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Landing {
    /// The file of this crate that defines what the path names; `None` if another crate does.
    pub(crate) file: Option<String>,
    /// The file whose `use` the path went through, and what stands there.
    pub(crate) through: Option<(String, String)>,
}

/// Where a module is written.
struct Place {
    file: String,
    path: ModulePath,
    /// The folder, with the slash at its end, of the files of the modules that it declares.
    children: String,
}

impl Modules {
    /// Follows the `mod` items from the crate's first file.
    pub(crate) fn of(root: &str, sources: &Sources) -> Modules {
        let mut tree = Modules { modules: BTreeMap::new(), mentions: Vec::new() };
        let place = Place { file: root.to_owned(), path: Vec::new(), children: folder_of(root) };
        tree.add_file(&place, sources);
        tree
    }

    /// The files, each once.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        self.modules.values().map(|module| module.file.clone()).collect()
    }

    /// Every mention with its file and where it leads, for those that stay in this crate.
    pub(crate) fn landings(&self) -> impl Iterator<Item = (&str, &Mention, Landing)> {
        self.mentions.iter().filter_map(|(file, module, mention)| {
            let scope = [module.as_slice(), mention.scope.as_slice()].concat();
            let path = self.absolute(&scope, &mention.segments)?;
            Some((file.as_str(), mention, self.land(&path, MAX_REEXPORTS)?))
        })
    }

    fn add_file(&mut self, place: &Place, sources: &Sources) {
        let Some(source) = sources.get(&place.file) else { return };
        self.add_module(place, &source.syntax.items, sources);
        for mention in mentions(&source.syntax) {
            let scope = [place.path.as_slice(), mention.scope.as_slice()].concat();
            if let Some(module) = self.modules.get_mut(&scope) {
                module.import(&mention);
            }
            self.mentions.push((place.file.clone(), place.path.clone(), mention));
        }
    }

    fn add_module(&mut self, place: &Place, items: &[Item], sources: &Sources) {
        let defines = items.iter().filter_map(name_of).collect();
        let module = Module { file: place.file.clone(), defines, imports: BTreeMap::new() };
        self.modules.insert(place.path.clone(), module);
        let declared = items.iter().filter_map(|item| match item {
            Item::Mod(item) if !is_test(&item.attrs) => Some(item),
            _ => None,
        });
        for item in declared {
            let child = place.child(item, sources);
            match &item.content {
                Some((_, items)) => self.add_module(&child, items, sources),
                None => self.add_file(&child, sources),
            }
        }
    }

    /// The path from the crate's root; `None` if it leads into another crate or names something local.
    fn absolute(&self, scope: &[String], segments: &[String]) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([scope, rest].concat()),
            "super" => {
                let (_, parent) = scope.split_last()?;
                match rest.first() {
                    Some(next) if next == "super" => self.absolute(parent, rest),
                    _ => Some([parent, rest].concat()),
                }
            }
            _ => {
                let child = [scope, std::slice::from_ref(first)].concat();
                self.modules.contains_key(&child).then(|| [scope, segments].concat())
            }
        }
    }

    fn land(&self, path: &[String], reexports_left: usize) -> Option<Landing> {
        let depth = (0..=path.len()).rev().find(|depth| self.module(path, *depth).is_some())?;
        let module = self.module(path, depth)?;
        let here = Landing { file: Some(module.file.clone()), through: None };
        let Some(name) = path.get(depth) else { return Some(here) };
        if module.defines.contains(name) || reexports_left == 0 {
            return Some(here);
        }
        let Some(import) = module.imports.get(name) else {
            // Made by a macro or brought in by `*`. In the root it is a macro with `#[macro_export]`: any file's.
            return (depth > 0).then_some(here);
        };
        let scope = path.get(..depth)?;
        let target = self.absolute(scope, import).and_then(|path| self.land(&path, reexports_left - 1));
        let through = Some((module.file.clone(), import.join("::")));
        Some(Landing { file: target.and_then(|landing| landing.file), through })
    }

    fn module(&self, path: &[String], depth: usize) -> Option<&Module> {
        self.modules.get(path.get(..depth)?)
    }
}

impl Module {
    /// A re-export that chooses between systems defines the name: nobody else can import it from where it leads.
    fn import(&mut self, mention: &Mention) {
        match &mention.imported_as {
            Some(name) if mention.chosen => drop(self.defines.insert(name.clone())),
            Some(name) => drop(self.imports.insert(name.clone(), mention.segments.clone())),
            None => {}
        }
    }
}

impl Place {
    /// Where the module is that is declared here: in this file, in the one its attribute gives, or in `x.rs` or `x/mod.rs`.
    fn child(&self, item: &ItemMod, sources: &Sources) -> Place {
        let name = item.ident.to_string();
        let beside = format!("{}{name}.rs", self.children);
        let children = format!("{}{name}/", self.children);
        let path = [self.path.as_slice(), &[name]].concat();
        if item.content.is_some() {
            return Place { file: self.file.clone(), path, children };
        }
        if let Some(given) = path_attribute(item) {
            let file = format!("{}{given}", folder_of(&self.file));
            return Place { children: folder_of(&file), file, path };
        }
        let file = if sources.contains_key(&beside) { beside } else { format!("{children}mod.rs") };
        Place { file, path, children }
    }
}

/// The name that an item defines. `use` and `mod` define none here: the one is followed, the other is a node.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The folder of a file, with the slash at its end.
fn folder_of(file: &str) -> String {
    file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
}

/// The file in `#[path = "x.rs"]`.
fn path_attribute(item: &ItemMod) -> Option<String> {
    item.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sources;

    #[test]
    fn files_are_found_beside_within_and_by_attribute_and_tests_are_left_out() {
        let sources = sources(&[
            ("c/lib.rs", "mod a; mod b; #[path = \"elsewhere/d.rs\"] mod d; #[cfg(test)] mod tests;"),
            ("c/a.rs", "mod deep; mod inline { mod deeper; }"),
            ("c/a/deep.rs", ""),
            ("c/a/inline/deeper.rs", ""),
            ("c/b/mod.rs", "mod child;"),
            ("c/b/child.rs", ""),
            ("c/elsewhere/d.rs", ""),
            ("c/tests.rs", ""),
        ]);
        let files: Vec<String> = Modules::of("c/lib.rs", &sources).files().into_iter().collect();
        let expected =
            ["a.rs", "a/deep.rs", "a/inline/deeper.rs", "b/child.rs", "b/mod.rs", "elsewhere/d.rs", "lib.rs"];
        assert_eq!(files, expected.map(|file| format!("c/{file}")));
    }

    /// Where the paths lead that `b.rs` mentions, in a crate with `a.rs`, `a/inner.rs` and `b.rs`.
    fn landings(text_of_b: &str) -> Vec<Landing> {
        let sources = sources(&[
            ("lib.rs", "mod a; mod b; pub use a::inner::Deep; pub use http::Method;"),
            ("a.rs", "pub mod inner; pub use inner::Deep; pub struct Here;"),
            ("a/inner.rs", "pub struct Deep;"),
            ("b.rs", text_of_b),
        ]);
        let modules = Modules::of("lib.rs", &sources);
        modules.landings().filter(|(file, ..)| *file == "b.rs").map(|(.., landing)| landing).collect()
    }

    fn direct(file: &str) -> Landing {
        Landing { file: Some(file.to_owned()), through: None }
    }

    #[test]
    fn a_path_leads_to_the_file_that_defines() {
        assert_eq!(landings("use crate::a::Here;"), [direct("a.rs")]);
        assert_eq!(landings("use super::a::inner::Deep;"), [direct("a/inner.rs")]);
        assert_eq!(landings("use crate::a::inner;"), [direct("a/inner.rs")]);
        assert_eq!(landings("use crate::a; fn f() { a::inner::Deep::new() }")[1], direct("a/inner.rs"));
        assert_eq!(landings("use std::fmt; use http::Method;"), []);
    }

    #[test]
    fn a_reexport_that_chooses_by_system_defines_the_name() {
        let sources = sources(&[
            ("lib.rs", "mod sys; mod a;"),
            (
                "sys.rs",
                "mod linux; mod portable; #[cfg(unix)] use linux::go; #[cfg(not(unix))] use portable::go;",
            ),
            ("sys/linux.rs", "fn go() {}"),
            ("sys/portable.rs", "fn go() {}"),
            ("a.rs", "use crate::sys::go; exported!(); crate::exported!();"),
        ]);
        let modules = Modules::of("lib.rs", &sources);
        let from_a = modules.landings().filter(|(file, ..)| *file == "a.rs").map(|(.., landing)| landing);
        assert_eq!(from_a.collect::<Vec<_>>(), [direct("sys.rs")]);
    }

    #[test]
    fn a_path_through_a_reexport_says_so() {
        let through = |file: &str, import: &str| Some((file.to_owned(), import.to_owned()));
        let deep = Some("a/inner.rs".to_owned());
        assert_eq!(
            landings("use crate::Deep;"),
            [Landing { file: deep.clone(), through: through("lib.rs", "a::inner::Deep") }]
        );
        assert_eq!(
            landings("use crate::a::Deep;"),
            [Landing { file: deep, through: through("a.rs", "inner::Deep") }]
        );
        assert_eq!(
            landings("use crate::Method;"),
            [Landing { file: None, through: through("lib.rs", "http::Method") }]
        );
    }
}
