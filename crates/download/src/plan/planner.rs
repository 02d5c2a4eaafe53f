//! The plan itself.

use std::ops::Range;
use std::time::Duration;

use message::Spans;

use crate::meter::as_float;
use crate::plan::pieces::{PIECE_MIN, Pace, takeover};
use crate::plan::ramp::{Ramp, Turn};
use crate::plan::source::{Lapse, Source, SourceId, Standing};
use crate::plan::task::{Task, TaskId};
use crate::plan::terms::Terms;
use crate::retry::backoff;

/// If the first source has not answered by then, the next one is asked beside it.
const HEDGE: Duration = Duration::from_secs(1);

/// One that delivers less than this part of what its peers deliver is far behind.
const BEHIND: f64 = 0.1;

/// How long one that was far behind is left alone.
const BEHIND_REST: Duration = Duration::from_secs(30);

/// Who fetches what.
#[derive(Debug)]
pub(crate) struct Plan {
    terms: Terms,
    sources: Vec<Source>,
    tasks: Vec<Task>,
    tasks_begun: u64,
    spans: Spans,
    /// The bytes that are wanted, once they are known.
    wanted: Option<Range<u64>>,
    /// Whether pieces of the version that is fetched can be told from those of another.
    divisible: bool,
    /// Nothing else is ever wanted than this.
    fixed: Option<Range<u64>>,
    ramp: Ramp,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A source is to be asked for a range, or for all.
    Ask { task: TaskId, source: SourceId, range: Option<Range<u64>> },
    /// Nothing, until something happens or it is that time.
    Wait(Duration),
    /// Everything is there.
    Done,
    /// No source is left.
    Stuck,
}

impl Plan {
    /// A plan without sources. `wanted`: the bytes that are to be got, where they are known from before, and
    /// `spans` those of them that are there.
    pub(crate) fn new(terms: Terms, wanted: Option<Range<u64>>, spans: Spans) -> Self {
        let divisible = wanted.is_some();
        let (sources, tasks, fixed, ramp) = (Vec::new(), Vec::new(), None, Ramp::default());
        Self { terms, sources, tasks, tasks_begun: 0, spans, wanted, divisible, fixed, ramp }
    }

    /// A plan for these bytes of a file only, whichever version it is of.
    pub(crate) fn of_range(terms: Terms, range: Range<u64>) -> Self {
        let plan = Self::new(terms, Some(range.clone()), Spans::default());
        Self { fixed: Some(range), ..plan }
    }

    /// The bytes that are wanted and no others, if that was said.
    pub(crate) fn fixed(&self) -> Option<&Range<u64>> {
        self.fixed.as_ref()
    }

    /// One more place to ask; a lower `rank` is asked first.
    pub(crate) fn add_source(&mut self, rank: u32) -> SourceId {
        self.sources.push(Source::new(rank));
        SourceId(self.sources.len().saturating_sub(1))
    }

    /// The bytes that are there.
    pub(crate) fn spans(&self) -> &Spans {
        &self.spans
    }

    /// What is to be done now. To be asked again after each `Ask`, whenever something has happened, and at
    /// the time that `Wait` names.
    pub(crate) fn next(&mut self, now: Duration) -> Step {
        if self.is_whole() {
            return Step::Done;
        }
        if self.tasks.len() >= self.connections_max() {
            return Step::Wait(self.look_again(now));
        }
        match self.wanted.clone() {
            None => self.first_answer(now),
            Some(_) if !self.divisible => self.all_over(now),
            Some(wanted) => self.piece(&wanted, now),
        }
    }

