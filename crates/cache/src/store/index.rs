//! The index on disk: records by key and variant, in the order in which they are to be evicted.
//!
//! One redb file. All of a batch is written in one transaction, which is on the disk when it returns, or
//! has not happened: a kill at any moment leaves the state after some batch.

use std::fs;
use std::io::{self, ErrorKind};
use std::ops::{Bound, RangeInclusive};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError,
    Table, TableDefinition,
};

use crate::store::checksum::Checksums;

/// What key and variant lead to: the turn in the order of eviction, and the record.
const RECORDS: TableDefinition<'static, (&str, u8), (u64, &[u8])> = TableDefinition::new("records");

/// The checksums of each stored response's body, by its id: read only where they are looked at.
const CHECKSUMS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("checksums");

/// Which stored responses have a tag, by their ids: key and variant.
const TAGS: TableDefinition<'static, (&str, u64), (&str, u8)> = TableDefinition::new("tags");

/// Who is to be evicted next in each queue: the lowest turn; with what it weighs.
const ORDER: TableDefinition<'static, u64, (&str, u8, u64)> = TableDefinition::new("order");

/// The first turn of the main queue.
const MAIN: u64 = 1 << 63;

/// Numbers about the whole.
const TOTALS: TableDefinition<'static, &str, u64> = TableDefinition::new("totals");

const VERSION: (&str, u64) = ("version", 4);
const BYTES: &str = "bytes";
const LAST_ID: &str = "last id";
/// What those in the small queue weigh.
const SMALL: &str = "small";
/// How many starts there were after an end that was not clean.
const EPOCH: &str = "epoch";
/// 1 from the start of a process to its clean end.
const RUNNING: &str = "running";

/// Memory that redb may use for pages, in bytes; the system's page cache is behind it.
const PAGES: usize = 16 << 20;

/// The index. Reads may run at any time; writes come from one thread.
#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    /// `None` where an I/O error has made it unusable until it is opened again.
    database: RwLock<Option<Arc<Database>>>,
}

/// Why the index can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexFault {
    /// Another process has it.
    #[error("another process uses it")]
    InUse,
    /// It was written by another program or version, or is damaged.
    #[error("{0}")]
    Unreadable(String),
    /// The system refused something.
    #[error("{0}")]
    System(#[from] redb::Error),
}

impl IndexFault {
    /// Whether it is that the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::System(redb::Error::Io(error)) if error.kind() == ErrorKind::StorageFull)
    }
}

/// Where a record is: its key and variant.
pub(crate) type Place = (String, u8);

/// A record with its key and variant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) slot: u8,
    pub(crate) record: Vec<u8>,
}

/// The tables within one write transaction.
pub(crate) struct Tables<'t> {
    records: Table<'t, (&'static str, u8), (u64, &'static [u8])>,
    order: Table<'t, u64, (&'static str, u8, u64)>,
    /// What the small queue weighs now.
    small: u64,
    checksums: Table<'t, u64, &'static [u8]>,
    tags: Table<'t, (&'static str, u64), (&'static str, u8)>,
    totals: Table<'t, &'static str, u64>,
}

/// The queues of eviction (S3-FIFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Of what is new: who is not used here goes.
    Small,
    /// Of what was used.
    Main,
}

/// Where an index stands when it is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// What the bodies of all records take on the disk, in bytes.
    pub(crate) bytes: u64,
    /// The greatest id that was ever given.
    pub(crate) last_id: u64,
    /// What was written or proven in this one is not in doubt.
    pub(crate) epoch: u64,
}

impl Index {
    /// Opens the index at `path`, or makes it. One that can't be read is set aside under another name, and
    /// the new one is empty.
    pub(crate) fn open(path: &Path) -> Result<Self, IndexFault> {
        let database = match open(path) {
            Err(IndexFault::Unreadable(why)) => {
                let aside = path.with_extension("unreadable");
                fs::rename(path, &aside).map_err(redb::Error::from)?;
                tracing::warn!(%why, aside = %aside.display(), "the cache's index can't be read; starting with an empty one");
                open(path)?
            }
            outcome => outcome?,
        };
        Ok(Self { path: path.to_owned(), database: RwLock::new(Some(Arc::new(database))) })
    }

