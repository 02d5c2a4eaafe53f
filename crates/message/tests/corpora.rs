//! Runs every file of the fuzz corpora through its property.
#![cfg(test)]

use corpus::check_all;

#[path = "../../../fuzz/properties/accept_encoding.rs"]
mod accept_encoding;
#[path = "../../../fuzz/properties/cache_control.rs"]
mod cache_control;
#[path = "../../../fuzz/properties/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/properties/digest.rs"]
mod digest;
#[path = "../../../fuzz/properties/range.rs"]
mod range;

#[test]
fn range() {
    check_all("range", range::check);
}

#[test]
fn cache_control() {
    check_all("cache_control", cache_control::check);
}

#[test]
fn accept_encoding() {
    check_all("accept_encoding", accept_encoding::check);
}

#[test]
fn digest() {
    check_all("digest", digest::check);
}
