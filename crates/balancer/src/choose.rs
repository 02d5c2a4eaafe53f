//! Who is next: turns in exact proportion to weights, smoothly. Pure.
//!
//! The turns are laid out once per publication, so that choosing is one count and one look-up. They
//! follow the rule that solves the chairman assignment problem (R. Tijdeman, 1980): after t turns a
//! replica with a share of s is *due* when it has had fewer than s·t - d turns, where d = 1/(2n-2) of
//! n replicas, and *late* when that gap reaches 1 - d; of those that are due, the one that will be
//! late first is next. So after any number of turns no replica is more than 1 - d of a turn away from
//! its share, which no rule can better for all shares.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Turns are laid out for this many clients at least; then they begin again from the first. What one
/// lap leaves over, less than a turn for each replica, is forgotten then.
pub const LAP_MIN: u32 = 8192;

/// Turns per replica in a lap, so that among many replicas slow ones still get their part.
pub const LAP_TURNS_PER_REPLICA: u32 = 16;

/// What a sum of fractions may be off and still be taken for the whole number it should be.
const ROUNDING: f64 = 1e-9;

/// Turns of replicas, by their index.
#[derive(Clone, Debug)]
pub struct Schedule {
    turns: Box<[u16]>,
    /// Each replica's part of all clients; they add up to 1.
    shares: Box<[f64]>,
    /// How many turns each was owed when the schedule began (negative: had too many); adds up to 0.
    credits: Box<[f64]>,
}

impl Schedule {
    /// Lays out turns in proportion to `weights`, beginning with the `credits` that the schedule before
    /// has left (missing ones are 0); `seed` decides between equals. A replica of weight 0 gets no
    /// turns, and its credit goes back to the others.
    ///
    /// `None` if no weight is positive, or there are more replicas than a `u16` counts.
    #[must_use]
    pub fn new(weights: &[f64], credits: &[f64], seed: u64) -> Option<Self> {
        let count = u16::try_from(weights.len()).ok()?;
        let usable = |weight: &f64| if weight.is_finite() && *weight > 0.0 { *weight } else { 0.0 };
        let sum: f64 = weights.iter().map(usable).sum();
        if sum <= 0.0 || !sum.is_finite() {
            return None;
        }
        let shares: Box<[f64]> = weights.iter().map(|weight| usable(weight) / sum).collect();
        let credits = carried(&shares, credits);
        let lap = LAP_MIN.max(LAP_TURNS_PER_REPLICA.saturating_mul(u32::from(count)));
        let rotation = u16::try_from(seed % u64::from(count)).ok()?;
        let turns = Table::new(&shares, &credits, rotation).lay_out(lap);
        Some(Self { turns, shares, credits })
    }

    /// The index of the replica that the `client`-th client is sent to, counted from 0.
    #[must_use]
    pub fn turn(&self, client: u64) -> Option<usize> {
        self.turns.get(self.place(client)).copied().map(usize::from)
    }

    /// What part of all clients the replica gets: 0 to 1.
    #[must_use]
    pub fn share(&self, index: usize) -> f64 {
        self.shares.get(index).copied().unwrap_or_default()
    }

    /// How many turns each replica is owed after `clients` clients.
    #[must_use]
    pub fn credits_after(&self, clients: u64) -> Vec<f64> {
        let place = self.place(clients);
        let begun = f64::from(u32::try_from(place).unwrap_or(u32::MAX));
        let owed = self.shares.iter().zip(&self.credits).map(|(share, credit)| credit + share * begun);
        let mut credits: Vec<f64> = owed.collect();
        for index in self.turns.iter().take(place) {
            if let Some(credit) = credits.get_mut(usize::from(*index)) {
                *credit -= 1.0;
            }
        }
        credits
    }

    fn place(&self, client: u64) -> usize {
        let lap = u64::try_from(self.turns.len()).unwrap_or(u64::MAX).max(1);
        usize::try_from(client % lap).unwrap_or_default()
    }
}

/// The credits of those that have a share; what they don't add up to 0 is spread by shares.
fn carried(shares: &[f64], credits: &[f64]) -> Box<[f64]> {
    let credit_of = |index: usize| credits.get(index).copied().unwrap_or_default().clamp(-1.0, 1.0);
    let kept = |(index, share): (usize, &f64)| if *share > 0.0 { credit_of(index) } else { 0.0 };
    let surplus: f64 = shares.iter().enumerate().map(kept).sum();
    shares.iter().enumerate().map(|(index, share)| kept((index, share)) - surplus * share).collect()
}

/// A replica and the turn at which something becomes true of it, as a real number: earlier is greater,
/// so that a heap gives the earliest first.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at: f64,
    /// Decides between equals.
    rank: u16,
    index: u16,
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.rank.cmp(&self.rank))
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Moment {}

/// A replica while turns are laid out.
struct Seat {
    share: f64,
    credit: f64,
    rank: u16,
    had: u32,
}

/// All replicas with a share while turns are laid out.
struct Table {
    seats: Vec<Option<Seat>>,
    /// The d of this file's introduction.
    margin: f64,
    /// When each becomes due that is not due yet.
    waiting: BinaryHeap<Moment>,
    /// When each of those that are due becomes late.
    due: BinaryHeap<Moment>,
}

impl Table {
    fn new(shares: &[f64], credits: &[f64], rotation: u16) -> Self {
        let count = u16::try_from(shares.len()).unwrap_or(u16::MAX);
        let mut table =
            Self { seats: Vec::new(), margin: 0.5, waiting: BinaryHeap::new(), due: BinaryHeap::new() };
        for (index, (share, credit)) in (0..count).zip(shares.iter().zip(credits)) {
            let rank = u16::try_from((u32::from(index) + u32::from(rotation)) % u32::from(count));
            let seat = Seat { share: *share, credit: *credit, rank: rank.unwrap_or(index), had: 0 };
            table.seats.push((*share > 0.0).then_some(seat));
        }
        let sharers = table.seats.iter().flatten().count();
        if let Ok(sharers) = u16::try_from(sharers)
            && sharers > 1
        {
            table.margin = 1.0 / (2.0 * f64::from(sharers) - 2.0);
        }
        for index in 0..count {
            table.waiting.extend(table.moment(index, table.margin));
        }
        table
    }

    fn lay_out(mut self, lap: u32) -> Box<[u16]> {
        (1..=lap).map_while(|turn| self.next(turn)).collect()
    }

    fn next(&mut self, turn: u32) -> Option<u16> {
        let now = f64::from(turn) + ROUNDING;
        while let Some(first) = self.waiting.peek().copied().filter(|first| first.at <= now) {
            self.waiting.pop();
            self.due.extend(self.moment(first.index, 1.0 - self.margin));
        }
        // Somebody is always due, since the gaps add up to 1; unless by rounding.
        let Moment { index, .. } = self.due.pop().or_else(|| self.waiting.pop())?;
        if let Some(Some(seat)) = self.seats.get_mut(usize::from(index)) {
            seat.had += 1;
        }
        self.waiting.extend(self.moment(index, self.margin));
        Some(index)
    }

    /// When the replica's gap reaches `gap`: the t at which credit + share·t - had = gap.
    fn moment(&self, index: u16, gap: f64) -> Option<Moment> {
        let seat = self.seats.get(usize::from(index))?.as_ref()?;
        let at = (f64::from(seat.had) + gap - seat.credit) / seat.share;
        Some(Moment { at, rank: seat.rank, index })
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
