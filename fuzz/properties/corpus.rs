//! The kept inputs of a fuzz target, for ordinary tests.

use std::fs;
use std::path::Path;

/// The least that a corpus holds; fewer files mean that the wrong folder was read.
const SEEDS_MIN: usize = 10;

/// Checks every file of the corpus of that name; says which, for when one of them fails.
pub(crate) fn check_all(corpus: &str, check: fn(&[u8])) {
    // Every crate of ours lies two folders below the workspace.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(corpus);
    let mut checked = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(path).unwrap());
        checked += 1;
    }
    assert!(checked >= SEEDS_MIN, "only {checked} files in {corpus}");
}
