//! Which directory of a tree is asked for next, and how far that goes.
//!
//! Pure.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;

use crate::fault::GetFault;
use crate::name::FileName;
use crate::tree::names::Names;
use crate::tree::page::{Entry, Extent, Page};
use crate::tree::selection::Selection;
use crate::url::Url;

/// The most files and directories of one tree.
const ENTRIES_MAX: usize = 1_000_000;

/// A tree that is to be got.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The URL of the directory at its root.
    pub root: Url,
    /// Other places of the same tree.
    pub mirrors: Vec<Url>,
    /// How many directories deep, that of the root counted: 1 is its own files only.
    pub depth: NonZeroU32,
    /// What of it is wanted.
    pub selection: Selection,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it is.
    pub url: Url,
    /// Where it is, too.
    pub mirrors: Vec<Url>,
    /// Its place beneath the root on the disk: directories, and its name last.
    pub place: Vec<FileName>,
    /// Its length in bytes, where the listing tells it exactly.
    pub size: Option<u64>,
}

/// Why something of a tree is left out.
#[derive(Debug, thiserror::Error)]
pub enum TreeFault {
    /// A listing could not be had.
    #[error(transparent)]
    Get(#[from] GetFault),
    /// What was answered is no listing.
    #[error("{url} is no listing of a directory")]
    NotListing {
        /// What was asked for.
        url: Url,
    },
    /// A listing that is somewhere else.
    #[error("{url} leads out of the tree, to {to}: not followed")]
    Elsewhere {
        /// What was asked for.
        url: Url,
        /// Where that led.
        to: Url,
    },
    /// A listing that says itself that it does not name everything.
    #[error("the listing {url} is cut short by its server")]
    Cut {
        /// What was asked for.
        url: Url,
    },
    /// More than anybody has in one tree.
    #[error("{url} has more than {limit} files and directories beneath it")]
    TooMany {
        /// The root.
        url: Url,
        /// How many there may be.
        limit: usize,
    },
    /// A directory that has the same in it as one above it.
    #[error("{url} lists the same as a directory above it: taken for a loop, and not followed")]
    Loop {
        /// The directory.
        url: Url,
    },
    /// A directory deeper than was asked for.
    #[error("{url} is deeper than --depth: not followed")]
    TooDeep {
        /// The directory.
        url: Url,
    },
}

impl TreeFault {
    /// The exit status of a program that leaves it out; see [`GetFault::exit_status`]. 0 where that is no failure.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Get(fault) => fault.exit_status(),
            Self::NotListing { .. } | Self::Elsewhere { .. } | Self::Cut { .. } | Self::TooMany { .. } => 8,
            Self::Loop { .. } | Self::TooDeep { .. } => 0,
        }
    }
}

/// A directory that is to be asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    /// The segments by which it is beneath the root, percent-encoded.
    segments: Vec<String>,
    /// Its place on the disk.
    place: Vec<FileName>,
    /// What the directories above it hold, each as one number.
    above: Vec<u64>,
}

impl Branch {
    fn is_root(&self) -> bool {
        self.segments.is_empty()
    }
}

/// A directory whose listing has been read.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) place: Vec<FileName>,
    pub(crate) names: Names,
    pub(crate) extent: Extent,
}

/// A tree on its way.
#[derive(Debug)]
pub(crate) struct Walk {
    tree: Tree,
    queue: VecDeque<Branch>,
    entries: usize,
    leaves: Vec<Leaf>,
    listed: Vec<Listed>,
    faults: Vec<TreeFault>,
}

/// A tree, as far as its listings name it.
#[derive(Debug)]
pub struct Grown {
    /// Its files.
    pub leaves: Vec<Leaf>,
    /// What is left out, and why.
    pub faults: Vec<TreeFault>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) selection: Selection,
}

impl Walk {
    pub(crate) fn new(mut tree: Tree) -> Self {
        tree.mirrors = tree.mirrors.iter().map(Url::as_directory).collect();
        let (leaves, listed, faults) = (Vec::new(), Vec::new(), Vec::new());
        Self { tree, queue: VecDeque::from([Branch::default()]), entries: 0, leaves, listed, faults }
    }

    /// The next directory to ask for; `None` if there is none at present.
    pub(crate) fn next(&mut self) -> Option<Branch> {
        self.queue.pop_front()
    }

