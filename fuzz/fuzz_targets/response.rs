//! `cargo fuzz run response`: looks for input that breaks the property.

#![no_main]

#[path = "../properties/drive.rs"]
#[expect(dead_code, reason = "shared by three properties")]
mod drive;
#[path = "../properties/response.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
