//! RFC 9110: HTTP as values.
//!
//! This crate holds what every role and both directions of every protocol agree on: requests,
//! responses, their fields and bodies, and the judgements of RFC 9110 that need nothing but values
//! (preconditions, ranges, what a proxy does to a message that it forwards).
//!
//! What it does *not* do: it opens no socket, asks for no time, knows no runtime and no wire. It never
//! turns a message into bytes (that is `http1`'s work) and never decides what to answer (the roles').
//! Two things it asks of the system: [`FileSlice::read_at`](body::FileSlice::read_at), a `pread(2)` on a
//! file that somebody else opened; and for the boundary between the parts of a
//! [`partial`] answer the random keys of the standard library's hash.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod body;
pub mod failure;
pub mod field;
pub mod fields;
pub mod forward;
pub mod hop;
pub mod hosts;
pub mod interim;
mod multipart;
pub mod partial;
pub mod precondition;
pub mod request;
pub mod response;
pub mod service;
pub mod spans;
pub mod target;
pub mod version;

pub use body::{Body, BodyStream, FileSlice, Segment, Source};
pub use failure::{Failure, FailureKind};
pub use fields::Fields;
pub use http::{HeaderName, HeaderValue, Method, StatusCode, header};
pub use interim::HearInterim;
pub use request::Request;
pub use response::Response;
pub use service::Service;
pub use spans::Spans;
pub use target::{Authority, PathAndQuery, Scheme, Target};
