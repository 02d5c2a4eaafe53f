//! Whether one connection more helps.

use std::time::Duration;

use crate::plan::source::SourceId;

/// How long all must run before a further connection is tried, and how long a trial takes.
const TRIAL: Duration = Duration::from_millis(1200);

/// By how much all together must become faster.
const GAIN: f64 = 1.08;

/// What is left must take at least this long, in seconds, for a trial to pay.
const WORTHWHILE: f64 = 3.0;

/// The trial that is running, if one is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ramp {
    trial: Option<Trial>,
    /// No trial begins before.
    not_before: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Trial {
    source: SourceId,
    since: Duration,
    before: f64,
}

/// What comes of a look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing new.
    Wait,
    /// One more may be opened to any source.
    MayTry,
    /// The one more to that source has helped.
    Keep,
    /// It has not.
    Close(SourceId),
}

impl Ramp {
    /// A look at the clock: `rate` is what all deliver together, in bytes per second, `left` what is still
    /// to come.
    pub(crate) fn turn(&mut self, rate: f64, left: f64, now: Duration) -> Turn {
        match self.trial {
            Some(trial) if now < trial.since.saturating_add(TRIAL) => Turn::Wait,
            Some(trial) => {
                self.trial = None;
                self.not_before = now;
                if rate >= trial.before * GAIN { Turn::Keep } else { Turn::Close(trial.source) }
            }
            None if now >= self.not_before.max(TRIAL) && left / rate.max(1.0) > WORTHWHILE => Turn::MayTry,
            None => Turn::Wait,
        }
    }

    /// A further connection to `source` is being opened.
    pub(crate) fn tries(&mut self, source: SourceId, rate: f64, now: Duration) {
        self.trial = Some(Trial { source, since: now, before: rate });
    }

    /// When there is something to look at again.
    pub(crate) fn next_look(&self, now: Duration) -> Duration {
        self.trial.map_or(self.not_before.max(TRIAL), |trial| trial.since.saturating_add(TRIAL)).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_further_connection_stays_only_if_it_helps() {
        for (after, turn) in [(200.0, Turn::Keep), (105.0, Turn::Close(SourceId(7)))] {
            let mut ramp = Ramp::default();
            assert_eq!(ramp.turn(100.0, 1e6, ms(100)), Turn::Wait);
            assert_eq!(ramp.turn(100.0, 200.0, ms(1200)), Turn::Wait, "it ends soon");
            assert_eq!(ramp.turn(100.0, 1e6, ms(1200)), Turn::MayTry);
            ramp.tries(SourceId(7), 100.0, ms(1200));
            assert_eq!(ramp.turn(after, 1e6, ms(2000)), Turn::Wait);
            assert_eq!(ramp.turn(after, 1e6, ms(2400)), turn);
            assert_eq!(ramp.turn(after, 1e6, ms(2500)), Turn::MayTry);
        }
    }
}
