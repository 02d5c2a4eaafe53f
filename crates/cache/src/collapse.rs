//! One fetch for many who ask for the same at the same time (RFC 9111 §4).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use message::{Failure, Fields};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::body::growing::Growing;
use crate::key::CacheKey;
use crate::policy::reuse::Trouble;
use crate::store::entry::Entry;
use crate::stored::StoredResponse;

/// How long anybody waits for the head of a response that another one asked for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// For how long nobody waits for others at a key whose answer was not to be shared.
const APART_FOR: Duration = Duration::from_secs(10);

/// How many such keys are remembered.
const APART_MAX: usize = 4096;

/// What became of a fetch.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Nothing yet.
    Pending,
    /// A response that may be stored is here, or arriving.
    Arrived(Arc<Arrival>),
    /// What is stored is current still. The fields are for those who waited for it, and are not stored.
    Validated(Arc<Entry>, Fields),
    /// The response is for the one alone who asked first.
    Apart,
    /// There is no response.
    Failed(Failure),
    /// The origin answered with that error, and who asked first would rather have what is stored.
    Erred(Trouble),
    /// It was given up: see what is stored, and ask again.
    Dropped,
}

/// A response for all who wait for it.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its head.
    pub response: StoredResponse,
    /// Fields for the one alone who asked first.
    pub withheld: Fields,
    /// Its content.
    pub content: Content,
    /// Why it is not stored, in a word; `None` if it is, or is being stored.
    pub unstored: Option<&'static str>,
}

/// The content of an arrival.
#[derive(Debug)]
pub(crate) enum Content {
    /// It is here.
    Whole(Bytes),
    /// It is written to the store.
    Growing(Growing),
}

impl Arrival {
    /// Whether one more reader can have all of it.
    fn is_open(&self) -> bool {
        match &self.content {
            Content::Whole(_) => true,
            Content::Growing(growing) => growing.is_open(),
        }
    }

    fn is_closing(&self) -> bool {
        matches!(&self.content, Content::Growing(growing) if growing.is_closed())
    }
}

/// A fetch that is on its way.
#[derive(Debug)]
struct Flight {
    /// The id of the stored response that it validates; `None` for one that fetches anew.
    about: Option<u64>,
    /// Whether nobody joins it.
    is_private: bool,
    outcome: watch::Sender<Outcome>,
    /// Whether what it fetches was invalidated meanwhile, and is not to be stored.
    is_obsolete: AtomicBool,
}

type Table = HashMap<CacheKey, Vec<Arc<Flight>>>;

/// All fetches that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    table: Mutex<Table>,
    apart: Mutex<HashMap<CacheKey, Instant>>,
}

/// The place of one who waits for a fetch. Kept until one reads, or wants nothing any more: a fetch that nobody
/// has one for may be given up.
#[derive(Debug)]
pub(crate) struct Ticket {
    outcome: watch::Receiver<Outcome>,
}

/// The duty to fetch. Dropped without an outcome, it lets the others ask again.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: CacheKey,
    flight: Arc<Flight>,
}

/// How one takes part in a fetch.
#[derive(Debug)]
pub(crate) enum Joined {
    /// As the first: somebody has to do it now.
    Leads(Ticket, Lead),
    /// As one more.
    Follows(Ticket),
    /// Not at all: it is over, and what it brought is being put away.
    Ends(Ticket),
    /// Not at all: what is stored has changed since it was looked at.
    Changed,
}

