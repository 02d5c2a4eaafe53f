//! Reading a directory: what of it would be served, and what it is.
//!
//! This asks the disk once or more for each name, so it is never done on a thread that serves.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, accessat, statat};
use rustix::io::{Errno, retry_on_intr};

use crate::identity::{Identity, Kind};
use crate::listing::entries::{Entries, Entry, EntryKind};
use crate::path::{CheckedPath, DotFiles};
use crate::root::{FileFault, Root, Seen, fault};

/// Reads the names in `directory` that are served and that `filter` takes, at most `max` of them, in
/// no order.
///
/// Names that vanish meanwhile are left out.
///
/// # Errors
/// Why the directory can't be read.
pub(crate) fn read(
    root: &Root,
    directory: &CheckedPath<'_>,
    max: usize,
    filter: impl Fn(&[u8]) -> bool,
) -> Result<Entries, FileFault> {
    let opened = root.open_directory(directory)?;
    let mut names = Dir::read_from(&opened).map_err(fault)?;
    let mut entries = Entries::default();
    while let Some(next) = names.read() {
        let next = next.map_err(fault)?;
        let name = next.file_name().to_bytes();
        // Where dot files are not served, none is shown, not even the directory that is (RFC 8615).
        let is_shown = !name.starts_with(b".") || directory.dot_files() == DotFiles::Served;
        if !is_shown || !filter(name) {
            continue;
        }
        let Ok(path) = directory.child(name) else { continue };
        let Some(entry) = look(root, opened.as_fd(), name, &path) else { continue };
        if entries.list.len() >= max {
            entries.truncated = true;
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// What the name is, if it would be served.
fn look(root: &Root, directory: BorrowedFd<'_>, name: &[u8], path: &CheckedPath<'_>) -> Option<Entry> {
    let stat = retry_on_intr(|| statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)).ok()?;
    let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    let seen = if is_link {
        root.follow(path).ok()?
    } else {
        Seen { kind: Kind::of(&stat), identity: Identity::of(&stat) }
    };
    let (kind, access, everybody) = match seen.kind {
        Kind::File => (EntryKind::File(seen.identity.size()), Access::READ_OK, Mode::ROTH),
        Kind::Directory => (EntryKind::Directory, Access::EXEC_OK, Mode::XOTH),
        Kind::Other => return None,
    };
    // What is open to everybody, as most is, needs no asking. Of the answers only a plain refusal
    // counts: a filter that doesn't know the call says PERM to all.
    let is_open = !is_link && Mode::from_raw_mode(stat.st_mode).contains(everybody);
    if !is_open && accessat(directory, name, access, AtFlags::EACCESS) == Err(Errno::ACCESS) {
        return None;
    }
    Some(Entry { name: name.into(), kind, modified: seconds(&seen.identity), is_link })
}

/// When it was last modified, in seconds since 1970.
pub(crate) fn seconds(identity: &Identity) -> u64 {
    let time = identity.modified().to_system_time();
    let since = time.and_then(|time| time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}
