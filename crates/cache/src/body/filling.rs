//! One body from its first byte to where it is put away:
//!
//! 1. what nobody wants any more is stopped, unless little of it is missing;
//! 2. what somebody lacks, and nothing brings, is asked for, under the version's validator;
//! 3. what broke off goes on where it stopped, if the origin can do that;
//! 4. a body that is whole is published, then its end is shown to its readers;
//! 5. what is left when nobody wants more is kept as a part, if it can ever be completed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use message::{BodyStream, Failure, FailureKind, Spans};
use tokio::sync::{Mutex, Notify};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::body::course::{Ended, How, Parts, Place, Run, Told};
use crate::body::demand::{Course, is_wanted};
use crate::body::gather::Gathered;
use crate::body::growing::{Growing, Lost};
use crate::collapse::Lead;
use crate::policy::combining::{Version, refuses_ranges};
use crate::store::Store;
use crate::store::fault::Unstored;
use crate::store::sheet::Sheet;
use crate::stored::StoredResponse;

/// Responses that bring parts of one body at a time; who wants another part waits for one to end.
const COURSES_MAX: usize = 16;

/// How often in a row a body that breaks off is taken up again without much of it having come.
const BREAKS_MAX: u32 = 4;

/// What counts as much, in bytes.
const GAIN_MIN: u64 = 64 * 1024;

/// The wait before the second such time; it doubles with each one.
const BREAK_PAUSE: Duration = Duration::from_millis(100);

/// Parts of one body that are kept apart from each other; a body in more of them is not kept.
const SPANS_MAX: usize = 4096;

/// A body that is being filled.
pub(crate) struct Filling<P> {
    parts: Arc<P>,
    lead: Lead,
    place: Arc<Place>,
    growing: Growing,
    head: StoredResponse,
    version: Option<Version>,
    is_rangeable: bool,
    finish_under: u64,
    running: JoinSet<Ended>,
    /// The courses by their ids: where each began, and what stops it.
    courses: HashMap<u64, (u64, Arc<Notify>)>,
    breaks: u32,
    /// When what broke off is taken up again, and why it broke off.
    again: Option<(Instant, Failure)>,
    is_changed: bool,
    unstored: Option<Unstored>,
}

/// The response that a body begins with.
pub(crate) struct First {
    pub(crate) body: BodyStream,
    pub(crate) arrived: Gathered,
    /// Where its first byte is in the whole.
    pub(crate) start: u64,
    /// The position behind its last one, if that is known.
    pub(crate) end: Option<u64>,
}

/// What the filling of a body begins with.
pub(crate) struct Beginning {
    pub(crate) head: StoredResponse,
    pub(crate) store: Arc<Store>,
    pub(crate) sheet: Sheet,
    /// The length of the whole, if it is known.
    pub(crate) length: Option<u64>,
    /// What of it is there.
    pub(crate) present: Spans,
    /// Whether the origin gives parts of it, as far as is known.
    pub(crate) is_rangeable: bool,
    /// See [`Config::finish_under`](crate::config::Config::finish_under).
    pub(crate) finish_under: u64,
}

impl<P: Parts> Filling<P> {
    /// A body that `lead` fetches, and what its readers join.
    pub(crate) fn new(parts: Arc<P>, lead: Lead, beginning: Beginning) -> (Self, Growing) {
        let Beginning { head, store, sheet, length, present, is_rangeable, finish_under } = beginning;
        let growing = Growing::new(sheet.file(), length, present);
        let version = Version::of(&head.fields);
        let filling = Self {
            parts,
            lead,
            growing: growing.clone(),
            place: Arc::new(Place { store, sheet: Mutex::new(sheet) }),
            is_rangeable: is_rangeable && version.is_some() && !refuses_ranges(&head.fields),
            version,
            head,
            finish_under,
            running: JoinSet::new(),
            courses: HashMap::new(),
            breaks: 0,
            again: None,
            is_changed: false,
            unstored: None,
        };
        (filling, growing)
    }

    /// Who fetches it.
    pub(crate) fn lead(&self) -> &Lead {
        &self.lead
    }

    /// Has `first` brought, and shows what there is of it.
    pub(crate) fn begin(&mut self, first: First) {
        let First { body, arrived, start, end } = first;
        let course = self.growing.begin(None, start, end);
        self.growing.show(course, &arrived.segments);
        let run = self.prepare(course);
        self.running.spawn(run.bring(body, arrived, start, end));
    }

