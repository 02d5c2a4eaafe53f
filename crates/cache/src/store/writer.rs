//! The one thread that writes the index, so that no request waits for the disk.
//!
//! It takes whatever is queued, does it in one transaction, and evicts in the same one. Files are removed
//! before that ends: a record without its file is a miss, a file without a record would take room for nothing.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::key::CacheKey;
use crate::store::checksum::Checksums;
use crate::store::disk::{Disk, Identity};
use crate::store::entry::Entry;
use crate::store::ghosts::Ghosts;
use crate::store::index::{Index, IndexFault, Place, Queue, Tables};
use crate::store::journal::Journal;
use crate::store::memory::Memory;
use crate::store::moment::{Moment, reach};
use crate::store::quota::{Quota, Reservation};
use crate::store::record::Record;
use crate::store::selection::{Fate, Selection};
use crate::store::tally::Tally;

/// Commands that may wait; who has another one to give waits then, or goes without.
const QUEUE_MAX: usize = 4096;

/// Commands that are done in one transaction.
const BATCH_MAX: usize = 1024;

/// How long it is waited for more of them, since each transaction costs much by itself; not when somebody waits
/// for what is to be done.
const LINGER: Duration = Duration::from_millis(10);

/// Which part of the quota is for what is new, and was not used again yet.
const SMALL_PART: u64 = 10;

/// How many responses that were used are spared in one batch before the next goes whatever it is.
const SPARED_MAX: usize = 1000;

/// The part of the quota that the index may take before it is looked whether it can do with less.
const INDEX_PART: u64 = 4;

/// As many variants as a key can ever have.
const VARIANTS_READ: usize = 256;

/// How many stored responses are purged in one transaction.
const PURGE_STEP: usize = 10_000;

/// How much goes at a time where the index can't be written, in bytes.
const RELIEF: u64 = 1 << 20;

/// How many responses are known to have been used since eviction came by; beyond that all are forgotten.
const TOUCHED_MAX: usize = 1 << 20;

/// What is to be done. The first four are for keys that are pinned in memory, once for each.
#[derive(Debug)]
pub(crate) enum Command {
    /// A body was put in its place.
    Put { key: CacheKey, entry: Arc<Entry>, checksums: Checksums, reservation: Reservation },
    /// A stored response has a new head.
    Update { key: CacheKey, entry: Arc<Entry> },
    /// A stored response is to go.
    Remove { key: CacheKey, entry: Arc<Entry> },
    /// A stored part was taken out to be completed, with its file and what that weighs.
    Withdraw { key: CacheKey, entry: Arc<Entry> },
    /// Somebody wants some of it gone, or stale; answered with the keys and ids of those.
    Purge { selection: Selection, fate: Fate, now: SystemTime, reply: SyncSender<Vec<(CacheKey, u64)>> },
    /// Somebody needs that many bytes of the quota, and that the file system gets so many back; answered when what can
    /// be done for it is done.
    Room { bytes: u64, shortfall: u64, reply: SyncSender<()> },
    /// Answered when everything before is on the disk, bodies too, and the index says so: nothing of it is in
    /// doubt at the next start.
    Seal { reply: SyncSender<()> },
}

/// The ids of stored responses that were used since eviction came by.
#[derive(Debug, Default)]
pub(crate) struct Touched(Mutex<HashSet<u64>>);

/// The thread, from outside; dropped, it ends when all is written.
#[derive(Debug)]
pub(crate) struct Writer {
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// What it works on.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) disk: Arc<Disk>,
    pub(crate) index: Arc<Index>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) touched: Arc<Touched>,
    pub(crate) ghosts: Arc<Ghosts>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) tally: Arc<Tally>,
}

/// A stored response whose record is gone.
struct Gone {
    path: String,
    identity: Identity,
    /// Its key and id, if memory is still to be told.
    evicted: Option<(CacheKey, u64)>,
}

/// How far a purge has come.
#[derive(Default)]
struct Cursor {
    id: Option<u64>,
    place: Option<Place>,
}

