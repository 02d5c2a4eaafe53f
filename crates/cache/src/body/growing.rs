//! A body that is arriving: its file, what of it is there, what is coming, and who reads it.
//!
//! Nobody is held up by anybody: who writes waits for the origin and the disk only, a reader for the bytes
//! at his place only. Memory is flat whatever the length, since readers are handed pieces of the file.
//! Where the file can't be written any more, what comes goes through a window in memory, at the pace of
//! the slowest who is near; but one who takes nothing for a while is left behind.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use message::{Failure, FailureKind, FileSlice, Segment, Spans};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::body::demand::{Course, Want, is_coming, missing, next_use};
use crate::body::window::Window;
use crate::store::quota::on_disk;

/// How long what can't be written to the file waits in memory for one reader, once.
const SPILL_WAIT: Duration = Duration::from_secs(30);

/// How often it is looked whether the window has room, at the least.
const ROOM_LOOK: Duration = Duration::from_millis(50);

/// A body that is arriving. A handle.
#[derive(Clone, Debug)]
pub(crate) struct Growing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Not made yet, when the first bytes are there.
    file: OnceLock<Arc<File>>,
    state: Mutex<State>,
    /// Rung when the one who fills it has something to look at.
    bell: Notify,
    /// Rung when there may be room in the window.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// `None` until it is known.
    length: Option<u64>,
    present: Spans,
    /// What comes past the file.
    window: Window,
    is_spilling: bool,
    /// Responses that are on their way.
    courses: Vec<Course>,
    /// Requests for parts that are not answered yet.
    asking: Vec<Course>,
    /// By their ids, so that who came first is looked after first.
    readings: BTreeMap<u64, Reading>,
    next_id: u64,
    /// Some of it could not be had: who comes now asks for himself.
    has_failed: bool,
    /// What there is is put away, and nobody joins.
    is_closed: bool,
}

#[derive(Debug)]
struct Reading {
    want: Want,
    /// Whom to wake when there is something for him.
    waker: Option<Waker>,
    lost: Option<Lost>,
}

/// Why somebody does not get what he wants.
#[derive(Clone, Debug)]
pub(crate) enum Lost {
    /// The origin has another version now: what is missing of this one can't be had.
    Changed,
    /// It can't be fetched.
    Failed(Failure),
}

/// What became of bytes that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// Readers see them.
    Yes,
    /// They are the last that were missing: they are shown when the body is published.
    Held,
}

impl Lost {
    /// What a reader is told whose response has begun.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Changed => {
                Failure::new(FailureKind::HttpResponseIncomplete, "the origin has another version now")
            }
        }
    }
}

impl Growing {
    /// A body of `length` bytes, if that is known, of which `present` is in `file` already, if that is made.
    pub(crate) fn new(file: Option<&Arc<File>>, length: Option<u64>, present: Spans) -> Self {
        let state = State { length, present, ..State::default() };
        let (bell, room) = (Notify::new(), Notify::new());
        let growing = Self(Arc::new(Shared { file: OnceLock::new(), state: Mutex::new(state), bell, room }));
        file.into_iter().for_each(|file| growing.set_file(file));
        growing
    }

