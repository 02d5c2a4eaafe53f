//! What is about to be put in its place, and is not recorded yet.
//!
//! A body is put in its place by rename and recorded a moment later, in a batch with others. Were the process
//! killed in between, the file would lie there for ever: no record would lead to it, and no quota count it. So
//! where it is going to lie is noted first, in a file that is as good as empty most of the time; the next
//! start looks at what is noted there, and nowhere else.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::CacheKey;

/// How long it may become before what is recorded is taken out of it, in bytes.
const LENGTH_MAX: u64 = 1 << 20;

/// The most that is read of it, in bytes: far more than can be waiting to be recorded.
const READ_MAX: u64 = 64 << 20;

/// The notes, and their file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    notes: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    file: File,
    length: u64,
    /// By the id of the stored response; one may have been tried at several places.
    waiting: BTreeMap<u64, Vec<String>>,
}

/// A body that was about to be put in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) slot: u8,
    /// Below the cache's directory.
    pub(crate) path: String,
    pub(crate) key: String,
}

impl Journal {
    /// Opens the journal at `path`, or makes it, and gives what an earlier process left in it.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<Note>)> {
        let mut text = Vec::new();
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        Read::by_ref(&mut file).take(READ_MAX).read_to_end(&mut text)?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let notes = Notes { file, length, waiting: BTreeMap::new() };
        Ok((Self { path: path.to_owned(), notes: Mutex::new(notes) }, read(&text)))
    }

    /// Notes that the body of `id`, variant `slot` of `key`, is about to be put at `place`.
    pub(crate) fn note(&self, id: u64, key: &CacheKey, slot: u8, place: &str) -> io::Result<()> {
        let line = format!("{slot} {place} {key}\n");
        let mut notes = self.notes();
        // One write for a line. If only a part of it comes out, so does only a part of the next start's note.
        notes.file.write_all(line.as_bytes())?;
        notes.length = notes.length.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        notes.waiting.entry(id).or_default().push(line);
        Ok(())
    }

    /// Bytes that it takes.
    pub(crate) fn length(&self) -> u64 {
        self.notes().length
    }

    /// These are recorded, or gone: they need not be looked for.
    pub(crate) fn settle(&self, ids: impl Iterator<Item = u64>) {
        let mut notes = self.notes();
        for id in ids {
            notes.waiting.remove(&id);
        }
        if notes.length > 0 && (notes.waiting.is_empty() || notes.length > LENGTH_MAX) {
            // Longer than need be it is as good: what it says in vain is found to be recorded.
            drop(notes.rewrite(&self.path));
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// Leaves in the file only what is waiting.
    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        if self.waiting.is_empty() {
            self.file.set_len(0)?;
            self.length = 0;
            return Ok(());
        }
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().append(true).create_new(true).open(&new)?;
        let text: String = self.waiting.values().flatten().map(String::as_str).collect();
        file.write_all(text.as_bytes())?;
        fs::rename(&new, path)?;
        self.file = file;
        self.length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// The notes in `text`; what is no note, such as the last line of a process that was killed, says nothing.
fn read(text: &[u8]) -> Vec<Note> {
    let line = |line: &[u8]| {
        let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let mut parts = line.splitn(3, ' ');
        let (slot, path, key) = (parts.next()?, parts.next()?, parts.next()?);
        let is_below = !path.is_empty()
            && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
            && (path.starts_with(".sockets/parts/") || !path.starts_with(".sockets"));
        is_below.then_some(Note { slot: slot.parse().ok()?, path: path.to_owned(), key: key.to_owned() })
    };
    text.split_inclusive(|byte| *byte == b'\n').filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> CacheKey {
        CacheKey::parse(&format!("http://a{path}")).unwrap()
    }

    fn left(path: &Path) -> Vec<String> {
        Journal::open(path).unwrap().1.into_iter().map(|note| note.path).collect()
    }

    #[test]
    fn what_waits_is_found_and_what_is_recorded_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (journal, before) = Journal::open(&path).unwrap();
        assert_eq!(before, []);
        for (id, place) in [(1, "a/one"), (2, "a/two"), (2, "a/two^leaf"), (3, "a/three")] {
            journal.note(id, &key("/x"), 7, place).unwrap();
        }
        journal.settle([1].into_iter());
        assert_eq!(left(&path).last().unwrap(), "a/three");
        journal.settle([2, 3].into_iter());
        assert_eq!(left(&path), [""; 0], "it is empty when nothing waits");
        journal.note(4, &key("/y"), 7, "a/four").unwrap();
        let (_, notes) = Journal::open(&path).unwrap();
        assert_eq!(notes, [Note { slot: 7, path: "a/four".into(), key: "http://a/y".into() }]);
    }

    #[test]
    fn it_does_not_grow_for_ever_while_something_always_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (journal, _) = Journal::open(&path).unwrap();
        let place = "x".repeat(200);
        for id in 0..10_000 {
            journal.note(id, &key("/x"), 0, &place).unwrap();
            if id > 0 {
                journal.settle([id - 1].into_iter());
            }
            assert!(fs::metadata(&path).unwrap().len() <= LENGTH_MAX + 300);
        }
        assert!(left(&path).contains(&place));
    }

    #[test]
    fn what_is_no_note_leads_nowhere() {
        let text =
            b"0 a/b http://a/b\n1 ../x k\n2 /etc/x k\n3 a//b k\nx a/b k\n0 a/b\n0 .sockets/index k\n0 .sockets/parts/a/d k\n0 a/c k";
        let paths: Vec<_> = read(text).into_iter().map(|note| note.path).collect();
        assert_eq!(paths, ["a/b", ".sockets/parts/a/d"]);
    }
}
