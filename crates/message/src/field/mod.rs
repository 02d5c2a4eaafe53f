//! Fields that more than one role reads or writes, parsed strictly and written canonically.

pub mod basic;
pub mod cache_control;
pub mod cache_status;
pub mod coding;
pub mod date;
pub mod decimal;
mod dictionary;
pub mod digest;
pub mod etag;
pub mod list;
pub mod proxy_status;
pub mod quoted;
pub mod range;
mod structured;
pub mod targeted;
pub(crate) mod value;
pub mod via;
pub mod weight;