    /// All records of `key`.
    pub(crate) fn records(&self, key: &str) -> Result<Vec<(u8, Vec<u8>)>, IndexFault> {
        let transaction = self.database()?.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(RECORDS).map_err(redb::Error::from)?;
        let mut records = Vec::new();
        for row in table.range::<(&str, u8)>(slots(key)).map_err(redb::Error::from)? {
            let (place, value) = row.map_err(redb::Error::from)?;
            records.push((place.value().1, value.value().1.to_vec()));
        }
        Ok(records)
    }

    /// The record of that variant.
    pub(crate) fn record(&self, key: &str, slot: u8) -> Result<Option<Vec<u8>>, IndexFault> {
        let records = self.records(key)?;
        Ok(records.into_iter().find(|(other, _)| *other == slot).map(|(_, record)| record))
    }

    /// See [`Tables::beginning_with`].
    pub(crate) fn places(
        &self,
        prefix: &str,
        after: Option<&Place>,
        max: usize,
    ) -> Result<Vec<Place>, IndexFault> {
        let transaction = self.database()?.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(RECORDS).map_err(redb::Error::from)?;
        Ok(places(&table, prefix, after, max)?)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> Result<u64, IndexFault> {
        let transaction = self.database()?.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(RECORDS).map_err(redb::Error::from)?;
        Ok(table.len().map_err(redb::Error::from)?)
    }

    /// The checksums of the body with that id; those of no body if there are none.
    pub(crate) fn checksums(&self, id: u64) -> Result<Checksums, IndexFault> {
        let transaction = self.database()?.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(CHECKSUMS).map_err(redb::Error::from)?;
        let sums = table.get(id).map_err(redb::Error::from)?;
        Ok(sums.map(|sums| Checksums::decode(sums.value())).unwrap_or_default())
    }

    /// Begins a run. Unless the one before ended in good order, it is a new epoch: then what the disk holds
    /// is in doubt.
    pub(crate) fn begin(&self) -> Result<Standing, IndexFault> {
        self.write(|tables| {
            let mut epoch = tables.total(EPOCH)?;
            if tables.total(RUNNING)? != 0 {
                epoch = epoch.saturating_add(1);
                tables.totals.insert(EPOCH, epoch)?;
            }
            tables.totals.insert(RUNNING, 1)?;
            Ok(Standing { bytes: tables.total(BYTES)?, last_id: tables.total(LAST_ID)?, epoch })
        })
    }

    /// Does all that `work` does, or nothing; returns when it is on the disk.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error>,
    ) -> Result<T, IndexFault> {
        let mut transaction = self.database()?.begin_write().map_err(redb::Error::from)?;
        // After a kill the index is there at once, instead of after a walk through all of it.
        transaction.set_quick_repair(true);
        let totals = transaction.open_table(TOTALS).map_err(redb::Error::from)?;
        let small = totals.get(SMALL).map_err(redb::Error::from)?.map_or(0, |value| value.value());
        let mut tables = Tables {
            small,
            records: transaction.open_table(RECORDS).map_err(redb::Error::from)?,
            order: transaction.open_table(ORDER).map_err(redb::Error::from)?,
            checksums: transaction.open_table(CHECKSUMS).map_err(redb::Error::from)?,
            tags: transaction.open_table(TAGS).map_err(redb::Error::from)?,
            totals,
        };
        let outcome = work(&mut tables)?;
        if tables.small != small {
            let small = tables.small;
            tables.totals.insert(SMALL, small).map_err(redb::Error::from)?;
        }
        drop(tables);
        transaction.commit().map_err(redb::Error::from)?;
        Ok(outcome)
    }

    /// Bytes of disk that the file takes.
    pub(crate) fn on_disk(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.path)?.blocks().saturating_mul(512))
    }

    /// Gives back to the file system what the file has no use for; not while somebody reads. Reads wait meanwhile.
    pub(crate) fn compact(&self) -> Result<(), IndexFault> {
        let mut place = self.database.write().unwrap_or_else(PoisonError::into_inner);
        match place.take().map(Arc::try_unwrap) {
            Some(Ok(mut database)) => {
                let outcome = database.compact();
                *place = Some(Arc::new(database));
                outcome.map_err(redb::Error::from)?;
            }
            Some(Err(read)) => *place = Some(read),
            None => {}
        }
        Ok(())
    }

    /// Opens the file again after a fault: redb takes nothing more after an I/O error.
    pub(crate) fn reopen(&self) -> Result<(), IndexFault> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = None;
        *database = Some(Arc::new(open(&self.path)?));
        Ok(())
    }

    /// What an I/O error does.
    #[cfg(test)]
    pub(crate) fn fail(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn database(&self) -> Result<Arc<Database>, IndexFault> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone();
        database.ok_or_else(|| IndexFault::System(redb::Error::DatabaseClosed))
    }
}

