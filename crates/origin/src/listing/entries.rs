//! What is in a directory, as far as it is shown.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::listing::natural;
use crate::listing::query::{Key, Order};

/// What an entry takes in memory beside its name, in bytes: the struct, and what an allocator adds.
const ENTRY_BYTES: usize = 64;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Any bytes but `/` and NUL.
    pub(crate) name: Box<[u8]>,
    pub(crate) kind: EntryKind,
    /// When it was last modified, in seconds since 1970; 0 for what is older.
    pub(crate) modified: u64,
    /// Whether the name is that of a link to it.
    pub(crate) is_link: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    /// A file of so many bytes.
    File(u64),
}

/// The names in a directory that are shown.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) list: Vec<Entry>,
    /// How many of them are directories.
    pub(crate) directories: usize,
    /// The bytes of all files together.
    pub(crate) bytes: u64,
    /// Whether there are more than may be listed.
    pub(crate) truncated: bool,
    names_bytes: usize,
}

impl Entry {
    /// The name as text; what is not UTF-8 in it is replaced.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == EntryKind::Directory
    }
}

impl Entries {
    pub(crate) fn push(&mut self, entry: Entry) {
        match entry.kind {
            EntryKind::Directory => self.directories = self.directories.saturating_add(1),
            EntryKind::File(size) => self.bytes = self.bytes.saturating_add(size),
        }
        self.names_bytes = self.names_bytes.saturating_add(entry.name.len());
        self.list.push(entry);
    }

    /// How many of them are files.
    pub(crate) fn files(&self) -> usize {
        self.list.len().saturating_sub(self.directories)
    }

    /// What they take in memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.list.capacity().saturating_mul(ENTRY_BYTES).saturating_add(self.names_bytes)
    }

    /// Puts directories first, and each of both parts into that order. Equal ones, and directories by
    /// size, are in the order of their names.
    pub(crate) fn sort(&mut self, key: Key, order: Order) {
        self.list.sort_unstable_by(|a, b| {
            b.is_directory().cmp(&a.is_directory()).then_with(|| {
                let by_key = compare(a, b, key);
                let by_key = if order == Order::Descending { by_key.reverse() } else { by_key };
                by_key.then_with(|| natural::compare(&a.name, &b.name))
            })
        });
    }
}

fn compare(a: &Entry, b: &Entry, key: Key) -> Ordering {
    match key {
        Key::Name => natural::compare(&a.name, &b.name),
        Key::Time => a.modified.cmp(&b.modified),
        Key::Size => match (a.kind, b.kind) {
            (EntryKind::File(a), EntryKind::File(b)) => a.cmp(&b),
            (EntryKind::Directory, _) | (_, EntryKind::Directory) => Ordering::Equal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(list: &[(&str, Option<u64>, u64)]) -> Entries {
        let mut entries = Entries::default();
        for (name, size, modified) in list {
            let kind = size.map_or(EntryKind::Directory, EntryKind::File);
            entries.push(Entry { name: name.as_bytes().into(), kind, modified: *modified, is_link: false });
        }
        entries
    }

    #[test]
    fn directories_come_first_in_every_order() {
        let mut entries = entries(&[
            ("b10", Some(5), 30),
            ("d2", None, 10),
            ("b9", Some(7), 20),
            ("a", Some(5), 40),
            ("d10", None, 20),
        ]);
        for (key, order, expected) in [
            (Key::Name, Order::Ascending, ["d2", "d10", "a", "b9", "b10"]),
            (Key::Name, Order::Descending, ["d10", "d2", "b10", "b9", "a"]),
            (Key::Size, Order::Ascending, ["d2", "d10", "a", "b10", "b9"]),
            (Key::Size, Order::Descending, ["d2", "d10", "b9", "a", "b10"]),
            (Key::Time, Order::Ascending, ["d2", "d10", "b9", "b10", "a"]),
            (Key::Time, Order::Descending, ["d10", "d2", "a", "b10", "b9"]),
        ] {
            entries.sort(key, order);
            let names: Vec<_> = entries.list.iter().map(Entry::text).collect();
            assert_eq!(names, expected, "{key:?} {order:?}");
        }
    }

    #[test]
    fn entries_are_counted_as_they_come() {
        let entries = entries(&[("a", Some(5), 0), ("d", None, 0), ("b", Some(u64::MAX), 0)]);
        assert_eq!((entries.files(), entries.directories, entries.bytes), (2, 1, u64::MAX));
        assert!(entries.memory_bytes() >= 3 * ENTRY_BYTES + 3);
    }
}
