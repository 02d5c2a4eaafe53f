//! The representations of a file (RFC 9110 §3.2): their fields, their validators, and their content.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, header};
use message::body::Segment;
use message::field::coding::ContentCoding;
use message::field::date::HttpDate;
use message::field::etag::EntityTag;
use message::fields::Fields;
use message::precondition::{self, Validators};
use rustix::io::Errno;
use watch::Proof;

use crate::identity::Identity;
use crate::negotiation::Offer;
use crate::presentation::Presentation;
use crate::root::{FileFault, OpenFile};

/// Longest file that is sent from memory, in bytes: one write with its head. Longer ones go from the
/// page cache to the socket without a copy.
pub const SMALL_FILE: u64 = 64 << 10;

/// How much of a file is read at a time where all of it is read, in bytes.
const BLOCK: usize = 256 << 10;

/// One form of one version of a file, ready to be sent any number of times.
#[derive(Debug)]
pub struct Representation {
    /// Of the file whose bytes these are, or were made from.
    identity: Identity,
    proof: Proof,
    coding: ContentCoding,
    settled: bool,
    offer: Offer,
    /// Compressing it was tried, and there is nothing to show for it.
    compressed_in_vain: AtomicBool,
    validators: Validators,
    fields: Fields,
    not_modified: Fields,
    content: Segment,
}

impl Representation {
    /// A file as it is: what is said of it by its `name`, the validators by its identity at `now`, and
    /// the content in memory if that is worth it.
    ///
    /// # Errors
    /// If the file changed while it was read, or could not be read.
    pub fn of(
        file: &OpenFile,
        name: &[u8],
        presentation: &Presentation,
        now: SystemTime,
    ) -> Result<Self, FileFault> {
        let fields = presentation.fields(name);
        let offer = presentation.offer(&fields, file.identity().size());
        Self::of_file(file, ContentCoding::Identity, fields, offer, now)
    }

    /// A file that holds the one of `name` in coded form: it is said to be that other one, coded.
    ///
    /// # Errors
    /// If the file changed while it was read, or could not be read.
    pub fn of_sibling(
        file: &OpenFile,
        coding: ContentCoding,
        name: &[u8],
        presentation: &Presentation,
        now: SystemTime,
    ) -> Result<Self, FileFault> {
        let offer = Offer { siblings: true, compression: false };
        Self::of_file(file, coding, presentation.fields(name), offer, now)
    }

