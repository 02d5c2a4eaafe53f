//! What the fuzzers look for, checked on their seeds and on what proptest makes up.

use std::path::Path;

use proptest::prelude::*;

#[expect(unreachable_pub, reason = "the fuzz target uses it too")]
#[path = "../../../fuzz/properties/name.rs"]
mod name;

#[test]
fn the_corpus_of_names_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/name");
    let mut seeds = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        name::check(&std::fs::read(entry.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 10, "{seeds} seeds");
}

proptest! {
    #[test]
    fn any_bytes_hold(data in prop::collection::vec(any::<u8>(), 0..600)) {
        name::check(&data);
    }

    #[test]
    fn what_looks_like_a_path_holds(data in "(/|%2[fFeE]|%5c|\\.|\\\\|%00|[a-zA-Z:]|\u{fc}|\\?|#|\n){0,400}") {
        name::check(data.as_bytes());
    }
}