impl Cursor {
    /// Where the next ones are that are selected: none, or fewer than could be, at the end.
    fn next(&mut self, tables: &Tables<'_>, selection: &Selection) -> Result<Vec<Place>, redb::Error> {
        let places = match selection {
            Selection::Key(key) => {
                // Its variants come before all longer keys.
                let all = tables.beginning_with(key.as_str(), self.place.as_ref(), VARIANTS_READ)?;
                all.into_iter().filter(|(other, _)| other == key.as_str()).collect()
            }
            Selection::Prefix(prefix) => tables.beginning_with(prefix, self.place.as_ref(), PURGE_STEP)?,
            Selection::Tag(tag) => {
                let found = tables.tagged(tag, self.id, PURGE_STEP)?;
                self.id = found.last().map(|(id, _)| *id).or(self.id);
                found.into_iter().map(|(_, place)| place).collect()
            }
        };
        self.place = places.last().cloned();
        Ok(places)
    }
}

impl Touched {
    pub(crate) fn note(&self, id: u64) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= TOUCHED_MAX {
            ids.clear();
        }
        ids.insert(id);
    }

    fn take(&self, id: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }
}

impl Command {
    /// Whether somebody waits until it is done.
    fn is_awaited(&self) -> bool {
        matches!(self, Self::Purge { .. } | Self::Room { .. } | Self::Seal { .. })
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(desk: Desk) -> io::Result<Self> {
        let (commands, queue) = sync_channel(QUEUE_MAX);
        let thread =
            thread::Builder::new().name(String::from("cache-index")).spawn(move || desk.run(&queue))?;
        Ok(Self { commands: Some(commands), thread: Some(thread) })
    }

    /// Gives a command, waiting for room in the queue: not for the threads that serve connections. Comes
    /// back if nobody is there to do it.
    pub(crate) fn give(&self, command: Command) -> Result<(), Command> {
        let Some(commands) = &self.commands else { return Err(command) };
        let is_awaited = command.is_awaited();
        commands.send(command).map_err(|error| error.0)?;
        self.hurry_if(is_awaited);
        Ok(())
    }

    /// Gives a command if there is room in the queue.
    pub(crate) fn offer(&self, command: Command) -> Result<(), Command> {
        let Some(commands) = &self.commands else { return Err(command) };
        let is_awaited = command.is_awaited();
        commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(command) | TrySendError::Disconnected(command) => command,
        })?;
        self.hurry_if(is_awaited);
        Ok(())
    }

    fn hurry_if(&self, is_awaited: bool) {
        if let Some(thread) = self.thread.as_ref().filter(|_| is_awaited) {
            thread.thread().unpark();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        self.hurry_if(true);
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported over there.
            drop(thread.join());
        }
    }
}

impl Desk {
    fn run(self, queue: &Receiver<Command>) {
        let (mut is_failing, mut smallest) = (false, 0);
        while let Ok(first) = queue.recv() {
            if !first.is_awaited() {
                thread::park_timeout(LINGER); // woken early it does less at a time
            }
            let mut batch = vec![first];
            batch.extend(queue.try_iter().take(BATCH_MAX - 1));
            let mut gone = Vec::new();
            reach(Moment::Begun);
            let outcome = self.index.write(|tables| self.apply(tables, &batch, &mut gone));
            reach(Moment::Recorded);
            match outcome {
                Ok(freed) => {
                    self.weigh_index(&mut smallest);
                    self.finish(batch, freed);
                    is_failing = false;
                }
                Err(fault) => {
                    if !is_failing {
                        tracing::warn!(%fault, "the cache's index can't be written; what is new is not kept");
                    }
                    is_failing = true;
                    self.tally.faults.note();
                    self.give_up(batch, &gone);
                    drop(self.index.reopen());
                    if fault.is_full() {
                        self.relieve();
                    }
                }
            }
        }
    }

    /// Has the index count in the quota. If it takes much of that, perhaps for what is long gone, and twice what it was
    /// when it was `smallest`, it is made as small as it can be.
    fn weigh_index(&self, smallest: &mut u64) {
        let weigh = || self.index.on_disk().unwrap_or_default();
        let mut bytes = weigh();
        if bytes > self.quota.limit() / INDEX_PART && bytes / 2 >= *smallest {
            if let Err(fault) = self.index.compact() {
                tracing::debug!(%fault, "the cache's index can't be made smaller");
            }
            bytes = weigh();
            *smallest = bytes;
        }
        self.quota.note_index(bytes.saturating_add(self.journal.length()));
    }

