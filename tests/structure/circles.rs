//! Rule: the files of a crate lean on each other in one direction, and import from the file that defines.
//!
//! A file is a node; a path to something in another file is an arrow. `mod` is none: a parent may list its children
//! and re-export from them, but a child that imports from such a parent closes a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::modules::Modules;
use crate::offence::Offence;

/// From each file to those it leans on, with the line of the first mention.
type Graph = BTreeMap<String, BTreeMap<String, usize>>;

/// The circles of a crate's files, and its imports by way of a re-export.
pub(crate) fn offences(modules: &Modules) -> Vec<Offence> {
    let mut graph = Graph::new();
    let mut offences = BTreeSet::new();
    for (from, mention, landing) in modules.landings() {
        if let Some((by, import)) = &landing.through
            && by != from
        {
            let origin = landing.file.as_ref().unwrap_or(import);
            let what = format!("`{}` comes from {origin}: import it from there", mention.segments.join("::"));
            offences.insert(Offence::at(from, mention.line, what));
        }
        if let Some(to) = landing.file.filter(|to| to != from) {
            graph.entry(from.to_owned()).or_default().entry(to).or_insert(mention.line);
        }
    }
    offences.extend(circles(&graph).iter().map(|circle| tell(circle, &graph)));
    offences.into_iter().collect()
}

/// The shortest circle through each file that is in one, each circle once and begun at its first file by name.
fn circles(graph: &Graph) -> BTreeSet<Vec<String>> {
    let rotated = |mut circle: Vec<String>| {
        let first = (0..circle.len()).min_by_key(|at| circle.get(*at)).unwrap_or(0);
        circle.rotate_left(first);
        circle
    };
    graph.keys().filter_map(|file| shortest_circle(file, graph)).map(rotated).collect()
}

/// Breadth first from the file until an arrow leads back to it.
fn shortest_circle(start: &str, graph: &Graph) -> Option<Vec<String>> {
    let mut seen = BTreeSet::from([start]);
    let mut waiting = VecDeque::from([vec![start]]);
    while let Some(way) = waiting.pop_front() {
        let next = way.last().and_then(|file| graph.get(*file)).into_iter().flatten();
        for (file, _) in next {
            if file == start {
                return Some(way.into_iter().map(str::to_owned).collect());
            }
            if seen.insert(file) {
                waiting.push_back([way.as_slice(), &[file]].concat());
            }
        }
    }
    None
}

fn tell(circle: &[String], graph: &Graph) -> Offence {
    let steps = circle.iter().zip(circle.iter().cycle().skip(1));
    let arrow = |(from, to): (&String, &String)| {
        let line = graph.get(from).and_then(|arrows| arrows.get(to)).copied().unwrap_or(0);
        format!("{from}:{line} -> ")
    };
    let first = circle.first().map_or("", String::as_str);
    Offence::of("circle of files", format!("{}{first}", steps.map(arrow).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sources;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        offences(&Modules::of("lib.rs", &sources(files))).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_circle_of_two_files_is_told_with_its_lines() {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;\npub struct A;")];
        let b = ("b.rs", "pub struct B;\nfn f() -> crate::a::A { crate::a::A }");
        assert_eq!(found(&[files[0], files[1], b]), ["circle of files: a.rs:1 -> b.rs:2 -> a.rs"]);
    }

    #[test]
    fn arrows_in_one_direction_are_no_circle() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::{b::B, c::C}; struct A;"),
        ];
        let rest = [("b.rs", "use crate::c::C; struct B;"), ("c.rs", "struct C;")];
        assert!(found(&[files, rest].concat()).is_empty());
    }

    #[test]
    fn a_circle_of_three_files_is_told_once() {
        let files = [("lib.rs", "mod a; mod b; mod c;"), ("a.rs", "use crate::b;")];
        let rest = [("b.rs", "use super::c;"), ("c.rs", "fn f() { vec![crate::a::new()] }")];
        assert_eq!(found(&[files, rest].concat()), ["circle of files: a.rs:1 -> b.rs:1 -> c.rs:1 -> a.rs"]);
    }

    #[test]
    fn a_child_that_leans_on_the_parent_that_uses_it_is_a_circle() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; pub use b::B; pub struct A;"),
            ("a/b.rs", "use super::A;"),
        ];
        assert_eq!(found(&files), ["circle of files: a.rs:1 -> a/b.rs:1 -> a.rs"]);
    }

    #[test]
    fn a_parent_that_only_lists_its_children_may_be_leant_on() {
        let files = [("lib.rs", "mod a;"), ("a.rs", "mod b; pub struct A;"), ("a/b.rs", "use super::A;")];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn an_import_through_lib_rs_is_an_offence_and_leads_to_the_circle_behind_it() {
        let files =
            [("lib.rs", "mod a; mod b; pub use b::B;"), ("a.rs", "use crate::B;"), ("b.rs", "use crate::a;")];
        assert_eq!(
            found(&files),
            [
                "a.rs:1: `crate::B` comes from b.rs: import it from there",
                "circle of files: a.rs:1 -> b.rs:1 -> a.rs"
            ]
        );
    }

    #[test]
    fn an_import_of_another_crate_through_ours_is_an_offence() {
        let files = [("lib.rs", "mod a; pub use http::Method;"), ("a.rs", "use crate::Method;")];
        assert_eq!(found(&files), ["a.rs:1: `crate::Method` comes from http::Method: import it from there"]);
    }

    #[test]
    fn tests_may_lean_on_anything() {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b;")];
        let b = ("b.rs", "#[cfg(test)] mod tests { use crate::a; }");
        assert!(found(&[files[0], files[1], b]).is_empty());
    }
}
