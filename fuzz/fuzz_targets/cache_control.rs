//! `cargo fuzz run cache_control`: looks for input that breaks the property.

#![no_main]

#[path = "../properties/cache_control.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