    fn is_whole(&self) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.end < u64::MAX && self.spans.contains(wanted))
    }

    fn connections_max(&self) -> usize {
        if self.terms.in_order { 1 } else { self.terms.connections.max(1) }
    }

    /// Nothing is known yet: one source is asked for all, the next one too if that takes long.
    fn first_answer(&mut self, now: Duration) -> Step {
        let newest = self.tasks.iter().map(|task| task.started).max();
        if let Some(newest) = newest
            && (now < newest.saturating_add(HEDGE) || self.terms.in_order)
        {
            return Step::Wait(newest.saturating_add(HEDGE));
        }
        match self.idle_source(now) {
            Some(source) => self.begin(source, 0..u64::MAX, true, now, None),
            None => self.wait_or_stuck(now),
        }
    }

    /// Pieces can't be told apart, so all must come from one answer.
    fn all_over(&mut self, now: Duration) -> Step {
        if !self.tasks.is_empty() {
            return Step::Wait(self.look_again(now));
        }
        match self.idle_source(now) {
            Some(source) => {
                self.forget();
                let range = self.fixed.clone();
                self.begin(source, range.clone().unwrap_or(0..u64::MAX), true, now, range)
            }
            None => self.wait_or_stuck(now),
        }
    }

    fn piece(&mut self, wanted: &Range<u64>, now: Duration) -> Step {
        let Some(source) = self.source_for_piece(wanted, now) else {
            return self.whole_again(now);
        };
        match self.claim(source, wanted, now) {
            Some((range, open)) => self.begin(source, range.clone(), open, now, Some(range)),
            None => Step::Wait(self.look_again(now)),
        }
    }

    /// Nobody can bring a piece now; one who ignores ranges may bring all again.
    fn whole_again(&mut self, now: Duration) -> Step {
        let waiting = self.sources.iter().any(|source| source.is_good() && source.ranges);
        if self.tasks.is_empty() && !waiting && !self.terms.in_order && self.fixed.is_none() {
            let ready = |source: &Source| source.is_good() && source.not_before <= now;
            if let Some(at) = self.sources.iter().position(ready) {
                return self.begin(SourceId(at), 0..u64::MAX, true, now, None);
            }
        }
        self.wait_or_stuck(now)
    }

    fn wait_or_stuck(&self, now: Duration) -> Step {
        let hopeless = !self.has_source();
        if self.tasks.is_empty() && hopeless { Step::Stuck } else { Step::Wait(self.look_again(now)) }
    }

    /// When something may be to do that no event tells of.
    fn look_again(&self, now: Duration) -> Duration {
        let resting = self.sources.iter().filter(|source| source.is_good()).map(|source| source.not_before);
        let resting = resting.filter(|at| *at > now).min();
        let looks = self.tasks.iter().map(|_| self.ramp.next_look(now)).next();
        let slow = (!self.tasks.is_empty()).then(|| now.saturating_add(HEDGE / 4));
        let soonest = [resting, looks.filter(|at| *at > now), slow].into_iter().flatten().min();
        soonest.unwrap_or_else(|| now.saturating_add(HEDGE))
    }

    /// A source that nobody asks at present.
    fn idle_source(&self, now: Duration) -> Option<SourceId> {
        let ready = |id: &SourceId| {
            self.source(*id).is_some_and(|source| source.is_good() && source.not_before <= now)
                && self.at_work(*id) == 0
        };
        self.ids()
            .filter(ready)
            .min_by_key(|id| self.source(*id).map(|source| (source.failures, source.rank)))
    }

    /// The source that is to bring the next piece: those without a connection first, the faster first.
    fn source_for_piece(&mut self, wanted: &Range<u64>, now: Duration) -> Option<SourceId> {
        let turn = self.trial(wanted, now);
        let ready = |source: &Source| source.is_good() && source.ranges && source.not_before <= now;
        let order = |a: &SourceId, b: &SourceId| {
            let key = |id: &SourceId| (self.at_work(*id), self.source(*id).map_or(u32::MAX, |s| s.rank));
            let rate = |id: &SourceId| self.source(*id).and_then(|source| source.rate).unwrap_or(f64::MAX);
            key(a).0.cmp(&key(b).0).then(rate(b).total_cmp(&rate(a))).then(key(a).1.cmp(&key(b).1))
        };
        let able = |id: &SourceId| self.source(*id).is_some_and(ready);
        let free = |id: &SourceId| self.source(*id).is_some_and(|s| self.at_work(*id) < s.allowed);
        if let Some(source) = self.ids().filter(|id| able(id) && free(id)).min_by(order) {
            return Some(source);
        }
        if turn != Turn::MayTry {
            return None;
        }
        let room = |source: &Source| !source.settled && source.allowed < self.terms.per_source;
        let fastest = |a: &SourceId, b: &SourceId| {
            let rate = |id: &SourceId| self.source(*id).and_then(|source| source.rate).unwrap_or_default();
            rate(a).total_cmp(&rate(b))
        };
        let source =
            self.ids().filter(|id| able(id) && self.source(*id).is_some_and(room)).max_by(fastest)?;
        self.ramp.tries(source, self.rate(now), now);
        let chosen = self.sources.get_mut(source.0)?;
        chosen.allowed = chosen.allowed.saturating_add(1);
        Some(source)
    }

    fn trial(&mut self, wanted: &Range<u64>, now: Duration) -> Turn {
        let left = as_float(wanted.end.saturating_sub(wanted.start).saturating_sub(self.spans.total()));
        let rate = self.rate(now);
        let turn = self.ramp.turn(rate, left, now);
        if let Turn::Close(SourceId(at)) = turn
            && let Some(source) = self.sources.get_mut(at)
        {
            source.allowed = source.allowed.saturating_sub(1).max(1);
            source.settled = true;
        }
        turn
    }

    /// What `source` is to bring next, and whether it may go on behind that.
    fn claim(&mut self, source: SourceId, wanted: &Range<u64>, now: Duration) -> Option<(Range<u64>, bool)> {
        let own = self.source(source)?.rate;
        let pace = Pace { own, others: self.rate(now) };
        let mut there = self.spans.clone();
        for task in &self.tasks {
            there.insert(task.next..task.end);
        }
        let gaps = there.gaps(wanted);
        let runner = self.tasks.iter_mut().find(|task| task.open && task.left() > 0);
        if runner.is_none() || self.terms.in_order {
            return match gaps.first() {
                Some(gap) => Some((gap.clone(), true)),
                None => takeover(&mut self.tasks, pace, now).map(|range| (range, false)),
            };
        }
        // The last gap first: the one that runs comes from the front.
        if let Some(gap) = gaps.last() {
            let length = gap.end.saturating_sub(gap.start);
            return Some((gap.end.saturating_sub(pace.piece(length))..gap.end, false));
        }
        if let Some(runner) = runner
            && runner.left() > PIECE_MIN * 4
        {
            // The one that runs keeps what it brings while the newcomer brings its piece.
            let piece = pace.piece(runner.left()).min(runner.left() / 2);
            let end = runner.end;
            runner.end = end.saturating_sub(piece);
            return Some((runner.end..end, false));
        }
        takeover(&mut self.tasks, pace, now).map(|range| (range, false))
    }

    fn begin(
        &mut self,
        source: SourceId,
        claim: Range<u64>,
        open: bool,
        now: Duration,
        range: Option<Range<u64>>,
    ) -> Step {
        let task = TaskId(self.tasks_begun);
        self.tasks_begun = self.tasks_begun.saturating_add(1);
        self.tasks.push(Task::new(task, source, claim, open, now));
        Step::Ask { task, source, range }
    }

    /// The answer to `task` is the first that says what there is to get: `length` bytes, if that is known.
    /// What other answers bring can be put beside it if the version is `divisible`.
    pub(crate) fn learn(&mut self, task: TaskId, length: Option<u64>, divisible: bool) {
        let end = length.unwrap_or(u64::MAX);
        self.wanted = Some(0..end);
        self.divisible = divisible && length.is_some();
        // Everybody else who was asked for all is to be given something new.
        for task in self.tasks.iter_mut().filter(|other| other.id != task) {
            task.end = task.next;
        }
    }

    /// Whether what was begun with can be put beside what others bring, now that somebody has said what it is.
    pub(crate) fn divide(&mut self, divisible: bool) {
        self.divisible = divisible;
    }

    /// Whether something is wanted already.
    pub(crate) fn knows_what(&self) -> bool {
        self.wanted.is_some()
    }

    /// The answer to `task` begins where it was asked to, and ends at `end`. Gives how many bytes of it are
    /// wanted: none if the claim has been taken over meanwhile.
    pub(crate) fn answered(&mut self, task: TaskId, end: Option<u64>) -> u64 {
        let Some(task) = self.tasks.iter_mut().find(|other| other.id == task) else { return 0 };
        task.end = task.end.min(end.unwrap_or(u64::MAX)).max(task.next);
        task.answer_end = end;
        task.left()
    }

    /// How many bytes `task` may still bring.
    pub(crate) fn room(&self, task: TaskId) -> u64 {
        self.tasks.iter().find(|other| other.id == task).map_or(0, Task::left)
    }

    /// Where the next byte of `task` belongs.
    pub(crate) fn position(&self, task: TaskId) -> u64 {
        self.tasks.iter().find(|other| other.id == task).map_or(0, |task| task.next)
    }

    /// `task` has brought `bytes` more, which are in their place. Gives how many it may still bring.
    pub(crate) fn delivered(&mut self, task: TaskId, bytes: u64, now: Duration) -> u64 {
        let Some(task) = self.tasks.iter_mut().find(|other| other.id == task) else { return 0 };
        let start = task.next;
        task.next = start.saturating_add(bytes).min(task.end);
        task.delivered = task.delivered.saturating_add(bytes);
        task.meter.count(bytes, now);
        let before = self.spans.total();
        self.spans.insert(start..task.next);
        task.progress |= self.divisible && self.spans.total() > before;
        if let Some(source) = self.sources.get_mut(task.source.0) {
            source.rate = task.meter.rate(now).or(source.rate);
        }
        task.left()
    }

    /// The answer to `task`, whose length was not known, has ended: so long is the file.
    pub(crate) fn ended_at(&mut self, task: TaskId) -> u64 {
        let end = self.position(task);
        self.wanted = Some(0..end);
        end
    }

    /// `task` has brought what it was to bring.
    pub(crate) fn finished(&mut self, task: TaskId) {
        for task in self.tasks.extract_if(.., |other| other.id == task) {
            if let Some(source) = self.sources.get_mut(task.source.0) {
                source.failures = 0;
            }
        }
    }

    /// `task` has not: what is missing is anybody's again, and so is what is `tainted`. Gives how long its
    /// source is left alone; `None` if it is not asked again.
    pub(crate) fn failed(
        &mut self,
        task: TaskId,
        lapse: Lapse,
        tainted: Option<&Range<u64>>,
        jitter: u64,
        now: Duration,
    ) -> Option<Duration> {
        let task = self.tasks.extract_if(.., |other| other.id == task).next()?;
        let tries = self.terms.tries;
        let source = self.sources.get_mut(task.source.0)?;
        match tainted {
            Some(range) => self.spans.remove(range),
            // One who brings something each time gets there in the end.
            None if task.progress => source.failures = 0,
            None => {}
        }
        source.failures = source.failures.saturating_add(1);
        match lapse {
            Lapse::NoRanges if self.fixed.is_none() => source.ranges = false,
            Lapse::OtherVersion => source.standing = Standing::OtherVersion,
            Lapse::Passing(asked) if source.failures < tries => {
                let pause = backoff(source.failures, jitter).max(asked.unwrap_or_default());
                source.not_before = now.saturating_add(pause);
                return Some(pause);
            }
            Lapse::Passing(_) | Lapse::Lasting | Lapse::NoRanges => source.standing = Standing::Dropped,
        }
        None
    }

    /// A source is not asked while it is on the bench, nor does it keep what it holds.
    pub(crate) fn bench(&mut self, id: SourceId, on: bool) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.standing = match (source.standing, on) {
                (Standing::Good, true) => Standing::Benched,
                (Standing::Benched, false) => Standing::Good,
                (standing, _) => standing,
            };
        }
        for task in self.tasks.iter_mut().filter(|task| on && task.source == id) {
            task.end = task.next;
        }
    }

    /// A source is never asked again, and what it is at is not waited for.
    pub(crate) fn expel(&mut self, id: SourceId) {
        self.bench(id, true);
        if let Some(source) = self.sources.get_mut(id.0) {
            source.standing = Standing::Dropped;
        }
    }

    /// A source that was taken to have another version has this one.
    pub(crate) fn reinstate(&mut self, id: SourceId) {
        if let Some(source) = self.sources.get_mut(id.0)
            && source.standing == Standing::OtherVersion
        {
            source.standing = Standing::Good;
            source.failures = 0;
        }
    }

    /// Whether pieces can be told apart.
    pub(crate) fn is_divisible(&self) -> bool {
        self.divisible
    }

    /// Whether there is anybody to ask.
    pub(crate) fn has_source(&self) -> bool {
        self.sources.iter().any(Source::is_good)
    }

    /// Whether there is anybody to ask but `id`.
    pub(crate) fn has_source_but(&self, id: SourceId) -> bool {
        self.sources.iter().enumerate().any(|(at, source)| at != id.0 && source.is_good())
    }

    /// Whether somebody has brought all of an answer, and not yet its end.
    pub(crate) fn is_closing(&self) -> bool {
        let closing = |task: &Task| task.delivered > 0 && task.answer_end.is_some_and(|end| task.next >= end);
        self.tasks.iter().any(closing)
    }

    /// Those who have another version, when nobody has this one any more: they are asked again, for all of
    /// it. `false` if there is nobody.
    pub(crate) fn turn_to_other_version(&mut self) -> bool {
        let mut turned = false;
        for source in self.sources.iter_mut().filter(|source| source.standing == Standing::OtherVersion) {
            source.standing = Standing::Good;
            source.failures = 0;
            turned = true;
        }
        if turned {
            self.forget();
        }
        turned
    }

    /// Bytes that turned out to be wrong are fetched again.
    pub(crate) fn discard(&mut self, range: &Range<u64>) {
        self.spans.remove(range);
    }

    /// Nothing is there, and nothing is known of what there is to get.
    fn forget(&mut self) {
        self.spans = Spans::default();
        self.wanted = self.fixed.clone();
        self.divisible = self.fixed.is_some();
        for task in &mut self.tasks {
            task.end = task.next;
        }
    }

    /// A look at everybody: who has been far behind its peers for too long loses what it holds. To be called
    /// about once a second.
    pub(crate) fn look(&mut self, now: Duration) -> Vec<SourceId> {
        let rates: Vec<f64> =
            self.tasks.iter().map(|task| task.meter.rate(now).unwrap_or_default()).collect();
        let best = rates.iter().copied().fold(0.0, f64::max);
        let mut behind = Vec::new();
        for (task, rate) in self.tasks.iter_mut().zip(rates) {
            if rate >= best * BEHIND || task.left() == 0 {
                task.behind_since = None;
                continue;
            }
            let since = *task.behind_since.get_or_insert(now);
            if now.saturating_sub(since) >= self.terms.stall {
                task.end = task.next;
                behind.push(task.source);
            }
        }
        for id in &behind {
            if let Some(source) = self.sources.get_mut(id.0) {
                source.not_before = now.saturating_add(BEHIND_REST);
            }
        }
        behind
    }

    /// What all deliver together, in bytes per second.
    fn rate(&self, now: Duration) -> f64 {
        self.tasks.iter().filter_map(|task| task.meter.rate(now)).sum()
    }

    fn at_work(&self, source: SourceId) -> usize {
        self.tasks.iter().filter(|task| task.source == source).count()
    }

    fn ids(&self) -> impl Iterator<Item = SourceId> + use<> {
        (0..self.sources.len()).map(SourceId)
    }

    fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0)
    }
}
