//! Somebody who meddles with the cache's files.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::files::Dice;
use crate::support::place::tree;

/// How the cache ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Clean,
    Killed,
}

/// Everything that may happen to the files of a cache that doesn't run: torn and rotten, swapped and gone.
pub(crate) fn meddle_while_nobody_looks(dir: &Path, ending: Ending, dice: &mut Dice) {
    let Some(victim) = a_body(dir, dice) else { return };
    match dice.below(5) {
        // What shows in no size and no time is looked for after an end that was not clean.
        0 if ending == Ending::Clean => {}
        0 => rot(&victim, dice),
        1 => {
            File::options()
                .write(true)
                .open(&victim)
                .and_then(|file| file.set_len(dice.below(3000)))
                .unwrap();
        }
        2 => fs::remove_file(&victim).unwrap(),
        3 => {
            let Some(other) = a_body(dir, dice).filter(|other| *other != victim) else { return };
            let aside = dir.join("aside");
            fs::rename(&victim, &aside).and_then(|()| fs::rename(&other, &victim)).unwrap();
            fs::rename(&aside, &other).unwrap();
        }
        _ => tear(&victim, dice),
    }
}

/// What an administrator may do to a cache that runs: remove a file, or put another one in its place.
pub(crate) fn meddle_while_it_runs(dir: &Path, dice: &mut Dice) {
    let Some(victim) = a_body(dir, dice) else { return };
    // It may be gone by now, for the cache removes files, too.
    let _ = match dice.below(2) {
        0 => fs::remove_file(&victim),
        _ => {
            let other = dir.join("other");
            fs::write(&other, b"what nobody asked for").unwrap();
            fs::rename(&other, &victim)
        }
    };
}

/// One bit is another one, at the time of before: what a disk does.
fn rot(victim: &Path, dice: &mut Dice) {
    let file = File::options().read(true).write(true).open(victim).unwrap();
    let meta = file.metadata().unwrap();
    if meta.len() > 0 {
        let (at, mut byte) = (dice.below(meta.len()), [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        file.set_modified(meta.modified().unwrap()).unwrap();
    }
}

/// A page of zeros, where a write did not get to the disk.
fn tear(victim: &Path, dice: &mut Dice) {
    let file = File::options().write(true).open(victim).unwrap();
    let length = file.metadata().unwrap().len();
    if length > 0 {
        let at = dice.below(length);
        let zeros = vec![0; usize::try_from((length - at).min(4096)).unwrap()];
        file.write_all_at(&zeros, at).unwrap();
    }
}

/// Any body that is stored; what is the cache's own business is beneath a name that begins with a dot.
fn a_body(dir: &Path, dice: &mut Dice) -> Option<PathBuf> {
    let is_body = |path: &PathBuf| path.is_file();
    let names = tree(dir).into_iter().filter(|name| !name.starts_with('.'));
    let bodies: Vec<PathBuf> = names.map(|name| dir.join(name)).filter(is_body).collect();
    (!bodies.is_empty()).then(|| bodies[dice.index(bodies.len())].clone())
}