    /// Writes what `batch` says, evicts what is too much, and gives how much of the quota is free then that
    /// was not before.
    fn apply(
        &self,
        tables: &mut Tables<'_>,
        batch: &[Command],
        gone: &mut Vec<Gone>,
    ) -> Result<u64, redb::Error> {
        let (mut added, mut freed, mut wanted, mut last_id) = (0_u64, 0_u64, 0_u64, tables.last_id()?);
        let (mut withdrawn, mut shortfall) = (0_u64, 0_u64);
        for command in batch {
            match command {
                Command::Put { key, entry, checksums, .. } => {
                    let record = Record::of(key, entry);
                    let queue = self.queue_for(tables, key, entry.slot)?;
                    let standing = (queue, entry.weight());
                    let old = tables.put(key.as_str(), entry.slot, &record.encode(), standing)?;
                    freed = freed.saturating_add(bury(tables, old, None, gone)?);
                    for tag in record.tags() {
                        tables.put_tag(&tag, entry.id, key.as_str(), entry.slot)?;
                    }
                    tables.put_checksums(entry.id, checksums)?;
                    added = added.saturating_add(entry.weight());
                    last_id = last_id.max(entry.id);
                }
                Command::Update { key, entry } => {
                    if let Some(old) = recorded(tables, key, entry)? {
                        update(tables, key, entry, &old)?;
                    }
                }
                Command::Remove { key, entry } => {
                    if recorded(tables, key, entry)?.is_some() {
                        let old = tables.take(key.as_str(), entry.slot)?;
                        freed = freed.saturating_add(bury(tables, old, None, gone)?);
                    }
                }
                Command::Withdraw { key, entry } => {
                    if let Some(old) = recorded(tables, key, entry)? {
                        tables.take(key.as_str(), entry.slot)?;
                        forget(tables, &old)?;
                        withdrawn = withdrawn.saturating_add(entry.weight());
                    } else {
                        // Evicted a moment before: what it weighs was released, but it is there still.
                        self.quota.charge(entry.weight());
                    }
                }
                Command::Room { bytes, shortfall: lacks, .. } => {
                    wanted = wanted.saturating_add(*bytes);
                    shortfall = shortfall.saturating_add(*lacks);
                }
                // That is done by itself, since it may be much.
                Command::Purge { .. } | Command::Seal { .. } => {}
            }
        }
        let freed = self.evict(tables, (wanted, shortfall), freed, gone)?;
        let bytes = tables.bytes()?.saturating_add(added).saturating_sub(freed.saturating_add(withdrawn));
        tables.set_bytes(bytes)?;
        tables.set_last_id(last_id)?;
        let is_sealed = matches!(batch.last(), Some(Command::Seal { .. })) && self.disk.sync().is_ok();
        tables.set_running(!is_sealed)?;
        // Before the records are gone for good: a record without its file is a miss, a file without a
        // record would take room for nothing.
        self.remove(gone);
        reach(Moment::Applied);
        Ok(freed)
    }

    /// Takes records out until, with `freed` bytes that are free already, `wanted` bytes of the quota and the
    /// headroom are, and no less than `shortfall`; gives what is free then. That is S3-FIFO:
    /// the first in the small queue goes while that has more than its part, else the first in the main queue;
    /// but who was used goes to the end of the main queue.
    fn evict(
        &self,
        tables: &mut Tables<'_>,
        (wanted, shortfall): (u64, u64),
        freed: u64,
        gone: &mut Vec<Gone>,
    ) -> Result<u64, redb::Error> {
        let limit = self.quota.limit();
        let goal = limit.saturating_sub(wanted.max(self.quota.headroom()));
        let (mut freed, mut spared) = (freed, 0);
        while self.quota.taken().saturating_sub(freed) > goal || freed < shortfall {
            let is_small_due = tables.small() >= limit / SMALL_PART;
            let (first, second) =
                if is_small_due { (Queue::Small, Queue::Main) } else { (Queue::Main, Queue::Small) };
            let next = match tables.take_next(first)? {
                Some(row) => Some((row, first)),
                None => tables.take_next(second)?.map(|row| (row, second)),
            };
            let Some((row, queue)) = next else { break };
            let (Ok(record), Some(key)) = (Record::decode(&row.record), CacheKey::parse(&row.key)) else {
                continue; // nobody could ever use it
            };
            if spared < SPARED_MAX && self.touched.take(record.id) {
                spared += 1;
                self.memory.untouch(&key, record.id);
                tables.put(&row.key, row.slot, &row.record, (Queue::Main, record.weight()))?;
            } else {
                if queue == Queue::Small {
                    self.ghosts.note(&key);
                }
                freed = freed.saturating_add(bury(tables, Some(row.record), Some(key), gone)?);
                self.tally.evicted.note();
            }
        }
        Ok(freed)
    }

