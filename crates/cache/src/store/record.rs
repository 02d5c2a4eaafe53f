//! A stored response as it is written in the index.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use message::{Fields, HeaderName, HeaderValue, Spans, StatusCode};
use serde::{Deserialize, Serialize};

use crate::key::CacheKey;
use crate::policy::rules::Rules;
use crate::policy::tags::tags;
use crate::policy::vary::{self, Selecting};
use crate::store::disk::Identity;
use crate::store::entry::Entry;
use crate::store::quota::weight_of;
use crate::stored::StoredResponse;

/// The first byte of each record. A record with another one was written by another program and is not
/// read.
const VERSION: u8 = 2;

/// Everything about a stored response but its content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The whole key, which must equal the one that was looked for.
    pub(crate) key: String,
    /// See [`Entry::id`].
    pub(crate) id: u64,
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    selecting: Vec<Alternative>,
    requested_at: Duration,
    received_at: Duration,
    outdated_at: Option<Duration>,
    /// Where the content lies, below the cache's directory.
    pub(crate) path: String,
    /// What it is known by.
    pub(crate) identity: Identity,
    present: Option<Vec<Range<u64>>>,
    /// See [`Entry::epoch`].
    pub(crate) epoch: u64,
}

/// The selecting fields of one request, as they are written.
type Alternative = Vec<(String, Option<Vec<u8>>)>;

/// A record that can't be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordFault {
    #[error("it is of version {0:?}, not of {VERSION}")]
    Version(Option<u8>),
    #[error("it is not a record: {0}")]
    Form(#[from] postcard::Error),
    #[error("it holds no HTTP response")]
    Message,
}

impl Record {
    /// The record of `entry`.
    pub(crate) fn of(key: &CacheKey, entry: &Entry) -> Self {
        let response = &entry.response;
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let line = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
        Self {
            key: key.to_string(),
            id: entry.id,
            status: response.status.as_u16(),
            fields: response.fields.iter().map(line).collect(),
            selecting: response.selecting.alternatives().iter().map(written).collect(),
            requested_at: since(response.requested_at),
            received_at: since(response.received_at),
            outdated_at: response.outdated_at.map(since),
            path: entry.path.clone(),
            identity: entry.identity,
            present: entry.present.as_ref().map(|present| present.iter().cloned().collect()),
            epoch: entry.epoch,
        }
    }

    /// The record in bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Writing to a vector fails for nothing that a record holds; an empty record is never read.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// Reads what [`Record::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordFault> {
        match bytes.split_first() {
            Some((&VERSION, record)) => Ok(postcard::from_bytes(record)?),
            other => Err(RecordFault::Version(other.map(|(version, _)| *version))),
        }
    }

    /// See [`Entry::present`].
    pub(crate) fn present(&self) -> Option<Spans> {
        Some(self.present.as_ref()?.iter().cloned().collect())
    }

    /// What the content takes on the disk, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        weight_of(self.identity.size, self.present().as_ref())
    }

    /// The tags that its fields give it.
    pub(crate) fn tags(&self) -> BTreeSet<String> {
        tags(self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
    }

    /// The same, stale from then on.
    pub(crate) fn outdated(self, now: SystemTime) -> Self {
        Self { outdated_at: Some(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()), ..self }
    }

    /// When it was received, or last validated.
    pub(crate) fn received_at(&self) -> Option<SystemTime> {
        time(self.received_at).ok()
    }

    /// The head that it describes.
    pub(crate) fn response(&self, rules: &Rules) -> Result<StoredResponse, RecordFault> {
        let mut fields = Fields::with_capacity(self.fields.len());
        for (name, value) in &self.fields {
            let value = HeaderValue::from_bytes(value).map_err(|_| RecordFault::Message)?;
            fields.append(header_name(name)?, value);
        }
        let selecting = self.selecting.iter().map(read).collect::<Result<_, _>>()?;
        let response = StoredResponse::new(
            StatusCode::from_u16(self.status).map_err(|_| RecordFault::Message)?,
            fields,
            Selecting::from_alternatives(selecting),
            time(self.requested_at)?,
            time(self.received_at)?,
            rules,
        );
        match self.outdated_at {
            Some(since) => Ok(response.outdated(time(since)?)),
            None => Ok(response),
        }
    }
}

fn written(alternative: &vary::Alternative) -> Alternative {
    alternative.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

fn read(alternative: &Alternative) -> Result<vary::Alternative, RecordFault> {
    alternative.iter().map(|(name, value)| Ok((header_name(name)?, value.clone()))).collect()
}

fn header_name(name: &str) -> Result<HeaderName, RecordFault> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| RecordFault::Message)
}

fn time(since: Duration) -> Result<SystemTime, RecordFault> {
    SystemTime::UNIX_EPOCH.checked_add(since).ok_or(RecordFault::Message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        let dir = tempfile::tempdir().unwrap();
        let disk = crate::store::disk::Disk::open(dir.path()).unwrap();
        let key = CacheKey::parse("http://a/x").unwrap();
        let place = disk.publish(disk.temporary().unwrap(), &disk.path_of(&key, 0), |_| Ok(())).unwrap();
        let mut fields = Fields::new();
        fields.append(message::header::VARY, HeaderValue::from_static("foo, bar"));
        fields.append(message::header::ETAG, HeaderValue::from_bytes(b"\"\xff\"").unwrap());
        let mut request = Fields::new();
        request.append(HeaderName::from_static("foo"), HeaderValue::from_static("1"));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_millis(seconds);
        let selecting = Selecting::of(&fields, &request).unwrap();
        let rules = Rules::default();
        let response = StoredResponse::new(StatusCode::OK, fields, selecting, at(1234), at(5678), &rules);
        let present = Spans::from_iter([3..300, 5000..5001]);
        let entry = Entry::new((7, 0, 3), response.outdated(at(9000)), place, None);
        Record::of(&key, &entry.with_present(Some(present)))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = record();
        let read = Record::decode(&written.encode()).unwrap();
        assert_eq!(read, written);
        let response = read.response(&Rules::default()).unwrap();
        assert_eq!(response.fields.len(), 2);
        assert_eq!(response.received_at, SystemTime::UNIX_EPOCH + Duration::from_millis(5678));
        assert_eq!(response.outdated_at, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(9000)));
        let mut request = Fields::new();
        assert!(!response.selecting.matches(&request));
        request.append(HeaderName::from_static("foo"), HeaderValue::from_static("1"));
        assert!(response.selecting.matches(&request));
    }

    #[test]
    fn another_version_is_not_read() {
        let mut bytes = record().encode();
        bytes[0] = 1;
        assert_eq!(Record::decode(&bytes), Err(RecordFault::Version(Some(1))));
        assert_eq!(Record::decode(&[]), Err(RecordFault::Version(None)));
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..400_usize) {
            if let Ok(record) = Record::decode(&bytes) {
                drop(record.response(&Rules::default()));
            }
            let mut torn = record().encode();
            torn.truncate(cut.min(torn.len() - 1));
            prop_assert!(Record::decode(&torn).is_err());
        }
    }
}
