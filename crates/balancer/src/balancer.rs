//! The balancer: the way of a client through it, and what control and clients share.

use std::collections::VecDeque;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use message::forward::Pseudonym;
use message::{PathAndQuery, Service};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::Config;
use crate::health::Reason;
use crate::holdings::{Facts, Has, Holding, Holdings};
use crate::member::Member;
use crate::policy::Sequences;
use crate::replica::Replica;
use crate::report::{self, Alarm, Row};
use crate::roster::{Change, ChangeFault, Roster, Source};
use crate::rules;
use crate::snapshot::{Chooser, Seat, Snapshot, Wish};
use crate::standing::{Judgement, Outcome, Standing, Standings, Subject, Terms};
use crate::state::StateFile;
use crate::status::Status;
use crate::trial::Verdict;

/// Drifting weights are published at most this many times per interval, however many replicas are
/// tested in it; changes of state are at once.
const DRIFTS_PER_INTERVAL: u32 = 16;

/// How many servers are asked at a time whether they have a file.
const CHECKS_MAX: usize = 64;

/// How many alarms are remembered.
const ALARMS_MAX: usize = 32;

/// Sends each client to one of its replicas, which it tests through `S`. A handle, cheap to clone.
///
/// Until [`test_all`](Balancer::test_all) has found a replica that is well, clients are answered 503.
pub struct Balancer<S>(Arc<Shared<S>>);

struct Shared<S> {
    config: Config,
    upstream: S,
    started_at: SystemTime,
    started: Instant,
    published: ArcSwap<Snapshot>,
    chooser: Chooser,
    /// Control's alone: no client waits for it.
    control: Mutex<Control>,
    /// Replicas have come or gone.
    changed: Notify,
    /// `None` if nobody is asked whether it has a file.
    holdings: Option<Holdings>,
    checks: Arc<Semaphore>,
    state_file: Option<StateFile>,
    /// Held by who writes that file.
    keeping: tokio::sync::Mutex<()>,
    /// Clients for whom nobody was there.
    unserved: AtomicU64,
    /// What it calls itself in `Via`.
    pseudonym: Pseudonym,
}

/// A client and what it wants.
pub(crate) struct Asker<'a> {
    pub(crate) path: &'a PathAndQuery,
    pub(crate) terms: rules::Terms<'a>,
    pub(crate) now: SystemTime,
    /// Who has been asked for it already, and is not asked again.
    pub(crate) tried: &'a [u64],
}

struct Control {
    roster: Roster,
    standings: Standings,
    published: Instant,
    /// When sizes and counts were last looked at, once per interval.
    aged: Instant,
    alarms: VecDeque<Alarm>,
    alarmed: u64,
}

