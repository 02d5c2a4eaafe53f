//! Where the content goes: a part that becomes a file, or a place that takes bytes as they come.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use message::precondition::Validators;
use rustix::fs::FileType;

use crate::digest::{Digest, Hasher};
use crate::directory::Directory;
use crate::file_fault::FileFault;
use crate::journal::Journal;
use crate::name::FileName;
use crate::order::Output;
use crate::part::Part;
use crate::url::Url;

/// The place that an order names, found fit before anything is asked for.
#[derive(Debug)]
pub(crate) enum Sink {
    File(FileSink),
    Stream(Stream),
    /// What was there is in its place.
    Landed,
}

/// A file that is to be, and its part once something has come for it.
#[derive(Debug)]
pub(crate) struct FileSink {
    directory: Arc<Directory>,
    name: FileName,
    force: bool,
    /// Something had that name when it was looked at.
    occupied: bool,
    part: Option<Part>,
}

/// A place that takes bytes as they come.
pub(crate) struct Stream {
    writer: Box<dyn Write + Send>,
    path: PathBuf,
    /// Bytes that it has taken, which can't be taken back.
    taken: u64,
    hashers: Vec<(Digest, Hasher)>,
}

impl Sink {
    /// The place for what `url` names. `force`: a file that is there may be replaced.
    pub(crate) fn open(output: Output, url: &Url, force: bool) -> Result<Self, FileFault> {
        match output {
            Output::Directory(path) => {
                file_in(Directory::open(&path)?, FileName::from_url_path(url.path()), force)
            }
            Output::Beneath(root, place) => file_beneath(&root, &place, force),
            Output::File(path) => match stream_at(&path)? {
                Some(stream) => Ok(Self::Stream(stream)),
                None => file_at(&path, force),
            },
            Output::Writer(writer) => Ok(Self::Stream(Stream::new(writer, PathBuf::from("the output")))),
        }
    }

