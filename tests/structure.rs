//! The structure test: what ARCHITECTURE.md promises about the shape of the source, held over the workspace as it is.
//!
//! Each rule is a pure function over (path, source text) in a file of its own under `structure/`, tested there on
//! small sources that break it. This file only applies the rules to the real tree.
//!
//! It does not build anything and knows nothing of types: what rustc and clippy can hold, they hold.

#[path = "structure/arrows.rs"]
mod arrows;
#[path = "structure/circles.rs"]
mod circles;
#[path = "structure/evidence.rs"]
mod evidence;
#[path = "structure/limits.rs"]
mod limits;
#[path = "structure/mentions.rs"]
mod mentions;
#[path = "structure/modules.rs"]
mod modules;
#[path = "structure/names.rs"]
mod names;
#[path = "structure/offence.rs"]
mod offence;
#[path = "structure/purity.rs"]
mod purity;
#[path = "structure/roots.rs"]
mod roots;
#[path = "structure/size.rs"]
mod size;
#[path = "structure/source.rs"]
mod source;
#[path = "structure/workspace.rs"]
mod workspace;

use modules::Modules;
use offence::Offence;
use workspace::{Root, Workspace};

fn workspace() -> Workspace {
    Workspace::load().unwrap_or_else(|error| unreadable(&error.to_string()))
}

#[expect(clippy::panic, reason = "a workspace that cannot be read fails the test that asked for it")]
fn unreadable(error: &str) -> ! {
    panic!("the workspace cannot be read: {error}")
}

/// Fails, listing them, if there are any offences.
#[track_caller]
fn hold(offences: &[Offence]) {
    let list: Vec<String> = offences.iter().map(|offence| format!("  {offence}")).collect();
    assert!(offences.is_empty(), "{} offences:\n{}", list.len(), list.join("\n"));
}

#[test]
fn crates_point_only_where_the_design_lets_them() {
    let workspace = workspace();
    hold(&arrows::offences(&workspace.packages, &workspace.arrows));
}

#[test]
fn no_circle_of_files_and_every_import_comes_from_the_file_that_defines() {
    let workspace = workspace();
    let offences = |root: &Root| circles::offences(&Modules::of(&root.path, &workspace.sources));
    hold(&workspace.roots.iter().flat_map(offences).collect::<Vec<_>>());
}

#[test]
fn functions_and_files_fit() {
    let sources = workspace().sources;
    hold(&sources.values().flat_map(size::offences).collect::<Vec<_>>());
    println!("{}", size::Summary::of(sources.values()));
}

#[test]
fn pure_places_ask_for_no_time_and_do_no_io() {
    let workspace = workspace();
    let shipped = workspace.shipped_files();
    let mut offences: Vec<_> = shipped.iter().flat_map(|source| purity::clocks_and_io(source)).collect();
    let paths: Vec<&String> = workspace.sources.keys().collect();
    offences.extend(purity::places_that_are_gone(&paths));
    hold(&offences);
}

#[test]
fn sockets_are_opened_in_net_only() {
    let workspace = workspace();
    hold(&workspace.shipped_files().iter().flat_map(|source| purity::sockets(source)).collect::<Vec<_>>());
}

#[test]
fn lib_rs_lists_modules_and_defines_nothing() {
    let workspace = workspace();
    let libraries = workspace.roots.iter().filter(|root| root.library);
    let sources = libraries.filter_map(|root| workspace.sources.get(&root.path));
    hold(&sources.flat_map(roots::definitions).collect::<Vec<_>>());
}

#[test]
fn unsafe_stays_in_one_room() {
    let workspace = workspace();
    let roots = workspace.roots.iter().filter(|root| root.shipped);
    let sources = roots.filter_map(|root| workspace.sources.get(&root.path));
    let mut offences: Vec<_> = sources.flat_map(roots::missing_forbid).collect();
    offences.extend(workspace.sources.values().flat_map(roots::unsafe_elsewhere));
    hold(&offences);
}

#[test]
fn every_limit_is_told_of() {
    let workspace = workspace();
    let document = limits::Document { path: "docs/limits.md", text: include_str!("../docs/limits.md") };
    hold(&limits::offences(&document, &workspace.shipped_files()));
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let workspace = workspace();
    let text = include_str!("../docs/rfc9111.md");
    hold(&evidence::offences("docs/rfc9111.md", text, workspace.sources.values()));
}

#[test]
fn nothing_is_left_for_later_and_names_mean_something() {
    let sources = workspace().sources;
    hold(&sources.values().flat_map(names::offences).collect::<Vec<_>>());
}
