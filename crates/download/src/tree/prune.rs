//! What the tree on the disk has and the listings have not.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::directory::Directory;
use crate::file_fault::FileFault;
use crate::name::FileName;
use crate::tree::page::Extent;
use crate::tree::selection::Selection;
use crate::tree::walk::{Grown, Listed, path_of};

impl Grown {
    /// Removes from the directory `root`, into which the tree was got, what its listings do not name, and gives
    /// the paths of that. What the selection leaves out stays, and so does everything in directories whose
    /// listing is doubtful. Nothing at all is removed if a part of the tree is missing. Links are removed, never
    /// followed.
    ///
    /// # Errors
    /// The first thing that could not be looked at or removed. What was removed before is gone.
    pub fn prune(&self, root: &Path) -> Result<Vec<PathBuf>, FileFault> {
        let mut removed = Vec::new();
        if self.faults.iter().any(|fault| fault.exit_status() != 0) {
            return Ok(removed);
        }
        for listed in self.listed.iter().filter(|listed| listed.extent == Extent::Whole) {
            let Some(directory) = find(root, &listed.place)? else { continue };
            let mut pruning = Pruning { selection: &self.selection, removed: &mut removed };
            pruning.directory(&directory, &listed.place, Some(listed))?;
        }
        Ok(removed)
    }
}

/// The directory by these names; `None` if nothing was to be saved there.
fn find(root: &Path, place: &[FileName]) -> Result<Option<Directory>, FileFault> {
    let mut directory = Directory::open(root)?;
    for name in place {
        let kind = directory
            .kind_of(name)
            .map_err(|error| FileFault::of("look at", &directory.path_of(name), error))?;
        if kind != Some(FileType::Directory) {
            return Ok(None);
        }
        directory = directory.enter(name)?;
    }
    Ok(Some(directory))
}

struct Pruning<'a> {
    selection: &'a Selection,
    removed: &'a mut Vec<PathBuf>,
}

impl Pruning<'_> {
    /// Removes what is in a directory and not in its listing; everything, if it has none.
    fn directory(
        &mut self,
        directory: &Directory,
        place: &[FileName],
        listed: Option<&Listed>,
    ) -> Result<(), FileFault> {
        let fault = |error| FileFault::of("look into", directory.path(), error);
        let entries = directory.entries().map_err(fault)?;
        for (name, kind) in entries {
            if listed.is_some_and(|listed| listed.names.has(&name)) {
                continue;
            }
            let place: Vec<FileName> = place.iter().chain([&name]).cloned().collect();
            let path = path_of(&place);
            if kind != FileType::Directory && self.selection.has_file(&path) {
                self.remove(directory, &name, |name| directory.remove(name).map(|()| true))?;
            } else if kind == FileType::Directory && self.selection.has_directory(&path) {
                self.directory(&directory.enter(&name)?, &place, None)?;
                self.remove(directory, &name, |name| directory.remove_empty(name))?;
            }
        }
        Ok(())
    }

    fn remove(
        &mut self,
        directory: &Directory,
        name: &FileName,
        remove: impl Fn(&FileName) -> io::Result<bool>,
    ) -> Result<(), FileFault> {
        let path = directory.path_of(name);
        if remove(name).map_err(|error| FileFault::of("remove", &path, error))? {
            self.removed.push(path);
        }
        Ok(())
    }
}
