//! Bodies that arrive once and go to many, in any order: whole ones, and parts of them.
//!
//! A body that is arriving is a file and the set of its bytes that are there ([`growing`]). What writes to
//! it are *courses*, each of which is one response of the origin: the first one, and range requests of our
//! own for what somebody waits for ([`course`]). What is to be fetched next is decided from three values:
//! what is there, what is coming, and who wants what ([`demand`]). One task per body does it and puts away
//! what there is at the end ([`filling`]); everybody else only reads the file ([`reader`]).

pub(crate) mod course;
pub(crate) mod demand;
pub(crate) mod filling;
pub(crate) mod gather;
pub(crate) mod growing;
pub(crate) mod reader;
mod window;
