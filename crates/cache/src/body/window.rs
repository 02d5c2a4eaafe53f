//! What goes from memory to readers where it can't be written to the file.

use std::collections::VecDeque;

use bytes::Bytes;
use message::Segment;

use crate::body::demand::Want;

/// How much waits in memory for the slowest reader, in bytes; a single piece may be longer.
pub(crate) const WINDOW_MAX: u64 = 256 * 1024;

/// Pieces of a body, each with its place, which go when all have had them who are near.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pieces: VecDeque<(u64, Segment)>,
    bytes: u64,
}

impl Window {
    /// Adds what comes at `at`.
    pub(crate) fn push(&mut self, at: u64, segment: Segment) {
        self.bytes = self.bytes.saturating_add(segment.len());
        self.pieces.push_back((at, segment));
    }

    /// Lets go of what nobody who is near still wants; whether there is room then.
    pub(crate) fn make_room(&mut self, wants: &[Want]) -> bool {
        self.pieces.retain(|(start, segment)| wants.iter().any(|want| holds_up(*want, *start, segment)));
        self.bytes = self.pieces.iter().fold(0, |sum, (_, segment)| sum.saturating_add(segment.len()));
        self.bytes < WINDOW_MAX
    }

    /// Whether the first piece waits for `want`.
    pub(crate) fn waits_for(&self, want: Want) -> bool {
        self.pieces.front().is_some_and(|(start, segment)| holds_up(want, *start, segment))
    }

    /// What there is from `at` to before `until`, as far as one piece has it.
    pub(crate) fn read(&self, at: u64, until: u64) -> Option<Segment> {
        let (start, segment) =
            self.pieces.iter().find(|(start, segment)| *start <= at && at < end(*start, segment))?;
        let skip = at.checked_sub(*start)?;
        cut(segment, skip, until.min(end(*start, segment)).checked_sub(at)?)
    }

    /// How far what there is goes on from `at`; `at` if there is nothing.
    pub(crate) fn reach(&self, at: u64) -> u64 {
        self.pieces.iter().fold(at, |at, (start, segment)| {
            let end = end(*start, segment);
            if *start <= at && at < end { end } else { at }
        })
    }
}

fn end(start: u64, segment: &Segment) -> u64 {
    start.saturating_add(segment.len())
}

/// Who is far behind will be at this piece when it is long gone: another one is fetched for him then.
fn holds_up(want: Want, start: u64, segment: &Segment) -> bool {
    want.at < end(start, segment) && start < want.until && start.saturating_sub(want.at) < 2 * WINDOW_MAX
}

/// That part of a segment.
fn cut(segment: &Segment, start: u64, length: u64) -> Option<Segment> {
    match segment {
        Segment::File(slice) => slice.slice(start, length).map(Segment::File),
        Segment::Bytes(bytes) => bytes_of(bytes, start, length).map(Segment::Bytes),
    }
}

fn bytes_of(bytes: &Bytes, start: u64, length: u64) -> Option<Bytes> {
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= bytes.len())?;
    Some(bytes.slice(start..end))
}

/// `segments` without their first `skip` bytes, and no more than `length` bytes of them.
pub(crate) fn cut_all(segments: &[Segment], skip: u64, length: u64) -> Vec<Segment> {
    let (mut skip, mut left) = (skip, length);
    let mut cuts = Vec::with_capacity(segments.len());
    for segment in segments {
        let start = skip.min(segment.len());
        skip = skip.saturating_sub(start);
        let take = left.min(segment.len().saturating_sub(start));
        left = left.saturating_sub(take);
        cuts.extend(cut(segment, start, take).filter(|cut| !cut.is_empty()));
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &'static str) -> Segment {
        Segment::Bytes(Bytes::from_static(text.as_bytes()))
    }

    fn text(segment: Option<Segment>) -> Option<String> {
        match segment? {
            Segment::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            Segment::File(_) => None,
        }
    }

    #[test]
    fn pieces_are_found_by_their_place_and_kept_for_who_is_near() {
        let mut window = Window::default();
        window.push(10, piece("abcde"));
        window.push(15, piece("fgh"));
        assert_eq!(text(window.read(12, 100)).as_deref(), Some("cde"));
        assert_eq!(text(window.read(12, 14)).as_deref(), Some("cd"));
        assert_eq!(text(window.read(9, 100)), None);
        assert_eq!((window.reach(10), window.reach(9), window.reach(17)), (18, 9, 18));
        let want = |at, until| Want { at, until };
        assert!(window.make_room(&[want(12, 100)]));
        assert!(window.waits_for(want(14, 100)) && !window.waits_for(want(15, 100)));
        assert!(!window.waits_for(want(0, 10)), "he does not want them");
        window.make_room(&[want(15, 100)]);
        assert_eq!(text(window.read(12, 100)), None);
        window.make_room(&[]);
        assert_eq!(window.reach(15), 15);
    }

    #[test]
    fn segments_are_cut_wherever_they_begin_and_end() {
        let all = [piece("abc"), piece("def"), piece("ghi")];
        let joined = |skip, length| -> String {
            cut_all(&all, skip, length).into_iter().filter_map(|cut| text(Some(cut))).collect()
        };
        assert_eq!(joined(0, 9), "abcdefghi");
        assert_eq!(joined(2, 5), "cdefg");
        assert_eq!(joined(3, 3), "def");
        assert_eq!(joined(8, 9), "i");
        assert_eq!(joined(9, 9), "");
    }
}
