//! Who is next, where turns in proportion to speed are not what is wanted, or not all may have one. Pure.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::member::Member;

/// How clients are shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// In proportion to speed.
    #[default]
    FastestShare,
    /// The same path goes to the same replica as long as there is room: for caches behind the balancer.
    Hash,
    /// Of two at random the one with less to do: in-flight exchanges times latency. In proxy mode only, since
    /// nobody else knows what is in flight.
    PowerOfTwo,
    /// All to the first that is there, in the order in which they were named.
    First,
}

/// With [`Policy::Hash`] nobody gets more than this many times its part of the load: the bound of consistent
/// hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016).
const BOUND: f64 = 1.25;

/// How many counters the sequences of different sets of replicas are spread over.
const SEQUENCES: usize = 64;

/// 2^64 divided by the golden ratio: multiples of it fill a circle as evenly as can be, however many they are.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Somebody who may be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) slot: usize,
    pub(crate) member: &'a Member,
    pub(crate) share: f64,
}

/// Places in evenly spread sequences, one for each set of replicas, as far as there are counters.
#[derive(Debug)]
pub(crate) struct Sequences([AtomicU64; SEQUENCES]);

impl Policy {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("fastest-share", Self::FastestShare),
        ("hash", Self::Hash),
        ("power-of-two", Self::PowerOfTwo),
        ("first", Self::First),
    ];
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, policy)| policy == self).map(|(name, _)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

impl Sequences {
    /// All at the place that `seed` says.
    pub(crate) fn new(seed: u64) -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(seed)))
    }

    /// The next number of the sequence of `set`: 0 to 1, spread evenly.
    fn next(&self, set: u64) -> f64 {
        let index = usize::try_from(set % SEQUENCES as u64).unwrap_or_default();
        let place = self.0.get(index).map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed));
        unit(place.wrapping_mul(GOLDEN))
    }
}

/// One of some candidates, in proportion to their shares. Not as exact as turns, which are laid out for all: after
/// n clients a share is off by about log n / n.
pub(crate) fn by_share<'a>(
    candidates: impl Iterator<Item = Candidate<'a>> + Clone,
    sequences: &Sequences,
) -> Option<usize> {
    let (mut sum, mut set) = (0.0, 0_u64);
    for candidate in candidates.clone() {
        sum += candidate.share;
        set = mix(set ^ candidate.member.id);
    }
    let mut left = sequences.next(set) * sum;
    let mut last = None;
    for candidate in candidates {
        last = Some(candidate.slot);
        left -= candidate.share;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// The one whose rendezvous with `key` is the greatest among those that have room, by the administrator's weights.
///
/// Speed does not count: it changes, and with it would change who has what.
pub(crate) fn by_hash<'a>(
    candidates: &(impl Iterator<Item = Candidate<'a>> + Clone),
    key: impl Hash,
    hasher: &impl BuildHasher,
    load_of: impl Fn(&Member) -> u64,
) -> Option<usize> {
    let weight = |candidate: &Candidate<'_>| f64::from(candidate.member.replica.weight());
    let weights: f64 = candidates.clone().map(|candidate| weight(&candidate)).sum();
    let loads: u64 = candidates.clone().map(|candidate| load_of(candidate.member)).sum();
    let per_weight = BOUND * (as_f64(loads) + 1.0) / weights;
    let has_room = |candidate: &Candidate<'_>| {
        as_f64(load_of(candidate.member)) < (per_weight * weight(candidate)).ceil()
    };
    let key = hasher.hash_one(key);
    // The weighted rendezvous of Schindelhauer and Schomaker: the shortest of exponential waits.
    let wait = |candidate: &Candidate<'_>| {
        let place = hasher.hash_one(candidate.member.replica.url());
        -unit(mix(key ^ mix(place))).max(f64::MIN_POSITIVE).ln() / weight(candidate)
    };
    let with_room = candidates.clone().filter(has_room);
    let first = with_room.min_by(|a, b| wait(a).total_cmp(&wait(b)));
    first.or_else(|| candidates.clone().next()).map(|candidate| candidate.slot)
}

/// Of two that chance names the one that has less to do, by the administrator's weights.
pub(crate) fn by_two<'a>(
    candidates: &(impl Iterator<Item = Candidate<'a>> + Clone),
    sequences: &Sequences,
) -> Option<usize> {
    let count = candidates.clone().count();
    let chance = sequences.next(u64::MAX);
    let bits = mix(chance.to_bits());
    let place = |bits: u64, of: usize| usize::try_from(bits >> 32).unwrap_or_default() % of.max(1);
    let one = place(bits, count);
    let other = (one + 1 + place(mix(bits), count.saturating_sub(1))) % count.max(1);
    let burden = |candidate: &Candidate<'_>| {
        let tally = &candidate.member.tally;
        let exchanges = f64::from(tally.in_flight()) + 1.0;
        exchanges * as_f64(tally.latency_micros().max(1)) / f64::from(candidate.member.replica.weight())
    };
    let two = [candidates.clone().nth(one)?, candidates.clone().nth(other)?];
    let less = two.iter().min_by(|one, other| burden(one).total_cmp(&burden(other)));
    less.map(|candidate| candidate.slot)
}

