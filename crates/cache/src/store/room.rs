//! Room for what is to be stored: of the quota, and of the file system.
//!
//! It is made before it is needed where that is known, and where it is not, the disk is left alone for a while
//! after it was full: storing is never worth an answer.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::store::Store;
use crate::store::fault::Unstored;
use crate::store::quota::{Reservation, weight};
use crate::store::writer::Command;

/// For how long a fetch waits until room is made for it.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// How often it is made: what goes is written to the index, which may grow by that.
const ROOM_TRIES: usize = 2;

/// How much is set aside at a time for a body of unknown length, in bytes.
const STEP: u64 = 1 << 20;

/// But no more than this part of the quota.
const STEPS_MIN: u64 = 16;

impl Store {
    /// How much is set aside at a time for a body of unknown length.
    pub(super) fn step(&self) -> u64 {
        STEP.min(self.quota.limit() / STEPS_MIN).max(1)
    }

    /// Has enough of the quota set aside for `size` bytes.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        reservation: &mut Reservation,
        size: u64,
    ) -> Result<(), Unstored> {
        if reservation.grow(size) {
            return Ok(());
        }
        if weight(size) > self.quota.limit() {
            return Err(Unstored::TooLarge);
        }
        for _ in 0..ROOM_TRIES {
            let (store, bytes) = (Arc::clone(self), reservation.lacks(size));
            drop(spawn_blocking(move || store.make_room(bytes, 0)).await);
            if reservation.grow(size) {
                return Ok(());
            }
        }
        Err(Unstored::NoRoom)
    }

    /// Sees to it that the file system has what is to be left free after `size` more bytes.
    pub(super) async fn leave_free(self: &Arc<Self>, size: u64) -> Result<(), Unstored> {
        if self.min_free == 0 {
            return Ok(());
        }
        let store = Arc::clone(self);
        let left = spawn_blocking(move || store.with_room(size, || Ok(())));
        let left = left.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        Ok(left.inspect_err(|error| self.note_fault(error))?)
    }

    /// Does what takes `size` bytes of the file system. If there are not so many, what is stored goes first.
    /// Not for the threads that serve connections.
    ///
    /// # Errors
    /// What `work` says; or that there would be less left than is to be left free.
    pub(super) fn with_room<T>(&self, size: u64, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let shortfall = self.shortfall(size)?;
        if shortfall > 0 {
            self.make_room(0, shortfall);
            if self.shortfall(size)? > 0 {
                let text = "there is less room on the file system than is to be left free (--min-free)";
                return Err(io::Error::new(ErrorKind::StorageFull, text));
            }
        }
        match work() {
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                self.make_room(0, weight(size));
                work()
            }
            outcome => outcome,
        }
    }

    /// Whether the file system surely has `size` bytes to spare: a question that does not wait for the disk.
    pub(super) fn is_spacious(&self, size: u64) -> bool {
        let needed = weight(size).saturating_add(self.min_free).saturating_add(self.step());
        self.disk.free().is_ok_and(|free| needed <= free)
    }

    /// How much must go before `size` more bytes leave free what is to be left free.
    fn shortfall(&self, size: u64) -> io::Result<u64> {
        if self.min_free == 0 {
            return Ok(0);
        }
        Ok(weight(size).saturating_add(self.min_free).saturating_sub(self.disk.free()?))
    }

    /// Waits, but not for ever, until there are so many `bytes` more of the quota, and `shortfall` bytes more on
    /// the file system, or as many as there can be.
    fn make_room(&self, bytes: u64, shortfall: u64) {
        let (reply, done) = sync_channel(1);
        if self.writer.give(Command::Room { bytes, shortfall, reply }).is_ok() {
            let _ = done.recv_timeout(ROOM_WAIT);
        }
    }

    /// The disk failed, here or in the hands of somebody else: nothing is stored for a while. If it was full,
    /// some of what is stored goes, so that storing can begin again whoever has filled it.
    pub(crate) fn note_fault(&self, error: &io::Error) {
        self.tally.faults.note();
        self.pause.begin(error);
        if error.kind() == ErrorKind::StorageFull {
            let (shortfall, reply) = (self.step(), sync_channel(1).0);
            // Where the queue is full, somebody else has asked already.
            drop(self.writer.offer(Command::Room { bytes: 0, shortfall, reply }));
        }
    }
}