    /// Where it is.
    pub(crate) fn url(&self, branch: &Branch) -> Url {
        if branch.is_root() {
            return self.tree.root.clone();
        }
        beneath(&self.tree.root, &branch.segments).as_directory()
    }

    /// Takes up what its listing names, which came from `led_to`.
    ///
    /// # Errors
    /// It is of no use.
    pub(crate) fn found(
        &mut self,
        branch: &Branch,
        led_to: &Url,
        page: Option<Page>,
    ) -> Result<(), TreeFault> {
        let url = self.url(branch);
        let Some(page) = page.filter(|_| led_to.path().ends_with('/')) else {
            return Err(TreeFault::NotListing { url });
        };
        let is_here = led_to.path() == url.as_directory().path();
        match (branch.is_root(), is_here) {
            // A balancer's redirect leads to a server that has this directory, and another one the next time.
            (true, true) => self.tree.root = url.as_directory(),
            (true, false) => self.tree.root = led_to.as_directory(),
            (false, true) => {}
            (false, false) => return Err(TreeFault::Elsewhere { url, to: led_to.clone() }),
        }
        let print = print(&page.entries);
        if page.entries.len() > 1 && branch.above.contains(&print) {
            return Err(TreeFault::Loop { url });
        }
        if page.extent == Extent::Cut {
            self.faults.push(TreeFault::Cut { url: url.clone() });
        }
        self.entries = self.entries.saturating_add(page.entries.len());
        if self.entries > ENTRIES_MAX {
            return Err(TreeFault::TooMany { url: self.tree.root.clone(), limit: ENTRIES_MAX });
        }
        let mut names = Names::default();
        for entry in page.entries {
            let name = names.claim(&FileName::from_url_path(&entry.segment));
            self.entry(branch, print, entry, name);
        }
        self.listed.push(Listed { place: branch.place.clone(), names, extent: page.extent });
        Ok(())
    }

    fn entry(&mut self, branch: &Branch, print: u64, entry: Entry, name: FileName) {
        let place = with_last(branch.place.clone(), name);
        let path = path_of(&place);
        let segments = with_last(branch.segments.clone(), entry.segment);
        if !entry.is_directory {
            if self.tree.selection.has_file(&path) {
                let mirrors = self.tree.mirrors.iter().map(|root| beneath(root, &segments)).collect();
                let url = beneath(&self.tree.root, &segments);
                self.leaves.push(Leaf { url, mirrors, place, size: entry.size });
            }
            return;
        }
        if !self.tree.selection.has_directory(&path) {
            return;
        }
        let depth = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let above = with_last(branch.above.clone(), print);
        let deeper = Branch { segments, place, above };
        if depth >= self.tree.depth.get() {
            self.faults.push(TreeFault::TooDeep { url: self.url(&deeper) });
            return;
        }
        self.queue.push_back(deeper);
    }

    /// Leaves a directory out. At the root, and for a tree without end, there is nothing to go on with.
    ///
    /// # Errors
    /// Why there is nothing.
    pub(crate) fn leave_out(&mut self, branch: &Branch, fault: TreeFault) -> Result<(), TreeFault> {
        if branch.is_root() || matches!(fault, TreeFault::TooMany { .. }) {
            return Err(fault);
        }
        self.faults.push(fault);
        Ok(())
    }

    /// What was found, when there is no directory left to ask for.
    pub(crate) fn into_grown(self) -> Grown {
        let Self { tree, leaves, listed, faults, .. } = self;
        Grown { leaves, faults, listed, selection: tree.selection }
    }
}

fn with_last<T>(mut list: Vec<T>, last: T) -> Vec<T> {
    list.push(last);
    list
}

/// A place as patterns see it.
pub(crate) fn path_of(place: &[FileName]) -> String {
    let names: Vec<_> = place.iter().map(|name| name.as_os_str().to_string_lossy()).collect();
    names.join("/")
}

fn beneath(root: &Url, segments: &[String]) -> Url {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    root.beneath(&segments)
}