    /// Purges what is selected, some of it in each transaction so that it never takes too much; gives what that was.
    fn purge(
        &self,
        selection: &Selection,
        fate: Fate,
        now: SystemTime,
    ) -> Result<Vec<(CacheKey, u64)>, IndexFault> {
        let (mut purged, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let (mut gone, mut freed) = (Vec::new(), 0_u64);
            let places = self.index.write(|tables| {
                let places = cursor.next(tables, selection)?;
                for (key, slot) in &places {
                    let Some((record, key)) = readable(tables, key, *slot)? else { continue };
                    purged.push((key.clone(), record.id));
                    if fate == Fate::Gone {
                        let old = tables.take(key.as_str(), *slot)?;
                        freed = freed.saturating_add(bury(tables, old, Some(key), &mut gone)?);
                    } else if record.received_at().is_some_and(|received| received <= now) {
                        tables.update(key.as_str(), *slot, &record.outdated(now).encode())?;
                    }
                }
                tables.set_bytes(tables.bytes()?.saturating_sub(freed))?;
                self.remove(&gone);
                Ok(places.len())
            })?;
            self.quota.release(freed);
            if places < PURGE_STEP {
                self.tally.purged.add(u64::try_from(purged.len()).unwrap_or(u64::MAX));
                return Ok(purged);
            }
        }
    }

    /// The queue for what is new: the main one for what had to go a short while ago.
    fn queue_for(&self, tables: &Tables<'_>, key: &CacheKey, slot: u8) -> Result<Queue, redb::Error> {
        match tables.queue_of(key.as_str(), slot)? {
            Some(queue) => Ok(queue),
            None if self.ghosts.take(key) => Ok(Queue::Main),
            None => Ok(Queue::Small),
        }
    }

    /// The index could not be written for want of room on the disk: some bodies go, so that the next try finds
    /// some.
    fn relieve(&self) {
        let (mut gone, shortfall) = (Vec::new(), self.quota.limit().min(RELIEF));
        let outcome = self.index.write(|tables| {
            let freed = self.evict(tables, (0, shortfall), 0, &mut gone)?;
            tables.set_bytes(tables.bytes()?.saturating_sub(freed))?;
            self.remove(&gone);
            Ok(freed)
        });
        match outcome {
            Ok(freed) => self.quota.release(freed),
            // Their records are there still, without bodies. What they weighed counts until they are found.
            Err(_) => drop(self.index.reopen()),
        }
    }

    /// All is on the disk. Room is given away only now that the files that had it are gone: else there would
    /// be more of them for a moment than the quota allows.
    fn finish(&self, batch: Vec<Command>, freed: u64) {
        self.quota.release(freed);
        self.journal.settle(put(&batch));
        reach(Moment::Settled);
        for command in batch {
            match command {
                Command::Put { key, entry, reservation, .. } => {
                    reservation.keep(entry.weight());
                    self.memory.unpin(&key);
                }
                Command::Update { key, .. } | Command::Remove { key, .. } | Command::Withdraw { key, .. } => {
                    self.memory.unpin(&key);
                }
                Command::Purge { selection, fate, now, reply } => {
                    let purged = self.purge(&selection, fate, now);
                    let _ = reply.try_send(purged.unwrap_or_else(|fault| self.unpurged(&fault)));
                }
                Command::Room { reply, .. } | Command::Seal { reply } => {
                    // Who has gone away meanwhile need not be told.
                    let _ = reply.try_send(());
                }
            }
        }
    }

