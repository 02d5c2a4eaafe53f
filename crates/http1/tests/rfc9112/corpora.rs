//! Every file of the fuzz corpora, through its property.

use std::fs;
use std::path::Path;

use crate::{chunked, head, response};

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
fn request_heads() {
    check_all("head", head::check);
}

#[test]
fn responses() {
    check_all("response", response::check);
}

#[test]
fn chunked_bodies() {
    check_all("chunked", chunked::check);
}
