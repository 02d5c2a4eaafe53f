//! What is told of what is stored: one line for each, as it is found.

use std::collections::VecDeque;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use message::{Failure, Segment, Source};

use crate::store::Store;
use crate::store::index::Place;
use crate::store::survey::{Look, Seen, State};

/// Stored responses that are looked up at a time.
const PAGE: usize = 512;

/// Bodies that are looked at before something is told again.
const PAGE_OF_BODIES: usize = 16;

/// The next page, and where to go on then.
type Turning = Pin<Box<dyn Future<Output = (Vec<Seen>, Option<Place>)> + Send>>;

/// The lines of a list, or of a check.
pub(crate) struct Report {
    store: Arc<Store>,
    prefix: String,
    look: Look,
    now: SystemTime,
    turning: Option<Turning>,
    ready: VecDeque<Bytes>,
    checked: Checked,
}

/// What a check has come to.
#[derive(Default)]
struct Checked {
    sound: u64,
    thrown_out: u64,
    unknown: u64,
}

impl Report {
    /// The report of all whose key begins with `prefix`, as it is `now`.
    pub(crate) fn new(store: Arc<Store>, prefix: String, look: Look, now: SystemTime) -> Self {
        let (turning, ready, checked) = (None, VecDeque::new(), Checked::default());
        let mut report = Self { store, prefix, look, now, turning, ready, checked };
        report.turn(None);
        report
    }

    fn turn(&mut self, after: Option<Place>) {
        let (store, prefix, look) = (Arc::clone(&self.store), self.prefix.clone(), self.look);
        let max = if look == Look::Close { PAGE_OF_BODIES } else { PAGE };
        self.turning = Some(Box::pin(async move { store.survey(prefix, after, max, look).await }));
    }

    fn take(&mut self, page: &[Seen], is_last: bool) {
        let mut text = String::new();
        for seen in page {
            match seen.state {
                State::Unknown if self.look == Look::Close => {
                    self.checked.unknown += 1;
                    tell(&mut text, "unreadable now", seen);
                }
                State::Unknown => list(&mut text, seen, self.now),
                State::Sound => self.checked.sound += 1,
                State::Damaged | State::Changed => {
                    self.checked.thrown_out += 1;
                    tell(&mut text, if seen.state == State::Damaged { "damaged" } else { "changed" }, seen);
                }
            }
        }
        if is_last && self.look == Look::Close {
            let Checked { sound, thrown_out, unknown } = self.checked;
            put(&mut text, format_args!("{sound} sound, {thrown_out} thrown out, {unknown} unreadable now"));
        }
        if !text.is_empty() {
            self.ready.push_back(Bytes::from(text));
        }
    }
}

/// Bytes, seconds since it was received or validated, seconds for which it is fresh still, status, key.
fn list(text: &mut String, seen: &Seen, now: SystemTime) {
    let response = &seen.response;
    let (age, ttl) =
        (now.duration_since(response.received_at).unwrap_or_default(), response.freshness.ttl(now));
    let part = if seen.weight < seen.size { " (in part)" } else { "" };
    let (status, size, key) = (response.status.as_u16(), seen.size, &seen.place.0);
    put(text, format_args!("{size}\t{}\t{ttl}\t{status}\t{key}{part}", age.as_secs()));
}

fn tell(text: &mut String, what: &str, seen: &Seen) {
    put(text, format_args!("{what}\t{}\t{}", seen.place.0, seen.path));
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{line}");
}

impl Source for Report {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Segment::Bytes(text))));
            }
            let Some(turning) = &mut self.turning else { return Poll::Ready(None) };
            let (page, after) = ready!(turning.as_mut().poll(cx));
            self.turning = None;
            self.take(&page, after.is_none());
            if after.is_some() {
                self.turn(after);
            }
        }
    }
}
