//! Which version a file is, kept with the file: its entity tag, in an extended attribute.
//!
//! Times tell versions apart to the second, entity tags to the byte; and servers without times have tags. A file
//! system that has no such attributes goes without, and times decide.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

use message::field::etag::EntityTag;
use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};

/// The attribute's name.
const NAME: &str = "user.sockets.etag";

/// The longest tag that is kept, with what is beside it, in bytes.
const MARK_MAX: usize = 1024;

/// Says that `file`, of that length and modified then, in seconds since 1970, is the version of that tag. Weak ones
/// say too little; and where no time was told, the file has that of the moment.
pub(crate) fn write(file: &File, length: u64, modified: Option<i64>, etag: &EntityTag) {
    if etag.is_weak() {
        return;
    }
    let state = match modified {
        Some(seconds) => Some(state(length, seconds, 0)),
        None => file.metadata().ok().map(|it| state(length, it.mtime(), it.mtime_nsec())),
    };
    let Some(state) = state else { return };
    let mut value = state.into_bytes();
    value.extend_from_slice(etag.to_value().as_bytes());
    if value.len() <= MARK_MAX {
        // Where there are no attributes there is nothing to be done.
        let _ = fsetxattr(file, NAME, &value, XattrFlags::empty());
    }
}

/// The tag of the version that `file` is; `None` if that is not known, or if it was changed since.
pub(crate) fn read(file: &File, metadata: &Metadata) -> Option<EntityTag> {
    let now = state(metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    let mut value = vec![0; MARK_MAX];
    let length = fgetxattr(file, NAME, &mut value).ok()?;
    let tag = value.get(..length)?.strip_prefix(now.as_bytes())?;
    EntityTag::parse(tag)
}

/// What changes when the file does: its length and its time.
fn state(length: u64, seconds: i64, nanoseconds: i64) -> String {
    format!("{length} {seconds}.{nanoseconds} ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_tag_holds_until_the_file_is_changed() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let tag = EntityTag::strong("1").unwrap();
        write(&file, 3, None, &tag);
        let known = || read(&file, &file.metadata().unwrap());
        if known().is_none() {
            return; // a file system without attributes
        }
        assert_eq!(known(), Some(tag));
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        assert_eq!(known(), None);
        write(&file, 3, Some(1), &EntityTag::parse(b"W/\"1\"").unwrap());
        assert_eq!(known(), None);
        write(&file, 3, Some(1), &EntityTag::strong("2").unwrap());
        assert_eq!(known(), EntityTag::strong("2"));
    }
}
