//! Dates (RFC 9110 §5.6.7): one form written, three forms read.

use std::fmt;
use std::str;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::field::decimal;
use crate::field::value::written;
use crate::fields::Fields;

/// A moment as HTTP can tell it: whole seconds, from the start of 1970 to the end of 9999.
///
/// Earlier moments are taken for the first and later ones for the last of these, so that comparing
/// them with the dates of files and responses still gives the right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpDate(u64);

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Days from the start of the year 0 to the start of 1970.
const DAYS_TO_1970: u64 = 719_528;
/// Days in the 400 years after which the calendar repeats.
const DAYS_IN_400_YEARS: u64 = 146_097;
/// How far in the future a two-digit year may lie before it is one of the past (§5.6.7).
const YEARS_AHEAD_MAX: u64 = 50;

/// From 1 January 1970 on.
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const LONG_WEEKDAYS: [&[u8]; 7] =
    [b"Thursday", b"Friday", b"Saturday", b"Sunday", b"Monday", b"Tuesday", b"Wednesday"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

impl HttpDate {
    /// The first moment: `Thu, 01 Jan 1970 00:00:00 GMT`.
    pub const MIN: Self = Self(0);
    /// The last moment: `Fri, 31 Dec 9999 23:59:59 GMT`.
    pub const MAX: Self = Self(253_402_300_799);

    /// The moment that many seconds after the start of 1970, or [`HttpDate::MAX`].
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds).min(Self::MAX)
    }

    /// Seconds since the start of 1970.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// Reads any of the three forms of §5.6.7, strictly, except that names count in whatever case.
    ///
    /// The weekday must be one but need not be the right one. A leap second counts as the second after
    /// it. A two-digit year (RFC 850) is one of 1970 to 2069; see [`HttpDate::parse_at`].
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        parse(text, |year, _| year.checked_add(if year < 70 { 2000 } else { 1900 }))
    }

    /// Like [`HttpDate::parse`], except that a two-digit year is the latest that does not lead more
    /// than 50 years past `now`, as §5.6.7 says.
    #[must_use]
    pub fn parse_at(text: &[u8], now: SystemTime) -> Option<Self> {
        parse(text, |year, date| year_near(year, date, Self::from(now)))
    }

    /// The date in a field that may stand only once: `None` if it is absent, repeated, or not a date.
    #[must_use]
    #[inline]
    pub fn of(fields: &Fields, name: &HeaderName) -> Option<Self> {
        Self::parse(fields.text(name)?.as_bytes())
    }

    /// The moment for the system's clock.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.0)).unwrap_or(UNIX_EPOCH)
    }

    /// The field value: IMF-fixdate, the only form to be sent (§5.6.7).
    #[must_use]
    pub fn to_value(self) -> HeaderValue {
        written(Bytes::copy_from_slice(&self.text()))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    fn text(self) -> [u8; 29] {
        let Date { weekday: [w0, w1, w2], day, month: [m0, m1, m2], year } = Date::of(self.0 / DAY);
        let ([d0, d1], [y0, y1], [y2, y3]) = (two_digits(day), two_digits(year / 100), two_digits(year));
        let time = self.0 % DAY;
        let [h0, h1] = two_digits(time / HOUR);
        let [i0, i1] = two_digits(time % HOUR / MINUTE);
        let [s0, s1] = two_digits(time % MINUTE);
        [
            w0, w1, w2, b',', b' ', d0, d1, b' ', m0, m1, m2, b' ', y0, y1, y2, y3, b' ', h0, h1, b':', i0,
            i1, b':', s0, s1, b' ', b'G', b'M', b'T',
        ]
    }
}

impl From<SystemTime> for HttpDate {
    /// The second that `time` lies in.
    fn from(time: SystemTime) -> Self {
        Self::from_seconds(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).unwrap_or_default()) // it is all ASCII
    }
}

/// A day of the calendar, ready to be written.
struct Date {
    weekday: [u8; 3],
    day: u64,
    month: [u8; 3],
    year: u64,
}

impl Date {
    /// The day that many days after 1 January 1970.
    fn of(days: u64) -> Self {
        let days_of_calendar = days.saturating_add(DAYS_TO_1970);
        // The years before are 365.2425 days long on the mean: that is right to within a year.
        let mut year = days_of_calendar.saturating_mul(400) / DAYS_IN_400_YEARS;
        if days_before_year(year) > days_of_calendar {
            year = year.saturating_sub(1);
        } else if days_before_year(year.saturating_add(1)) <= days_of_calendar {
            year = year.saturating_add(1);
        }
        let mut day = days_of_calendar.saturating_sub(days_before_year(year));
        let mut month = MONTHS[0];
        for (name, length) in MONTHS.iter().zip(month_lengths(year)) {
            month = name;
            if day < length {
                break;
            }
            day = day.saturating_sub(length);
        }
        let weekday = WEEKDAYS.iter().cycle().nth(usize::try_from(days % 7).unwrap_or(0));
        Self { weekday: **weekday.unwrap_or(&WEEKDAYS[0]), day: day.saturating_add(1), month: *month, year }
    }
}

