//! The places that a file is fetched from, and what each has said and brought.

use std::ops::Range;

use message::Spans;

use crate::fault::GetFault;
use crate::plan::source::SourceId;
use crate::url::Url;
use message::version::Version;

/// The most places that are known at once: links may name any number.
pub(crate) const PLACES_MAX: usize = 64;

/// A place that a file is fetched from.
#[derive(Debug)]
pub(crate) struct Place {
    /// What is asked first.
    pub(crate) start: Url,
    /// Where that led to, for as long as that does well.
    pub(crate) at: Option<Url>,
    /// What it has said of its file.
    pub(crate) version: Option<Version>,
    /// The bytes that are there from it.
    pub(crate) spans: Spans,
    /// How many bytes it has sent.
    pub(crate) sent: u64,
    /// How it failed last.
    pub(crate) fault: Option<GetFault>,
    /// In how many wrong pieces it had a share.
    pub(crate) strikes: u32,
    /// It was left out only since nothing says that it has the same file.
    pub(crate) doubtful: bool,
    /// What it brought was found to be wrong.
    pub(crate) corrupt: bool,
}

/// All of them, by the plan's numbers.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Place>);

impl Places {
    /// Adds a place; `false` if it is known already, or one too many.
    pub(crate) fn add(&mut self, start: Url) -> bool {
        let known = self.0.iter().any(|place| place.start == start || place.at.as_ref() == Some(&start));
        if known || self.0.len() >= PLACES_MAX {
            return false;
        }
        let (at, version, fault) = (None, None, None);
        self.0.push(Place {
            start,
            at,
            version,
            spans: Spans::default(),
            sent: 0,
            fault,
            strikes: 0,
            doubtful: false,
            corrupt: false,
        });
        true
    }

    pub(crate) fn get(&self, id: SourceId) -> Option<&Place> {
        self.0.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: SourceId) -> Option<&mut Place> {
        self.0.get_mut(id.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SourceId, &Place)> {
        self.0.iter().enumerate().map(|(at, place)| (SourceId(at), place))
    }

    /// The bytes of `range` are there from `id` now, and from nobody else.
    pub(crate) fn brought(&mut self, id: SourceId, range: Range<u64>) {
        for (at, place) in self.0.iter_mut().enumerate() {
            if at == id.0 {
                place.sent = place.sent.saturating_add(range.end.saturating_sub(range.start));
                place.spans.insert(range.clone());
            } else if !place.spans.is_empty() {
                place.spans.remove(&range);
            }
        }
    }

    /// Those who have brought something of `range`.
    pub(crate) fn bringers(&self, range: &Range<u64>) -> Vec<SourceId> {
        let has = |place: &Place| {
            let gaps = place.spans.gaps(range);
            let missing: u64 = gaps.iter().map(|gap| gap.end.saturating_sub(gap.start)).sum();
            missing < range.end.saturating_sub(range.start)
        };
        self.iter().filter(|(_, place)| has(place)).map(|(id, _)| id).collect()
    }

    /// Nothing is there any more.
    pub(crate) fn forget(&mut self) {
        for place in &mut self.0 {
            place.spans = Spans::default();
        }
    }

    /// What they have said of their files does not hold any more.
    pub(crate) fn forget_versions(&mut self) {
        for place in &mut self.0 {
            place.version = None;
        }
    }

    /// The fault that says most about why none of them could bring the file: the last one of the first place.
    pub(crate) fn take_fault(&mut self) -> Option<GetFault> {
        self.0.iter_mut().find_map(|place| place.fault.take())
    }
}
