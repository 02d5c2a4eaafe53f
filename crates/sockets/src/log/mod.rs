//! What is told of the work: events for the person who runs the program, and a line for each request.

pub(crate) mod access;
mod combined;
pub(crate) mod escape;
pub(crate) mod events;
mod figure;
mod json;
pub(crate) mod logs;
pub(crate) mod sink;