    /// The file, for people; `None` where there is none.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(file) => Some(file.directory.path_of(&file.name)),
            Self::Stream(_) | Self::Landed => None,
        }
    }

    /// Whether the bytes must come in order.
    pub(crate) fn is_in_order(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// What is in the file's place already: its length in bytes, and when it was modified. `None` if there is
    /// nothing, or no regular file.
    pub(crate) fn occupant(&self) -> Option<(File, Metadata)> {
        let Self::File(file) = self else { return None };
        let there = file.directory.open_file(&file.name).ok()?;
        let metadata = there.metadata().ok().filter(Metadata::is_file)?;
        Some((there, metadata))
    }

    /// The file that is there may be replaced.
    pub(crate) fn allow_replacing(&mut self) {
        if let Self::File(file) = self {
            file.force = true;
        }
    }

    /// The fault of what is there already and is not to be replaced.
    pub(crate) fn occupied(&self) -> Option<FileFault> {
        let Self::File(file) = self else { return None };
        let is_fault = file.occupied && !file.force;
        is_fault.then(|| FileFault::Exists { path: file.directory.path_of(&file.name) })
    }

    /// What another run has left and can be gone on with.
    pub(crate) fn reopen(&mut self) -> Result<Option<Journal>, FileFault> {
        let Self::File(file) = self else { return Ok(None) };
        let reopened = Part::reopen(&file.directory, &file.name, file.force)?;
        Ok(reopened.map(|(part, journal)| {
            file.part = Some(part);
            journal
        }))
    }

    /// Whether what has come can be thrown away: not when it is out.
    pub(crate) fn can_begin(&self) -> bool {
        match self {
            Self::File(_) | Self::Landed => true,
            Self::Stream(stream) => stream.taken == 0,
        }
    }

    /// All comes from the first byte; `length` of them, if that is known, and to have those digests.
    pub(crate) fn begin(&mut self, length: Option<u64>, expected: &[Digest]) -> Result<(), FileFault> {
        match self {
            Self::File(FileSink { part: Some(part), .. }) => part.begin_anew()?,
            Self::File(file) => file.part = Some(Part::create(&file.directory, &file.name, file.force)?),
            Self::Stream(stream) => {
                let hasher = |digest: &Digest| (digest.clone(), Hasher::new(digest.algorithm()));
                stream.hashers = expected.iter().map(hasher).collect();
            }
            Self::Landed => {}
        }
        match (self.part(), length) {
            (Some(part), Some(length)) => part.allocate(length),
            _ => Ok(()),
        }
    }

    /// The same for a range of something longer.
    pub(crate) fn begin_range(&mut self, range: &Range<u64>) -> Result<(), FileFault> {
        self.begin(Some(range.end.saturating_sub(range.start)), &[])
    }

    /// The fault of an unfinished file that is not to be begun anew.
    pub(crate) fn unfinished(&self) -> FileFault {
        let path = self.part().map(Part::path).unwrap_or_default();
        FileFault::Unfinished { path }
    }

    /// Nothing of what has come is of any use.
    pub(crate) fn abandon(&mut self) {
        if let Self::File(file) = self
            && let Some(mut part) = file.part.take()
        {
            // It is removed whether it can be emptied first or not.
            let _ = part.begin_anew();
        }
    }

    /// Writes `bytes` where they belong. A place that takes them in order is given them so.
    pub(crate) fn write_at(&mut self, bytes: &[u8], at: u64) -> Result<(), FileFault> {
        match self {
            Self::File(FileSink { part: Some(part), .. }) => part.write_at(bytes, at),
            Self::File(_) | Self::Landed => Ok(()),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    /// The unfinished file.
    pub(crate) fn part(&self) -> Option<&Part> {
        match self {
            Self::File(file) => file.part.as_ref(),
            Self::Stream(_) | Self::Landed => None,
        }
    }

    /// Writes down what is there; whether that is done.
    pub(crate) fn note(&mut self, journal: &Journal) -> bool {
        match self {
            Self::File(FileSink { part: Some(part), .. }) => part.note(journal),
            _ => false,
        }
    }

    /// The file, for whoever hashes it; `None` where it can't be read again.
    pub(crate) fn reader(&self) -> Option<std::io::Result<File>> {
        self.part().map(|part| part.file().try_clone())
    }

    /// The first digest that what went out does not have.
    pub(crate) fn mismatch(&mut self) -> Option<Digest> {
        let Self::Stream(stream) = self else { return None };
        let hashers = std::mem::take(&mut stream.hashers);
        hashers.into_iter().find_map(|(expected, hasher)| (hasher.finish() != expected).then_some(expected))
    }

    /// Everything is there: puts it in its place.
    pub(crate) async fn land(self, length: u64, version: &Validators) -> Result<(), FileFault> {
        match self {
            Self::File(FileSink { part: Some(part), .. }) => part.land(length, version).await,
            Self::File(_) | Self::Landed => Ok(()),
            Self::Stream(mut stream) => stream.flush(),
        }
    }
}

impl Stream {
    fn new(writer: Box<dyn Write + Send>, path: PathBuf) -> Self {
        Self { writer, path, taken: 0, hashers: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        self.taken = self.taken.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        for (_, hasher) in &mut self.hashers {
            hasher.update(bytes);
        }
        self.writer.write_all(bytes).map_err(|error| FileFault::of("write", &self.path, error))
    }

    fn flush(&mut self) -> Result<(), FileFault> {
        self.writer.flush().map_err(|error| FileFault::of("write", &self.path, error))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The file at a path that the user has chosen.
fn file_at(path: &Path, force: bool) -> Result<Sink, FileFault> {
    if path.as_os_str().as_bytes().ends_with(b"/") || path.is_dir() {
        return Err(FileFault::IsDirectory { path: path.to_owned() });
    }
    let (Some(name), Some(directory)) = (FileName::of_path(path), path.parent()) else {
        return Err(FileFault::NoName { path: path.to_owned() });
    };
    file_in(Directory::open(directory)?, name, force)
}

/// The file by these names beneath a directory; the directories on the way are made.
fn file_beneath(root: &Path, place: &[FileName], force: bool) -> Result<Sink, FileFault> {
    let Some((name, directories)) = place.split_last() else {
        return Err(FileFault::NoName { path: root.to_owned() });
    };
    let mut directory = Directory::open(root)?;
    for name in directories {
        directory = directory.make(name)?;
    }
    file_in(directory, name.clone(), force)
}

fn file_in(directory: Directory, name: FileName, force: bool) -> Result<Sink, FileFault> {
    let path = directory.path_of(&name);
    match directory.kind_of(&name).map_err(|error| FileFault::of("create", &path, error))? {
        Some(FileType::Directory) => Err(FileFault::IsDirectory { path }),
        there @ (None | Some(FileType::RegularFile | FileType::Symlink)) => {
            let (directory, occupied) = (Arc::new(directory), there.is_some());
            Ok(Sink::File(FileSink { directory, name, force, occupied, part: None }))
        }
        Some(_) => Err(FileFault::NotRegular { path }),
    }
}

/// The device or pipe at a path that the user has chosen, such as `/dev/null`: it is written to, and
/// certainly not replaced by a file.
fn stream_at(path: &Path) -> Result<Option<Stream>, FileFault> {
    let is_stream =
        path.metadata().is_ok_and(|found| found.file_type().is_char_device() || found.file_type().is_fifo());
    if !is_stream {
        return Ok(None);
    }
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => Ok(Some(Stream::new(Box::new(file), path.to_owned()))),
        Err(error) => Err(FileFault::of("open", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn open(output: Output, force: bool) -> Result<Sink, FileFault> {
        Sink::open(output, &Url::parse("a/x").unwrap(), force)
    }

    #[test]
    fn what_is_there_is_replaced_only_when_told_to() {
        let tree = tempfile::tempdir().unwrap();
        let directory = || Output::Directory(tree.path().into());
        assert_eq!(open(directory(), false).unwrap().path(), Some(tree.path().join("x")));
        symlink("nowhere", tree.path().join("x")).unwrap();
        assert!(matches!(open(directory(), false).unwrap().occupied(), Some(FileFault::Exists { .. })));
        assert!(open(directory(), true).unwrap().occupied().is_none());
        fs::remove_file(tree.path().join("x")).unwrap();
        fs::create_dir(tree.path().join("x")).unwrap();
        assert!(matches!(open(directory(), true), Err(FileFault::IsDirectory { .. })));
    }

    #[test]
    fn a_chosen_path_must_name_a_file_in_a_directory_that_is_there() {
        let tree = tempfile::tempdir().unwrap();
        let at = |path: &str| open(Output::File(tree.path().join(path)), true).map(drop);
        assert!(at("y").is_ok());
        assert!(matches!(at("y/"), Err(FileFault::IsDirectory { .. })));
        assert!(matches!(at("."), Err(FileFault::IsDirectory { .. })));
        assert!(matches!(at("missing/y"), Err(FileFault::NoDirectory { .. })));
        assert!(matches!(at("missing/.."), Err(FileFault::NoName { .. })));
        assert!(matches!(at(&"y".repeat(300)), Err(FileFault::NameTooLong { .. })));
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let mut null = open(Output::File("/dev/null".into()), false).unwrap();
        null.write_at(b"gone", 0).unwrap();
        assert!(null.path().is_none() && !null.can_begin());
        let mut full = open(Output::File("/dev/full".into()), false).unwrap();
        let fault = full.write_at(b"x", 0).unwrap_err();
        assert_eq!(fault.to_string(), "no space left on the disk for /dev/full");
    }
}
