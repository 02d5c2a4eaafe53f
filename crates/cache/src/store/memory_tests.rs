use std::time::SystemTime;

use message::{Fields, StatusCode};

use super::*;
use crate::policy::rules::Rules;
use crate::policy::vary::Selecting;
use crate::store::disk::Disk;
use crate::stored::StoredResponse;

/// What one key with one empty variant takes.
const ONE: u64 = 1024 + OVERHEAD;

fn key(number: u64) -> CacheKey {
    CacheKey::parse(&format!("http://a/{number}")).unwrap()
}

fn entry(id: u64) -> Entry {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path()).unwrap();
    let (_, identity) =
        disk.publish(disk.temporary().unwrap(), &disk.path_of(&key(id), 0), |_| Ok(())).unwrap();
    let epoch = SystemTime::UNIX_EPOCH;
    let (selecting, rules) = (Selecting::default(), Rules::default());
    let head = StoredResponse::new(StatusCode::OK, Fields::new(), selecting, epoch, epoch, &rules);
    Entry::new((id, 0, 0), head, (String::new(), identity), None)
}

fn variants(ids: &[u64]) -> Variants {
    ids.iter().map(|id| Arc::new(entry(*id))).collect()
}

fn resident(memory: &Memory) -> Vec<u64> {
    (0..100).filter(|number| memory.get(&key(*number)).is_some()).collect()
}

#[test]
fn the_first_that_was_not_used_goes_first() {
    let memory = Memory::new(3 * ONE);
    for number in 0..3 {
        memory.insert(&key(number), variants(&[number]), Pin::No);
    }
    memory.get(&key(0)).unwrap()[0].touch();
    memory.insert(&key(3), variants(&[3]), Pin::No);
    assert_eq!(resident(&memory), [0, 2, 3]);
    memory.insert(&key(4), variants(&[4]), Pin::No);
    assert_eq!(resident(&memory), [0, 3, 4]);
    memory.insert(&key(5), variants(&[5]), Pin::No);
    memory.insert(&key(6), variants(&[6]), Pin::No);
    assert_eq!(resident(&memory), [4, 5, 6], "0 was spared once");
}

#[test]
fn what_the_index_does_not_hold_yet_stays() {
    let memory = Memory::new(ONE);
    for number in 0..3 {
        memory.insert(&key(number), variants(&[number]), Pin::Yes);
    }
    assert_eq!(resident(&memory), [0, 1, 2]);
    memory.unpin(&key(1));
    assert_eq!(resident(&memory), [0, 2]);
    memory.insert(&key(2), variants(&[2]), Pin::Yes);
    memory.unpin(&key(2));
    memory.unpin(&key(0));
    assert_eq!(resident(&memory), [2], "it was pinned twice");
}

#[test]
fn that_something_is_gone_is_known_until_the_index_knows_it_too() {
    let memory = Memory::new(10 * ONE);
    memory.insert(&key(0), variants(&[]), Pin::Yes);
    assert_eq!(memory.get(&key(0)).map(|variants| variants.len()), Some(0));
    memory.unpin(&key(0));
    assert!(memory.get(&key(0)).is_none());
}

#[test]
fn one_variant_is_replaced_or_forgotten_without_the_others() {
    let memory = Memory::new(10 * ONE);
    memory.insert(&key(0), variants(&[1, 2]), Pin::No);
    assert!(memory.replace(&key(0), &Arc::new(entry(2)), Pin::No));
    assert!(!memory.replace(&key(0), &Arc::new(entry(3)), Pin::No));
    assert!(!memory.replace(&key(1), &Arc::new(entry(1)), Pin::No));
    memory.forget(&key(0), 1);
    assert_eq!(memory.get(&key(0)).unwrap().iter().map(|entry| entry.id).collect::<Vec<_>>(), [2]);
    memory.forget(&key(0), 2);
    assert!(memory.get(&key(0)).is_none());
}

#[test]
fn the_queue_does_not_grow_with_what_comes_and_goes() {
    let memory = Memory::new(10 * ONE);
    for round in 0..1000 {
        memory.insert(&key(round % 2), variants(&[round]), Pin::No);
        memory.forget(&key(round % 2), round);
    }
    let table = memory.table(&key(0));
    assert_eq!((table.bytes, table.residents.len()), (0, 0));
    assert!(table.queue.len() <= 2 * SLACK);
}

#[test]
fn a_large_memory_is_in_shards_that_hold_as_much_as_it_together() {
    let memory = Memory::new(1 << 30);
    let shards = memory.shards.len();
    assert_eq!((shards, memory.limit * 16), (16, 1 << 30));
    for number in 0..1000 {
        memory.insert(&key(number), Variants::default(), Pin::No);
    }
    assert!((0..1000).all(|number| memory.get(&key(number)).is_some()));
    let residents = memory.shards.iter().map(|shard| shard.lock().unwrap().residents.len());
    assert!(residents.clone().sum::<usize>() == 1000 && residents.clone().all(|count| count > 0));
    // What is small is not cut up.
    assert_eq!(Memory::new(2 * SHARD_MIN - 1).shards.len(), 1);
}
