//! Message content (RFC 9110 §6.4) as a description, not yet as bytes.
//!
//! A role says *what* the content is: bytes at hand, a range of an open file, or something that is
//! still arriving. How it travels (one write, sendfile(2), blocks over TLS) is decided in exactly one
//! place, by the engine.

use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;

use crate::failure::Failure;
use crate::fields::Fields;

/// The content of a message.
#[derive(Debug, Default)]
pub enum Body {
    /// No content.
    #[default]
    Empty,
    /// Content that is there already, in order.
    Segments(Vec<Segment>),
    /// Content that is still arriving.
    Stream(BodyStream),
}

/// A piece of content.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of an open file.
    File(FileSlice),
}

/// An open file and a range of it that was checked against the file's size when the slice was made.
///
/// The file may still be cut short by somebody else afterwards; whoever sends the slice then ends the
/// message visibly (RFC 9112 §8) and never pads it.
#[derive(Clone)]
pub struct FileSlice {
    file: Arc<File>,
    start: u64,
    len: u64,
    version: Option<Version>,
}

/// What tells whether a file was written over since it was opened.
#[derive(Clone, Copy)]
struct Version {
    size: u64,
    modified: SystemTime,
}

/// Content that is still arriving: what is known of its length, and where the pieces come from.
pub struct BodyStream {
    length: Option<u64>,
    /// Never locked, for it is only reached through `&mut`: it makes a message `Sync` whatever its
    /// source is, so that a service may hold a reference to one while it waits.
    source: Mutex<Pin<Box<dyn Source>>>,
}

/// Where the pieces of a [`BodyStream`] come from.
///
/// `Some(Err(_))` means that the content is incomplete: the message is aborted, never ended cleanly.
/// After `None` or an error the source is not polled again.
pub trait Source: Send {
    /// The next piece; never an empty one.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>>;

    /// The trailer section (RFC 9110 §6.5); asked for once, after `poll_next` gave `None`.
    fn trailers(self: Pin<&mut Self>) -> Option<Fields> {
        None
    }
}

impl Body {
    /// Content of one piece; [`Body::Empty`] if the piece is empty.
    #[must_use]
    pub fn from_segment(segment: Segment) -> Self {
        if segment.is_empty() { Self::Empty } else { Self::Segments(vec![segment]) }
    }

    /// Content that comes from `source`, of `length` bytes if that is known.
    #[must_use]
    pub fn from_source(length: Option<u64>, source: impl Source + 'static) -> Self {
        Self::Stream(BodyStream::new(length, source))
    }

