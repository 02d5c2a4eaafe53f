//! A directory and all that lies beneath it as one stream of bytes, made while it is sent.
//!
//! An archive holds what would be served and can be read when its turn comes. A file that vanishes or
//! becomes shorter before that is left out; one that becomes shorter afterwards breaks the message off
//! (RFC 9112 §8), as does whatever else would make the archive incomplete. Nothing is ever padded.

pub(crate) mod descent;
pub(crate) mod fault;
pub(crate) mod pack;
pub(crate) mod packer;
pub(crate) mod tar;
pub(crate) mod zip;
pub(crate) mod zip_record;