    /// Has whatever is wanted brought, and puts it away.
    pub(crate) async fn run(mut self) {
        loop {
            self.stop_unwanted();
            self.ask_for_missing();
            if self.is_idle() && self.growing.close_if_unwanted() {
                return self.keep().await;
            }
            if let Some(ended) = self.next_ended().await
                && let Some(length) = self.take(ended)
            {
                return self.publish(length).await;
            }
        }
    }

    fn prepare(&mut self, course: Course) -> Run {
        let stop = Arc::new(Notify::new());
        self.courses.insert(course.id, (course.at, Arc::clone(&stop)));
        Run {
            id: course.id,
            growing: self.growing.clone(),
            place: Arc::clone(&self.place),
            stop,
            is_rangeable: self.is_rangeable,
        }
    }

    /// Waits until there may be something to do; gives the course that has ended, if that is it.
    async fn next_ended(&mut self) -> Option<Ended> {
        let again = self.again.as_ref().map(|(again, _)| *again);
        tokio::select! {
            biased;
            Some(ended) = self.running.join_next() => match ended {
                Ok(ended) => Some(ended),
                // A panic was reported where it happened; nobody waits for what is not coming.
                Err(error) => {
                    let detail = format!("a fetch failed: {error}");
                    self.growing.give_up(&Lost::Failed(Failure::new(FailureKind::ProxyInternalError, detail)));
                    None
                }
            },
            () = self.growing.bell() => None,
            // Who wanted nothing to read in the end, as it is with a 304, leaves without a sound.
            () = self.lead.deserted(), if !self.lead.is_alone() => None,
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => None,
        }
    }