impl<S: Service + Clone> Balancer<S> {
    /// A balancer that has tested nobody yet. `now` is the time on the wall, which it counts on from by
    /// itself, and tells in reports only.
    #[must_use]
    pub fn new(config: Config, upstream: S, now: SystemTime) -> Self {
        let terms = Terms {
            length: config.length(),
            size: config.probe_size(),
            interval: config.interval(),
            room: config.mode().forwarding().map(|forwarding| forwarding.room).unwrap_or_default(),
        };
        let started = Instant::now();
        let (roster, standings) = (Roster::default(), Standings::new(terms));
        let chooser = Chooser {
            policy: config.policy(),
            sees_exchanges: config.mode().forwarding().is_some(),
            sequences: Sequences::new(config.seed()),
            hasher: BuildHasherDefault::default(),
        };
        let control = Control {
            roster,
            standings,
            published: started,
            aged: started,
            alarms: VecDeque::new(),
            alarmed: 0,
        };
        let balancer = Self(Arc::new(Shared {
            holdings: config.check().map(|check| Holdings::new(check.paths, check.ttl)),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            state_file: config.state_file().map(|path| StateFile::new(path.to_owned())),
            keeping: tokio::sync::Mutex::new(()),
            unserved: AtomicU64::new(0),
            pseudonym: Pseudonym::unique(config.seed()),
            upstream,
            started_at: now,
            started,
            published: ArcSwap::from_pointee(Snapshot::empty()),
            chooser,
            control: Mutex::new(control),
            changed: Notify::new(),
            config,
        }));
        balancer.name(Source::Given, balancer.config().replicas().to_vec());
        balancer
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// All replicas as they stand now, the fastest first.
    #[must_use]
    pub fn report(&self) -> Vec<Row> {
        let control = self.control();
        let snapshot = self.0.published.load();
        let occupied = control.standings.occupied();
        let mut rows: Vec<Row> =
            occupied.map(|(slot, standing)| Row::of(slot, standing, &snapshot)).collect();
        report::rank(&mut rows);
        rows
    }

    /// All that can be told now.
    #[must_use]
    pub fn status(&self) -> Status {
        let (alarms, alarmed) = self.alarms();
        let unserved = self.0.unserved.load(Ordering::Relaxed);
        Status { rows: self.report(), alarms, alarmed, unserved, now: self.now() }
    }

    /// Nobody was there for a client.
    pub(crate) fn note_unserved(&self) {
        self.0.unserved.fetch_add(1, Ordering::Relaxed);
    }

    /// Hears from `source` which replicas there are by its account, in place of what it said before. Those that are new
    /// are tested at once, and get clients when they have passed.
    pub fn name(&self, source: Source, replicas: Vec<Replica>) {
        let mut control = self.control();
        control.roster.name(source, replicas);
        self.follow(&mut control);
    }

    /// Makes a change of the administrator's.
    ///
    /// # Errors
    /// If it is about a replica that is not there, or one more would be too many.
    pub fn change(&self, change: Change) -> Result<(), ChangeFault> {
        let mut control = self.control();
        control.roster.apply(change)?;
        self.follow(&mut control);
        Ok(())
    }

    pub(crate) fn state_file(&self) -> Option<&StateFile> {
        self.0.state_file.as_ref()
    }

    /// Everything that the administrator has changed, as lines.
    pub(crate) fn changes(&self) -> String {
        self.control().roster.to_lines()
    }

    /// Makes the changes that `lines` tell.
    pub(crate) fn recall_lines(&self, lines: &str) -> Result<(), (usize, ChangeFault)> {
        let mut control = self.control();
        control.roster.recall(lines)?;
        self.follow(&mut control);
        Ok(())
    }

    /// For one at a time who keeps what was changed.
    pub(crate) async fn keeping(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.keeping.lock().await
    }

    /// Lets the standings follow the roster, and clients both.
    fn follow(&self, control: &mut Control) {
        let (now, mut gone) = (self.now(), control.standings.places());
        for replica in control.roster.replicas() {
            match gone.remove(&replica.place()) {
                None => drop(control.standings.join(replica, now)),
                Some(slot) => alter(&mut control.standings, slot, replica),
            }
        }
        for slot in gone.into_values() {
            if let Some(member) = control.standings.leave(slot) {
                tracing::info!(replica = %member.replica, "has left");
            }
        }
        self.publish(control);
        self.0.changed.notify_waiters();
    }

    /// The time on the wall, as far as it has been told.
    pub(crate) fn now(&self) -> SystemTime {
        let elapsed = self.0.started.elapsed();
        self.0.started_at.checked_add(elapsed).unwrap_or(self.0.started_at)
    }

    pub(crate) fn upstream(&self) -> &S {
        &self.0.upstream
    }

    /// Ready when replicas have come or gone after it was made.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.0.changed.notified()
    }

