//! Runs every file of the fuzz corpora through its property.
#![cfg(test)]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/properties/accept_encoding.rs"]
mod accept_encoding;
#[path = "../../../fuzz/properties/cache_control.rs"]
mod cache_control;
#[path = "../../../fuzz/properties/digest.rs"]
mod digest;
#[path = "../../../fuzz/properties/range.rs"]
mod range;

fn check_all(corpus: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(corpus);
    let mut checked = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(path).unwrap());
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} files in {corpus}");
}

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
