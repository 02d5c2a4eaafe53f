//! Moments as dates and times of day in UTC.

use std::fmt;

const DAY_S: u64 = 86_400;
/// From 1 March of the year 0 to 1 January 1970. A year that is counted from March has its odd day last.
const DAYS_TO_1970: u64 = 719_468;
/// After so many days, 400 years, the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// The last second of the year 9999: later ones are taken for it.
const LAST_S: u64 = 253_402_300_799;

/// A second of the calendar (Gregorian, UTC, 1970 to 9999).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: u64,
    /// 1 to 12.
    pub(crate) month: u64,
    /// 1 to 31.
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
}

impl Moment {
    /// The moment that many seconds after the start of 1970.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "nothing here is larger than the seconds of 9999 years"
    )]
    pub(crate) fn of(seconds: u64) -> Self {
        let seconds = seconds.min(LAST_S);
        let days = seconds / DAY_S + DAYS_TO_1970;
        let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
        // Without the odd days at the end of 4 years, 100 years and 400 years, all years are alike.
        let odd_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - odd_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, five months are always 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        let of_day = seconds % DAY_S;
        Self { year, month, day, hour: of_day / 3600, minute: of_day / 60 % 60, second: of_day % 60 }
    }

    /// `2026-10-21 14:03`
    pub(crate) fn short(self) -> String {
        let Self { year, month, day, hour, minute, .. } = self;
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }
}

impl fmt::Display for Moment {
    /// `2026-10-21T14:03:00Z` (RFC 3339)
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_moments_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST_S, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment::of(seconds).to_string(), text);
        }
        assert_eq!(Moment::of(784_111_777).short(), "1994-11-06 08:49");
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = Moment::of(0);
        for day in 1..=200_000 {
            let next = Moment::of(day * DAY_S);
            let follows = match (next.day, next.month) {
                (1, 1) => next.year == before.year + 1 && (before.month, before.day) == (12, 31),
                (1, _) => next.month == before.month + 1 && next.year == before.year && before.day >= 28,
                _ => next.day == before.day + 1 && (next.year, next.month) == (before.year, before.month),
            };
            assert!(follows, "{before} {next}");
            before = next;
        }
    }
}