    /// Everybody who is to be tested.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let control = self.control();
        control.standings.occupied().filter_map(|(slot, _)| control.standings.subject(slot)).collect()
    }

    /// The one in that slot, if it still is the one of that id.
    pub(crate) fn subject(&self, slot: usize, id: u64) -> Option<Subject> {
        self.control().standings.subject(slot).filter(|subject| subject.member.id == id)
    }

    /// The length that the probed file is agreed to have.
    pub(crate) fn agreed_length(&self) -> Option<u64> {
        self.control().standings.length()
    }

    /// Takes what tests have found, and publishes it if it is time to.
    pub(crate) fn judge(&self, outcomes: Vec<Outcome>) {
        let mut control = self.control();
        let judgement = control.standings.judge(outcomes, self.now());
        if control.aged.elapsed() >= self.config().interval() {
            control.aged = Instant::now();
            control.standings.resize();
            self.0.published.load().age();
        }
        if judgement.urgent || control.published.elapsed() >= self.drift_interval() {
            self.publish(&mut control);
        }
        drop(control);
        tell(&judgement);
    }

    /// An exchange of a client with `member` has failed: it is tested now, and out at once after so many in a row.
    pub(crate) fn blame(&self, member: &Member) {
        let failures = member.tally.fail();
        let most = self.config().mode().forwarding().map_or(u32::MAX, |forwarding| forwarding.failures);
        if failures < most {
            return;
        }
        let Some(slot) = self.control().standings.serving(member.id) else { return };
        let verdict = Verdict::Bad(Reason::Clients { failures });
        self.judge(vec![Outcome { slot, id: member.id, verdict, load: None }]);
    }

    /// What it calls itself in `Via`.
    pub(crate) fn pseudonym(&self) -> &Pseudonym {
        &self.0.pseudonym
    }

    fn publish(&self, control: &mut Control) {
        let standings = &control.standings;
        let shares = self.config().bounds().shares(&standings.weights());
        let seat = |(standing, share): (&Option<Standing>, f64)| {
            let standing = standing.as_ref()?;
            Some(Seat { member: Arc::clone(standing.member()), share })
        };
        let seats: Vec<_> = standings.slots().iter().zip(shares.iter().copied()).map(seat).collect();
        let serving =
            standings.occupied().filter(|(slot, _)| shares.get(*slot).is_some_and(|share| *share > 0.0));
        let mut ranking: Vec<_> = serving.map(|(slot, standing)| (standing.score().median(), slot)).collect();
        ranking.sort_unstable();
        let ranking = ranking.into_iter().map(|(_, slot)| slot).collect();
        let snapshot = self.0.published.load().followed_by(seats, ranking, self.config().seed());
        self.0.published.store(Arc::new(snapshot));
        control.published = Instant::now();
    }

    fn drift_interval(&self) -> Duration {
        self.config().interval() / DRIFTS_PER_INTERVAL
    }

    /// What is known of who has which file; `None` if nobody is asked.
    pub(crate) fn holdings(&self) -> Option<&Holdings> {
        self.0.holdings.as_ref()
    }

    /// To ask a server about a file; `None` if enough are being asked.
    pub(crate) fn check_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.checks).try_acquire_owned().ok()
    }

    /// Whom the next client is sent to: by the rules for it, to somebody whom they prefer and who has what it wants, as far
    /// as there are such.
    pub(crate) fn pick(&self, asker: &Asker<'_>, holding: Option<&Holding>) -> Option<Arc<Member>> {
        let (published, chooser) = (self.0.published.load(), &self.0.chooser);
        let (snapshot, path): (&Snapshot, _) = (&published, asker.path.path());
        let member = |slot: usize| snapshot.seat(slot).map(|seat| Arc::clone(&seat.member));
        let choose = |barred: Option<&(dyn Fn(usize) -> bool + Sync)>| {
            snapshot.choose(chooser, Wish { path, barred }).and_then(member)
        };
        let lacking = holding.filter(|holding| holding.is_incomplete());
        let terms = &asker.terms;
        if terms.is_empty() && lacking.is_none() && asker.tried.is_empty() {
            return choose(None);
        }
        let ttl = self.ttl();
        let lacks = |member: &Member| {
            matches!(
                lacking.and_then(|holding| holding.of(member.id, asker.now, ttl)),
                Some(Has::Nothing | Has::Another(_))
            )
        };
        let among = |fits: &(dyn Fn(&Member) -> bool + Sync)| {
            choose(Some(&|slot| snapshot.seat(slot).is_none_or(|seat| !fits(&seat.member))))
        };
        let allows = |member: &Member| terms.allow(&member.replica) && !asker.tried.contains(&member.id);
        among(&|member| allows(member) && terms.prefer(&member.replica) && !lacks(member))
            .or_else(|| among(&|member| allows(member) && !lacks(member)))
            // Somebody has to say that nobody has it; one is enough.
            .or_else(|| if asker.tried.is_empty() { among(&allows) } else { None })
    }

    /// Looks at those whom the client may be sent to and who have what it wants, by what is known, the best first.
    pub(crate) fn with_those_who_have<T>(
        &self,
        asker: &Asker<'_>,
        holding: Option<&Holding>,
        look: impl FnOnce(&mut dyn Iterator<Item = &Member>) -> T,
    ) -> T {
        let snapshot = self.0.published.load();
        let ttl = self.ttl();
        let has = |member: &&Member| {
            let known = holding.and_then(|holding| holding.of(member.id, asker.now, ttl));
            !matches!(known, Some(Has::Nothing | Has::Another(_))) && asker.terms.allow(&member.replica)
        };
        let some = snapshot.candidates(Wish { path: asker.path.path(), barred: None });
        look(&mut some.map(|candidate| candidate.member).filter(has))
    }

    /// Those that get such clients and their shares, the best first.
    pub(crate) fn best(&self, asker: &Asker<'_>) -> Vec<(Arc<Member>, f64)> {
        let snapshot = self.0.published.load();
        let some = snapshot.candidates(Wish { path: asker.path.path(), barred: None });
        let seats = some.filter_map(|candidate| snapshot.seat(candidate.slot));
        let allowed = seats.filter(|seat| asker.terms.allow(&seat.member.replica));
        allowed.map(|seat| (Arc::clone(&seat.member), seat.share)).collect()
    }

    /// How long it counts what a server has said of a file.
    fn ttl(&self) -> Duration {
        self.holdings().map(Holdings::ttl).unwrap_or_default()
    }

    /// Tells that `member` has something else at `path` than the reference server.
    pub(crate) fn alarm(&self, member: &Member, path: &str, has: Facts, right: Facts, now: SystemTime) {
        let alarm =
            Alarm { at: now, replica: member.replica.url().to_owned(), path: path.to_owned(), has, right };
        tracing::warn!("{alarm}");
        let mut control = self.control();
        if control.alarms.len() == ALARMS_MAX {
            control.alarms.pop_front();
        }
        control.alarms.push_back(alarm);
        control.alarmed = control.alarmed.saturating_add(1);
    }

    /// The last alarms, oldest first, and how many there have been.
    #[must_use]
    pub fn alarms(&self) -> (Vec<Alarm>, u64) {
        let control = self.control();
        (control.alarms.iter().cloned().collect(), control.alarmed)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        // What a panic can leave half done is one replica's standing, which its next test sets right.
        self.0.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Knows `replica` in the place of what was known of the one in that slot.
fn alter(standings: &mut Standings, slot: usize, replica: Replica) {
    let Some(standing) = standings.get(slot).filter(|standing| standing.member().replica != replica) else {
        return;
    };
    if standing.member().replica.is_drained() != replica.is_drained() {
        let what = if replica.is_drained() { "drained: it gets nobody new" } else { "not drained any more" };
        tracing::info!(%replica, "{what}");
    }
    standings.change(slot, replica);
}

/// One line per change of state, with its reason.
fn tell(judgement: &Judgement) {
    for news in &judgement.news {
        tracing::info!(replica = %news.member.replica, "{}", news.health);
    }
}

impl<S> Clone for Balancer<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Balancer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("config", &self.0.config).finish_non_exhaustive()
    }
}
