//! RFC 9112 from the outside: every rule and every offence over the public API.
#![cfg(test)]

mod corpora;
mod cuts;
mod exchange;
mod requests;
mod responses;
mod second_opinion;
mod sending;

#[path = "../../../../fuzz/properties/chunked.rs"]
mod chunked;
#[path = "../../../../fuzz/properties/corpus.rs"]
mod corpus;
#[path = "../../../../fuzz/properties/drive.rs"]
mod drive;
#[path = "../../../../fuzz/properties/head.rs"]
mod head;
#[path = "../../../../fuzz/properties/response.rs"]
mod response;
