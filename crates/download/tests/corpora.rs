//! What the fuzzers look for, checked on their seeds and on what proptest makes up.
#![cfg(test)]

use proptest::prelude::*;

#[path = "../../../fuzz/properties/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/properties/metalink.rs"]
mod metalink;
#[expect(unreachable_pub, reason = "the fuzz target uses it too")]
#[path = "../../../fuzz/properties/name.rs"]
mod name;

#[test]
fn the_corpus_of_names_holds() {
    corpus::check_all("name", name::check);
}

#[test]
fn the_corpus_of_metalinks_holds() {
    corpus::check_all("metalink", metalink::check);
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
