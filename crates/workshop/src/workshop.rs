//! Things that take long to make, such as the digest of a large file: each is made once, off the
//! threads that serve requests, however many ask for it meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Most things of one workshop that are being made or wait for it. Whoever asks for one more goes
/// without.
pub const ORDERS: usize = 256;

/// Makes a `V` for each `K`. What was made is kept elsewhere, by whoever makes it.
pub struct Workshop<K, V> {
    /// What is being made or waits for it, and where the outcome will be told.
    orders: Mutex<HashMap<K, watch::Receiver<Option<V>>>>,
    places: Arc<Semaphore>,
    begun: AtomicU64,
}

/// One thing that is being made. When this is dropped, also by a panic, it is no longer on the list.
struct Order<K: Hash + Eq, V> {
    workshop: Arc<Workshop<K, V>>,
    key: K,
    outcome: watch::Sender<Option<V>>,
}

/// What became of asking.
enum Asked<V> {
    /// It is there.
    Kept(V),
    /// It is on the list.
    Ordered(watch::Receiver<Option<V>>),
    /// The list is full.
    Full,
}

impl<K, V> Workshop<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A workshop in which `places` things are made at a time.
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(places));
        Arc::new(Self { orders: Mutex::default(), places, begun: AtomicU64::new(0) })
    }

    /// How many things were begun since the start.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// What `kept` has, or else what `make` makes, if that takes no longer than `patience`.
    ///
    /// `make` runs on a thread that may block, and keeps what it made where `kept` finds it. It goes on
    /// when nobody waits any more, for the sake of the next one who asks. `None` if it gave up, if it
    /// takes longer, or if too much is to be made already.
    pub async fn get(
        self: &Arc<Self>,
        key: K,
        patience: Duration,
        kept: impl Fn() -> Option<V>,
        make: impl FnOnce() -> Option<V> + Send + 'static,
    ) -> Option<V> {
        let mut outcome = match self.ask(key, kept, make) {
            Asked::Kept(value) => return Some(value),
            Asked::Full => return None,
            Asked::Ordered(outcome) => outcome,
        };
        // On the heap, so that answers for which nothing is made carry no room for it.
        let told = Box::pin(timeout(patience, outcome.wait_for(Option::is_some))).await;
        told.ok()?.ok()?.clone()
    }

    fn ask(
        self: &Arc<Self>,
        key: K,
        kept: impl Fn() -> Option<V>,
        make: impl FnOnce() -> Option<V> + Send + 'static,
    ) -> Asked<V> {
        let mut orders = self.orders();
        if let Some(outcome) = orders.get(&key) {
            return Asked::Ordered(outcome.clone());
        }
        // Asked with the list in hand: what leaves the list is kept before, so nothing is made twice.
        if let Some(value) = kept() {
            return Asked::Kept(value);
        }
        if orders.len() >= ORDERS {
            return Asked::Full;
        }
        let (sender, outcome) = watch::channel(None);
        orders.insert(key.clone(), outcome.clone());
        drop(orders);
        tokio::spawn(Order { workshop: Arc::clone(self), key, outcome: sender }.fill(make));
        Asked::Ordered(outcome)
    }

    fn orders(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Order<K, V> {
    async fn fill(self, make: impl FnOnce() -> Option<V> + Send + 'static)
    where
        V: Send + 'static,
    {
        // It is never closed: then nothing would be made.
        let Ok(_place) = Arc::clone(&self.workshop.places).acquire_owned().await else { return };
        self.workshop.begun.fetch_add(1, Ordering::Relaxed);
        match spawn_blocking(make).await {
            Ok(made) => drop(self.outcome.send_replace(made)),
            Err(error) => tracing::error!(%error, "what was to be made off the request threads was not"),
        }
    }
}

impl<K: Hash + Eq, V> Drop for Order<K, V> {
    fn drop(&mut self) {
        self.workshop.orders.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl<K, V> fmt::Debug for Workshop<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").field("begun", &self.begun).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::advance;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);

    type Kept = Arc<Mutex<HashMap<u32, u32>>>;

    /// Asks for twice the key; it is not made before the sender is dropped.
    async fn double(
        workshop: &Arc<Workshop<u32, u32>>,
        kept: &Kept,
        key: u32,
        wait: mpsc::Receiver<()>,
    ) -> Option<u32> {
        let keep = Arc::clone(kept);
        let make = move || {
            let _ = wait.recv();
            let double = key.checked_mul(2)?;
            keep.lock().unwrap().insert(key, double);
            Some(double)
        };
        workshop.get(key, PATIENCE, || kept.lock().unwrap().get(&key).copied(), make).await
    }

    #[tokio::test(start_paused = true)]
    async fn many_askers_share_one_making() {
        let (workshop, kept) = (Workshop::new(1), Kept::default());
        let (go, wait) = mpsc::channel();
        let first = double(&workshop, &kept, 7, wait);
        let others = async {
            let mut askers = Vec::new();
            for _ in 0..50 {
                let (workshop, kept) = (Arc::clone(&workshop), Arc::clone(&kept));
                askers
                    .push(tokio::spawn(async move { double(&workshop, &kept, 7, mpsc::channel().1).await }));
            }
            tokio::task::yield_now().await;
            drop(go);
            for asker in askers {
                assert_eq!(asker.await.unwrap(), Some(14));
            }
        };
        let (first, ()) = tokio::join!(first, others);
        assert_eq!((first, workshop.begun()), (Some(14), 1));
        assert_eq!(double(&workshop, &kept, 7, mpsc::channel().1).await, Some(14));
        assert_eq!(workshop.begun(), 1, "it was kept");
        assert!(workshop.orders().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_loses_patience_goes_without_and_the_next_one_has_it() {
        let (workshop, kept) = (Workshop::new(1), Kept::default());
        let (go, wait) = mpsc::channel();
        let impatient = double(&workshop, &kept, 7, wait);
        let clock = async {
            tokio::task::yield_now().await;
            advance(PATIENCE).await;
        };
        assert_eq!(tokio::join!(impatient, clock).0, None);
        drop(go);
        assert_eq!(double(&workshop, &kept, 7, mpsc::channel().1).await, Some(14));
        assert_eq!(workshop.begun(), 1, "it went on");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_much_is_made_at_a_time_and_only_so_much_waits() {
        let (workshop, kept) = (Workshop::new(2), Kept::default());
        let mut askers = Vec::new();
        let mut gates = Vec::new();
        for key in 0..u32::try_from(ORDERS).unwrap() {
            let (go, wait) = mpsc::channel();
            gates.push(go);
            let (workshop, kept) = (Arc::clone(&workshop), Arc::clone(&kept));
            askers.push(tokio::spawn(async move { double(&workshop, &kept, key, wait).await }));
        }
        while workshop.orders().len() < ORDERS {
            tokio::task::yield_now().await;
        }
        assert_eq!(workshop.begun(), 2);
        assert_eq!(double(&workshop, &kept, 1_000, mpsc::channel().1).await, None, "the list is full");
        drop(gates);
        for asker in askers {
            assert!(asker.await.unwrap().is_some());
        }
        assert_eq!(workshop.begun(), 256);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_or_giving_up_leaves_nothing_behind() {
        let workshop: Arc<Workshop<u32, u32>> = Workshop::new(1);
        let panicking = workshop.get(1, PATIENCE, || None, || panic!("a fault in a library"));
        assert_eq!(panicking.await, None);
        assert_eq!(workshop.get(1, PATIENCE, || None, || None).await, None);
        assert_eq!(workshop.get(1, PATIENCE, || None, || Some(2)).await, Some(2));
        while !workshop.orders().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
