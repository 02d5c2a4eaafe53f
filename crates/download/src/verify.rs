//! Whether what arrived is the file; and if not, who brought what is wrong.
//!
//! Where only the digest of the whole is known, nothing says which bytes are wrong. So the bytes of one
//! source after the other, those with the fewest first, are fetched again from the others, until the whole
//! matches: the source whose bytes had to go is the one. Each source is suspected once.
//!
//! Where the digests of pieces are known, each piece is looked at as soon as it is whole. A source that has
//! brought a wrong one alone is not asked again, nor is one that had a share in several.

use std::fs::File;
use std::io;
use std::ops::Range;

use message::service::Service;
use tokio::task::spawn_blocking;

use crate::digest::Digest;
use crate::fault::GetFault;
use crate::file_fault::FileFault;
use crate::progress::{Event, Progress};
use crate::transfer::Transfer;
use crate::work::Work;

/// Files up to this length, in bytes, are hashed at once, and not on a thread of their own.
const SMALL: u64 = 256 * 1024;

/// One who had a share in so many wrong pieces is not asked again.
const STRIKES_MAX: u32 = 3;

/// What is to be done with what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has every digest that it must have.
    Good,
    /// Something is wrong, and what may be the cause is to be fetched again.
    FetchAgain,
}

/// Checks what arrived.
///
/// # Errors
/// It is wrong, and there is nobody left to bring anything else.
pub(crate) async fn verify<S: Service, P: Progress>(work: &Work<'_, S, P>) -> Result<Verdict, GetFault> {
    if work.lock().check_pieces(None, work.fetch.progress)? {
        return Ok(Verdict::FetchAgain);
    }
    let mut expected = work.lock().expected.clone();
    if expected.is_empty() {
        return Ok(Verdict::Good);
    }
    work.fetch.progress.on(Event::Verifying);
    // All that the caller wants; of what was told the strongest is enough.
    let wanted = work.lock().checksums.len();
    expected.truncate(wanted.max(1));
    let mismatch = match reader(work)? {
        Some(file) => {
            let length = work.lock().length();
            mismatch(expected, file, length).await.map_err(|error| unreadable(work, error))?
        }
        None => work.lock().sink.mismatch(),
    };
    let mut transfer = work.lock();
    match mismatch {
        None => {
            transfer.convict(work.fetch.progress);
            Ok(Verdict::Good)
        }
        Some(digest) => transfer.suspect(digest),
    }
}

fn reader<S: Service, P: Progress>(work: &Work<'_, S, P>) -> Result<Option<File>, GetFault> {
    work.lock().sink.reader().transpose().map_err(|error| unreadable(work, error))
}

fn unreadable<S: Service, P: Progress>(work: &Work<'_, S, P>, error: io::Error) -> GetFault {
    let path = work.lock().sink.path().unwrap_or_default();
    FileFault::of("read", &path, error).into()
}

/// The first of `expected` that the file does not have.
async fn mismatch(expected: Vec<Digest>, file: File, length: u64) -> io::Result<Option<Digest>> {
    let find = move || {
        for digest in expected {
            if !digest.is_of(&file, 0, length)? {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    };
    if length <= SMALL {
        return find();
    }
    match spawn_blocking(find).await {
        Ok(found) => found,
        Err(gone) => Err(io::Error::other(gone)),
    }
}

impl Transfer {
    /// Looks at the pieces that `arrived` has touched, or at those that have not been looked at yet. What is
    /// wrong is to be fetched again; whether there is anything.
    pub(crate) fn check_pieces(
        &mut self,
        arrived: Option<&Range<u64>>,
        progress: &impl Progress,
    ) -> Result<bool, GetFault> {
        let (Some(mosaic), Some(part)) = (&mut self.mosaic, self.sink.part()) else { return Ok(false) };
        let (there, file) = (self.plan.spans(), part.file());
        let wrong = match arrived {
            Some(arrived) => mosaic.check(arrived, there, file),
            None => mosaic.check_rest(there, file),
        };
        let path = part.path();
        let wrong = wrong.map_err(|error| FileFault::of("read", &path, error))?;
        for range in &wrong {
            self.plan.discard(range);
            self.blame(range, progress);
        }
        Ok(!wrong.is_empty())
    }

    /// Somebody has brought something wrong in `range`.
    fn blame(&mut self, range: &Range<u64>, progress: &impl Progress) {
        let bringers = self.places.bringers(range);
        let alone = bringers.len() == 1;
        for id in bringers {
            let Some(place) = self.places.get_mut(id) else { continue };
            place.spans.remove(range);
            place.strikes = place.strikes.saturating_add(1);
            if place.corrupt || !(alone || place.strikes >= STRIKES_MAX) {
                continue;
            }
            place.corrupt = true;
            let source = place.at.as_ref().unwrap_or(&place.start).clone();
            let fault = GetFault::Piece { url: source.clone(), first: range.start, end: range.end };
            progress.on(Event::Dropped { source: &source, fault: &fault });
            place.fault = Some(fault);
            self.plan.expel(id);
        }
    }

    /// The whole is right now: whoever was suspected last had brought what was wrong.
    fn convict(&mut self, progress: &impl Progress) {
        let Some(suspect) = self.suspects.last().copied() else { return };
        let Some(expected) = self.expected.first().cloned() else { return };
        if let Some(place) = self.places.get_mut(suspect) {
            place.corrupt = true;
            let url = place.at.as_ref().unwrap_or(&place.start).clone();
            let fault = GetFault::Digest { url: url.clone(), expected };
            progress.on(Event::Dropped { source: &url, fault: &fault });
        }
    }

    /// The whole is wrong: what the next suspect has brought goes.
    fn suspect(&mut self, expected: Digest) -> Result<Verdict, GetFault> {
        if let Some(cleared) = self.suspects.last().copied() {
            self.plan.bench(cleared, false);
        }
        let fault = GetFault::Digest { url: self.final_url.clone(), expected };
        if !self.sink.can_begin() {
            return Err(fault);
        }
        // What an earlier run has left is from nobody whom we could ask.
        let mut orphaned = self.plan.spans().clone();
        for (_, place) in self.places.iter() {
            place.spans.iter().for_each(|span| orphaned.remove(span));
        }
        if !orphaned.is_empty() {
            orphaned.iter().for_each(|span| self.plan.discard(span));
            return Ok(Verdict::FetchAgain);
        }
        let brought = self.places.iter().filter(|(id, place)| {
            !place.spans.is_empty() && !self.suspects.contains(id) && self.plan.has_source_but(*id)
        });
        let Some(suspect) = brought.min_by_key(|(_, place)| place.spans.total()).map(|(id, _)| id) else {
            let all = 0..self.length();
            self.plan.discard(&all);
            self.sink.abandon();
            return Err(fault);
        };
        self.suspects.push(suspect);
        self.plan.bench(suspect, true);
        if let Some(place) = self.places.get_mut(suspect) {
            for span in std::mem::take(&mut place.spans).iter() {
                self.plan.discard(span);
            }
        }
        Ok(Verdict::FetchAgain)
    }
}
