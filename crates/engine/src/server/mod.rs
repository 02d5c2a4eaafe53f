//! The side that is asked.

pub mod answer;
mod http1;
mod request_body;
pub mod serve;
pub mod terms;