impl Flights {
    /// Joins a fetch of `key` that validates `about`, if one is on its way and what has arrived of it, if
    /// anything has, suits: else leads a new one, if `is_needed` says that it is still needed.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &CacheKey,
        about: Option<u64>,
        suits: impl Fn(&Arrival) -> bool,
        is_needed: impl FnOnce() -> bool,
    ) -> Joined {
        let mut table = self.table();
        let open = table.get(key).and_then(|flights| {
            flights.iter().find(|flight| flight.about == about && flight.is_open(&suits))
        });
        if let Some(flight) = open {
            return Joined::Follows(flight.ticket());
        }
        let of_this = table
            .get(key)
            .and_then(|flights| flights.iter().find(|flight| flight.about == about && flight.is_ending()));
        if let Some(flight) = of_this {
            return Joined::Ends(flight.ticket());
        }
        // Asked while nobody can begin or end a fetch: what another one has just stored is seen.
        if !is_needed() {
            return Joined::Changed;
        }
        let flight = Arc::new(Flight::new(about));
        table.entry(key.clone()).or_default().push(Arc::clone(&flight));
        drop(table);
        self.lead(key, flight)
    }

    /// Leads a fetch that nobody joins.
    #[must_use]
    pub(crate) fn apart(self: &Arc<Self>, key: &CacheKey, about: Option<u64>) -> Joined {
        let flight = Arc::new(Flight { is_private: true, ..Flight::new(about) });
        // It is in the table, too, so that it can be made obsolete.
        self.table().entry(key.clone()).or_default().push(Arc::clone(&flight));
        self.lead(key, flight)
    }

    fn lead(self: &Arc<Self>, key: &CacheKey, flight: Arc<Flight>) -> Joined {
        let ticket = flight.ticket();
        Joined::Leads(ticket, Lead { flights: Arc::clone(self), key: key.clone(), flight })
    }

    /// What is fetched for `key` now is not to be stored, and nobody joins it any more.
    pub(crate) fn make_obsolete(&self, key: &CacheKey) {
        for flight in self.table().get(key).into_iter().flatten() {
            flight.is_obsolete.store(true, Ordering::Release);
        }
    }

    /// What is fetched now for any key that `is_meant` is not to be stored, and nobody joins it any more.
    pub(crate) fn make_all_obsolete(&self, is_meant: impl Fn(&CacheKey) -> bool) {
        for (_, flights) in self.table().iter().filter(|(key, _)| is_meant(key)) {
            flights.iter().for_each(|flight| flight.is_obsolete.store(true, Ordering::Release));
        }
    }

    /// Whether answers for `key` were not to be shared a short while ago.
    #[must_use]
    pub(crate) fn goes_apart(&self, key: &CacheKey) -> bool {
        let until = self.apart_keys().get(key).copied();
        until.is_some_and(|until| Instant::now() < until)
    }

    /// The answer for `key` was not to be shared: for a while nobody waits for another one.
    pub(crate) fn note_apart(&self, key: &CacheKey) {
        let now = Instant::now();
        let mut keys = self.apart_keys();
        if let Some(until) = keys.get_mut(key) {
            *until = now + APART_FOR;
            return;
        }
        if keys.len() >= APART_MAX {
            keys.retain(|_, until| now < *until);
        }
        if keys.len() < APART_MAX {
            keys.insert(key.clone(), now + APART_FOR);
        }
    }

    /// How many there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.table().values().map(Vec::len).sum()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apart_keys(&self) -> MutexGuard<'_, HashMap<CacheKey, Instant>> {
        self.apart.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    fn new(about: Option<u64>) -> Self {
        Self {
            about,
            is_private: false,
            outcome: watch::Sender::new(Outcome::Pending),
            is_obsolete: AtomicBool::new(false),
        }
    }

    fn is_open(&self, suits: impl Fn(&Arrival) -> bool) -> bool {
        let may = match &*self.outcome.borrow() {
            Outcome::Pending => true,
            Outcome::Arrived(arrival) => arrival.is_open() && suits(arrival),
            Outcome::Validated(..)
            | Outcome::Apart
            | Outcome::Failed(_)
            | Outcome::Erred(_)
            | Outcome::Dropped => false,
        };
        may && !self.is_private && !self.is_obsolete.load(Ordering::Acquire)
    }

    /// Whether what it brought is being put away, and will be found in the store then.
    fn is_ending(&self) -> bool {
        let is_closing = match &*self.outcome.borrow() {
            Outcome::Arrived(arrival) => arrival.is_closing(),
            _ => false,
        };
        is_closing && !self.is_private && !self.is_obsolete.load(Ordering::Acquire)
    }

    fn ticket(&self) -> Ticket {
        Ticket { outcome: self.outcome.subscribe() }
    }
}

impl Ticket {
    /// What becomes of one's own fetch, as soon as that is known.
    pub(crate) async fn lead(&mut self) -> Outcome {
        match self.outcome.wait_for(|outcome| !matches!(outcome, Outcome::Pending)).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => Outcome::Dropped,
        }
    }

    /// Waits until the fetch is over, and all that it brought is put away.
    pub(crate) async fn over(self) {
        let Self { mut outcome } = self;
        while outcome.changed().await.is_ok() {}
    }

    /// What becomes of somebody else's fetch; [`Outcome::Apart`] if it takes too long.
    pub(crate) async fn follow(&mut self) -> Outcome {
        timeout(WAIT_MAX, self.lead()).await.unwrap_or(Outcome::Apart)
    }
}

impl Lead {
    /// Tells all who wait.
    pub(crate) fn tell(&self, outcome: Outcome) {
        self.flight.outcome.send_replace(outcome);
    }

    /// Whether nobody waits for it, or is about to read what arrives.
    pub(crate) fn is_alone(&self) -> bool {
        self.flight.outcome.receiver_count() == 0
    }

    /// Whether no more than one waits for it; if so, nobody joins it any more, and it is not to be stored.
    pub(crate) fn closes_for_one(&self) -> bool {
        // Nobody can join while this is held.
        let _table = self.flights.table();
        let is_for_one = self.flight.outcome.receiver_count() <= 1;
        if is_for_one {
            self.make_obsolete();
        }
        is_for_one
    }

    /// Waits until that is so.
    pub(crate) async fn deserted(&self) {
        self.flight.outcome.closed().await;
    }

    /// What it fetches is not to be stored, and nobody joins it any more.
    pub(crate) fn make_obsolete(&self) {
        self.flight.is_obsolete.store(true, Ordering::Release);
    }

    fn leave(&self, table: &mut Table) {
        if let Some(flights) = table.get_mut(&self.key) {
            flights.retain(|flight| !Arc::ptr_eq(flight, &self.flight));
            if flights.is_empty() {
                table.remove(&self.key);
            }
        }
    }

    /// Asks, from wherever, whether what is fetched may be stored.
    pub(crate) fn may_store(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let flight = Arc::clone(&self.flight);
        move || !flight.is_obsolete.load(Ordering::Acquire)
    }

    /// The key that is fetched.
    #[must_use]
    pub(crate) fn key(&self) -> &CacheKey {
        &self.key
    }

    /// Keeps others from waiting at this key for a while.
    pub(crate) fn note_apart(&self) {
        self.flights.note_apart(&self.key);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.leave(&mut self.flights.table());
        self.flight.outcome.send_if_modified(|outcome| {
            let is_pending = matches!(outcome, Outcome::Pending);
            if is_pending {
                *outcome = Outcome::Dropped;
            }
            is_pending
        });
    }
}

#[cfg(test)]
#[path = "collapse_tests.rs"]
mod tests;
