//! A stored response with its content.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;
use message::{Fields, Spans};
use watch::Proof;

use crate::store::disk::Identity;
use crate::store::quota::weight_of;
use crate::stored::StoredResponse;

/// The largest content that is kept in memory, in bytes.
pub(crate) const SMALL_MAX: u64 = 64 * 1024;

/// What a stored response costs in memory beside its fields and its content, in bytes: a rough guess.
const OVERHEAD: u64 = 1024;

/// A stored response: head, content, and what the store knows it by.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Unique for each content that was ever stored here.
    pub(crate) id: u64,
    /// Which variant of its key it is.
    pub(crate) slot: u8,
    /// In which epoch of the store its content was written, or last proven to be what was written.
    pub(crate) epoch: u64,
    /// The head.
    pub response: StoredResponse,
    /// Where the content lies, below the cache's directory.
    pub(crate) path: String,
    /// What the content is known by.
    pub(crate) identity: Identity,
    /// That the content lies there still.
    pub(crate) proof: Proof,
    /// Which bytes of the content are there (RFC 9111 §3.3); `None` if all are. The file of a part is as
    /// long as the whole, with holes.
    pub(crate) present: Option<Spans>,
    /// The content itself, if it is small.
    pub(crate) bytes: Option<Bytes>,
    /// When its times were last written to the index.
    pub(crate) persisted_at: SystemTime,
    /// Whether it was used since memory last looked for something to let go.
    is_used: AtomicBool,
    /// Whether eviction from the disk has been told that it was used.
    is_touched: AtomicBool,
    /// The head of a hit at that age in seconds, ready to be sent.
    head: RwLock<Option<(u64, Fields)>>,
}

/// All variants of one key that are stored; none for a key that is known not to be.
pub(crate) type Variants = Arc<[Arc<Entry>]>;

impl Entry {
    pub(crate) fn new(
        (id, slot, epoch): (u64, u8, u64),
        response: StoredResponse,
        (path, identity): (String, Identity),
        bytes: Option<Bytes>,
    ) -> Self {
        let persisted_at = response.received_at;
        Self {
            id,
            slot,
            epoch,
            response,
            path,
            identity,
            proof: Proof::default(),
            present: None,
            bytes,
            persisted_at,
            is_used: AtomicBool::new(false),
            is_touched: AtomicBool::new(false),
            head: RwLock::default(),
        }
    }

    /// The same content under another head.
    pub(crate) fn with_head(&self, response: StoredResponse, persisted_at: SystemTime) -> Self {
        let place = (self.path.clone(), self.identity);
        let entry = Self::new((self.id, self.slot, self.epoch), response, place, self.bytes.clone());
        Self { persisted_at, present: self.present.clone(), ..entry }
    }

    /// The same, with no more of its content than that; `None` for all of it.
    pub(crate) fn with_present(self, present: Option<Spans>) -> Self {
        Self { present, ..self }
    }

    /// What the content takes on the disk, in bytes.
    #[must_use]
    pub(crate) fn weight(&self) -> u64 {
        weight_of(self.size(), self.present.as_ref())
    }

    /// Length of the whole content in bytes, whatever of it is there.
    #[must_use]
    pub(crate) fn size(&self) -> u64 {
        self.identity.size
    }

    /// The head of a hit at that age in whole seconds: what `make` makes of the stored fields, made once
    /// and shared by all hits within that second.
    pub(crate) fn head(&self, age: u64, make: impl FnOnce(&Fields) -> Fields) -> Fields {
        if let Some((at, fields)) = &*self.head.read().unwrap_or_else(PoisonError::into_inner)
            && *at == age
        {
            return fields.clone();
        }
        let fields = make(&self.response.fields).prepare();
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = Some((age, fields.clone()));
        fields
    }

    /// Notes that it was used; whether that is news for eviction from the disk.
    pub(crate) fn touch(&self) -> bool {
        // Read first: a line that many cores read stays in all their caches.
        let is_news =
            |flag: &AtomicBool| !flag.load(Ordering::Relaxed) && !flag.swap(true, Ordering::Relaxed);
        is_news(&self.is_used);
        is_news(&self.is_touched)
    }

    /// Whether it was used since this was last asked.
    pub(crate) fn take_used(&self) -> bool {
        self.is_used.swap(false, Ordering::Relaxed)
    }

    /// Eviction from the disk has come by: the next use is news again.
    pub(crate) fn untouch(&self) {
        self.is_touched.store(false, Ordering::Relaxed);
    }

    /// Bytes of memory that it takes, roughly.
    pub(crate) fn memory(&self) -> u64 {
        let lines = self.response.fields.iter();
        let fields: usize = lines.map(|(name, value)| name.as_str().len() + value.len()).sum();
        let content = self.bytes.as_ref().map_or(0, Bytes::len);
        // The fields twice: as a map, and as they are sent.
        u64::try_from(content + 2 * fields + self.path.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
    }
}

/// The body in `file`, if it is small enough to be kept in memory.
pub(crate) fn read_small(file: &File, identity: &Identity) -> io::Result<Option<Bytes>> {
    if identity.size > SMALL_MAX {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(identity.size).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Some(Bytes::from(bytes)))
}