    /// Nobody wants anything, or is about to.
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.lead.is_alone()
    }

    fn stop_unwanted(&self) {
        // Somebody may be about to join.
        if !self.lead.is_alone() {
            return;
        }
        let wants = self.growing.wants();
        for course in self.growing.courses() {
            let Some((began, stop)) = self.courses.get(&course.id) else { continue };
            if !is_wanted(course, wants.iter().copied())
                && !is_worth_finishing(*began, course, self.finish_under)
            {
                stop.notify_one();
            }
        }
    }

    fn ask_for_missing(&mut self) {
        if self.again.as_ref().is_some_and(|(again, _)| Instant::now() < *again) {
            return;
        }
        let broken = self.again.take().map(|(_, failure)| failure);
        if self.is_changed {
            return self.growing.lose_what_does_not_come(&Lost::Changed);
        }
        let version = self.version.clone().filter(|_| self.is_rangeable && self.breaks <= BREAKS_MAX);
        let Some(version) = version else {
            let failure = broken.unwrap_or_else(|| {
                Failure::new(FailureKind::HttpResponseIncomplete, "the rest of it can't be fetched")
            });
            return self.growing.lose_what_does_not_come(&Lost::Failed(failure));
        };
        while self.running.len() < COURSES_MAX
            && let Some(course) = self.growing.take_missing()
        {
            let run = self.prepare(course);
            self.running.spawn(run.ask(Arc::clone(&self.parts), version.clone(), course));
        }
    }

    /// Takes note of how a course ended; gives the length of the body if it is whole now.
    fn take(&mut self, ended: Ended) -> Option<u64> {
        let Ended { id, how, is_last, gained, unstored, told } = ended;
        self.growing.end(id);
        self.courses.remove(&id);
        self.unstored = self.unstored.take().or(unstored);
        if gained >= GAIN_MIN {
            self.breaks = 0;
        }
        if let Some(told) = told.filter(|_| !matches!(how, How::Changed)) {
            self.update(&told);
        }
        match how {
            How::Over if is_last => return self.growing.length(),
            // Past the file there may be readers far behind, who lack something still.
            How::Whole(length) if self.growing.is_spilling() && self.may_be(length) => {
                self.growing.set_length(length);
            }
            How::Whole(length) if self.may_be(length) && self.growing.present().contains(&(0..length)) => {
                return Some(length);
            }
            How::Over => {}
            How::Whole(_) => self.note_break(incomplete("the content is not as long as was said")),
            How::Broken(failure) => self.note_break(failure),
            How::NoRanges => self.is_rangeable = false,
            How::Changed => {
                self.is_changed = true;
                self.lead.make_obsolete();
            }
        }
        None
    }

    /// Whether the body can be of that length.
    fn may_be(&self, length: u64) -> bool {
        self.growing.length().is_none_or(|known| known == length)
    }

    fn note_break(&mut self, failure: Failure) {
        tracing::debug!(key = %self.lead.key(), %failure, "a body broke off");
        let pause = BREAK_PAUSE.saturating_mul(2_u32.saturating_pow(self.breaks)).saturating_sub(BREAK_PAUSE);
        self.breaks = self.breaks.saturating_add(1);
        self.again = Some((Instant::now() + pause, failure));
    }

    /// RFC 9111 §3.4: the fields of a part that is added update those that are stored.
    fn update(&mut self, told: &Told) {
        if told.received_at < self.head.received_at {
            return;
        }
        match self.parts.freshened(self.lead.key(), &self.head, told) {
            Some(head) => self.head = head,
            None => self.lead.make_obsolete(),
        }
    }

    async fn publish(self, length: u64) {
        let Self { lead, growing, place, head, unstored, mut running, courses, .. } = self;
        courses.values().for_each(|(_, stop)| stop.notify_one());
        while running.join_next().await.is_some() {}
        let stored = match (unstored, Arc::into_inner(place)) {
            (Some(unstored), _) => Err(unstored),
            (None, None) => Err(Unstored::Obsolete),
            (None, Some(place)) => {
                let (key, store) = (lead.key().clone(), Arc::clone(&place.store));
                match place.into_draft().await {
                    Ok(draft) => store.publish(key, draft, head, lead.may_store()).await.map(drop),
                    Err(unstored) => Err(unstored),
                }
            }
        };
        if let Err(unstored) = stored {
            report(&lead, &unstored);
        }
        // Out of the table first: from here on the store is to be asked.
        drop(lead);
        growing.finish(length);
    }

    /// Nobody wants more: what there is is kept, if it can be completed one day.
    async fn keep(self) {
        let Self { lead, growing, place, head, version, is_rangeable, is_changed, unstored, .. } = self;
        let present = growing.present();
        let is_worth_it = version.is_some() && is_rangeable && !is_changed && !present.is_empty();
        let (Some(length), Some(place)) = (growing.length(), Arc::into_inner(place)) else { return };
        if let Some(unstored) = unstored {
            return report(&lead, &unstored);
        }
        if !is_worth_it || present.count() > SPANS_MAX {
            return;
        }
        let (key, store) = (lead.key().clone(), Arc::clone(&place.store));
        let draft = match place.into_draft().await {
            Ok(draft) => draft,
            Err(unstored) => return report(&lead, &unstored),
        };
        let file = Arc::clone(draft.file());
        let sized = spawn_blocking(move || file.set_len(length)).await;
        let kept = match sized.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Err(error) => Err(Unstored::System(error)),
            Ok(()) => store.keep(key, draft, head, present, lead.may_store()).await.map(drop),
        };
        if let Err(unstored) = kept {
            report(&lead, &unstored);
        }
    }
}

fn report(lead: &Lead, unstored: &Unstored) {
    tracing::debug!(key = %lead.key(), %unstored, "not stored");
}

fn incomplete(detail: &'static str) -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, detail)
}

/// Whether a course that nobody waits for is to go on to its end: it is over half done, or nearly there.
fn is_worth_finishing(began: u64, course: Course, finish_under: u64) -> bool {
    if course.end == u64::MAX {
        return course.at.saturating_sub(began) <= finish_under;
    }
    let (left, all) = (course.end.saturating_sub(course.at), course.end.saturating_sub(began));
    left <= finish_under.max(all / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_without_readers_is_finished_if_it_is_over_half_done_or_nearly_there() {
        for (began, at, end, expected) in [
            (0, 0, 100, true),
            (0, 0, 101, false),
            (0, 1, 101, true),
            (0, 499, 1000, false),
            (0, 500, 1000, true),
            (1000, 1499, 2000, false),
            (0, 100, u64::MAX, true),
            (0, 101, u64::MAX, false),
        ] {
            let course = Course { id: 0, at, end };
            assert_eq!(is_worth_finishing(began, course, 100), expected, "{at} of {began} to {end}");
        }
    }
}