/// What a directory holds, as one number.
fn print(entries: &[Entry]) -> u64 {
    let mut hasher = DefaultHasher::new();
    entries.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::page::read;
    use crate::tree::selection::Pattern;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn walk(depth: u32, exclude: &[&str]) -> Walk {
        let exclude = exclude.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let selection = Selection { include: Vec::new(), exclude };
        let depth = NonZeroU32::new(depth).unwrap();
        Walk::new(Tree { root: url("a/pub/"), mirrors: vec![url("m/copy")], depth, selection })
    }

    /// Walks a tree whose directories `listing` lists; gives the files, and what is left out.
    fn grow(mut walk: Walk, listing: impl Fn(&str) -> String) -> (Vec<String>, Vec<String>) {
        while let Some(branch) = walk.next() {
            let url = walk.url(&branch);
            let page = read(&listing(url.path()), &url);
            if let Err(fault) = walk.found(&branch, &url, page) {
                walk.leave_out(&branch, fault).unwrap();
            }
        }
        let grown = walk.into_grown();
        let leaf = |leaf: &Leaf| {
            assert_eq!(leaf.mirrors[0].path(), leaf.url.path().replace("/pub/", "/copy/"));
            format!("{} {}", leaf.url, path_of(&leaf.place))
        };
        (grown.leaves.iter().map(leaf).collect(), grown.faults.iter().map(ToString::to_string).collect())
    }

    fn links(names: &[&str]) -> String {
        let links: String = names.iter().map(|name| format!("<a href=\"{name}\">{name}</a>\n")).collect();
        format!("<html><body>{links}</body></html>")
    }

    #[test]
    fn a_tree_is_walked_to_its_ends() {
        let listing = |path: &str| match path {
            "/pub/" => links(&["x", "d/", "tmp/", "%2e%2e%2fevil", "y%20z"]),
            "/pub/d/" => links(&["x", "e/"]),
            "/pub/d/e/" => links(&["x", "x.tmp"]),
            other => panic!("{other} was asked for"),
        };
        let (files, left_out) = grow(walk(9, &["tmp/", "*.tmp"]), listing);
        assert_eq!(
            files,
            [
                "http://a/pub/x x",
                "http://a/pub/%2e%2e%2fevil _._evil",
                "http://a/pub/y%20z y z",
                "http://a/pub/d/x d/x",
                "http://a/pub/d/e/x d/e/x",
            ]
        );
        assert_eq!(left_out, [""; 0]);
        let (files, left_out) = grow(walk(1, &["tmp/"]), listing);
        assert_eq!((files.len(), left_out.len()), (3, 1));
        assert!(left_out[0].contains("/pub/d/ is deeper"), "{left_out:?}");
    }

    #[test]
    fn a_loop_is_seen_and_a_tree_without_end_ends_at_its_depth() {
        let (files, left_out) = grow(walk(9, &[]), |_| links(&["x", "self/"]));
        assert_eq!(files, ["http://a/pub/x x"]);
        assert!(left_out[0].contains("/pub/self/ lists the same"), "{left_out:?}");
        let (files, _) = grow(walk(9, &[]), |path| links(&[&format!("f{}", path.len()), "deeper/"]));
        assert_eq!(files.len(), 9);
    }

    #[test]
    fn names_that_come_to_the_same_are_told_apart() {
        let (files, _) = grow(walk(1, &[]), |_| links(&["a%2fb", "a_b", "c", "c.part"]));
        let places: Vec<&str> = files.iter().map(|file| file.split_once(' ').unwrap().1).collect();
        assert_eq!(places, ["a_b", "a_b.1", "c", "c.1.part"]);
    }

    #[test]
    fn only_the_root_may_be_somewhere_else() {
        for (led_to, root) in [
            ("http://a/pub/", "http://a/pub/"),
            ("http://b/pub/", "http://a/pub/"),
            ("http://b/v2/", "http://b/v2/"),
        ] {
            let mut walk = walk(9, &[]);
            let branch = walk.next().unwrap();
            walk.found(&branch, &url(led_to), read(&links(&["d/"]), &url(led_to))).unwrap();
            assert_eq!(walk.tree.root.to_string(), root, "{led_to}");
            let branch = walk.next().unwrap();
            let fault = walk.found(&branch, &url("http://a/elsewhere/"), read(&links(&["x"]), &url(led_to)));
            assert!(matches!(fault, Err(TreeFault::Elsewhere { .. })), "{led_to}");
        }
        let mut walk = walk(9, &[]);
        let branch = walk.next().unwrap();
        let fault = walk.found(&branch, &url("a/pub/index.html"), read(&links(&["x"]), &url("a/pub/")));
        assert!(matches!(fault, Err(TreeFault::NotListing { .. })));
    }
}
