//! `cargo fuzz run head`: looks for input that breaks the property.

#![no_main]

#[path = "../properties/drive.rs"]
#[expect(dead_code, reason = "shared by three properties")]
mod drive;
#[path = "../properties/head.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
