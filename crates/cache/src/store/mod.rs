//! The store: bodies as files, an index of them, and the ones in use in memory.
//!
//! What is stored is told by memory first, then by the index. A body is published by rename and then
//! recorded; a record counts only if its key is the one asked for and its file is the very one recorded
//! (size, modification time, inode). So a kill at any moment leaves whole responses or misses.
//!
//! Work that may wait for the disk runs on tokio's blocking threads, writes of the index on one thread of
//! its own. Only a look at a file's state, and its opening, happen on the threads that serve.

pub(crate) mod disk;
pub(crate) mod entry;
pub(crate) mod fault;
mod index;
mod memory;
mod path;
mod quota;
mod record;
mod writer;

use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use message::header::DATE;
use message::{Body, FileSlice, HeaderName, HeaderValue};
use tokio::task::spawn_blocking;

use crate::config::Config;
use crate::key::CacheKey;
use crate::policy::freshness::Fraction;
use crate::spans::Spans;
use crate::store::disk::{Disk, Identity, Temporary};
use crate::store::entry::{Entry, SMALL_MAX, Variants};
use crate::store::fault::{OpenFault, Pause, Unstored};
use crate::store::index::Index;
use crate::store::memory::{Memory, Pin};
use crate::store::quota::{Quota, Reservation, weight};
use crate::store::record::Record;
use crate::store::writer::{Command, Desk, Touched, Writer};
use crate::stored::StoredResponse;

/// The most variants of one key that are stored; the one received first goes for another one.
const VARIANTS_MAX: u8 = 8;

/// Locks for keys; two keys may have one in common.
const LOCKS: usize = 64;

/// For how long a fetch waits until room is made for it.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// How much is set aside at a time for a body of unknown length, in bytes.
const STEP: u64 = 1 << 20;

/// But no more than this part of the quota.
const STEPS_MIN: u64 = 16;

/// How often the times of a response that is validated again and again are written to the index.
const PERSIST_EVERY: Duration = Duration::from_secs(10);

/// Everything that is stored.
#[derive(Debug)]
pub(crate) struct Store {
    disk: Arc<Disk>,
    index: Arc<Index>,
    memory: Arc<Memory>,
    quota: Arc<Quota>,
    touched: Arc<Touched>,
    writer: Writer,
    next_id: AtomicU64,
    /// Held where what is stored under a key changes on the disk, or is read from there: never across an
    /// await, and never by the writer.
    locks: Vec<Mutex<()>>,
    pause: Pause,
    heuristic: Option<Fraction>,
}

/// A body that is being written, with the disk that is set aside for it. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Draft {
    temporary: Temporary,
    reservation: Reservation,
    /// All of it, where it is in memory anyway.
    content: Option<Bytes>,
}

impl Draft {
    /// The file that it is written to.
    #[must_use]
    pub(crate) fn file(&self) -> &Arc<File> {
        self.temporary.file()
    }
}

impl Store {
    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// What can't be used, and what to do.
    pub(crate) fn open(config: &Config) -> Result<Self, OpenFault> {
        let directory = |source| OpenFault::Directory { dir: config.dir.clone(), source };
        let of_index = |fault| OpenFault::of_index(&fault, config.dir.clone());
        let disk = Arc::new(Disk::open(&config.dir).map_err(directory)?);
        let index = Arc::new(Index::open(&disk.index()).map_err(of_index)?);
        // Only now, when the index says that nobody else is here.
        disk.remove_temporaries().map_err(directory)?;
        let totals = index.write(|tables| Ok((tables.bytes()?, tables.last_id()?)));
        let (bytes, last_id) = totals.map_err(of_index)?;
        let memory = Arc::new(Memory::new(config.memory));
        let quota = Quota::new(config.size, bytes);
        let touched = Arc::new(Touched::default());
        let writer = Writer::start(Desk {
            disk: Arc::clone(&disk),
            index: Arc::clone(&index),
            memory: Arc::clone(&memory),
            quota: Arc::clone(&quota),
            touched: Arc::clone(&touched),
        });
        let store = Self {
            disk,
            index,
            memory,
            quota,
            touched,
            writer: writer.map_err(directory)?,
            next_id: AtomicU64::new(last_id.saturating_add(1)),
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            pause: Pause::default(),
            heuristic: config.heuristic,
        };
        // The quota may be smaller than last time.
        drop(store.writer.offer(Command::Room { bytes: 0, reply: sync_channel(1).0 }));
        Ok(store)
    }