impl Queue {
    fn turns(self) -> RangeInclusive<u64> {
        match self {
            Self::Small => 0..=MAIN - 1,
            Self::Main => MAIN..=u64::MAX,
        }
    }
}

impl Tables<'_> {
    /// Writes a record that weighs so much, last in its queue; gives the one that was in its place.
    pub(crate) fn put(
        &mut self,
        key: &str,
        slot: u8,
        record: &[u8],
        (queue, weight): (Queue, u64),
    ) -> Result<Option<Vec<u8>>, redb::Error> {
        let old = self.take(key, slot)?;
        let turns = queue.turns();
        let last = self.order.range(turns.clone())?.next_back().transpose()?;
        let turn = last.map_or(*turns.start(), |(turn, _)| turn.value().saturating_add(1));
        self.records.insert((key, slot), (turn, record))?;
        self.order.insert(turn, (key, slot, weight))?;
        if queue == Queue::Small {
            self.small = self.small.saturating_add(weight);
        }
        Ok(old)
    }

    /// Writes a record in the place, and with the turn, of the one that is there.
    pub(crate) fn update(&mut self, key: &str, slot: u8, record: &[u8]) -> Result<(), redb::Error> {
        let turn = self.records.get((key, slot))?.map(|value| value.value().0);
        if let Some(turn) = turn {
            self.records.insert((key, slot), (turn, record))?;
        }
        Ok(())
    }

    /// The record of that variant.
    pub(crate) fn get(&self, key: &str, slot: u8) -> Result<Option<Vec<u8>>, redb::Error> {
        Ok(self.records.get((key, slot))?.map(|value| value.value().1.to_vec()))
    }

    /// Takes the record of that variant out.
    pub(crate) fn take(&mut self, key: &str, slot: u8) -> Result<Option<Vec<u8>>, redb::Error> {
        let old = self.records.remove((key, slot))?.map(|value| (value.value().0, value.value().1.to_vec()));
        let Some((turn, record)) = old else { return Ok(None) };
        self.drop_turn(turn)?;
        Ok(Some(record))
    }

    fn drop_turn(&mut self, turn: u64) -> Result<(), redb::Error> {
        let weight = self.order.remove(turn)?.map_or(0, |place| place.value().2);
        if turn < MAIN {
            self.small = self.small.saturating_sub(weight);
        }
        Ok(())
    }

    /// The queue in which the record of that variant is.
    pub(crate) fn queue_of(&self, key: &str, slot: u8) -> Result<Option<Queue>, redb::Error> {
        let turn = self.records.get((key, slot))?.map(|value| value.value().0);
        Ok(turn.map(|turn| if turn < MAIN { Queue::Small } else { Queue::Main }))
    }

    /// What those in the small queue weigh.
    pub(crate) fn small(&self) -> u64 {
        self.small
    }

    /// Takes the record out whose turn it is in that queue.
    pub(crate) fn take_next(&mut self, queue: Queue) -> Result<Option<Row>, redb::Error> {
        let next = self.order.range(queue.turns())?.next().transpose()?.map(|(turn, place)| {
            let (key, slot, _) = place.value();
            (turn.value(), key.to_owned(), slot)
        });
        let Some((turn, key, slot)) = next else { return Ok(None) };
        let record = self.take(&key, slot)?.unwrap_or_default();
        self.drop_turn(turn)?;
        Ok(Some(Row { key, slot, record }))
    }

    /// Writes the checksums of the body with that id.
    pub(crate) fn put_checksums(&mut self, id: u64, checksums: &Checksums) -> Result<(), redb::Error> {
        self.checksums.insert(id, &*checksums.encode())?;
        Ok(())
    }

    /// Forgets them.
    pub(crate) fn drop_checksums(&mut self, id: u64) -> Result<(), redb::Error> {
        self.checksums.remove(id)?;
        Ok(())
    }

    /// Writes that the record with that id has this tag.
    pub(crate) fn put_tag(&mut self, tag: &str, id: u64, key: &str, slot: u8) -> Result<(), redb::Error> {
        self.tags.insert((tag, id), (key, slot))?;
        Ok(())
    }

    /// Forgets it.
    pub(crate) fn drop_tag(&mut self, tag: &str, id: u64) -> Result<(), redb::Error> {
        self.tags.remove((tag, id))?;
        Ok(())
    }

    /// Where the records with that tag are, from the id behind `after` on, and no more than `max` of them.
    pub(crate) fn tagged(
        &self,
        tag: &str,
        after: Option<u64>,
        max: usize,
    ) -> Result<Vec<(u64, Place)>, redb::Error> {
        let from = after.map_or(0, |id| id.saturating_add(1));
        let mut found = Vec::new();
        for row in self.tags.range((tag, from)..=(tag, u64::MAX))?.take(max) {
            let (at, place) = row?;
            let (key, slot) = place.value();
            found.push((at.value().1, (key.to_owned(), slot)));
        }
        Ok(found)
    }

    /// Where the records are whose key begins with `prefix`, behind `after`, and no more than `max` of them.
    pub(crate) fn beginning_with(
        &self,
        prefix: &str,
        after: Option<&Place>,
        max: usize,
    ) -> Result<Vec<Place>, redb::Error> {
        places(&self.records, prefix, after, max)
    }

    /// Whether the process that has the index may still write to it: one that is gone without having said
    /// that it does not was killed.
    pub(crate) fn set_running(&mut self, is_running: bool) -> Result<(), redb::Error> {
        if (self.total(RUNNING)? != 0) != is_running {
            self.totals.insert(RUNNING, u64::from(is_running))?;
        }
        Ok(())
    }

    /// What the bodies of all records take on the disk, in bytes.
    pub(crate) fn bytes(&self) -> Result<u64, redb::Error> {
        self.total(BYTES)
    }

    /// See [`Tables::bytes`].
    pub(crate) fn set_bytes(&mut self, bytes: u64) -> Result<(), redb::Error> {
        self.totals.insert(BYTES, bytes)?;
        Ok(())
    }

    /// The greatest id that was ever given.
    pub(crate) fn last_id(&self) -> Result<u64, redb::Error> {
        self.total(LAST_ID)
    }

    /// See [`Tables::last_id`].
    pub(crate) fn set_last_id(&mut self, id: u64) -> Result<(), redb::Error> {
        self.totals.insert(LAST_ID, id)?;
        Ok(())
    }

    fn total(&self, name: &str) -> Result<u64, redb::Error> {
        Ok(self.totals.get(name)?.map_or(0, |value| value.value()))
    }
}

