//! How much a connection is given at once, and what is taken over from the slowest.

use std::ops::Range;
use std::time::Duration;

use crate::meter::{as_float, share_of};
use crate::plan::task::Task;

/// The shortest piece, in bytes: a request costs as much as some hundred kilobytes.
pub(crate) const PIECE_MIN: u64 = 256 * 1024;

/// The first piece of a source that has not been measured, at most, in bytes.
const PIECE_FIRST: u64 = 4 * 1024 * 1024;

/// How long a piece may take, in seconds: so much of it is lost to the order of the file, not of the bytes.
const PIECE_SECONDS: f64 = 4.0;

/// What takes no longer than this is not worth a takeover, in seconds.
const TAIL_SECONDS: f64 = 0.15;

/// A connection without a byte for this long has its piece taken over whole by who is free.
const SILENT: Duration = Duration::from_secs(1);

/// Who takes pieces: what its source delivers by one connection, and what all others deliver together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) own: Option<f64>,
    pub(crate) others: f64,
}

impl Pace {
    /// How long a piece of `free` bytes that nobody has taken yet should be: half of the share by which all
    /// would end together, so that pieces become shorter towards the end.
    pub(crate) fn piece(self, free: u64) -> u64 {
        let Some(own) = self.own else {
            return PIECE_FIRST.min(free / 2).max(PIECE_MIN).min(free);
        };
        let share = own / (own + self.others).max(1.0);
        let by_share = share_of(free, share / 2.0);
        let by_time = share_of(u64::MAX >> 1, own * PIECE_SECONDS / as_float(u64::MAX >> 1));
        by_share.min(by_time).max(PIECE_MIN).min(free)
    }
}

/// The end of a claim that is worth taking over from its task, of all tasks that would need longest.
pub(crate) fn takeover(tasks: &mut [Task], pace: Pace, now: Duration) -> Option<Range<u64>> {
    let longest = |a: &&mut Task, b: &&mut Task| a.seconds_left(now).total_cmp(&b.seconds_left(now));
    let victim = tasks.iter_mut().filter(|task| task.left() > 0 && task.end < u64::MAX).max_by(longest)?;
    let (left, seconds) = (victim.left(), victim.seconds_left(now));
    if seconds < TAIL_SECONDS || left < 2 {
        return None;
    }
    let age = now.saturating_sub(victim.started);
    let rate = as_float(left) / seconds;
    let silent = age >= SILENT && victim.meter.rate(now).is_some_and(|rate| rate < 1.0);
    let own = pace.own.unwrap_or(rate);
    let taken = if silent || left <= PIECE_MIN {
        // Not worth a share: all of it, but only from one who is much slower.
        if !silent && own < rate * 4.0 {
            return None;
        }
        left
    } else {
        share_of(left, own / (own + rate).max(1.0))
    };
    if taken == 0 {
        return None;
    }
    let end = victim.end;
    victim.end = end.saturating_sub(taken);
    Some(victim.end..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::source::SourceId;
    use crate::plan::task::TaskId;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn pieces_are_a_share_of_what_is_left_but_not_too_long_or_short() {
        let pace = |own: u64, others: u64| Pace { own: Some(as_float(own)), others: as_float(others) };
        assert_eq!(pace(10 * MIB, 30 * MIB).piece(80 * MIB), 10 * MIB);
        assert_eq!(pace(10 * MIB, 0).piece(800 * MIB), 40 * MIB);
        assert_eq!(pace(MIB, 99 * MIB).piece(10 * MIB), PIECE_MIN);
        assert_eq!(pace(MIB, 0).piece(1000), 1000);
        assert_eq!(Pace { own: None, others: 0.0 }.piece(800 * MIB), PIECE_FIRST);
    }

    #[test]
    fn the_slowest_gives_away_what_it_would_need_longest_for() {
        let now = Duration::from_secs(1);
        let task = |id: u64, rate: u64, claim: Range<u64>| {
            let mut task = Task::new(TaskId(id), SourceId(0), claim, false, Duration::ZERO);
            task.meter.count(rate, now);
            task
        };
        let mut tasks = [task(0, 10 * MIB, 0..20 * MIB), task(1, MIB, 20 * MIB..30 * MIB)];
        let taken = takeover(&mut tasks, Pace { own: Some(as_float(9 * MIB)), others: 0.0 }, now).unwrap();
        assert_eq!(taken, 21 * MIB..30 * MIB);
        assert_eq!(tasks[1].end, 21 * MIB);
        let mut last = [task(0, 10 * MIB, 0..MIB)];
        assert_eq!(takeover(&mut last, Pace { own: Some(1e9), others: 0.0 }, now), None, "it is there soon");
    }

    #[test]
    fn a_silent_connection_gives_away_all() {
        let mut silent = [Task::new(TaskId(0), SourceId(0), 0..100, false, Duration::ZERO)];
        let pace = Pace { own: None, others: 0.0 };
        assert_eq!(takeover(&mut silent, pace, Duration::from_millis(500)), None);
        assert_eq!(takeover(&mut silent, pace, Duration::from_secs(2)), Some(0..100));
        assert_eq!(takeover(&mut silent, pace, Duration::from_secs(3)), None, "once");
    }
}
