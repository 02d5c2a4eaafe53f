//! A file on its way: the plan, the places, the part, and what is known of the version that is fetched.
//!
//! All connections of a download share it. What it decides is decided under its lock, which is never held
//! across a wait.

use std::ops::Range;
use std::time::Duration;

use message::body::BodyStream;
use message::precondition::Validators;
use message::{Response, StatusCode, header};

use crate::answer::{Arrival, Misbehaviour, belongs, judge};
use crate::decode::Coding;
use crate::digest::{Digest, told};
use crate::fault::GetFault;
use crate::fetch::{Asked, Found};
use crate::journal::Journal;
use crate::ledger::{Ledger, boot_id};
use crate::link::{Link, Relation};
use crate::metalink::Pieces;
use crate::mosaic::Mosaic;
use crate::places::Places;
use crate::plan::planner::Plan;
use crate::plan::source::SourceId;
use crate::plan::task::TaskId;
use crate::progress::{Event, Progress};
use crate::redirect::Redirect;
use crate::sink::Sink;
use crate::url::Url;
use message::version::{Difference, Version};

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) url: Url,
    pub(crate) plan: Plan,
    pub(crate) places: Places,
    pub(crate) sink: Sink,
    pub(crate) ledger: Ledger,
    /// What is being fetched, once somebody has said it.
    pub(crate) version: Option<Version>,
    pub(crate) final_url: Url,
    pub(crate) redirects: Vec<Redirect>,
    /// The digests that the caller wants it to have: whatever has them is the file.
    pub(crate) checksums: Vec<Digest>,
    /// Those, and what the source of the version has told.
    pub(crate) expected: Vec<Digest>,
    /// The digests of its pieces that the caller knows, and what has become of them.
    pub(crate) pieces: Option<Pieces>,
    pub(crate) mosaic: Option<Mosaic>,
    /// Those who have been suspected of having brought something wrong, the present one last.
    pub(crate) suspects: Vec<SourceId>,
    /// Where an answer has pointed to a metalink of it.
    pub(crate) described: Option<Url>,
    /// Content may come in a coding, which is undone.
    pub(crate) takes_codings: bool,
    /// Somebody was left out who may have the same file; and whether that is being looked after.
    pub(crate) in_doubt: bool,
    pub(crate) reconsiders: bool,
    pub(crate) size_max: Option<u64>,
}

/// Content that is wanted.
pub(crate) struct Taken {
    pub(crate) url: Url,
    pub(crate) content: BodyStream,
    /// What it is to be decoded by.
    pub(crate) coding: Option<Coding>,
    /// Where its claim would end if nobody took any of it over.
    pub(crate) natural_end: u64,
}

/// What a task asks for.
pub(crate) struct Question {
    pub(crate) url: Url,
    pub(crate) asked: Option<Asked>,
}

impl Transfer {
    /// Where `source` is asked, and under which condition.
    pub(crate) fn question(&self, source: SourceId, range: Option<Range<u64>>) -> Option<Question> {
        let place = self.places.get(source)?;
        let url = place.at.as_ref().unwrap_or(&place.start).clone();
        // One who has not said anything yet is asked under the condition of those who have, unless a digest
        // tells in the end.
        let known = if self.checksums.is_empty() { self.version.as_ref() } else { None };
        let if_range = place.version.as_ref().or(known).and_then(Version::if_range);
        Some(Question { url, asked: range.map(|range| Asked { range, if_range }) })
    }

