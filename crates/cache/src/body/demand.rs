//! What of a body is to be fetched next: a decision from values alone.

use message::Spans;

/// A reader who would have to wait for more bytes than these is not left to a course that comes along
/// behind: what he waits for is asked for at once.
pub(crate) const NEAR: u64 = 256 * 1024;

/// Over more bytes than these, which are there already, no course goes on: what is behind them is asked for
/// anew.
pub(crate) const SKIP_MAX: u64 = 1 << 20;

/// A response of the origin on its way: it brings the bytes from `at` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) id: u64,
    /// What its next byte is.
    pub(crate) at: u64,
    /// `u64::MAX` if it is not known.
    pub(crate) end: u64,
}

/// What somebody wants: the bytes from `at`, where he is now, to before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) at: u64,
    /// `u64::MAX` for all, where the length is not known.
    pub(crate) until: u64,
}

impl Course {
    fn brings(&self, at: u64) -> bool {
        self.at <= at && at < self.end
    }
}

/// What to ask for on behalf of `want`: from where to before where. `None` if nothing is missing, or if it
/// comes soon enough.
///
/// Who has something to read still is content with whatever brings what comes after it; who waits is not,
/// if that is far behind. Nothing is asked for that is there, or that another course brings first.
pub(crate) fn missing(present: &Spans, courses: &[Course], want: Want) -> Option<(u64, u64)> {
    let gap = first_gap(present, want)?;
    let is_waiting = gap == want.at;
    let comes = |course: &Course| course.brings(gap) && (!is_waiting || gap - course.at <= NEAR);
    if courses.iter().any(comes) {
        return None;
    }
    let others = courses.iter().map(|course| course.at).filter(|at| *at > gap);
    let end = others.chain(present.next(gap)).fold(want.until, u64::min);
    Some((gap, end))
}

/// Whether anything brings the first byte that `want` lacks, however late; so, too, if it lacks none.
pub(crate) fn is_coming(present: &Spans, courses: &[Course], want: Want) -> bool {
    first_gap(present, want).is_none_or(|gap| courses.iter().any(|course| course.brings(gap)))
}

/// Where the next byte is that is neither there nor brought by a course that is ahead of `own`; its end if
/// there is none.
pub(crate) fn next_use(present: &Spans, courses: &[Course], own: Course) -> u64 {
    let is_ahead = |other: &&Course| other.id != own.id && (other.at, other.id) > (own.at, own.id);
    let mut at = own.at;
    loop {
        at = present.reach(at);
        let ahead = courses.iter().filter(is_ahead).find(|other| other.brings(at));
        match ahead {
            Some(other) if at < own.end => at = other.end,
            _ => return at.min(own.end),
        }
    }
}

/// Whether anybody wants something of what `course` brings.
pub(crate) fn is_wanted(course: Course, mut wants: impl Iterator<Item = Want>) -> bool {
    wants.any(|want| want.at < course.end && course.at < want.until)
}

fn first_gap(present: &Spans, want: Want) -> Option<u64> {
    Some(present.reach(want.at)).filter(|gap| *gap < want.until)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn spans(of: &[(u64, u64)]) -> Spans {
        of.iter().map(|(start, end)| *start..*end).collect()
    }

    fn course(id: u64, at: u64, end: u64) -> Course {
        Course { id, at, end }
    }

    #[test]
    fn what_is_there_or_near_is_not_asked_for_and_what_is_far_is() {
        let (present, main) = (spans(&[(0, MIB)]), [course(0, MIB, 100 * MIB)]);
        for (at, until, expected) in [
            (0, MIB, None),
            (0, 100 * MIB, None),
            (MIB, 2 * MIB, None),
            (MIB + NEAR, 2 * MIB, None),
            (MIB + NEAR + 1, 2 * MIB, Some((MIB + NEAR + 1, 2 * MIB))),
            (99 * MIB, 100 * MIB, Some((99 * MIB, 100 * MIB))),
        ] {
            assert_eq!(missing(&present, &main, Want { at, until }), expected, "{at}-{until}");
        }
    }

    #[test]
    fn section_3_4_only_what_is_missing_is_asked_for() {
        let present = spans(&[(0, 10), (20, 30)]);
        assert_eq!(missing(&present, &[], Want { at: 0, until: 50 }), Some((10, 20)));
        assert_eq!(missing(&present, &[], Want { at: 12, until: 15 }), Some((12, 15)));
        assert_eq!(missing(&present, &[course(0, 30, 50)], Want { at: 25, until: 50 }), None);
        assert_eq!(missing(&present, &[], Want { at: 25, until: 50 }), Some((30, 50)));
        // Another course begins in the gap.
        assert_eq!(missing(&present, &[course(0, 40, 50)], Want { at: 20, until: 50 }), Some((30, 40)));
    }

    #[test]
    fn who_has_something_to_read_is_content_with_a_course_that_comes_later() {
        let present = spans(&[(50 * MIB, 51 * MIB)]);
        let main = [course(0, 0, 100 * MIB)];
        assert_eq!(missing(&present, &main, Want { at: 50 * MIB, until: 52 * MIB }), None);
        let waiting = Want { at: 51 * MIB, until: 52 * MIB };
        assert_eq!(missing(&present, &main, waiting), Some((51 * MIB, 52 * MIB)));
        assert!(is_coming(&present, &main, waiting));
        assert!(!is_coming(&present, &[], waiting));
    }

    #[test]
    fn a_course_looks_past_what_is_there_and_what_another_one_brings() {
        let present = spans(&[(10, 20), (50, 60)]);
        let own = course(1, 10, 100);
        assert_eq!(next_use(&present, &[own], own), 20);
        assert_eq!(next_use(&present, &[own, course(2, 20, 50)], own), 60);
        assert_eq!(next_use(&present, &[own, course(2, 60, 100)], course(1, 50, 100)), 100);
        // Of two at one place the first goes on.
        let two = [course(1, 20, 100), course(2, 20, 100)];
        assert_eq!(next_use(&present, &two, two[0]), 100);
        assert_eq!(next_use(&present, &two, two[1]), 20);
    }

    #[test]
    fn a_course_is_wanted_by_those_whose_bytes_it_brings() {
        let of = |at, until| [Want { at, until }].into_iter();
        assert!(is_wanted(course(0, 10, 20), of(0, 11)));
        assert!(!is_wanted(course(0, 10, 20), of(0, 10)));
        assert!(is_wanted(course(0, 10, 20), of(19, 30)));
        assert!(!is_wanted(course(0, 10, 20), of(20, 30)));
    }
}