/// The last two digits of a number.
fn two_digits(number: u64) -> [u8; 2] {
    let digit = |number: u64| b'0' | u8::try_from(number % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_lengths(year: u64) -> [u64; 12] {
    [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// Days from the start of the year 0, a leap year, to the start of `year`.
#[expect(clippy::arithmetic_side_effects, reason = "a year has at most five digits")]
fn days_before_year(year: u64) -> u64 {
    365 * year + year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400)
}

/// What a date says besides its year.
#[derive(Clone, Copy)]
struct InYear {
    /// 0 is January.
    month: usize,
    day: u64,
    seconds_of_day: u64,
}

impl InYear {
    /// The moment in that year, if the year has such a day.
    fn of_year(self, year: u64) -> Option<HttpDate> {
        let lengths = month_lengths(year);
        let length = *lengths.get(self.month)?;
        if self.day == 0 || self.day > length {
            return None;
        }
        let days_before_month: u64 = lengths.iter().take(self.month).sum();
        let days =
            days_before_year(year).checked_add(days_before_month)?.checked_add(self.day)?.checked_sub(1)?;
        // Before 1970: the first moment there is.
        let Some(days) = days.checked_sub(DAYS_TO_1970) else { return Some(HttpDate::MIN) };
        Some(HttpDate::from_seconds(days.checked_mul(DAY)?.checked_add(self.seconds_of_day)?))
    }
}

/// §5.6.7: "a timestamp that appears to be more than 50 years in the future" is of the past.
fn year_near(two_digits: u64, date: InYear, now: HttpDate) -> Option<u64> {
    let latest = Date::of(now.0 / DAY).year.checked_add(YEARS_AHEAD_MAX)?;
    let year = latest.checked_sub(latest.checked_sub(two_digits)? % 100)?;
    // In that very year it depends on the day: the same day 50 years before must not lie ahead. Where
    // that year lacks the day (29 February), the day before it decides.
    let before = year.checked_sub(YEARS_AHEAD_MAX)?;
    let same_day = date.of_year(before).or(InYear { day: 28, ..date }.of_year(before))?;
    if same_day > now { year.checked_sub(100) } else { Some(year) }
}

/// Reads a date; `century` makes a year of RFC 850's two digits.
fn parse(text: &[u8], century: impl Fn(u64, InYear) -> Option<u64>) -> Option<HttpDate> {
    let mut text = Reader(text);
    if let Some((date, year)) = text.attempt(imf_fixdate).or_else(|| text.attempt(asctime)) {
        return text.end().and_then(|()| date.of_year(year));
    }
    let (date, two_digits) = text.attempt(rfc850)?;
    text.end().and_then(|()| date.of_year(century(two_digits, date)?))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &mut Reader<'_>) -> Option<(InYear, u64)> {
    text.name(&WEEKDAYS)?;
    text.literal(b", ")?;
    let day = text.number(2)?;
    text.literal(b" ")?;
    let month = text.name(&MONTHS)?;
    text.literal(b" ")?;
    let year = text.number(4)?;
    text.literal(b" ")?;
    let seconds_of_day = text.time()?;
    text.literal(b" GMT")?;
    Some((InYear { month, day, seconds_of_day }, year))
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`: obsolete, to be accepted.
fn rfc850(text: &mut Reader<'_>) -> Option<(InYear, u64)> {
    text.name(&LONG_WEEKDAYS)?;
    text.literal(b", ")?;
    let day = text.number(2)?;
    text.literal(b"-")?;
    let month = text.name(&MONTHS)?;
    text.literal(b"-")?;
    let year = text.number(2)?;
    text.literal(b" ")?;
    let seconds_of_day = text.time()?;
    text.literal(b" GMT")?;
    Some((InYear { month, day, seconds_of_day }, year))
}

/// `Sun Nov  6 08:49:37 1994`: obsolete, to be accepted.
fn asctime(text: &mut Reader<'_>) -> Option<(InYear, u64)> {
    text.name(&WEEKDAYS)?;
    text.literal(b" ")?;
    let month = text.name(&MONTHS)?;
    text.literal(b" ")?;
    let day = if text.literal(b" ").is_some() { text.number(1)? } else { text.number(2)? };
    text.literal(b" ")?;
    let seconds_of_day = text.time()?;
    text.literal(b" ")?;
    let year = text.number(4)?;
    Some((InYear { month, day, seconds_of_day }, year))
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// What `read` reads; if it can't, nothing has been read.
    fn attempt<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        let mut ahead = *self;
        let read = read(&mut ahead)?;
        *self = ahead;
        Some(read)
    }

    fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// That text, in whatever case.
    fn literal(&mut self, text: &[u8]) -> Option<()> {
        let (start, rest) = self.0.split_at_checked(text.len())?;
        if !start.eq_ignore_ascii_case(text) {
            return None;
        }
        self.0 = rest;
        Some(())
    }

    /// The place in `names` of the name that comes next.
    fn name<N: AsRef<[u8]>>(&mut self, names: &[N]) -> Option<usize> {
        names.iter().position(|name| self.literal(name.as_ref()).is_some())
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u64> {
        let (start, rest) = self.0.split_at_checked(digits)?;
        let number = decimal::exact(start)?;
        self.0 = rest;
        Some(number)
    }

    /// `08:49:37` in seconds since midnight.
    fn time(&mut self) -> Option<u64> {
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        self.literal(b":")?;
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        self.literal(b":")?;
        let seconds = self.number(2).filter(|seconds| *seconds <= 60)?;
        hours.checked_mul(HOUR)?.checked_add(minutes.checked_mul(MINUTE)?)?.checked_add(seconds)
    }
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