/// The finaliser of `SplitMix64`: numbers that look random from numbers that do not.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From 0 to 1, by the upper bits.
pub(crate) fn unit(bits: u64) -> f64 {
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::RandomState;
    use std::time::Duration;

    use super::*;
    use crate::gate::Room;
    use crate::replica::Replica;

    fn members(count: u64) -> Vec<Member> {
        (0..count)
            .map(|id| Member::new(id, Replica::parse(&format!("r{id}.test")).unwrap(), Room::default()))
            .collect()
    }

    fn candidates<'a>(
        members: &'a [Member],
        shares: &'a [f64],
    ) -> impl Iterator<Item = Candidate<'a>> + Clone {
        let all = members.iter().zip(shares).enumerate();
        all.map(|(slot, (member, share))| Candidate { slot, member, share: *share })
    }

    #[test]
    fn some_of_all_get_clients_in_proportion_and_evenly() {
        let (members, sequences) = (members(3), Sequences::new(5));
        let shares = [0.4, 0.2, 0.1];
        for clients in [100, 1000] {
            let mut counts = [0.0; 3];
            for _ in 0..clients {
                counts[by_share(candidates(&members, &shares), &sequences).unwrap()] += 1.0;
            }
            for (count, share) in counts.iter().zip(shares) {
                let error = (count / f64::from(clients) - share / 0.7_f64).abs();
                assert!(error < 3.0 / f64::from(clients), "{counts:?} of {clients}");
            }
        }
        assert_eq!(by_share(candidates(&[], &[]), &sequences), None);
    }

    fn hashed(members: &[Member], key: u32, hasher: &RandomState, load: impl Fn(&Member) -> u64) -> usize {
        by_hash(&candidates(members, &[1.0; 10]), key, hasher, load).unwrap()
    }

    #[test]
    fn a_key_keeps_its_place_while_others_come_and_go() {
        let (mut members, hasher) = (members(10), RandomState::new());
        let idle = |_: &Member| 0;
        let before: Vec<_> = (0..1000).map(|key| members[hashed(&members, key, &hasher, idle)].id).collect();
        let gone = members.remove(3).id;
        for (key, before) in (0..1000).zip(before) {
            let now = members[hashed(&members, key, &hasher, idle)].id;
            assert!(now == before || before == gone, "{key}: {before} became {now}");
        }
    }

    #[test]
    fn a_weight_counts_and_nobody_gets_more_than_there_is_room_for() {
        let hasher = RandomState::new();
        let mut two = members(2);
        two[1].replica = Replica::parse("b.test weight=3").unwrap();
        let second = (0..4000).filter(|key| hashed(&two, *key, &hasher, |_| 0) == 1).count();
        assert!((2850..3150).contains(&second), "{second} of 4000 are 3 of 4");
        let members = members(4);
        let mut counts = BTreeMap::new();
        // All want the same.
        for _ in 0..1000 {
            let slot = hashed(&members, 7, &hasher, |member| counts.get(&member.id).copied().unwrap_or(0));
            *counts.entry(members[slot].id).or_insert(0) += 1;
        }
        assert!(counts.values().all(|count| *count <= 313), "{counts:?}");
        assert_eq!(by_hash(&candidates(&[], &[]), 1, &hasher, |_| 0), None);
    }

    #[test]
    fn of_two_the_one_with_less_to_do_is_chosen() {
        let (mut members, sequences) = (members(2), Sequences::new(0));
        members[0].tally.note_latency(Duration::from_millis(10));
        members[1].tally.note_latency(Duration::from_millis(30));
        let choose = || by_two(&candidates(&members, &[0.5, 0.5]), &sequences).unwrap();
        assert!((0..50).all(|_| choose() == 0));
        let _busy: Vec<_> = (0..3).map(|_| members[0].tally.begin()).collect();
        assert!((0..50).all(|_| choose() == 1), "four times 10 ms is more than 30");
        members[0].replica = Replica::parse("a.test weight=3").unwrap();
        assert!((0..50).all(|_| by_two(&candidates(&members, &[0.5, 0.5]), &sequences) == Some(0)));
        let one = &members[..1];
        assert_eq!(by_two(&candidates(one, &[1.0]), &sequences), Some(0));
        assert_eq!(by_two(&candidates(&[], &[]), &sequences), None);
    }

    #[test]
    fn chance_names_all_of_many() {
        let (members, sequences) = (members(10), Sequences::new(1));
        let chosen: std::collections::BTreeSet<_> =
            (0..500).filter_map(|_| by_two(&candidates(&members, &[0.1; 10]), &sequences)).collect();
        assert!(chosen.len() >= 9, "{chosen:?}");
    }
}
