use std::time::{Duration, UNIX_EPOCH};

use http::header::DATE;
use proptest::prelude::*;

use super::*;

const EXAMPLE: u64 = 784_111_777; // the moment of all examples in RFC 9110 §5.6.7

fn parse(text: &str) -> Option<u64> {
    HttpDate::parse(text.as_bytes()).map(HttpDate::seconds)
}

#[test]
fn the_three_forms_of_9110_5_6_7_say_the_same() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        // Names in whatever case, and a weekday that is not the right one.
        "SUN, 06 NOV 1994 08:49:37 gmt",
        "sunday, 06-nov-94 08:49:37 GMT",
        "sun nov  6 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(parse(text), Some(EXAMPLE), "{text:?}");
    }
    assert_eq!(parse("Wed Nov 16 08:49:37 1994"), Some(EXAMPLE + 10 * DAY));
}

#[test]
fn what_is_not_quite_a_date_is_none() {
    for text in [
        "",
        "0",
        "-1",
        "Sun",
        "784111777",
        "1994-11-06T08:49:37Z",
        // Zones
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 AEST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun Nov  6 08:49:37 1994 GMT",
        // Punctuation
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37  GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sunday 06-Nov-94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, Nov  6 08:49:37 1994",
        // Digits
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 01994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  06 08:49:37 1994",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:7 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        // Names
        "Sux, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 November 1994 08:49:37 GMT",
        "Sund, 06-Nov-94 08:49:37 GMT",
        // Days and hours that there are not
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun Nov  0 08:49:37 1994",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        // Two dates
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn leap_days_and_leap_seconds_are_there() {
    assert!(parse("Tue, 29 Feb 2000 00:00:00 GMT").is_some());
    assert!(parse("Thu, 29 Feb 2024 00:00:00 GMT").is_some());
    assert_eq!(parse("Sat, 31 Dec 2016 23:59:60 GMT"), parse("Sun, 01 Jan 2017 00:00:00 GMT"));
}

#[test]
fn what_lies_outside_is_clamped() {
    assert_eq!(parse("Mon, 01 Jan 1900 00:00:00 GMT"), Some(0));
    assert_eq!(parse("Wed, 31 Dec 1969 23:59:59 GMT"), Some(0));
    assert_eq!(parse("Sat, 01 Jan 0000 00:00:00 GMT"), Some(0));
    assert_eq!(parse("Fri, 31 Dec 9999 23:59:60 GMT"), Some(HttpDate::MAX.seconds()));
    assert_eq!(HttpDate::from_seconds(u64::MAX), HttpDate::MAX);
    assert_eq!(HttpDate::from(UNIX_EPOCH - Duration::from_secs(1)), HttpDate::MIN);
    assert_eq!(HttpDate::from(UNIX_EPOCH + Duration::from_millis(1999)).seconds(), 1);
}

#[test]
fn two_digits_are_the_latest_year_within_50_of_now_9110_5_6_7() {
    let year = |text: &str, now: &str| {
        let now = HttpDate::parse(now.as_bytes()).unwrap().to_system_time();
        HttpDate::parse_at(text.as_bytes(), now).map(|date| date.to_string()[12..16].to_string())
    };
    let now = "Sun, 22 Nov 2026 12:00:00 GMT";
    for (text, expected) in [
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994"),
        ("Sunday, 22-Nov-26 12:00:00 GMT", "2026"),
        ("Sunday, 22-Nov-76 12:00:00 GMT", "2076"), // 50 years to the second
        ("Sunday, 22-Nov-76 12:00:01 GMT", "1976"),
        ("Sunday, 01-Jan-77 00:00:00 GMT", "1977"),
        ("Sunday, 29-Feb-76 00:00:00 GMT", "2076"), // 2026 has no such day
    ] {
        assert_eq!(year(text, now).as_deref(), Some(expected), "{text:?}");
    }
    let next_century = "Mon, 01 Jan 2080 00:00:00 GMT";
    assert_eq!(year("Sunday, 06-Nov-10 08:49:37 GMT", next_century).as_deref(), Some("2110"));
    assert_eq!(year("Sunday, 30-Feb-10 08:49:37 GMT", next_century), None);
    assert_eq!(parse("Thursday, 01-Jan-70 00:00:00 GMT"), Some(0));
    assert_eq!(parse("Tuesday, 01-Jan-69 00:00:00 GMT"), parse("Tue, 01 Jan 2069 00:00:00 GMT"));
}

#[test]
fn a_date_that_stands_twice_is_none() {
    let mut fields = Fields::new();
    assert_eq!(HttpDate::of(&fields, &DATE), None);
    fields.append(DATE, HttpDate::from_seconds(EXAMPLE).to_value());
    assert_eq!(HttpDate::of(&fields, &DATE), Some(HttpDate(EXAMPLE)));
    fields.append(DATE, HttpDate::from_seconds(EXAMPLE).to_value());
    assert_eq!(HttpDate::of(&fields, &DATE), None);
}

/// Counts the days one by one and compares; 400 years, after which the calendar repeats.
#[test]
fn every_day_of_four_centuries_is_written_right() {
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let (mut weekday, mut day, mut month, mut year) = (3, 1, 0, 1970);
    for days in 0..DAYS_IN_400_YEARS {
        let month_name = str::from_utf8(MONTHS[month]).unwrap();
        let expected = format!("{}, {day:02} {month_name} {year} 00:00:00 GMT", names[weekday]);
        assert_eq!(HttpDate(days * DAY).to_string(), expected);
        weekday = (weekday + 1) % 7;
        day += 1;
        let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
        let length = match month {
            1 if leap => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if day > length {
            (day, month) = (1, month + 1);
        }
        if month == 12 {
            (month, year) = (0, year + 1);
        }
    }
    assert_eq!((weekday, day, month, year), (3, 1, 0, 2370));
}

#[test]
fn every_year_begins_and_ends_right() {
    let mut next = 0;
    for year in 1970..=9999 {
        let first = parse(&format!("Mon, 01 Jan {year} 00:00:00 GMT")).unwrap();
        assert_eq!(first, next, "{year}");
        assert!(HttpDate(first).to_string().contains(&format!(" 01 Jan {year} 00:00:00 ")));
        next = parse(&format!("Mon, 31 Dec {year} 23:59:59 GMT")).unwrap() + 1;
        assert!(HttpDate(next - 1).to_string().contains(&format!(" 31 Dec {year} 23:59:59 ")));
    }
    assert_eq!(next, HttpDate::MAX.seconds() + 1);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(seconds in 0..=HttpDate::MAX.seconds()) {
        let date = HttpDate(seconds);
        prop_assert_eq!(HttpDate::parse(date.to_string().as_bytes()), Some(date));
        prop_assert_eq!(HttpDate::from(date.to_system_time()), date);
        prop_assert_eq!(date.to_value(), date.to_string());
    }

    #[test]
    fn two_digits_are_read_back_from_49_years_ago_to_49_years_ahead(
        now in 0..=HttpDate::MAX.seconds(), ahead in any::<bool>(), days in 0_u64..49 * 365,
    ) {
        let away = days * DAY;
        let then = if ahead { HttpDate::from_seconds(now + away) } else { HttpDate(now.saturating_sub(away)) };
        let text = then.to_string();
        let (day, month, year, time) = (&text[5..7], &text[8..11], &text[14..16], &text[17..25]);
        let rfc850 = format!("Sunday, {day}-{month}-{year} {time} GMT");
        prop_assert_eq!(HttpDate::parse_at(rfc850.as_bytes(), HttpDate(now).to_system_time()), Some(then));
    }

    #[test]
    fn anything_can_be_read_without_harm(text in any::<Vec<u8>>()) {
        let _ = HttpDate::parse(&text);
    }

    /// One byte off is a date still only where that byte is a digit or a letter of a name.
    #[test]
    fn a_date_with_one_byte_changed_is_read_without_harm(
        seconds in 0..=HttpDate::MAX.seconds(), at in 0_usize..29, byte in any::<u8>(),
    ) {
        let mut text = HttpDate(seconds).text();
        let before = std::mem::replace(&mut text[at], byte);
        let read = HttpDate::parse(&text);
        if !before.is_ascii_alphanumeric() && byte != before {
            prop_assert_eq!(read, None);
        }
    }
}