    /// All that is stored under `key`.
    pub(crate) async fn lookup(self: &Arc<Self>, key: &CacheKey) -> Variants {
        if let Some(variants) = self.memory.get(key) {
            return variants;
        }
        let (store, key) = (Arc::clone(self), key.clone());
        let loaded = spawn_blocking(move || {
            let _held = store.lock(&key);
            store.load(&key)
        });
        loaded.await.unwrap_or_default()
    }

    /// All that is stored under `key`, as far as memory knows.
    #[must_use]
    pub(crate) fn resident(&self, key: &CacheKey) -> Option<Variants> {
        self.memory.get(key)
    }

    /// Whether the content of a stored response is there still.
    #[must_use]
    pub(crate) fn is_there(&self, entry: &Entry) -> bool {
        self.disk.is_unchanged(&entry.path, &entry.identity)
    }

    /// The content of a stored response; `None` if its file is gone, or is another one now. Of a part it
    /// is as long as the whole, and [`Entry::present`] says which bytes of it may be used.
    ///
    /// # Errors
    /// What the system says, such as that no more files may be open.
    pub(crate) fn content(&self, entry: &Entry) -> io::Result<Option<Body>> {
        if entry.touch() {
            self.touched.note(entry.id);
        }
        if let Some(bytes) = &entry.bytes {
            return Ok(self.is_there(entry).then(|| Body::from(bytes.clone())));
        }
        let file = self.disk.open_body(&entry.path, &entry.identity)?;
        let slice = file.and_then(|file| FileSlice::new(file, entry.size(), 0, entry.size()));
        Ok(slice.map(Body::from))
    }

    /// Takes a stored part out, to be completed: it is not found any more, until it is published, or kept
    /// again. `None` if it is not stored any more.
    ///
    /// # Errors
    /// What the system says.
    #[cfg_attr(not(test), expect(dead_code, reason = "bodies are kept in parts from the next change on"))]
    pub(crate) async fn withdraw(
        self: &Arc<Self>,
        key: CacheKey,
        entry: &Arc<Entry>,
    ) -> io::Result<Option<Draft>> {
        let (store, entry) = (Arc::clone(self), Arc::clone(entry));
        blocking(move || store.withdraw_now(&key, &entry)).await
    }

    /// Begins a body of that length, if it is known.
    ///
    /// # Errors
    /// Why there can't be one.
    pub(crate) async fn begin(self: &Arc<Self>, length: Option<u64>) -> Result<Draft, Unstored> {
        if !self.pause.is_over() {
            return Err(Unstored::Paused);
        }
        let mut reservation = self.quota.reservation();
        self.reserve(&mut reservation, length.unwrap_or(self.step())).await?;
        let store = Arc::clone(self);
        let temporary = blocking(move || store.disk.temporary()).await;
        let temporary = temporary.inspect_err(|error| self.pause.begin(error))?;
        Ok(Draft { temporary, reservation, content: None })
    }

    /// Has enough set aside for `size` bytes of `draft`.
    ///
    /// # Errors
    /// [`Unstored::TooLarge`], [`Unstored::NoRoom`]
    pub(crate) async fn extend(self: &Arc<Self>, draft: &mut Draft, size: u64) -> Result<(), Unstored> {
        if draft.reservation.covers(size) {
            return Ok(());
        }
        self.reserve(&mut draft.reservation, size.checked_next_multiple_of(self.step()).unwrap_or(size)).await
    }

    /// The disk failed in the hands of somebody else.
    pub(crate) fn note_fault(&self, error: &io::Error) {
        self.pause.begin(error);
    }

