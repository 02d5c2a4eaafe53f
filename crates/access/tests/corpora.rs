//! What the fuzzers look for, checked on their seeds.
#![cfg(test)]

#[path = "../../../fuzz/properties/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/properties/forwarded.rs"]
mod forwarded;

#[test]
fn who_is_told_of_holds() {
    corpus::check_all("forwarded", forwarded::check);
}
