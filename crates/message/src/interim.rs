//! Interim responses (RFC 9110 §15.2): what is said of a request before its answer.

use std::fmt::Debug;

use http::StatusCode;

use crate::fields::Fields;

/// Who hears the interim responses to a request, such as 103 (Early Hints, RFC 8297).
///
/// Whoever forwards a request forwards these, too, and so hands a hearer on with it. One that comes when the answer
/// is there already is dropped.
pub trait HearInterim: Debug + Send + Sync {
    /// Takes one, which does not block. 100 (Continue) and 101 (Switching Protocols) are about one connection and are
    /// never among them.
    fn hear(&self, status: StatusCode, fields: Fields);
}
