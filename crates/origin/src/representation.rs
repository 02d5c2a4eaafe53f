//! The representation of a file (RFC 9110 §3.2): its fields, its validators, and its content.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, header};
use message::body::{FileSlice, Segment};
use message::field::date::HttpDate;
use message::field::etag::EntityTag;
use message::fields::Fields;
use message::precondition::{self, Validators};
use rustix::io::Errno;

use crate::identity::Identity;
use crate::media_type;
use crate::root::{FileFault, OpenFile};

/// Longest file that is sent from memory, in bytes: one write with its head. Longer ones go from the
/// page cache to the socket without a copy.
pub const SMALL_FILE: u64 = 64 << 10;

/// One version of a file, ready to be sent any number of times.
#[derive(Debug)]
pub struct Representation {
    identity: Identity,
    settled: bool,
    validators: Validators,
    fields: Fields,
    not_modified: Fields,
    content: Segment,
}

impl Representation {
    /// Of an open file: the media type by its `name`, the validators by its identity at `now`, and
    /// the content in memory if that is worth it.
    ///
    /// # Errors
    /// If the file changed while it was read, or could not be read.
    pub fn of(
        file: &OpenFile,
        name: &[u8],
        cache_control: Option<&HeaderValue>,
        now: SystemTime,
    ) -> Result<Self, FileFault> {
        let identity = file.identity();
        let settled = identity.is_settled(now);
        let validators = validators(&identity, settled, now);
        let fields = fields(&validators, media_type::of_name(name), cache_control);
        Ok(Self {
            identity,
            settled,
            not_modified: precondition::not_modified(&fields).prepare(),
            fields: fields.prepare(),
            validators,
            content: content(file, settled)?,
        })
    }

    /// Which version of which file it is of.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it may be used again for whatever has the same identity.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
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

    /// Length of the whole content, in bytes: that of the file when it was opened.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.identity.size()
    }
}

/// RFC 9110 §8.8.1: a validator is weak if the representation might change without it changing. Once
/// the version has settled the same tag turns strong: whoever has it is told 304 before and after, but
/// no part is ever added to bytes that were got before (§13.1.5 compares strongly).
fn validators(identity: &Identity, settled: bool, now: SystemTime) -> Validators {
    let opaque = format!("{:016x}", identity.digest());
    let etag = if settled { EntityTag::strong(&opaque) } else { EntityTag::weak(&opaque) };
    Validators {
        etag,
        // RFC 9110 §8.8.2.1: never later than the response itself.
        last_modified: identity.modified().to_system_time().map(|time| HttpDate::from(time.min(now))),
        // RFC 9110 §8.8.2.2: we know that the file did not change twice in that second.
        last_modified_is_strong: settled && identity.owns_its_second(),
    }
}

fn fields(validators: &Validators, media_type: HeaderValue, cache_control: Option<&HeaderValue>) -> Fields {
    let mut fields = Fields::with_capacity(8);
    fields.set(header::CONTENT_TYPE, media_type);
    fields.set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.set(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(etag) = &validators.etag {
        fields.set(header::ETAG, etag.to_value());
    }
    if let Some(date) = &validators.last_modified {
        fields.set(header::LAST_MODIFIED, date.to_value());
    }
    if let Some(value) = cache_control {
        fields.set(header::CACHE_CONTROL, value.clone());
    }
    fields
}

/// A small file in memory, else the file itself. An unsettled one is not worth reading: it is not kept.
fn content(file: &OpenFile, settled: bool) -> Result<Segment, FileFault> {
    let size = file.identity().size();
    if settled && size <= SMALL_FILE {
        return read_whole(file).map(Segment::Bytes);
    }
    let slice = FileSlice::new(Arc::clone(file.file()), size, 0, size);
    slice.map(Segment::File).ok_or(FileFault::Unreadable(Errno::OVERFLOW))
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
        Representation::of(file, b"file", None, now)
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