    /// Its length in bytes, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.state().length
    }

    /// Whether one more can join.
    pub(crate) fn is_open(&self) -> bool {
        let state = self.state();
        !state.is_closed && !state.is_spilling && !state.has_failed
    }

    /// Whether it is over, and what there is is being put away.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// What of it is in the file.
    pub(crate) fn present(&self) -> Spans {
        self.state().present.clone()
    }

    /// Whether what comes goes past the file.
    pub(crate) fn is_spilling(&self) -> bool {
        self.state().is_spilling
    }

    /// Waits until there may be something to do for the one who fills it.
    pub(crate) async fn bell(&self) {
        self.0.bell.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For readers.
impl Growing {
    /// Takes note of one more who wants those bytes; gives what he is known by, or `None` if it is too late
    /// to join.
    pub(super) fn enter(&self, want: Want) -> Option<u64> {
        let mut state = self.state();
        if state.is_closed || state.is_spilling || state.has_failed {
            return None;
        }
        let id = state.new_id();
        state.readings.insert(id, Reading { want, waker: None, lost: None });
        drop(state);
        self.0.bell.notify_one();
        Some(id)
    }

    pub(super) fn leave(&self, id: u64) {
        self.state().readings.remove(&id);
        self.0.bell.notify_one();
        self.0.room.notify_one();
    }

    /// Whether what he wants is there, or the first of it that is not comes from a response of this version.
    pub(super) fn poll_ready(&self, id: u64, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let mut state = self.state();
        let Some(want) = state.readings.get(&id).map(|reading| reading.want) else {
            return Poll::Ready(Ok(()));
        };
        // What goes past the file waits for him in the window: he has only to take it.
        let ahead = state.ahead(want);
        let lacks = Want { until: ahead.until, ..want };
        if ahead.at > want.at || is_coming(&state.present, &state.courses, lacks) || state.is_at_end(want) {
            return Poll::Ready(Ok(()));
        }
        self.wait(&mut state, id, cx).map(Err)
    }

    /// The next piece of what he wants: what is in the file goes as the file.
    pub(super) fn poll_read(&self, id: u64, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Lost>>> {
        let mut state = self.state();
        let Some(want) = state.readings.get(&id).map(|reading| reading.want) else {
            return Poll::Ready(None);
        };
        if state.is_at_end(want) {
            return Poll::Ready(None);
        }
        let Some(segment) = state.read(self.0.file.get(), want) else {
            return self.wait(&mut state, id, cx).map(|lost| Some(Err(lost)));
        };
        if let Some(reading) = state.readings.get_mut(&id) {
            reading.want.at = want.at.saturating_add(segment.len());
        }
        if state.is_spilling {
            self.0.room.notify_one();
        }
        Poll::Ready(Some(Ok(segment)))
    }

    fn wait(&self, state: &mut State, id: u64, cx: &mut Context<'_>) -> Poll<Lost> {
        let Some(reading) = state.readings.get_mut(&id) else { return Poll::Pending };
        if let Some(lost) = &reading.lost {
            return Poll::Ready(lost.clone());
        }
        if reading.waker.is_none() {
            self.0.bell.notify_one();
        }
        reading.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// For who fills it.
impl Growing {
    /// Who wants what.
    pub(crate) fn wants(&self) -> Vec<Want> {
        self.state().wants()
    }

    /// The courses that are running, those that are only asked for left out.
    pub(crate) fn courses(&self) -> Vec<Course> {
        self.state().courses.clone()
    }

    /// What is to be asked for next, and is noted as asked for; `None` if nothing is.
    pub(crate) fn take_missing(&self) -> Option<Course> {
        let mut state = self.state();
        let coming = state.coming();
        let demand = |reading: &Reading| missing(&state.present, &coming, state.ahead(reading.want));
        let (at, end) = state.readings.values().filter(|reading| state.is_due(reading)).find_map(demand)?;
        let course = Course { id: state.new_id(), at, end };
        state.asking.push(course);
        Some(course)
    }

    /// Tells those who want what is neither there nor on its way that they won't get it.
    pub(crate) fn lose_what_does_not_come(&self, lost: &Lost) {
        let mut state = self.state();
        let state = &mut *state;
        let coming = state.coming();
        let is_hopeless = |reading: &Reading| {
            state.is_due(reading) && !is_coming(&state.present, &coming, state.ahead(reading.want))
        };
        let ids: Vec<u64> =
            state.readings.iter().filter(|(_, reading)| is_hopeless(reading)).map(|(id, _)| *id).collect();
        state.has_failed |= !ids.is_empty();
        for id in ids {
            if let Some(reading) = state.readings.get_mut(&id) {
                reading.lost = Some(lost.clone());
                reading.wake();
            }
        }
    }

    /// A response brings the bytes from `at` to before `end`; `id` is that of the request for it, if it was
    /// noted.
    pub(crate) fn begin(&self, id: Option<u64>, at: u64, end: Option<u64>) -> Course {
        let mut state = self.state();
        let id = id.unwrap_or_else(|| state.new_id());
        let course = Course { id, at, end: end.unwrap_or(u64::MAX) };
        state.asking.retain(|asked| asked.id != id);
        state.courses.push(course);
        state.wake_all();
        course
    }

    /// A course is over, or a request for one came to nothing.
    pub(crate) fn end(&self, id: u64) {
        let mut state = self.state();
        state.asking.retain(|asked| asked.id != id);
        state.courses.retain(|course| course.id != id);
    }

    /// Those of the bytes from `start` to before `end` that are not in the file yet.
    pub(crate) fn gaps(&self, start: u64, end: u64) -> Vec<Range<u64>> {
        self.state().present.gaps(&(start..end))
    }

    /// What it is written to, from now on.
    pub(crate) fn set_file(&self, file: &Arc<File>) {
        self.0.file.get_or_init(|| Arc::clone(file));
    }

    /// A course begins with `segments`, and there is no file for them yet: they are read from memory until they
    /// are written. So is not what ends it, or is more than was said.
    pub(crate) fn show(&self, course: Course, segments: &[Segment]) {
        let end = segments.iter().fold(course.at, |end, segment| end.saturating_add(segment.len()));
        if self.0.file.get().is_some() || end >= course.end {
            return;
        }
        let (mut state, mut at) = (self.state(), course.at);
        for segment in segments {
            state.window.push(at, segment.clone());
            at = at.saturating_add(segment.len());
        }
        state.move_course(course.id, end);
        state.wake_served();
    }

    /// What the file takes on the disk when it holds the bytes from `start` to before `end`, too.
    pub(crate) fn weight_with(&self, start: u64, end: u64) -> u64 {
        let mut present = self.present();
        present.insert(start..end);
        on_disk(&present)
    }

    /// Course `id` has written the bytes from `start` to before `end`.
    pub(crate) fn advance(&self, id: u64, start: u64, end: u64) -> Announced {
        let mut state = self.state();
        state.move_course(id, end);
        let mut present = state.present.clone();
        present.insert(start..end);
        if state.length.is_some_and(|length| present.contains(&(0..length))) && !state.is_spilling {
            return Announced::Held;
        }
        state.present = present;
        state.forget_shown();
        state.wake_served();
        drop(state);
        self.0.bell.notify_one();
        Announced::Yes
    }

    /// Where the next byte is that course `id` is needed for.
    pub(crate) fn next_use(&self, id: u64) -> Option<u64> {
        let state = self.state();
        let own = state.courses.iter().find(|course| course.id == id)?;
        Some(next_use(&state.present, &state.courses, *own))
    }

    /// How long the whole is, as a part has told.
    pub(crate) fn set_length(&self, length: u64) {
        let mut state = self.state();
        state.length = Some(length);
        state.wake_all();
    }

    /// Course `id` hands what it brings at `at` past the file, because that can't be written: to those who
    /// are near, waiting for the slowest of them.
    pub(crate) async fn spill(&self, id: u64, at: u64, segments: Vec<Segment>) {
        let mut at = at;
        for segment in segments {
            self.make_room().await;
            let end = at.saturating_add(segment.len());
            let mut state = self.state();
            state.forget_shown();
            state.is_spilling = true;
            state.window.push(at, segment);
            state.move_course(id, end);
            state.wake_served();
            at = end;
        }
        self.0.bell.notify_one();
    }

    async fn make_room(&self) {
        let until = Instant::now() + SPILL_WAIT;
        loop {
            {
                let mut state = self.state();
                let wants = state.wants_past_the_file();
                if state.window.make_room(&wants) {
                    return;
                }
                if Instant::now() >= until {
                    state.leave_behind();
                    return;
                }
            }
            drop(timeout(ROOM_LOOK, self.0.room.notified()).await);
        }
    }

    /// All of it is there, `length` bytes, and published if it can be.
    pub(crate) fn finish(&self, length: u64) {
        let mut state = self.state();
        if !state.is_spilling {
            state.present.insert(0..length);
        }
        state.length = Some(length);
        state.wake_all();
    }

    /// Lets nobody join any more, if nobody wants anything; whether that is so.
    pub(crate) fn close_if_unwanted(&self) -> bool {
        let mut state = self.state();
        let is_unwanted = state.readings.is_empty();
        state.is_closed |= is_unwanted;
        is_unwanted
    }

    /// Nothing more comes: whoever waits is told why.
    pub(crate) fn give_up(&self, lost: &Lost) {
        let mut state = self.state();
        state.is_closed = true;
        for reading in state.readings.values_mut() {
            reading.lost.get_or_insert_with(|| lost.clone());
            reading.wake();
        }
    }
}

impl Reading {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl State {
    fn new_id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn wants(&self) -> Vec<Want> {
        self.readings.values().filter(|reading| reading.lost.is_none()).map(|reading| reading.want).collect()
    }

    /// The same, from where each is at the end of what the file has for him.
    fn wants_past_the_file(&self) -> Vec<Want> {
        let past = |want: Want| Want { at: self.present.reach(want.at), ..want };
        self.wants().into_iter().map(past).collect()
    }

    fn coming(&self) -> Vec<Course> {
        self.courses.iter().chain(&self.asking).copied().collect()
    }

    /// Whether it is time to look after what he lacks. Past the file nothing is fetched ahead: it could not be
    /// kept for him.
    fn is_due(&self, reading: &Reading) -> bool {
        let is_waiting = || self.ahead(reading.want).at == reading.want.at;
        reading.lost.is_none() && (!self.is_spilling || (reading.waker.is_some() && is_waiting()))
    }

    /// What of `want` is not there yet, as far as is known where the body ends: who came before that was known
    /// wants no more than there is.
    fn ahead(&self, want: Want) -> Want {
        let until = want.until.min(self.length.unwrap_or(u64::MAX));
        ahead(&self.present, &self.window, Want { until, ..want })
    }

    fn is_at_end(&self, want: Want) -> bool {
        want.at >= want.until || self.length.is_some_and(|length| want.at >= length)
    }

    fn read(&self, file: Option<&Arc<File>>, want: Want) -> Option<Segment> {
        let reach = self.present.reach(want.at).min(want.until);
        match reach.checked_sub(want.at).filter(|len| *len > 0) {
            None => self.window.read(want.at, want.until),
            Some(len) => FileSlice::new(Arc::clone(file?), reach, want.at, len).map(Segment::File),
        }
    }

    /// What was shown before it was written is in the file now, or takes its turn past it.
    fn forget_shown(&mut self) {
        if !self.is_spilling {
            self.window = Window::default();
        }
    }

    fn move_course(&mut self, id: u64, at: u64) {
        if let Some(course) = self.courses.iter_mut().find(|course| course.id == id) {
            course.at = at;
        }
    }

    /// Wakes those who have something to read now.
    fn wake_served(&mut self) {
        let (present, window) = (&self.present, &self.window);
        for reading in self.readings.values_mut().filter(|reading| reading.waker.is_some()) {
            let at = reading.want.at;
            if present.reach(at) > at || window.reach(at) > at {
                reading.wake();
            }
        }
    }

    fn wake_all(&mut self) {
        self.readings.values_mut().for_each(Reading::wake);
    }

    /// Those for whom the window has waited too long get nothing more.
    fn leave_behind(&mut self) {
        let detail = "it was read too slowly while the cache could not store it";
        let lost = Lost::Failed(Failure::new(FailureKind::HttpResponseIncomplete, detail));
        let (present, window) = (&self.present, &self.window);
        let holds_up = |want: Want| window.waits_for(Want { at: present.reach(want.at), ..want });
        for reading in self.readings.values_mut().filter(|reading| holds_up(reading.want)) {
            reading.lost.get_or_insert_with(|| lost.clone());
            reading.wake();
        }
    }
}

/// What of `want` is left behind that which the window has for it.
fn ahead(present: &Spans, window: &Window, want: Want) -> Want {
    let here = present.reach(want.at);
    let reach = window.reach(here);
    if reach > here { Want { at: reach, ..want } } else { want }
}

#[cfg(test)]
#[path = "growing_tests.rs"]
mod tests;
