//! The store: bodies as files, an index of them, and the ones in use in memory.
//!
//! What is stored is told by memory first, then by the index. A body is published by rename and then
//! recorded; a record counts only if its key is the one asked for and its file is the very one recorded
//! (size, modification time, inode). After an end that was not clean the checksums of a body must be right,
//! too, before it is used for the first time. So a kill or a loss of power at any moment leaves whole
//! responses or misses.
//!
//! Work that may wait for the disk runs on tokio's blocking threads, writes of the index on one thread of
//! its own. Only a look at a file's state, and its opening, happen on the threads that serve.

mod admission;
mod checksum;
pub(crate) mod disk;
pub(crate) mod draft;
pub(crate) mod entry;
pub(crate) mod fault;
mod ghosts;
mod hands;
pub(crate) mod index;
mod journal;
mod load;
mod memory;
mod moment;
mod path;
mod purge;
pub(crate) mod quota;
mod record;
mod room;
pub(crate) mod selection;
pub(crate) mod sheet;
pub(crate) mod survey;
pub(crate) mod tally;
mod writer;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use message::header::DATE;
use message::{Body, FileSlice, HeaderName, HeaderValue, Segment, Spans};
use tokio::task::spawn_blocking;

use crate::config::{Admission, Config};
use crate::key::CacheKey;
use crate::policy::rules::Rules;
use crate::store::checksum::Checksums;
use crate::store::disk::Disk;
use crate::store::draft::Draft;
use crate::store::entry::{Entry, SMALL_MAX, Variants, read_small};
use crate::store::fault::{OpenFault, Pause, Unstored};
use crate::store::ghosts::Ghosts;
use crate::store::hands::Hands;
use crate::store::index::{Index, IndexFault};
use crate::store::journal::{Journal, Note};
use crate::store::memory::{Memory, Pin};
use crate::store::moment::{Moment, reach};
use crate::store::quota::{Quota, Reservation, on_disk};
use crate::store::record::Record;
use crate::store::tally::{Statistics, Tally};
use crate::store::writer::{Command, Desk, Touched, Writer};
use crate::stored::StoredResponse;

/// The most variants of one key that are stored; the one received first goes for another one.
const VARIANTS_MAX: u8 = 8;

/// Locks for keys; two keys may have one in common.
const LOCKS: usize = 64;