    /// Judges what `source` has answered to `task`. Gives its content if it is wanted.
    pub(crate) fn adopt(
        &mut self,
        task: TaskId,
        source: SourceId,
        found: Found,
        asked: Option<&Asked>,
        progress: &impl Progress,
    ) -> Result<Option<Taken>, GetFault> {
        let Found { url, redirects, response, links } = found;
        let misbehaved = |how| GetFault::Misbehaved { url: url.clone(), how };
        let coding = self.coding(&response, asked, &url);
        let arrival = match coding {
            Some(_) => Arrival::coded(&response.fields),
            None => self.judge(&response, asked, &url).map_err(misbehaved)?,
        };
        let is_first = !self.plan.knows_what();
        if !is_first {
            self.check(source, response.status, &arrival.version).map_err(misbehaved)?;
            if asked.is_some() && response.status == StatusCode::OK {
                let asked_anew = self.turn_to_own_tag(source, &arrival.version, &url, asked);
                return if asked_anew { Ok(None) } else { Err(GetFault::NoRanges { url }) };
            }
            if self.plan.fixed().is_some() && self.version.is_none() {
                self.version = Some(arrival.version.clone());
                (self.final_url, self.redirects) = (url.clone(), redirects.clone());
                self.plan.divide(arrival.version.if_range().is_some());
            } else if self.expected.is_empty() && self.plan.fixed().is_none() {
                // Gone on with what another run has begun: it can be checked all the same.
                self.expected = told(&response.fields, response.status);
            }
        }
        if is_first {
            self.begin(task, &arrival, &response, &url)?;
            let metalink = |link: &&Link| link.relation == Relation::DescribedBy;
            self.described = links.iter().find(metalink).map(|link| link.url.clone());
            (self.final_url, self.redirects) = (url.clone(), redirects);
            progress.on(Event::Started { total: arrival.end, kept: 0 });
        }
        if let Some(place) = self.places.get_mut(source) {
            place.at = Some(url.clone());
            place.version.get_or_insert(arrival.version);
        }
        self.follow(links, progress);
        let wanted = self.plan.answered(task, arrival.end);
        if wanted == 0 && arrival.end != Some(0) {
            return Ok(None);
        }
        let natural_end = arrival.end.unwrap_or(u64::MAX);
        Ok(Some(Taken { url, content: response.body.into_stream(), coding, natural_end }))
    }

    /// The coding that is to be undone: one that was asked for, which it never is for a part.
    fn coding(&self, response: &Response, asked: Option<&Asked>, url: &Url) -> Option<Coding> {
        let meant = has_coded_name(&self.url) || has_coded_name(url);
        let allowed = self.takes_codings && asked.is_none() && response.status == StatusCode::OK && !meant;
        if allowed { Coding::of(&response.fields) } else { None }
    }

    fn judge(&self, response: &Response, asked: Option<&Asked>, url: &Url) -> Result<Arrival, Misbehaviour> {
        if response.status == StatusCode::RANGE_NOT_SATISFIABLE {
            // Only what is within the length is asked for.
            return Err(Misbehaviour::OtherVersion(Difference::Length));
        }
        let range = asked.map(|asked| &asked.range);
        let coded = has_coded_name(&self.url) || has_coded_name(url);
        judge(response.status, &response.fields, response.body.length(), range, coded)
    }

    /// It was asked under the others' tag, and gave the whole. Copies of a file have tags of their own: now that it
    /// is known to be the same, it is asked under its own from here on. Whether it has one that is new.
    fn turn_to_own_tag(
        &mut self,
        source: SourceId,
        arrived: &Version,
        url: &Url,
        asked: Option<&Asked>,
    ) -> bool {
        let (own, under) = (arrived.if_range(), asked.and_then(|asked| asked.if_range.as_ref()));
        let Some(place) = self.places.get_mut(source).filter(|place| place.version.is_none()) else {
            return false;
        };
        place.version = Some(arrived.clone());
        place.at = Some(url.clone());
        own.is_some() && own.as_ref() != under
    }

    /// Whether an answer is of the version that is fetched.
    fn check(&self, source: SourceId, status: StatusCode, arrived: &Version) -> Result<(), Misbehaviour> {
        let own = self.places.get(source).and_then(|place| place.version.as_ref());
        if !self.checksums.is_empty() {
            // The digest will tell, but what a place has said of its own file it must stand by.
            let lengths = self.version.as_ref().map(|version| version.length).zip(Some(arrived.length));
            if let Some((Some(ours), Some(theirs))) = lengths
                && ours != theirs
            {
                return Err(Misbehaviour::OtherVersion(Difference::Length));
            }
            return match own {
                Some(own) if own.if_range().is_some() => belongs(status, arrived, own),
                _ => Ok(()),
            };
        }
        match (own, &self.version) {
            (Some(own), _) => belongs(status, arrived, own),
            // One who has not said anything yet has to say that it is the same.
            (None, Some(ours)) => ours.same_as(arrived).map_err(Misbehaviour::OtherVersion),
            (None, None) => Ok(()),
        }
    }

