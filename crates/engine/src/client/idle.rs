//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use message::Authority;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

/// What is kept, for each place the connections used last at the end.
pub(super) struct Idle<W> {
    room: Room,
    /// How long one is kept.
    limit: Duration,
    kept: Arc<Mutex<Kept<W>>>,
}

/// How many connections are kept at most.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// For one place.
    pub(super) per_place: usize,
    /// For all of them together.
    pub(super) altogether: usize,
}

/// A connection lives on the runtime that opened it: it is kept for that one only.
type Place = (Id, Authority);

struct Kept<W> {
    wires: HashMap<Place, Vec<(W, Instant)>>,
    /// How many there are in all places.
    count: usize,
    swept: Instant,
}

/// Where the connections to one place are taken from, and go back to.
pub(super) struct Home<W> {
    room: Room,
    limit: Duration,
    kept: Arc<Mutex<Kept<W>>>,
    place: Place,
}

impl<W> Idle<W> {
    pub(super) fn new(room: Room, limit: Duration) -> Self {
        let kept = Kept { wires: HashMap::new(), count: 0, swept: Instant::now() };
        Self { room, limit, kept: Arc::new(Mutex::new(kept)) }
    }

    /// The home of connections to `authority` on the current runtime.
    pub(super) fn home(&self, authority: Authority) -> Home<W> {
        let place = (Handle::current().id(), authority);
        Home { room: self.room, limit: self.limit, kept: Arc::clone(&self.kept), place }
    }
}

impl<W> Home<W> {
    /// The authority that the connections lead to.
    pub(super) fn authority(&self) -> &Authority {
        &self.place.1
    }

    /// The connection that was used last, if one is kept that is not too old and `is_good`.
    pub(super) fn take(&self, is_good: impl Fn(&W) -> bool) -> Option<W> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((wire, since)) = kept.pop(&self.place) {
            if since.elapsed() < self.limit && is_good(&wire) {
                return Some(wire);
            }
        }
        None
    }

    /// Keeps `wire` for the next request; closes it where there is no room.
    pub(super) fn keep(&self, wire: W) {
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sweep(now, self.limit);
        if kept.count >= self.room.altogether {
            return;
        }
        let wires = kept.wires.entry(self.place.clone()).or_default();
        if wires.len() < self.room.per_place {
            wires.push((wire, now));
            kept.count += 1;
        }
    }
}

impl<W> Clone for Home<W> {
    fn clone(&self) -> Self {
        Self { room: self.room, limit: self.limit, kept: Arc::clone(&self.kept), place: self.place.clone() }
    }
}

impl<W> Kept<W> {
    fn pop(&mut self, place: &Place) -> Option<(W, Instant)> {
        let wire = self.wires.get_mut(place)?.pop()?;
        self.count -= 1;
        Some(wire)
    }

    /// Drops what has been kept too long, everywhere, now and then.
    fn sweep(&mut self, now: Instant, limit: Duration) {
        if now - self.swept < limit {
            return;
        }
        self.swept = now;
        self.wires.retain(|_, wires| {
            wires.retain(|(_, since)| now - *since < limit);
            !wires.is_empty()
        });
        self.count = self.wires.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(idle: &Idle<u8>, port: u16) -> Home<u8> {
        idle.home(Authority::parse("a.test").unwrap().with_port(port))
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_used_last_is_taken_first_and_bad_ones_are_dropped() {
        let idle = Idle::new(Room { per_place: 8, altogether: 8 }, Duration::from_secs(10));
        for wire in 1..=3 {
            home(&idle, 80).keep(wire);
        }
        assert_eq!(home(&idle, 81).take(|_| true), None);
        assert_eq!(home(&idle, 80).take(|wire| *wire != 3), Some(2));
        assert_eq!(home(&idle, 80).take(|_| true), Some(1));
        assert_eq!(home(&idle, 80).take(|_| true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_kept_too_long_or_too_many() {
        let idle = Idle::new(Room { per_place: 2, altogether: 3 }, Duration::from_secs(10));
        for wire in 1..=3 {
            home(&idle, 80).keep(wire);
        }
        assert_eq!(home(&idle, 80).take(|_| true), Some(2));
        tokio::time::advance(Duration::from_secs(11)).await;
        home(&idle, 81).keep(9);
        assert_eq!(idle.kept.lock().unwrap().wires.len(), 1, "swept on the way");
        assert_eq!(home(&idle, 80).take(|_| true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn all_places_share_one_limit() {
        let idle = Idle::new(Room { per_place: 2, altogether: 3 }, Duration::from_secs(10));
        for (port, wire) in [(80, 1), (80, 2), (81, 3), (82, 4)] {
            home(&idle, port).keep(wire);
        }
        assert_eq!(home(&idle, 82).take(|_| true), None, "no room was left");
        assert_eq!(home(&idle, 80).take(|_| true), Some(2));
        home(&idle, 82).keep(4);
        assert_eq!(home(&idle, 82).take(|_| true), Some(4));
    }
}
