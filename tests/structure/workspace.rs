//! The loader: the only file of the structure test that touches the disk or runs cargo.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, Target};

use crate::arrows::Arrow;
use crate::modules::Modules;
use crate::source::{Source, Sources};

/// Where Rust is kept.
const FOLDERS: &[&str] = &["crates", "tests", "benches", "fuzz"];

/// The workspace as the rules see it.
pub(crate) struct Workspace {
    /// The names of its packages.
    pub(crate) packages: Vec<String>,
    /// Dependencies between its own packages.
    pub(crate) arrows: Vec<Arrow>,
    /// The file that each build target starts from.
    pub(crate) roots: Vec<Root>,
    pub(crate) sources: Sources,
}

/// The first file of a library, a program or a test.
pub(crate) struct Root {
    pub(crate) path: String,
    pub(crate) library: bool,
    /// Part of a library or a program, not of a test.
    pub(crate) shipped: bool,
}

impl Workspace {
    /// Reads the workspace that this test belongs to.
    ///
    /// # Errors
    /// cargo does not understand it, or a file cannot be read or parsed; the message names the file.
    pub(crate) fn load() -> Result<Workspace, Box<dyn Error>> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
        let top = metadata.workspace_root.as_std_path();
        let mut sources = Sources::new();
        for folder in FOLDERS {
            read_folder(top, &top.join(folder), &mut sources)?;
        }
        let packages = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
        let roots = roots(&metadata);
        // A root that was not read would be a crate without files, which breaks no rule.
        match roots.iter().find(|root| !sources.contains_key(&root.path)) {
            Some(root) => Err(format!("{} is not in any of {FOLDERS:?}", root.path).into()),
            None => Ok(Workspace { packages, arrows: arrows(&metadata), roots, sources }),
        }
    }

    /// The files of libraries and programs, without those that only tests load.
    pub(crate) fn shipped_files(&self) -> Vec<&Source> {
        let roots = self.roots.iter().filter(|root| root.shipped);
        let files: BTreeSet<String> =
            roots.flat_map(|root| Modules::of(&root.path, &self.sources).files()).collect();
        files.iter().filter_map(|path| self.sources.get(path)).collect()
    }
}

fn arrows(metadata: &Metadata) -> Vec<Arrow> {
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    packages.iter().flat_map(|package| arrows_from(package, &ours)).collect()
}

fn arrows_from(package: &Package, ours: &BTreeSet<&str>) -> Vec<Arrow> {
    let dependencies =
        package.dependencies.iter().filter(|dependency| ours.contains(dependency.name.as_str()));
    dependencies
        .map(|dependency| Arrow {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
        })
        .collect()
}

fn roots(metadata: &Metadata) -> Vec<Root> {
    let top = &metadata.workspace_root;
    let root = |target: &Target| {
        let path = target.src_path.strip_prefix(top).unwrap_or(&target.src_path).as_str().replace('\\', "/");
        Root { path, library: target.is_lib(), shipped: target.is_lib() || target.is_bin() }
    };
    let packages = metadata.workspace_packages();
    packages.iter().flat_map(|package| package.targets.iter().map(root)).collect()
}

fn read_folder(top: &Path, folder: &Path, sources: &mut Sources) -> Result<(), Box<dyn Error>> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            read_folder(top, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(top)?.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            let source = Source::new(&name, &text).map_err(|error| not_rust(&name, &error))?;
            sources.insert(name, source);
        }
    }
    Ok(())
}

fn not_rust(name: &str, error: &syn::Error) -> String {
    format!("{name}:{}: {error}", error.span().start().line)
}