/// Threads that look for what is stored, and threads that store what is small, at most.
const HANDS: (usize, usize) = (8, 4);

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
    ghosts: Arc<Ghosts>,
    journal: Arc<Journal>,
    tally: Arc<Tally>,
    writer: Writer,
    /// Who looks for something does not wait for who stores something.
    readers: Hands,
    writers: Hands,
    next_id: AtomicU64,
    /// What was written or proven in an earlier one is in doubt.
    epoch: u64,
    /// Held while large bodies of a key are proven to be what was written, so that this is done once.
    proving: Vec<Mutex<()>>,
    /// Held where what is stored under a key changes on the disk, or is read from there: never across an
    /// await, and never by the writer.
    locks: Vec<Mutex<()>>,
    pause: Pause,
    admission: Admission,
    /// Bytes of the file system that are left to others.
    min_free: u64,
    rules: Rules,
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
        let (journal, notes) = Journal::open(&disk.journal()).map_err(directory)?;
        for note in notes {
            if !is_recorded(&index, &disk, &note).map_err(of_index)? {
                disk.remove_any(&note.path);
            }
        }
        journal.settle(std::iter::empty());
        let standing = index.begin().map_err(of_index)?;
        let memory = Arc::new(Memory::new(config.memory));
        let quota = Quota::new(config.size, standing.bytes);
        quota.note_index(index.on_disk().map_err(directory)?);
        let (touched, journal, tally) =
            (Arc::new(Touched::default()), Arc::new(journal), Arc::new(Tally::default()));
        let ghosts = Arc::new(Ghosts::default());
        let writer = Writer::start(Desk {
            disk: Arc::clone(&disk),
            index: Arc::clone(&index),
            memory: Arc::clone(&memory),
            quota: Arc::clone(&quota),
            touched: Arc::clone(&touched),
            ghosts: Arc::clone(&ghosts),
            journal: Arc::clone(&journal),
            tally: Arc::clone(&tally),
        });
        let store = Self {
            disk,
            index,
            memory,
            quota,
            touched,
            ghosts,
            journal,
            tally,
            writer: writer.map_err(directory)?,
            readers: Hands::new(HANDS.0),
            writers: Hands::new(HANDS.1),
            next_id: AtomicU64::new(standing.last_id.saturating_add(1)),
            epoch: standing.epoch,
            proving: (0..LOCKS).map(|_| Mutex::default()).collect(),
            locks: (0..LOCKS).map(|_| Mutex::default()).collect(),
            pause: Pause::default(),
            admission: config.admission,
            min_free: config.min_free,
            rules: config.rules.clone(),
        };
        // The quota may be smaller than last time.
        drop(store.writer.offer(Command::Room { bytes: 0, shortfall: 0, reply: sync_channel(1).0 }));
        Ok(store)
    }

    /// All that is stored under `key`.
    pub(crate) async fn lookup(self: &Arc<Self>, key: &CacheKey) -> Variants {
        if let Some(variants) = self.memory.get(key) {
            return variants;
        }
        let (store, key) = (Arc::clone(self), key.clone());
        let load = move || {
            let proven = store.prove(&key);
            let _held = store.lock(&key);
            store.load(&key, &proven)
        };
        // Where bodies are in doubt it may take long.
        let loaded = match self.epoch {
            0 => self.readers.run(load).await,
            _ => spawn_blocking(load).await.map_err(io::Error::other),
        };
        loaded.unwrap_or_default()
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

    /// The content of a stored response for a request that was received at `now`; `None` if its file is gone, or
    /// is another one now. Of a part it is as long as the whole, and [`Entry::present`] says which bytes of it
    /// may be used.
    ///
    /// # Errors
    /// What the system says, such as that no more files may be open.
    pub(crate) fn content(&self, entry: &Entry, now: SystemTime) -> io::Result<Option<Body>> {
        if entry.touch() {
            self.touched.note(entry.id);
        }
        if let Some(bytes) = &entry.bytes {
            let is_there = self.disk.is_there(&entry.path, &entry.identity, &entry.proof, now);
            return Ok(is_there.then(|| Body::from(bytes.clone())));
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
    pub(crate) async fn withdraw(
        self: &Arc<Self>,
        key: CacheKey,
        entry: &Arc<Entry>,
    ) -> io::Result<Option<Draft>> {
        let (store, entry) = (Arc::clone(self), Arc::clone(entry));
        blocking(move || store.withdraw_now(&key, &entry)).await
    }

    /// Has enough set aside for `size` bytes of `draft`.
    ///
    /// # Errors
    /// [`Unstored::TooLarge`], [`Unstored::NoRoom`]
    pub(crate) async fn extend(self: &Arc<Self>, draft: &mut Draft, size: u64) -> Result<(), Unstored> {
        if draft.reservation.covers(size) {
            return Ok(());
        }
        let before = draft.reservation.bytes();
        let wanted = size.checked_next_multiple_of(self.step()).unwrap_or(size);
        self.reserve(&mut draft.reservation, wanted).await?;
        self.leave_free(draft.reservation.bytes().saturating_sub(before)).await
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
    pub(crate) async fn keep(
        self: &Arc<Self>,
        key: CacheKey,
        draft: Draft,
        response: StoredResponse,
        present: Spans,
        is_wanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<Arc<Entry>, Unstored> {
        let mut draft = draft;
        self.reserve(&mut draft.reservation, on_disk(&present)).await?;
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
        let stored = self.writers.run(move || {
            let mut draft = Draft::new(store.disk.temporary()?, reservation);
            let size = draft.reservation.bytes();
            let segments = [Segment::Bytes(content.clone())];
            store.with_room(size, || draft.pen().write(&segments, 0))?;
            draft.content = Some(content);
            Ok(store.place(&key, draft, response, None, is_wanted))
        });
        stored.await.flatten().inspect_err(|error| self.note_fault(error))?
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
            let before = store.load(&key, &[]);
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
                store.load(&key, &[]).iter().cloned().partition(|entry| goes(entry));
            let left: Variants = left.into();
            for entry in going {
                store.memory.insert(&key, Arc::clone(&left), Pin::Yes);
                store.disk.remove_any(&entry.path);
                store.give_remove(&key, entry);
            }
        });
        drop(removed.await);
    }

    /// Waits until all that was stored is in the index.
    pub(crate) async fn flush(self: &Arc<Self>) {
        self.wait_for(|reply| Command::Room { bytes: 0, shortfall: 0, reply }).await;
    }

    /// Waits until all that was stored is on the disk, and nothing of it will be in doubt.
    pub(crate) async fn close(self: &Arc<Self>) {
        self.wait_for(|reply| Command::Seal { reply }).await;
    }

    async fn wait_for(self: &Arc<Self>, command: impl FnOnce(SyncSender<()>) -> Command + Send + 'static) {
        let store = Arc::clone(self);
        let done = spawn_blocking(move || {
            let (reply, done) = sync_channel(1);
            if store.writer.give(command(reply)).is_ok() {
                let _ = done.recv(); // an error means that nobody writes any more
            }
        });
        drop(done.await);
    }

    /// Bytes of disk that bodies take, with those that are being written.
    #[must_use]
    pub(crate) fn used(&self) -> u64 {
        self.quota.used()
    }

    /// How it is, and what has happened in it.
    #[must_use]
    pub(crate) fn statistics(&self) -> Statistics {
        self.tally.read(&self.quota)
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
        // Before the lock: what was not written in order is read for it.
        let checksums = checksums(&draft, present.as_ref()).inspect_err(|error| self.note_fault(error))?;
        let _held = self.lock(key);
        if !is_wanted() {
            return Err(Unstored::Obsolete);
        }
        reach(Moment::Written);
        let before = self.load(key, &[]);
        if present.is_some() && before.iter().any(|whole| outdoes(whole, &response)) {
            return Err(Unstored::Obsolete);
        }
        let slot = slot_for(&before, &response);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let placed = self.put_in_place(key, (id, slot, self.epoch), draft, response, present);
        let (entry, reservation) = placed.inspect_err(|error| {
            self.journal.settle([id].into_iter());
            self.note_fault(error);
        })?;
        reach(Moment::Placed);
        let others = before.iter().filter(|other| other.slot != slot).cloned();
        self.memory.insert(key, others.chain([Arc::clone(&entry)]).collect(), Pin::Yes);
        let put = Command::Put { key: key.clone(), entry: Arc::clone(&entry), checksums, reservation };
        if self.writer.give(put).is_err() {
            self.memory.forget(key, id);
            self.memory.unpin(key);
            self.disk.remove(&entry.path, &entry.identity);
            return Err(Unstored::System(io::Error::other("nobody writes the index")));
        }
        self.tally.stored.note();
        self.pause.end();
        Ok(entry)
    }

    fn put_in_place(
        &self,
        key: &CacheKey,
        (id, slot, epoch): (u64, u8, u64),
        draft: Draft,
        response: StoredResponse,
        present: Option<Spans>,
    ) -> io::Result<(Arc<Entry>, Reservation)> {
        let file = Arc::clone(draft.file());
        let path = match &present {
            None => self.disk.path_of(key, slot),
            Some(_) => self.disk.part_path_of(key, slot),
        };
        let Draft { temporary, reservation, content, .. } = draft;
        let note = |place: &str| {
            self.journal.note(id, key, slot, place)?;
            reach(Moment::Noted);
            Ok(())
        };
        let place = self.disk.publish(temporary, &path, note)?;
        let read = || read_small(&file, &place.1).unwrap_or_default();
        let bytes = if present.is_some() { None } else { content.filter(is_small).or_else(read) };
        let entry = Entry::new((id, slot, epoch), response, place, bytes).with_present(present);
        Ok((Arc::new(entry), reservation))
    }

    fn withdraw_now(&self, key: &CacheKey, entry: &Arc<Entry>) -> io::Result<Option<Draft>> {
        let _held = self.lock(key);
        let (going, left): (Vec<_>, Vec<_>) =
            self.load(key, &[]).iter().cloned().partition(|other| other.id == entry.id);
        if going.is_empty() {
            return Ok(None);
        }
        let Some(temporary) = self.disk.take_back(&entry.path, &entry.identity)? else { return Ok(None) };
        self.memory.insert(key, left.into(), Pin::Yes);
        let command = Command::Withdraw { key: key.clone(), entry: Arc::clone(entry) };
        if self.writer.give(command).is_err() {
            self.memory.unpin(key);
        }
        Ok(Some(Draft::new(temporary, self.quota.adopt(entry.weight()))))
    }

    fn give_remove(&self, key: &CacheKey, entry: Arc<Entry>) {
        if self.writer.give(Command::Remove { key: key.clone(), entry }).is_err() {
            self.memory.unpin(key);
        }
    }

    fn lock(&self, key: &CacheKey) -> MutexGuard<'_, ()> {
        lock_of(&self.locks, key)
    }
}

/// The checksums of a body, or of what is `present` of one.
fn checksums(draft: &Draft, present: Option<&Spans>) -> io::Result<Checksums> {
    match present {
        None => draft.checksums(draft.file().metadata()?.len()),
        Some(present) => Checksums::of(draft.file(), present.iter().cloned()),
    }
}

/// The one of these locks that is for `key`.
fn lock_of<'l>(locks: &'l [Mutex<()>], key: &CacheKey) -> MutexGuard<'l, ()> {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
    let at = usize::try_from(hash % LOCKS.try_into().unwrap_or(1)).unwrap_or_default();
    locks[at].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the index leads to a body that an earlier process was about to put in its place.