    fn of_file(
        file: &OpenFile,
        coding: ContentCoding,
        mut fields: Fields,
        offer: Offer,
        now: SystemTime,
    ) -> Result<Self, FileFault> {
        let identity = file.identity();
        let settled = identity.is_settled(now);
        let validators = validators(&identity, coding, offer, now);
        fields.set(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if offer.varies() {
            // Beside what a rule may have said.
            fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        let content = content(file, settled)?;
        Ok(Self::new(identity, coding, settled, offer, validators, fields, content))
    }

    /// The same, as it was compressed: another representation, with a tag of its own (RFC 9110
    /// §8.8.3.3).
    ///
    /// The tag is weak. A strong one would have to change with any change of the bytes (§8.8.1), and
    /// the same version of a file is compressed to other bytes by the next release of a library.
    /// Nothing is lost by that: it is never sent in parts.
    #[must_use]
    pub fn compressed(&self, coding: ContentCoding, content: Bytes) -> Self {
        let mut fields = self.fields.clone();
        fields.remove(&header::ACCEPT_RANGES);
        let validators = Validators {
            etag: EntityTag::weak(opaque(&self.identity, coding)),
            last_modified_is_strong: false,
            ..self.validators
        };
        let content = Segment::Bytes(content);
        Self::new(self.identity, coding, self.settled, self.offer, validators, fields, content)
    }

    fn new(
        identity: Identity,
        coding: ContentCoding,
        settled: bool,
        offer: Offer,
        validators: Validators,
        mut fields: Fields,
        content: Segment,
    ) -> Self {
        coding.describe(&mut fields);
        if let Some(etag) = &validators.etag {
            fields.set(header::ETAG, etag.to_value());
        }
        if let Some(date) = &validators.last_modified {
            fields.set(header::LAST_MODIFIED, date.to_value());
        }
        Self {
            identity,
            proof: Proof::default(),
            coding,
            settled,
            offer,
            compressed_in_vain: AtomicBool::new(false),
            not_modified: precondition::not_modified(&fields).prepare(),
            fields: fields.prepare(),
            validators,
            content,
        }
    }

    /// Which version of which file its bytes are, or were made from.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// That the name it is kept under leads to that version.
    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// How its bytes are coded.
    #[must_use]
    pub fn coding(&self) -> ContentCoding {
        self.coding
    }

    /// Whether it may be used again for whatever has the same identity.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// What else there may be to choose from.
    #[must_use]
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// What preconditions are compared with (RFC 9110 §8.8).
    #[must_use]
    pub fn validators(&self) -> &Validators {
        &self.validators
    }

    /// The fields of a 200, prepared.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields of a 304 (RFC 9110 §15.4.5), prepared.
    #[must_use]
    pub fn not_modified(&self) -> &Fields {
        &self.not_modified
    }

    /// The whole content.
    #[must_use]
    pub fn content(&self) -> &Segment {
        &self.content
    }

    /// Length of the whole content, in bytes: if it is that of a file, its size when it was opened.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.content.len()
    }

    /// Whether compressing it was tried before, and there was nothing to show for it.
    #[must_use]
    pub fn is_compressed_in_vain(&self) -> bool {
        self.compressed_in_vain.load(Ordering::Relaxed)
    }

    /// Remembers that compressing it is not worth while.
    pub fn set_compressed_in_vain(&self) {
        self.compressed_in_vain.store(true, Ordering::Relaxed);
    }

    /// Hands the whole content to `take`, block by block. Blocks the thread for as long as that takes.
    ///
    /// # Errors
    /// What pread(2) or `take` says; `Other` if the file is no longer the version that was opened, so
    /// that what was taken is worth nothing.
    pub fn read(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let slice = match &self.content {
            Segment::Bytes(bytes) => return take(bytes),
            Segment::File(slice) => slice,
        };
        let mut at = 0;
        while at < slice.len() {
            let block = slice.read_at(at, BLOCK)?;
            take(&block)?;
            at = at.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
        }
        let now = rustix::fs::fstat(slice.file())?;
        if Identity::of(&now) != self.identity {
            return Err(io::Error::other("the file was changed while it was read"));
        }
        Ok(())
    }
}

/// RFC 9110 §8.8.1: a validator is weak if the representation might change without it changing. Once
/// the version has settled the same tag turns strong: whoever has it is told 304 before and after, but
/// no part is ever added to bytes that were got before (§13.1.5 compares strongly).
fn validators(identity: &Identity, coding: ContentCoding, offer: Offer, now: SystemTime) -> Validators {
    let settled = identity.is_settled(now);
    let opaque = opaque(identity, coding);
    let etag = if settled { EntityTag::strong(&opaque) } else { EntityTag::weak(&opaque) };
    Validators {
        etag,
        // RFC 9110 §8.8.2.1: never later than the response itself.
        last_modified: identity.modified().to_system_time().map(|time| HttpDate::from(time.min(now))),
        // RFC 9110 §8.8.2.2: we know that the file did not change twice in that second. But gzip(1)
        // gives its output the date of its input: a date does not tell two variants apart.
        last_modified_is_strong: settled && identity.owns_its_second() && !offer.varies(),
    }
}

/// RFC 9110 §8.8.3.3: the codings of one version have different tags.
fn opaque(identity: &Identity, coding: ContentCoding) -> String {
    match coding {
        ContentCoding::Identity => format!("{:016x}", identity.digest()),
        coded => format!("{:016x}-{}", identity.digest(), coded.name()),
    }
}

/// A small file in memory, else the file itself. An unsettled one is not worth reading: it is not kept.
fn content(file: &OpenFile, settled: bool) -> Result<Segment, FileFault> {
    let size = file.identity().size();
    if settled && size <= SMALL_FILE {
        return read_whole(file).map(Segment::Bytes);
    }
    file.whole().map(Segment::File).ok_or(FileFault::Unreadable(Errno::OVERFLOW))
}

/// Reads the version of the file that was opened, and that version only.
fn read_whole(file: &OpenFile) -> Result<Bytes, FileFault> {
    let size = usize::try_from(file.identity().size()).map_err(|_| FileFault::Unreadable(Errno::FBIG))?;
    let mut bytes = vec![0; size];
    file.file().read_exact_at(&mut bytes, 0).map_err(|error| match Errno::from_io_error(&error) {
        Some(errno) => FileFault::Unreadable(errno),
        None => FileFault::Changing, // it has become shorter
    })?;
    if !file.is_unchanged() {
        return Err(FileFault::Changing);
    }
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::CheckedPath;
    use crate::root::{Opened, Root};
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    /// Long after whenever the tests run: every file is settled.
    fn later() -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 33)).unwrap()
    }

    fn open(directory: &Path) -> OpenFile {
        let path = CheckedPath::parse(b"/file").unwrap();
        match Root::open(directory).unwrap().open_beneath(&path).unwrap() {
            Opened::File(file) => file,
            Opened::Directory => panic!("a file was made"),
        }
    }

    fn of(file: &OpenFile, now: SystemTime) -> Result<Representation, FileFault> {
        Representation::of(file, b"file", &Presentation::default(), now)
    }

    #[test]
    fn a_version_that_went_before_it_was_read_is_not_put_together_from_two() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("file");
        for new in ["shorter", "longer than the old one", "of the same len"] {
            fs::write(&path, "the old version").unwrap();
            let file = open(temporary.path());
            fs::write(&path, new).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            assert_eq!(of(&file, later()).unwrap_err(), FileFault::Changing, "{new}");
        }
    }

    #[test]
    fn what_was_read_of_a_file_that_changed_counts_for_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("file");
        let content = vec![7; BLOCK * 2 + 1];
        fs::write(&path, &content).unwrap();
        let representation = of(&open(temporary.path()), later()).unwrap();
        let read = || {
            let mut taken = Vec::new();
            representation.read(|block| io::Write::write_all(&mut taken, block)).map(|()| taken)
        };
        assert!(read().unwrap() == content);
        let touched = fs::File::options().write(true).open(&path).unwrap();
        touched.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(read().unwrap_err().kind(), io::ErrorKind::Other);
        touched.set_len(10).unwrap();
        assert_eq!(read().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let full = representation.read(|_| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn content_is_read_only_where_it_may_be_kept() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("file");
        fs::write(&path, "content").unwrap();
        let file = open(temporary.path());
        let settled = of(&file, later()).unwrap();
        assert!(settled.is_settled() && matches!(settled.content(), Segment::Bytes(b) if b == "content"));
        let young = of(&file, fs::metadata(&path).unwrap().modified().unwrap()).unwrap();
        assert!(!young.is_settled() && matches!(young.content(), Segment::File(f) if f.len() == 7));
        assert!(!young.validators().last_modified_is_strong);
    }
}
