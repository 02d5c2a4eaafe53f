//! Whole trees: what listings name beneath a URL, and the same tree on the disk.
//!
//! | file | holds |
//! |---|---|
//! | `anchors` | where the anchors of a page of HTML lead, as they are written; pure |
//! | `page` | a listing, of whichever server: the names in one directory; pure |
//! | `selection` | which files and directories of a tree are wanted; pure |
//! | `names` | names for several files in one directory, no two alike; pure |
//! | `walk` | which directory is asked for next, and how far; pure |
//! | `grow` | the asking |
//! | `prune` | what the tree on the disk has and the listings have not |
//!
//! Of a listing nothing is believed but names: of each reference only the one segment counts by which it is
//! beneath the directory that was asked for, and that is put behind the URL that was asked for. So no listing
//! leads out of its tree, whatever it says, and each step goes one deeper.

pub(crate) mod anchors;
pub(crate) mod grow;
pub(crate) mod names;
pub(crate) mod page;
pub(crate) mod prune;
pub(crate) mod selection;
pub(crate) mod walk;
