//! `cargo fuzz run forwarded`: looks for input that breaks the property.

#![no_main]

#[path = "../properties/forwarded.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