fn is_recorded(index: &Index, disk: &Disk, note: &Note) -> Result<bool, IndexFault> {
    let record = index.record(&note.key, note.slot)?.and_then(|record| Record::decode(&record).ok());
    Ok(record
        .is_some_and(|record| record.path == note.path && disk.is_unchanged(&record.path, &record.identity)))
}

/// The slot of the variant that `response` replaces, else a free one, else that of the oldest.
fn slot_for(variants: &Variants, response: &StoredResponse) -> u8 {
    let same = variants.iter().find(|entry| entry.response.selecting.overlaps(&response.selecting));
    let free = || (0..VARIANTS_MAX).find(|slot| variants.iter().all(|entry| entry.slot != *slot));
    let oldest = || variants.iter().min_by_key(|entry| entry.response.received_at).map(|entry| entry.slot);
    same.map(|entry| entry.slot).or_else(free).or_else(oldest).unwrap_or_default()
}

/// Whether `stored` is whole, and so new that no part of `response` takes its place.
fn outdoes(stored: &Entry, response: &StoredResponse) -> bool {
    stored.present.is_none()
        && stored.response.received_at >= response.received_at
        && stored.response.selecting.overlaps(&response.selecting)
}

/// Whether two heads of one response differ in their times only.
fn tells_the_same(one: &StoredResponse, other: &StoredResponse) -> bool {
    let is_told = |(name, _): &(&HeaderName, &HeaderValue)| **name != DATE;
    one.fields.iter().filter(is_told).eq(other.fields.iter().filter(is_told))
        && one.selecting == other.selecting
        && one.outdated_at == other.outdated_at
}

fn is_small(content: &Bytes) -> bool {
    u64::try_from(content.len()).is_ok_and(|size| size <= SMALL_MAX)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash_tests;
