//! `cargo fuzz run metalink`: looks for input that breaks the property.

#![no_main]

#[path = "../properties/metalink.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
