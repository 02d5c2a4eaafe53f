//! Every file of the fuzz corpora, through its property.

use crate::corpus::check_all;
use crate::{chunked, head, response};

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
