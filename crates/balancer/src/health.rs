//! Whether a replica gets clients, and why not. Pure.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, SystemTime};

use message::{Failure, StatusCode};

/// A replica that has gone out more often than this within the window is not trusted at once any more.
pub const FLAPS_MAX: usize = 3;

/// For so many intervals it is remembered that a replica went out.
pub const FLAP_WINDOW_INTERVALS: u32 = 20;

/// How many good tests in a row a replica needs that goes up and down.
pub const PROVING_TESTS: u8 = 3;

/// Whether a replica gets clients, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    state: State,
    since: SystemTime,
    /// When it went out, the last times; at most one more than [`FLAPS_MAX`].
    outs: VecDeque<SystemTime>,
    /// What was wrong the last time that something was.
    last_failure: Option<Reason>,
}

/// What a replica's tests have made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No test has ended yet: it gets nobody.
    Untested,
    /// It gets its share.
    Up,
    /// It was down and has passed a test again: it gets a part of its share, twice as much after each
    /// good test, so that one that comes back weak is not buried at once.
    Returning {
        /// How many quarters of its share it gets: 1 or 2.
        quarters: u8,
    },
    /// It goes up and down: it gets nobody until it has passed [`PROVING_TESTS`] tests in a row.
    Proving {
        /// How many it has passed.
        passed: u8,
    },
    /// It gets nobody until it passes a test.
    Down(Reason),
}

/// Why a replica gets nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No response, or none that is whole.
    Failed(Failure),
    /// Not whole within this time.
    TimedOut(Duration),
    /// A status other than 200: an error page is a fast one. Redirects are not followed, since
    /// where they lead is another server.
    Status(StatusCode),
    /// A whole answer of another length than the replicas agree on: not the same file.
    Length {
        /// What it sent, in bytes.
        sent: u64,
        /// What it should have sent, in bytes.
        agreed: u64,
    },
    /// More content than a probe reads.
    TooLong {
        /// How much it reads, in bytes.
        max: u64,
    },
    /// `206`, and not with the range that was asked for.
    Range,
    /// A whole answer with another digest than the file is known to have.
    Digest,
    /// So many requests of clients in a row that it did not answer well.
    Clients {
        /// How many.
        failures: u32,
    },
}

impl Health {
    /// Of a replica that has not been tested.
    #[must_use]
    pub fn untested(now: SystemTime) -> Self {
        Self { state: State::Untested, since: now, outs: VecDeque::new(), last_failure: None }
    }

    /// After a good test; what was longer than `window` ago is forgotten. The first one is believed wholly:
    /// there was no failure before it.
    #[must_use]
    pub fn after_good(&self, now: SystemTime, window: Duration) -> Self {
        let state = match self.state {
            State::Untested | State::Up | State::Returning { quarters: 2.. } => State::Up,
            State::Returning { quarters } => State::Returning { quarters: quarters.saturating_mul(2) },
            State::Proving { passed } if passed.saturating_add(1) < PROVING_TESTS => {
                State::Proving { passed: passed.saturating_add(1) }
            }
            State::Down(_) if self.flaps(now, window) => State::Proving { passed: 1 },
            State::Down(_) | State::Proving { .. } => State::Returning { quarters: 1 },
        };
        self.turned(state, now)
    }

    /// After a bad test.
    #[must_use]
    pub fn after_bad(&self, reason: Reason, now: SystemTime) -> Self {
        let mut turned = self.turned(State::Down(reason.clone()), now);
        turned.last_failure = Some(reason);
        if self.is_in() {
            turned.outs.push_back(now);
            if turned.outs.len() > FLAPS_MAX.saturating_add(1) {
                turned.outs.pop_front();
            }
        }
        turned
    }

    /// Whether it has gone out too often within `window`.
    fn flaps(&self, now: SystemTime, window: Duration) -> bool {
        let recent = |out: &&SystemTime| now.duration_since(**out).is_ok_and(|age| age <= window);
        self.outs.iter().filter(recent).count() > FLAPS_MAX
    }

    /// What its tests have made of it.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When it became so.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// What was wrong the last time that something was.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Reason> {
        self.last_failure.as_ref()
    }

    /// Whether it became what it is within [`FLAP_WINDOW_INTERVALS`] of `interval`.
    #[must_use]
    pub fn has_failed_lately(&self, now: SystemTime, interval: Duration) -> bool {
        let window = interval.saturating_mul(FLAP_WINDOW_INTERVALS);
        matches!(self.state, State::Down(_)) && now.duration_since(self.since).is_ok_and(|age| age <= window)
    }

    /// Whether it gets clients.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.part() > 0.0
    }

    /// What part of its share it gets: 0 to 1.
    #[must_use]
    pub fn part(&self) -> f64 {
        match self.state {
            State::Untested | State::Proving { .. } | State::Down(_) => 0.0,
            State::Returning { quarters } => f64::from(quarters) / 4.0,
            State::Up => 1.0,
        }
    }

    /// Whether somebody who reads the log wants to know of the change from `before`.
    #[must_use]
    pub fn is_news_after(&self, before: &Self) -> bool {
        use std::mem::discriminant;
        match (&before.state, &self.state) {
            (State::Down(before), State::Down(now)) => discriminant(before) != discriminant(now),
            (before, now) => discriminant(before) != discriminant(now),
        }
    }

    fn turned(&self, state: State, now: SystemTime) -> Self {
        let same = std::mem::discriminant(&self.state) == std::mem::discriminant(&state);
        Self { state, since: if same { self.since } else { now }, ..self.clone() }
    }
}

