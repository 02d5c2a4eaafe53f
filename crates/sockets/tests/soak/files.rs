//! Files whose every byte tells where it belongs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

/// Bytes of a block, each of which tells where it belongs.
pub(crate) const BLOCK: usize = 64;

/// How many blocks the files have, from a few to some ten thousand; in each version another number.
const BLOCKS: [usize; 6] = [1, 20, 900, 1100, 5000, 20_000];

/// How many files there are.
const COUNT: usize = 48;

type Made = Mutex<HashMap<(usize, u32), Arc<Vec<u8>>>>;

/// How many versions are kept that were made.
const KEPT_MAX: usize = 200;

/// The current version of each file.
pub(crate) struct Files {
    versions: Vec<AtomicU32>,
}

/// A multiplicative congruential generator (Lehmer's): the same numbers in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed * 7919 % 0x7fff_fffe + 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        self.0 % limit
    }

    pub(crate) fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit.try_into().unwrap())).unwrap()
    }
}

impl Files {
    pub(crate) fn new() -> Self {
        Self { versions: (0..COUNT).map(|_| AtomicU32::new(1)).collect() }
    }

    pub(crate) fn count(&self) -> usize {
        self.versions.len()
    }

    pub(crate) fn version(&self, file: usize) -> u32 {
        self.versions[file].load(Ordering::SeqCst)
    }

    /// Makes another version the current one.
    pub(crate) fn change(&self, file: usize) {
        self.versions[file].fetch_add(1, Ordering::SeqCst);
    }
}

/// The whole of a version. What was made lately is kept, for it is asked for again.
pub(crate) fn content(file: usize, version: u32) -> Arc<Vec<u8>> {
    static MADE: LazyLock<Made> = LazyLock::new(Mutex::default);
    let made = MADE.lock().unwrap().get(&(file, version)).cloned();
    made.unwrap_or_else(|| {
        let content = Arc::new(make(file, version));
        let mut made = MADE.lock().unwrap();
        if made.len() >= KEPT_MAX {
            made.clear();
        }
        made.insert((file, version), Arc::clone(&content));
        content
    })
}

fn make(file: usize, version: u32) -> Vec<u8> {
    let count = BLOCKS[file % BLOCKS.len()] + usize::try_from(version % 7).unwrap();
    (0..count).flat_map(|index| block(file, version, index, count)).collect()
}

fn block(file: usize, version: u32, index: usize, count: usize) -> Vec<u8> {
    let mut block = format!("/{file} version {version}, block {index} of {count} ").into_bytes();
    block.resize(BLOCK - 1, b'.');
    block.push(b'\n');
    block
}

/// The version that a tag names.
pub(crate) fn version_of(tag: &str) -> u32 {
    tag.trim_matches('"').parse().unwrap_or_else(|_| panic!("no tag of ours: {tag:?}"))
}
