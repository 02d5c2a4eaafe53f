//! The rules of the house, as tests of the whole workspace. Nothing to import.
#![forbid(unsafe_code)]