    /// The first answer: what it is a version of is fetched.
    fn begin(
        &mut self,
        task: TaskId,
        arrival: &Arrival,
        response: &Response,
        url: &Url,
    ) -> Result<(), GetFault> {
        if let (Some(limit), Some(end)) = (self.size_max, arrival.end)
            && end > limit
        {
            return Err(GetFault::TooLarge { url: url.clone(), limit });
        }
        self.expected = self.checksums.clone();
        // Of a coded representation they are the coded one's (RFC 9530 §3).
        let is_coded = self.takes_codings && Coding::of(&response.fields).is_some();
        let told = if is_coded { Vec::new() } else { told(&response.fields, response.status) };
        self.expected.extend(told.into_iter().filter(|digest| !self.checksums.contains(digest)));
        self.sink.begin(arrival.end, &self.expected)?;
        self.places.forget();
        self.ledger.forget();
        let divisible = arrival.version.if_range().is_some() || !self.checksums.is_empty();
        let refused = response.fields.text(&header::ACCEPT_RANGES) == Some("none");
        self.plan.learn(task, arrival.end, divisible && !refused);
        self.mosaic = self.pieces.clone().zip(arrival.end).and_then(|(pieces, end)| Mosaic::new(pieces, end));
        self.version = Some(arrival.version.clone());
        Ok(())
    }

    /// Takes up the places that an answer has pointed to.
    fn follow(&mut self, links: Vec<Link>, progress: &impl Progress) {
        for link in links {
            if let Relation::Duplicate { priority } = link.relation
                && self.places.add(link.url.clone())
            {
                self.plan.add_source(priority);
                progress.on(Event::Found { source: &link.url });
            }
        }
    }

    /// Puts `bytes` of `task` into their place, as many as still are wanted of it. Gives how many more are.
    pub(crate) fn keep(
        &mut self,
        task: TaskId,
        source: SourceId,
        bytes: &[u8],
        now: Duration,
    ) -> Result<Kept, GetFault> {
        let room = usize::try_from(self.plan.room(task)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let (start, length) = (self.plan.position(task), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let end = start.saturating_add(length);
        let base = self.plan.fixed().map_or(0, |range| range.start);
        if let Some(limit) = self.size_max
            && end.saturating_sub(base) > limit
        {
            return Err(GetFault::TooLarge { url: self.url.clone(), limit });
        }
        self.sink.write_at(bytes, start.saturating_sub(base))?;
        let room = self.plan.delivered(task, length, now);
        self.places.brought(source, start..end);
        Ok(Kept { bytes: length, end, room })
    }

    /// Writes down what is there, if another run could go on with it; whether it can.
    pub(crate) fn note(&mut self) -> bool {
        let Some(version) = self.version.clone() else { return false };
        let resumable = version.if_range().is_some() || !self.checksums.is_empty();
        if !resumable
            || self.plan.fixed().is_some()
            || version.length.is_none()
            || self.plan.spans().is_empty()
        {
            return false;
        }
        let journal = Journal {
            url: self.url.clone(),
            final_url: self.final_url.clone(),
            version,
            boot: boot_id().to_owned(),
            spans: self.plan.spans().clone(),
            synced: self.ledger.synced().clone(),
        };
        self.sink.note(&journal)
    }

    /// The version's validators, as far as it has any.
    pub(crate) fn validators(&self) -> Validators {
        self.version.as_ref().map(|version| version.validators.clone()).unwrap_or_default()
    }

    /// How long what is saved is; 0 until that is known.
    pub(crate) fn length(&self) -> u64 {
        if let Some(range) = self.plan.fixed() {
            return range.end.saturating_sub(range.start);
        }
        let length = self.version.as_ref().and_then(|version| version.length);
        length.unwrap_or_else(|| self.plan.spans().end())
    }
}

/// What has become of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// How many of them were wanted.
    pub(crate) bytes: u64,
    /// Where they ended.
    pub(crate) end: u64,
    /// How many more are wanted.
    pub(crate) room: u64,
}

/// Whether a file is in a content coding by its name: servers often call `x.tar.gz` gzip-coded, and mean the
/// file itself.
fn has_coded_name(url: &Url) -> bool {
    const CODED: [&str; 10] =
        [".gz", ".tgz", ".svgz", ".br", ".zst", ".zstd", ".z", ".bz2", ".xz", ".deflate"];
    let path = url.path().to_ascii_lowercase();
    CODED.iter().any(|end| path.ends_with(end))
}