    /// A purge broke off: what was done of it is done, and whoever asked for it is told of nothing.
    fn unpurged(&self, fault: &IndexFault) -> Vec<(CacheKey, u64)> {
        tracing::warn!(%fault, "the cache's index can't be written; a purge was not done, or not wholly");
        self.tally.faults.note();
        drop(self.index.reopen());
        Vec::new()
    }

    /// Nothing is on the disk: what is new goes, what was to go loses its body, which makes it a miss.
    fn give_up(&self, batch: Vec<Command>, gone: &[Gone]) {
        self.remove(gone);
        self.journal.settle(put(&batch));
        for command in batch {
            match command {
                Command::Put { key, entry, .. } => {
                    self.memory.forget(&key, entry.id);
                    self.disk.remove(&entry.path, &entry.identity);
                    self.memory.unpin(&key);
                }
                Command::Remove { key, entry } => {
                    self.disk.remove(&entry.path, &entry.identity);
                    self.memory.unpin(&key);
                }
                Command::Update { key, .. } | Command::Withdraw { key, .. } => self.memory.unpin(&key),
                // Dropped, it tells whoever waits that it was not done.
                Command::Purge { .. } => {}
                Command::Room { reply, .. } | Command::Seal { reply } => {
                    // Who has gone away meanwhile need not be told.
                    let _ = reply.try_send(());
                }
            }
        }
    }

    fn remove(&self, gone: &[Gone]) {
        for body in gone {
            if let Some((key, id)) = &body.evicted {
                self.memory.forget(key, *id);
            }
            self.disk.remove(&body.path, &body.identity);
        }
    }
}

/// The record in that place, and its key, if somebody can make use of them.
fn readable(tables: &Tables<'_>, key: &str, slot: u8) -> Result<Option<(Record, CacheKey)>, redb::Error> {
    let record = tables.get(key, slot)?.and_then(|record| Record::decode(&record).ok());
    Ok(record.zip(CacheKey::parse(key)))
}

/// The ids of what a batch puts into the index.
fn put(batch: &[Command]) -> impl Iterator<Item = u64> {
    batch.iter().filter_map(|command| match command {
        Command::Put { entry, .. } => Some(entry.id),
        _ => None,
    })
}

/// Notes that the response of a record that was taken out is gone; gives what it weighed.
fn bury(
    tables: &mut Tables<'_>,
    record: Option<Vec<u8>>,
    evicted: Option<CacheKey>,
    gone: &mut Vec<Gone>,
) -> Result<u64, redb::Error> {
    let Some(record) = record.and_then(|record| Record::decode(&record).ok()) else { return Ok(0) };
    forget(tables, &record)?;
    let evicted = evicted.map(|key| (key, record.id));
    let weight = record.weight();
    gone.push(Gone { path: record.path, identity: record.identity, evicted });
    Ok(weight)
}

/// Forgets what else the index says of a record that was taken out.
fn forget(tables: &mut Tables<'_>, record: &Record) -> Result<(), redb::Error> {
    tables.drop_checksums(record.id)?;
    record.tags().iter().try_for_each(|tag| tables.drop_tag(tag, record.id))
}

/// Writes the record of `entry` in the place of its `old` one.
fn update(tables: &mut Tables<'_>, key: &CacheKey, entry: &Entry, old: &Record) -> Result<(), redb::Error> {
    let new = Record::of(key, entry);
    tables.update(key.as_str(), entry.slot, &new.encode())?;
    let (before, now) = (old.tags(), new.tags());
    before.difference(&now).try_for_each(|tag| tables.drop_tag(tag, entry.id))?;
    now.difference(&before).try_for_each(|tag| tables.put_tag(tag, entry.id, key.as_str(), entry.slot))
}

/// The record in the place of `entry`, if it is still about it.
fn recorded(tables: &Tables<'_>, key: &CacheKey, entry: &Entry) -> Result<Option<Record>, redb::Error> {
    let record = tables.get(key.as_str(), entry.slot)?;
    Ok(record.and_then(|record| Record::decode(&record).ok()).filter(|record| record.id == entry.id))
}