impl State {
    /// One word for it, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Untested => "untested",
            Self::Up => "up",
            Self::Returning { .. } => "returning",
            Self::Proving { .. } => "proving",
            Self::Down(_) => "down",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Untested => f.write_str("untested"),
            State::Up => f.write_str("up"),
            State::Returning { quarters } => write!(f, "returning at {quarters}/4 of its share"),
            State::Proving { passed } => {
                write!(f, "proving: it goes up and down, and has passed {passed} of {PROVING_TESTS} tests")
            }
            State::Down(reason) => write!(f, "down: {reason}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "{} ({})", failure.detail(), failure.kind().name()),
            Self::TimedOut(limit) => write!(f, "no whole answer within {} ms", limit.as_millis()),
            Self::Status(status) => write!(f, "answers {status} to the test, not 200"),
            Self::Length { sent, agreed } => {
                write!(f, "sends {sent} bytes where {agreed} are right: not the same file as the others")
            }
            Self::TooLong { max } => {
                write!(f, "sends more than the {max} bytes that a test reads: probe a smaller file")
            }
            Self::Range => f.write_str("sends another range of the file than the one that was asked for"),
            Self::Digest => f.write_str("sends a file of another digest"),
            Self::Clients { failures } => write!(f, "failed {failures} requests of clients in a row"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::FailureKind;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    const WINDOW: Duration = Duration::from_secs(100);

    fn refused() -> Reason {
        Reason::Failed(Failure::before_sending(FailureKind::ConnectionRefused, "connection refused"))
    }

    #[test]
    fn who_was_down_comes_back_at_a_quarter_and_doubles() {
        let untested = Health::untested(at(0));
        assert!(!untested.is_in());
        let mut health = untested.after_good(at(1), WINDOW);
        assert_eq!((health.part(), health.since()), (1.0, at(1)));
        health = health.after_bad(refused(), at(5));
        assert!(!health.is_in());
        let parts: Vec<_> = (6..10)
            .map(|second| {
                health = health.after_good(at(second), WINDOW);
                health.part()
            })
            .collect();
        assert_eq!(parts, [0.25, 0.5, 1.0, 1.0]);
        assert_eq!(health.since(), at(8));
    }

    #[test]
    fn who_goes_up_and_down_has_to_prove_itself() {
        let mut health = Health::untested(at(0)).after_good(at(0), WINDOW);
        for second in 1..=3 {
            health = health.after_bad(refused(), at(2 * second)).after_good(at(2 * second + 1), WINDOW);
            assert!(health.is_in(), "trusted at once after {second} failures");
        }
        health = health.after_bad(refused(), at(8));
        let states: Vec<_> = (9..13)
            .map(|second| {
                health = health.after_good(at(second), WINDOW);
                health.state().clone()
            })
            .collect();
        let (proving, returning) =
            (|passed| State::Proving { passed }, |quarters| State::Returning { quarters });
        assert_eq!(states, [proving(1), proving(2), returning(1), returning(2)]);
        // One failure on the way, and it begins anew; after the window all is forgotten.
        let again = health.after_bad(refused(), at(13)).after_good(at(14), WINDOW);
        assert_eq!(*again.state(), proving(1));
        assert_eq!(*again.after_bad(refused(), at(15)).after_good(at(16), WINDOW).state(), proving(1));
        let much_later = health.after_bad(refused(), at(300)).after_good(at(301), WINDOW);
        assert_eq!(*much_later.state(), returning(1));
    }

    #[test]
    fn who_stays_down_has_been_down_since_the_first_failure() {
        let health = Health::untested(at(0)).after_bad(refused(), at(1));
        let later = health.after_bad(Reason::TimedOut(Duration::from_secs(1)), at(9));
        let lately = |second| later.has_failed_lately(at(second), Duration::from_secs(1));
        assert!(lately(1 + 20) && !lately(2 + 20));
        assert_eq!(later.since(), at(1));
        assert!(later.is_news_after(&health), "the reason is another");
        assert!(!later.is_news_after(&later.after_bad(Reason::TimedOut(Duration::from_secs(2)), at(10))));
    }

    #[test]
    fn a_reason_says_what_was_wrong() {
        for (reason, text) in [
            (refused(), "connection refused (connection_refused)"),
            (Reason::TimedOut(Duration::from_secs(1)), "no whole answer within 1000 ms"),
            (Reason::Status(StatusCode::NOT_FOUND), "answers 404 Not Found to the test, not 200"),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }
}
