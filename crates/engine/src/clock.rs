//! The wall clock: read here and nowhere else in Sockets.

use std::cell::RefCell;
use std::time::SystemTime;

use message::HeaderValue;
use message::field::date::HttpDate;

/// What time it is.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where it is read; from here on it is an argument"
)]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The `Date` of a message that originates at `now` (RFC 9110 §6.6.1), written anew only when the
/// second has changed.
pub(crate) fn date(now: SystemTime) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<Option<(HttpDate, HeaderValue)>> = const { RefCell::new(None) };
    }
    let date = HttpDate::from(now);
    LAST.with_borrow_mut(|last| match last {
        Some((second, value)) if *second == date => value.clone(),
        _ => last.insert((date, date.to_value())).1.clone(),
    })
}
