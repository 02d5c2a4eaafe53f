//! Where the content goes: a part that becomes a file, or a place that takes bytes as they come.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;

use crate::directory::Directory;
use crate::file_fault::FileFault;
use crate::name::FileName;
use crate::order::Output;
use crate::part::Part;
use crate::url::Url;

/// The place that an order names, found fit before anything is asked for. Each try opens a [`Sink`]
/// of it.
#[derive(Debug)]
pub(crate) struct Destination {
    place: Place,
    force: bool,
}

#[derive(Debug)]
enum Place {
    File { directory: Arc<Directory>, name: FileName },
    Stream(Stream),
}

/// A place that takes bytes as they come.
pub(crate) struct Stream {
    writer: Box<dyn Write + Send>,
    path: PathBuf,
    begun: bool,
}

/// Takes the content of one try.
#[derive(Debug)]
pub(crate) enum Sink<'a> {
    Part(Part),
    Stream(&'a mut Stream),
}

impl Destination {
    /// The place for what `url` names. `force`: a file that is there may be replaced.
    pub(crate) fn open(output: Output, url: &Url, force: bool) -> Result<Self, FileFault> {
        let place = match output {
            Output::Directory(path) => file_in(&path, FileName::from_url_path(url.path()), force)?,
            Output::File(path) => match stream_at(&path)? {
                Some(stream) => Place::Stream(stream),
                None => file_at(&path, force)?,
            },
            Output::Writer(writer) => {
                Place::Stream(Stream { writer, path: PathBuf::from("the output"), begun: false })
            }
        };
        Ok(Self { place, force })
    }

    /// The file, for people; `None` where there is none.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File { directory, name } => Some(directory.path_of(name)),
            Place::Stream(_) => None,
        }
    }

    /// Whether another try can start over: not when bytes are out that can't be taken back.
    pub(crate) fn can_start_over(&self) -> bool {
        match &self.place {
            Place::File { .. } => true,
            Place::Stream(stream) => !stream.begun,
        }
    }

    /// A sink for one try from the first byte.
    pub(crate) fn sink(&mut self) -> Result<Sink<'_>, FileFault> {
        match &mut self.place {
            Place::File { directory, name } => Part::create(directory, name, self.force).map(Sink::Part),
            Place::Stream(stream) => Ok(Sink::Stream(stream)),
        }
    }
}

impl Sink<'_> {
    /// Writes `bytes` after those that have been written.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        match self {
            Self::Part(part) => part.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    /// Everything is there: puts it in its place.
    pub(crate) async fn land(self) -> Result<(), FileFault> {
        match self {
            Self::Part(part) => part.land().await,
            Self::Stream(stream) => stream.flush(),
        }
    }
}

impl Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        self.begun = true;
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
fn file_at(path: &Path, force: bool) -> Result<Place, FileFault> {
    if path.as_os_str().as_bytes().ends_with(b"/") || path.is_dir() {
        return Err(FileFault::IsDirectory { path: path.to_owned() });
    }
    let (Some(name), Some(directory)) = (FileName::of_path(path), path.parent()) else {
        return Err(FileFault::NoName { path: path.to_owned() });
    };
    file_in(directory, name, force)
}

fn file_in(directory: &Path, name: FileName, force: bool) -> Result<Place, FileFault> {
    let directory = Directory::open(directory)?;
    let path = directory.path_of(&name);
    match directory.kind_of(&name).map_err(|error| FileFault::of("create", &path, error))? {
        Some(FileType::Directory) => Err(FileFault::IsDirectory { path }),
        Some(FileType::RegularFile | FileType::Symlink) if !force => Err(FileFault::Exists { path }),
        None | Some(FileType::RegularFile | FileType::Symlink) => {
            Ok(Place::File { directory: Arc::new(directory), name })
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
        Ok(file) => Ok(Some(Stream { writer: Box::new(file), path: path.to_owned(), begun: false })),
        Err(error) => Err(FileFault::of("open", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn open(output: Output, force: bool) -> Result<Destination, FileFault> {
        Destination::open(output, &Url::parse("a/x").unwrap(), force)
    }

    #[test]
    fn what_is_there_is_replaced_only_when_told_to() {
        let tree = tempfile::tempdir().unwrap();
        let directory = || Output::Directory(tree.path().into());
        assert_eq!(open(directory(), false).unwrap().path(), Some(tree.path().join("x")));
        symlink("nowhere", tree.path().join("x")).unwrap();
        assert!(matches!(open(directory(), false), Err(FileFault::Exists { .. })));
        assert!(open(directory(), true).is_ok());
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
        null.sink().unwrap().write(b"gone").unwrap();
        assert!(null.path().is_none() && !null.can_start_over());
        let mut full = open(Output::File("/dev/full".into()), false).unwrap();
        let fault = full.sink().unwrap().write(b"x").unwrap_err();
        assert_eq!(fault.to_string(), "no space left on the disk for /dev/full");
    }
}
