//! `cargo fuzz run accept_encoding`: looks for input that breaks the property.

#![no_main]

#[path = "../properties/accept_encoding.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
