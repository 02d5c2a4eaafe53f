//! `-R`: a tree, by its listings.

use std::io::{Write, stderr};
use std::path::Path;

use download::{Grown, Leaf, Selection, Tree, TreeFault, grow};
use engine::clock;
use indicatif::MultiProgress;

use crate::exit::Exit;
use crate::role::get::job::Jobs;
use crate::role::get::list::Line;
use crate::role::get::shown::{Loudness, Shown};
use crate::role::get::ways::Ways;

/// How many of the things that are left out of a tree are told one by one.
const TOLD: usize = 20;

/// A tree that is being got.
pub(super) struct Mirroring {
    grown: Grown,
}

impl Mirroring {
    /// Follows the listings from the one URL of `jobs`, whose lines are the tree's files then.
    ///
    /// # Errors
    /// There is no listing.
    pub(super) async fn begin(
        jobs: &mut Jobs,
        ways: &Ways,
        loudness: Loudness,
        screen: &MultiProgress,
    ) -> Result<Self, Exit> {
        let Some(Line { url, mirror, .. }) = jobs.lines.pop() else {
            return Err(Exit::usage("-R takes the URL of a directory"));
        };
        let args = &jobs.args;
        let selection = Selection { include: args.include.clone(), exclude: args.exclude.clone() };
        let tree = Tree { root: url.clone(), mirrors: mirror, depth: args.depth, selection };
        let shown = Shown::new(loudness, screen, &url);
        let order = |url| jobs.order(&Line::of(url));
        let mut grown = grow(ways, tree, order, clock::now(), &shown).await.map_err(exit)?;
        shown.conclude(None);
        shown.say(&format!("{url}: {} files", grown.leaves.len()));
        jobs.lines = std::mem::take(&mut grown.leaves).into_iter().map(line).collect();
        Ok(Self { grown })
    }

    /// What of the tree is missing. Removes from `dir`, if that is given, what is not in the tree.
    ///
    /// # Errors
    /// Something could not be removed.
    pub(super) fn end(mut self, dir: Option<&Path>, loudness: Loudness) -> Result<Vec<Exit>, Exit> {
        let say = |text: &str| {
            if !loudness.quiet {
                // Where stderr is closed there is nobody to tell.
                let _ = writeln!(stderr(), "{text}");
            }
        };
        if let Some(dir) = dir {
            let removed = self.grown.prune(dir).map_err(|fault| Exit::with_status(3, fault))?;
            removed.iter().for_each(|path| say(&format!("removed {}", path.display())));
        }
        let (missing, passed): (Vec<_>, Vec<_>) =
            self.grown.faults.drain(..).partition(|fault| fault.exit_status() != 0);
        passed.iter().take(TOLD).for_each(|fault| say(&format!("sockets: {fault}")));
        if passed.len() > TOLD {
            say(&format!("sockets: and {} more", passed.len() - TOLD));
        }
        Ok(missing.into_iter().map(exit).collect())
    }
}

fn line(leaf: Leaf) -> Line {
    Line { mirror: leaf.mirrors, place: leaf.place, ..Line::of(leaf.url) }
}

fn exit(fault: TreeFault) -> Exit {
    Exit::with_status(fault.exit_status().max(1), fault)
}