    /// Length in bytes, if it is known before the content has been read to its end.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Segments(segments) => {
                segments.iter().try_fold(0_u64, |sum, segment| sum.checked_add(segment.len()))
            }
            Self::Stream(stream) => stream.length,
        }
    }

    /// Whether there is certainly nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// The content as a stream, whatever it was.
    #[must_use]
    pub fn into_stream(self) -> BodyStream {
        let length = self.length();
        match self {
            Self::Empty => BodyStream::new(length, Pieces(Vec::new().into_iter())),
            Self::Segments(segments) => BodyStream::new(length, Pieces(segments.into_iter())),
            Self::Stream(stream) => stream,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from_segment(Segment::Bytes(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl From<FileSlice> for Body {
    fn from(slice: FileSlice) -> Self {
        Self::from_segment(Segment::File(slice))
    }
}

impl From<Bytes> for Segment {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl Segment {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            // A `usize` always fits: Sockets is built for targets of at most 64 bits.
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File(slice) => slice.len(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FileSlice {
    /// The range `start .. start + len` of `file`, which is `size` bytes long.
    ///
    /// `None` if the range reaches past `size`.
    #[must_use]
    pub fn new(file: Arc<File>, size: u64, start: u64, len: u64) -> Option<Self> {
        let end = start.checked_add(len)?;
        (end <= size).then_some(Self { file, start, len, version: None })
    }

    /// The same slice, of that version of the file: `size` bytes, last modified then. Whoever sends it
    /// looks on the way whether it still [is intact](Self::is_intact).
    #[must_use]
    pub fn of_version(self, size: u64, modified: SystemTime) -> Self {
        Self { version: Some(Version { size, modified }), ..self }
    }

    /// Whether the bytes are still those of the version that the slice is of; certainly so if it is of
    /// none. A file that has only grown counts as appended to: what was there before is taken for unchanged.
    ///
    /// # Errors
    /// What fstat(2) says.
    pub fn is_intact(&self) -> io::Result<bool> {
        let Some(Version { size, modified }) = self.version else { return Ok(true) };
        let now = self.file.metadata()?;
        Ok(now.len() > size || (now.len() == size && now.modified()? == modified))
    }

    /// A range within this slice, counted from its start; `None` if it reaches past its end.
    #[must_use]
    pub fn slice(&self, start: u64, len: u64) -> Option<Self> {
        let end = start.checked_add(len)?;
        if end > self.len {
            return None;
        }
        Some(Self { start: self.start.checked_add(start)?, len, ..self.clone() })
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where in the file the slice starts, in bytes.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads at most `max` bytes of the slice from `at`, counted from its start.
    ///
    /// # Errors
    /// What pread(2) says; `UnexpectedEof` if the file has become shorter than the slice.
    pub fn read_at(&self, at: u64, max: usize) -> io::Result<Bytes> {
        let left = self.len.saturating_sub(at);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(max);
        if want == 0 {
            return Ok(Bytes::new());
        }
        let mut block = vec![0; want];
        match self.file.read_at(&mut block, self.start.saturating_add(at))? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut short")),
            read => {
                block.truncate(read);
                Ok(Bytes::from(block))
            }
        }
    }
}

impl fmt::Debug for FileSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileSlice({}+{})", self.start, self.len)
    }
}

impl BodyStream {
    fn new(length: Option<u64>, source: impl Source + 'static) -> Self {
        Self { length, source: Mutex::new(Box::pin(source)) }
    }

    fn source(&mut self) -> Pin<&mut dyn Source> {
        self.source.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    /// Length of the whole content in bytes, if it was known when the stream began.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece, or the end; see [`Source`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        self.source().poll_next(cx)
    }

    /// The next piece, or the end; see [`Source`]. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Segment, Failure>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The trailer section; meaningful once, after the end.
    pub fn trailers(&mut self) -> Option<Fields> {
        self.source().trailers()
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Pieces that are there already.
struct Pieces(std::vec::IntoIter<Segment>);

impl Source for Pieces {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        Poll::Ready(self.0.find(|segment| !segment.is_empty()).map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_never_reaches_past_its_file() {
        let file = Arc::new(File::open("/dev/null").unwrap());
        assert!(FileSlice::new(Arc::clone(&file), 10, 4, 6).is_some());
        assert!(FileSlice::new(Arc::clone(&file), 10, 4, 7).is_none());
        assert!(FileSlice::new(Arc::clone(&file), 10, u64::MAX, 2).is_none());
        let slice = FileSlice::new(file, 10, 4, 6).unwrap();
        assert_eq!(slice.slice(2, 4).map(|s| (s.start(), s.len())), Some((6, 4)));
        assert!(slice.slice(2, 5).is_none());
        assert!(slice.slice(u64::MAX, 1).is_none());
    }

    #[test]
    fn a_slice_of_a_version_is_intact_until_the_file_is_written_over_and_a_part_of_it_too() {
        let file = Arc::new(File::open("/dev/null").unwrap());
        let (size, modified) = (file.metadata().unwrap().len(), file.metadata().unwrap().modified().unwrap());
        let slice = |size, modified| {
            FileSlice::new(Arc::clone(&file), 10, 0, 10)
                .unwrap()
                .of_version(size, modified)
                .slice(2, 4)
                .unwrap()
        };
        assert!(slice(size, modified).is_intact().unwrap());
        let earlier = modified - std::time::Duration::from_nanos(1);
        assert!(!slice(size, earlier).is_intact().unwrap());
        assert!(!slice(size + 1, modified).is_intact().unwrap(), "it became shorter");
        assert!(FileSlice::new(file, 10, 0, 10).unwrap().is_intact().unwrap(), "it is of no version");
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error_and_not_an_end() {
        let file = Arc::new(File::open("/dev/null").unwrap());
        let slice = FileSlice::new(file, 10, 0, 10).unwrap();
        assert_eq!(slice.read_at(0, 5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(slice.read_at(10, 5).unwrap().is_empty());
    }

    #[test]
    fn a_message_may_be_looked_at_from_any_thread() {
        fn shared<T: Send + Sync>() {}
        shared::<Body>();
    }

    #[test]
    fn lengths_are_known_where_they_can_be() {
        assert_eq!(Body::Empty.length(), Some(0));
        assert_eq!(Body::from("four").length(), Some(4));
        assert!(matches!(Body::from(""), Body::Empty));
        let unknown = Body::from_source(None, Pieces(Vec::new().into_iter()));
        assert_eq!(unknown.length(), None);
        assert!(!unknown.is_empty());
        assert_eq!(Body::from("four").into_stream().length(), Some(4));
    }
}