/// See [`Tables::beginning_with`].
fn places(
    records: &impl ReadableTable<(&'static str, u8), (u64, &'static [u8])>,
    prefix: &str,
    after: Option<&Place>,
    max: usize,
) -> Result<Vec<Place>, redb::Error> {
    let from =
        after.map_or(Bound::Included((prefix, 0)), |(key, slot)| Bound::Excluded((key.as_str(), *slot)));
    let mut found = Vec::new();
    for row in records.range::<(&str, u8)>((from, Bound::Unbounded))?.take(max) {
        let (place, _) = row?;
        let (key, slot) = place.value();
        if !key.starts_with(prefix) {
            break;
        }
        found.push((key.to_owned(), slot));
    }
    Ok(found)
}

fn slots(key: &str) -> RangeInclusive<(&str, u8)> {
    (key, 0)..=(key, u8::MAX)
}

fn open(path: &Path) -> Result<Database, IndexFault> {
    let database = Builder::new().set_cache_size(PAGES).create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => IndexFault::InUse,
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            IndexFault::System(error.into())
        }
        error => IndexFault::Unreadable(error.to_string()),
    })?;
    check(&database).map_err(|error| match error {
        redb::Error::Io(error) => IndexFault::System(error.into()),
        error => IndexFault::Unreadable(error.to_string()),
    })?;
    Ok(database)
}

/// Makes the tables of a new index; reads those of an old one, and its version.
fn check(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let is_new = transaction.open_table(RECORDS)?.first()?.is_none();
        transaction.open_table(ORDER)?;
        transaction.open_table(CHECKSUMS)?;
        transaction.open_table(TAGS)?;
        let mut totals = transaction.open_table(TOTALS)?;
        let version = totals.get(VERSION.0)?.map(|version| version.value());
        match version {
            Some(version) if version != VERSION.1 => {
                return Err(redb::Error::Corrupted(format!("its version is {version}, not {}", VERSION.1)));
            }
            None if !is_new => return Err(redb::Error::Corrupted(String::from("it has no version"))),
            _ => {}
        }
        totals.insert(VERSION.0, VERSION.1)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
