//! Digests of what is sent, for those who ask (RFC 9530): whoever has put a file together from pieces
//! can tell that it is whole and the right one.
//!
//! A digest takes reading all of the file. It is made once for each version, off the threads that serve
//! requests, and kept. The field is no condition of an answer: where the digest is not there in time,
//! the answer goes without, and the next one has it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use message::field::coding::ContentCoding;
use message::field::digest::{
    DigestAlgorithm, REPR_DIGEST, WANT_REPR_DIGEST, WantReprDigest, repr_digest_value,
};
use message::fields::Fields;
use message::response::Response;
use sha2::{Digest, Sha256, Sha512};
use workshop::workshop::Workshop;

use crate::identity::Identity;
use crate::representation::Representation;

/// How many files are read for their digests at a time.
const AT_ONCE: usize = 2;

/// How long an answer waits for its digest: some 50 to 100 MB that are in memory.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a digest is of: a version of a file, coded or not, and by what it is made.
type Key = (Identity, ContentCoding, DigestAlgorithm);

/// The digests of what was asked for with one.
#[derive(Debug)]
pub(crate) struct Digests {
    kept: Arc<Mutex<Kept>>,
    workshop: Arc<Workshop<Key, HeaderValue>>,
}

/// At most `limit` digests, as field values; those that are asked for stay longest (second chance).
#[derive(Debug)]
struct Kept {
    limit: usize,
    values: HashMap<Key, (HeaderValue, bool)>,
    clock: VecDeque<Key>,
}

impl Digests {
    /// At most so many. 0 tells none at all.
    pub(crate) fn new(limit: usize) -> Self {
        let kept = Kept { limit, values: HashMap::new(), clock: VecDeque::new() };
        Self { kept: Arc::new(Mutex::new(kept)), workshop: Workshop::new(AT_ONCE) }
    }

    /// How many times a file was read for its digest.
    #[cfg(test)]
    pub(crate) fn made(&self) -> u64 {
        self.workshop.begun()
    }

    /// Tells the digest of `sent` in the answer to a request with those fields, if that wants it.
    ///
    /// It is that of the whole representation, coded as it is sent, also where the answer is a part of
    /// it (RFC 9530 §3). Other answers are not that representation.
    pub(crate) async fn tell(&self, request: &Fields, sent: &Arc<Representation>, response: &mut Response) {
        if !request.contains(&WANT_REPR_DIGEST) {
            return;
        }
        if response.status != StatusCode::OK && response.status != StatusCode::PARTIAL_CONTENT {
            return;
        }
        let Some(algorithm) = WantReprDigest::of(request).preferred() else { return };
        if let Some(value) = self.of(sent, algorithm).await {
            response.fields.set(REPR_DIGEST, value);
        }
    }

    async fn of(&self, sent: &Arc<Representation>, algorithm: DigestAlgorithm) -> Option<HeaderValue> {
        // An unsettled version may have other bytes in a moment, under the same identity.
        if !sent.is_settled() || lock(&self.kept).limit == 0 {
            return None;
        }
        let key = (*sent.identity(), sent.coding(), algorithm);
        let (keep, source) = (Arc::clone(&self.kept), Arc::clone(sent));
        let make = move || {
            let value = value(&source, algorithm)?;
            lock(&keep).keep(key, value.clone());
            Some(value)
        };
        self.workshop.get(key, PATIENCE, || lock(&self.kept).get(&key), make).await
    }
}

impl Kept {
    fn get(&mut self, key: &Key) -> Option<HeaderValue> {
        let (value, used) = self.values.get_mut(key)?;
        *used = true;
        Some(value.clone())
    }

    fn keep(&mut self, key: Key, value: HeaderValue) {
        if self.values.insert(key, (value, false)).is_none() {
            self.clock.push_back(key);
        }
        while self.values.len() > self.limit {
            let Some(first) = self.clock.pop_front() else { break };
            match self.values.get_mut(&first) {
                Some((_, used)) if *used => {
                    *used = false;
                    self.clock.push_back(first);
                }
                _ => drop(self.values.remove(&first)),
            }
        }
    }
}

/// A panic elsewhere leaves at worst one digest too many.
fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn value(sent: &Representation, algorithm: DigestAlgorithm) -> Option<HeaderValue> {
    match digest(sent, algorithm) {
        Ok(digest) => Some(repr_digest_value(algorithm, &digest)),
        Err(error) => {
            tracing::warn!(%error, "a file has no digest");
            None
        }
    }
}

fn digest(sent: &Representation, algorithm: DigestAlgorithm) -> io::Result<Vec<u8>> {
    match algorithm {
        DigestAlgorithm::Sha256 => digest_by::<Sha256>(sent),
        DigestAlgorithm::Sha512 => digest_by::<Sha512>(sent),
    }
}

fn digest_by<D: Digest>(sent: &Representation) -> io::Result<Vec<u8>> {
    let mut hasher = D::new();
    sent.read(|block| {
        hasher.update(block);
        Ok(())
    })?;
    Ok(hasher.finalize().to_vec())
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