    /// Publishes a body as the content of `response`, unless it is not wanted any more:
    /// that is asked when nobody else can change what is stored under `key`.
    ///
    /// # Errors
    /// Why it is not stored.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        key: CacheKey,
        draft: Draft,
        response: StoredResponse,
        is_wanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<Arc<Entry>, Unstored> {
        let store = Arc::clone(self);
        blocking(move || Ok(store.place(&key, draft, response, None, is_wanted))).await?
    }

    /// Keeps a body of which no more than `present` is there, to be completed later (RFC 9111 §3.3). Its
    /// file has to be as long as the whole; nothing but this process ever reads it.
    ///
    /// # Errors
    /// Why it is not kept.
    #[cfg_attr(not(test), expect(dead_code, reason = "bodies are kept in parts from the next change on"))]
    pub(crate) async fn keep(
        self: &Arc<Self>,
        key: CacheKey,
        draft: Draft,
        response: StoredResponse,
        present: Spans,
        is_wanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<Arc<Entry>, Unstored> {
        let mut draft = draft;
        self.reserve(&mut draft.reservation, present.on_disk()).await?;
        let store = Arc::clone(self);
        blocking(move || Ok(store.place(&key, draft, response, Some(present), is_wanted))).await?
    }

    /// Stores a response whose content is there already.
    ///
    /// # Errors
    /// Why it is not stored.
    pub(crate) async fn put(
        self: &Arc<Self>,
        key: CacheKey,
        content: Bytes,
        response: StoredResponse,
        is_wanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<Arc<Entry>, Unstored> {
        if !self.pause.is_over() {
            return Err(Unstored::Paused);
        }
        let mut reservation = self.quota.reservation();
        self.reserve(&mut reservation, content.len().try_into().unwrap_or(u64::MAX)).await?;
        let store = Arc::clone(self);
        let stored = blocking(move || {
            let temporary = store.disk.temporary()?;
            temporary.file().write_all_at(&content, 0)?;
            let draft = Draft { temporary, reservation, content: Some(content) };
            Ok(store.place(&key, draft, response, None, is_wanted))
        });
        stored.await.inspect_err(|error| self.pause.begin(error))?
    }

    /// Gives a stored response a new head. If it is not stored any more, the new one is not stored either.
    pub(crate) async fn refresh(
        self: &Arc<Self>,
        key: &CacheKey,
        entry: &Arc<Entry>,
        response: StoredResponse,
    ) -> Arc<Entry> {
        let now = response.received_at;
        let is_due = now.duration_since(entry.persisted_at).is_ok_and(|since| since >= PERSIST_EVERY)
            || !tells_the_same(&entry.response, &response);
        let (persisted_at, pin) = if is_due { (now, Pin::Yes) } else { (entry.persisted_at, Pin::No) };
        let entry = Arc::new(entry.with_head(response, persisted_at));
        if !self.memory.replace(key, &entry, pin) {
            self.refresh_in_index(key.clone(), Arc::clone(&entry)).await;
        } else if is_due {
            let update = Command::Update { key: key.clone(), entry: Arc::clone(&entry) };
            if self.writer.offer(update).is_err() {
                // The index keeps the older times: after a restart it is validated the sooner.
                self.memory.unpin(key);
            }
        }
        entry
    }

    /// The same where memory has let go of it meanwhile.
    async fn refresh_in_index(self: &Arc<Self>, key: CacheKey, entry: Arc<Entry>) {
        let store = Arc::clone(self);
        let refreshed = spawn_blocking(move || {
            let _held = store.lock(&key);
            let before = store.load(&key);
            if !before.iter().any(|other| other.id == entry.id) {
                return;
            }
            let new = before.iter().map(|other| if other.id == entry.id { &entry } else { other });
            store.memory.insert(&key, new.cloned().collect(), Pin::Yes);
            if store.writer.give(Command::Update { key: key.clone(), entry }).is_err() {
                store.memory.unpin(&key);
            }
        });
        drop(refreshed.await);
    }

    /// Removes all that is stored under `key`.
    pub(crate) async fn remove(self: &Arc<Self>, key: CacheKey) {
        self.remove_if(key, |_| true).await;
    }

    /// Removes a stored response, and whatever file is in its place.
    pub(crate) async fn discard(self: &Arc<Self>, key: CacheKey, entry: &Entry) {
        let id = entry.id;
        self.remove_if(key, move |entry| entry.id == id).await;
    }

    async fn remove_if(self: &Arc<Self>, key: CacheKey, goes: impl Fn(&Entry) -> bool + Send + 'static) {
        let store = Arc::clone(self);
        let removed = spawn_blocking(move || {
            let _held = store.lock(&key);
            let (going, left): (Vec<_>, Vec<_>) =
                store.load(&key).iter().cloned().partition(|entry| goes(entry));
            let left: Variants = left.into();
            for entry in going {
                store.memory.insert(&key, Arc::clone(&left), Pin::Yes);
                store.disk.remove_any(&entry.path);
                store.give_remove(&key, entry);
            }
        });
        drop(removed.await);
    }

    /// Waits until all that was stored is on the disk.
    pub(crate) async fn flush(self: &Arc<Self>) {
        let store = Arc::clone(self);
        let flushed = spawn_blocking(move || {
            let (reply, done) = sync_channel(1);
            if store.writer.give(Command::Flush { reply }).is_ok() {
                let _ = done.recv(); // an error means that nobody writes any more
            }
        });
        drop(flushed.await);
    }

    /// Bytes of disk that bodies take, with those that are being written.
    #[must_use]
    pub(crate) fn used(&self) -> u64 {
        self.quota.used()
    }

    /// How much is set aside at a time for a body of unknown length.
    fn step(&self) -> u64 {
        STEP.min(self.quota.limit() / STEPS_MIN).max(1)
    }

    async fn reserve(self: &Arc<Self>, reservation: &mut Reservation, size: u64) -> Result<(), Unstored> {
        if reservation.grow(size) {
            return Ok(());
        }
        if weight(size) > self.quota.limit() {
            return Err(Unstored::TooLarge);
        }
        let bytes = reservation.lacks(size);
        let store = Arc::clone(self);
        let made = spawn_blocking(move || {
            let (reply, done) = sync_channel(1);
            if store.writer.give(Command::Room { bytes, reply }).is_ok() {
                let _ = done.recv_timeout(ROOM_WAIT);
            }
        });
        drop(made.await);
        if reservation.grow(size) { Ok(()) } else { Err(Unstored::NoRoom) }
    }

    /// Puts a body, or what is `present` of one, where it is found from now on.
    fn place(
        &self,
        key: &CacheKey,
        draft: Draft,
        response: StoredResponse,
        present: Option<Spans>,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Arc<Entry>, Unstored> {
        let _held = self.lock(key);
        if !is_wanted() {
            return Err(Unstored::Obsolete);
        }
        let before = self.load(key);
        let slot = slot_for(&before, &response);
        let (file, content) = (Arc::clone(draft.file()), draft.content.filter(is_small));
        let path = match &present {
            None => self.disk.path_of(key, slot),
            Some(_) => self.disk.part_path_of(key, slot),
        };
        let place = self.disk.publish(draft.temporary, &path);
        let place = place.inspect_err(|error| self.pause.begin(error))?;
        let read = || read_small(&file, &place.1).unwrap_or_default();
        let bytes = if present.is_some() { None } else { content.or_else(read) };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry::new(id, slot, response, place, bytes).with_present(present));
        let others = before.iter().filter(|other| other.slot != slot).cloned();
        self.memory.insert(key, others.chain([Arc::clone(&entry)]).collect(), Pin::Yes);
        let put =
            Command::Put { key: key.clone(), entry: Arc::clone(&entry), reservation: draft.reservation };
        if self.writer.give(put).is_err() {
            self.memory.forget(key, id);
            self.memory.unpin(key);
            self.disk.remove(&entry.path, &entry.identity);
            return Err(Unstored::System(io::Error::other("nobody writes the index")));
        }
        self.pause.end();
        Ok(entry)
    }

    fn withdraw_now(&self, key: &CacheKey, entry: &Arc<Entry>) -> io::Result<Option<Draft>> {
        let _held = self.lock(key);
        let (going, left): (Vec<_>, Vec<_>) =
            self.load(key).iter().cloned().partition(|other| other.id == entry.id);
        if going.is_empty() {
            return Ok(None);
        }
        let Some(temporary) = self.disk.take_back(&entry.path, &entry.identity)? else { return Ok(None) };
        self.memory.insert(key, left.into(), Pin::Yes);
        let command = Command::Withdraw { key: key.clone(), entry: Arc::clone(entry) };
        if self.writer.give(command).is_err() {
            self.memory.unpin(key);
        }
        Ok(Some(Draft { temporary, reservation: self.quota.adopt(entry.weight()), content: None }))
    }

    /// What is stored under `key`, from memory or from the index; its lock is held.
    fn load(&self, key: &CacheKey) -> Variants {
        if let Some(variants) = self.memory.get(key) {
            return variants;
        }
        let records = match self.index.records(key.as_str()) {
            Ok(records) => records,
            Err(fault) => {
                tracing::debug!(%fault, %key, "the cache's index can't be read");
                return Variants::default();
            }
        };
        let revived = records.iter().filter_map(|(slot, record)| self.revive(key, *slot, record));
        let variants: Variants = revived.map(Arc::new).collect();
        if !variants.is_empty() {
            self.memory.insert(key, Arc::clone(&variants), Pin::No);
        }
        variants
    }

    /// The stored response of a record, if its key is the one looked for and its body is the very one
    /// that was recorded; else both go.
    fn revive(&self, key: &CacheKey, slot: u8, record: &[u8]) -> Option<Entry> {
        let record = Record::decode(record).ok().filter(|record| record.key == key.as_str())?;
        let response = record.response(self.heuristic).ok()?;
        let place = (record.path, record.identity);
        match self.disk.open_body(&place.0, &place.1) {
            Ok(Some(file)) => {
                let bytes = if record.present.is_some() { None } else { read_small(&file, &place.1).ok()? };
                Some(Entry::new(record.id, slot, response, place, bytes).with_present(record.present))
            }
            Ok(None) => {
                tracing::debug!(%key, path = %place.0, "the body of a stored response was changed or is gone");
                let entry = Arc::new(Entry::new(record.id, slot, response, place, None));
                self.disk.remove_any(&entry.path);
                self.memory.insert(key, Variants::default(), Pin::Yes);
                self.give_remove(key, entry);
                None
            }
            Err(_) => None, // no descriptor, say: it may be there the next time
        }
    }

    fn give_remove(&self, key: &CacheKey, entry: Arc<Entry>) {
        if self.writer.give(Command::Remove { key: key.clone(), entry }).is_err() {
            self.memory.unpin(key);
        }
    }

    fn lock(&self, key: &CacheKey) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        let at = usize::try_from(hash % LOCKS.try_into().unwrap_or(1)).unwrap_or_default();
        self.locks[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of the variant that `response` replaces, else a free one, else that of the oldest.
fn slot_for(variants: &Variants, response: &StoredResponse) -> u8 {
    let same = variants.iter().find(|entry| entry.response.selecting == response.selecting);
    let free = || (0..VARIANTS_MAX).find(|slot| variants.iter().all(|entry| entry.slot != *slot));
    let oldest = || variants.iter().min_by_key(|entry| entry.response.received_at).map(|entry| entry.slot);
    same.map(|entry| entry.slot).or_else(free).or_else(oldest).unwrap_or_default()
}

/// Whether two heads of one response differ in their times only.
fn tells_the_same(one: &StoredResponse, other: &StoredResponse) -> bool {
    let is_told = |(name, _): &(&HeaderName, &HeaderValue)| **name != DATE;
    one.fields.iter().filter(is_told).eq(other.fields.iter().filter(is_told))
}

fn is_small(content: &Bytes) -> bool {
    u64::try_from(content.len()).is_ok_and(|size| size <= SMALL_MAX)
}

fn read_small(file: &File, identity: &Identity) -> io::Result<Option<Bytes>> {
    if identity.size > SMALL_MAX {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(identity.size).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Some(Bytes::from(bytes)))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
