//! What a body is to be written to.
//!
//! A file takes time to be made, and a large one more: where nothing speaks against it, that is done when the first
//! bytes of the body are on their way to who waits for them already.

use std::fs::File;
use std::mem;
use std::sync::Arc;

use crate::store::draft::Draft;
use crate::store::fault::Unstored;
use crate::store::quota::Reservation;
use crate::store::{Store, blocking};

/// What a body is to be written to.
#[derive(Debug)]
pub(crate) enum Sheet {
    /// Its file is not made yet.
    Blank(Blank),
    /// There is a file.
    Made(Draft),
    /// It could not be made.
    Spoilt,
}

/// Room set aside for a body.
#[derive(Debug)]
pub(crate) struct Blank {
    /// The length of the whole, in bytes, if it is known.
    length: Option<u64>,
    reservation: Reservation,
}

impl Store {
    /// Begins a body of that length, if it is known: so much of the quota is taken at once. Its file is made at once
    /// only where it is doubtful that it can be.
    ///
    /// # Errors
    /// Why there can't be one.
    pub(crate) async fn begin(self: &Arc<Self>, length: Option<u64>) -> Result<Sheet, Unstored> {
        if !self.pause.is_over() {
            return Err(Unstored::Paused);
        }
        let mut reservation = self.quota.reservation();
        let size = length.unwrap_or(self.step());
        self.reserve(&mut reservation, size).await?;
        let blank = Blank { length, reservation };
        if self.is_spacious(size) {
            return Ok(Sheet::Blank(blank));
        }
        Ok(Sheet::Made(self.make(blank).await?))
    }

    /// Makes the file of a body: so much of the disk is taken at once.
    ///
    /// # Errors
    /// Why it can't be made.
    async fn make(self: &Arc<Self>, blank: Blank) -> Result<Draft, Unstored> {
        let (store, Blank { length, reservation }) = (Arc::clone(self), blank);
        let temporary = blocking(move || {
            let temporary = store.disk.temporary()?;
            let size = length.unwrap_or_default();
            store.with_room(size, || store.disk.allocate(temporary.file(), size))?;
            Ok(temporary)
        });
        let temporary = temporary.await.inspect_err(|error| self.note_fault(error))?;
        Ok(Draft::new(temporary, reservation))
    }
}

impl Sheet {
    /// Its file, if there is one.
    #[must_use]
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        if let Self::Made(draft) = self { Some(draft.file()) } else { None }
    }

    /// What is written to, made now if it is not yet.
    ///
    /// # Errors
    /// Why it can't be made.
    pub(crate) async fn draft(&mut self, store: &Arc<Store>) -> Result<&mut Draft, Unstored> {
        if matches!(self, Self::Blank(_))
            && let Self::Blank(blank) = mem::replace(self, Self::Spoilt)
        {
            *self = Self::Made(store.make(blank).await?);
        }
        if let Self::Made(draft) = self { Ok(draft) } else { Err(Unstored::Paused) }
    }

    /// The same, for good.
    ///
    /// # Errors
    /// Why it can't be made.
    pub(crate) async fn into_draft(mut self, store: &Arc<Store>) -> Result<Draft, Unstored> {
        self.draft(store).await?;
        if let Self::Made(draft) = self { Ok(draft) } else { Err(Unstored::Paused) }
    }
}
