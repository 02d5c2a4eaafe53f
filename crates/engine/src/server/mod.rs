//! The side that is asked.

pub mod announcement;
pub mod answer;
pub mod clients;
mod early;
mod http1;
pub mod refusals;
mod request_body;
pub mod serve;
pub mod terms;
mod tunnel;
