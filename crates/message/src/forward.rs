//! What a proxy does to every message that it forwards (RFC 9110 §7.6), and whom it asks again.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{DATE, HOST};
use http::{HeaderName, Method, StatusCode};

use crate::failure::{Failure, FailureKind};
use crate::field::date::HttpDate;
use crate::field::via;
use crate::fields::Fields;
use crate::hop::remove_hop_by_hop;
use crate::interim::HearInterim;
use crate::response::Response;

static MAX_FORWARDS: HeaderName = HeaderName::from_static("max-forwards");

/// The name of a proxy in `Via` (RFC 9110 §7.6.3), by which it knows what has been through it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pseudonym(Arc<str>);

impl Pseudonym {
    /// Of one of several proxies that are Sockets: requests may go through more than one of them.
    #[must_use]
    pub fn unique(number: u64) -> Self {
        Self(format!("sockets-{number:016x}").into())
    }

    /// The name, a token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Pseudonym {
    fn default() -> Self {
        Self("Sockets".into())
    }
}

/// The fields of a request as they go on: without what was for this hop, with us in `Via`. `Host` is made
/// anew by the client side, from the target that is asked (RFC 9112 §3.2.2).
#[must_use]
pub fn outbound(fields: &Fields, pseudonym: &Pseudonym) -> Fields {
    let mut fields = fields.clone();
    remove_hop_by_hop(&mut fields);
    fields.remove(&HOST);
    via::append(&mut fields, pseudonym.as_str());
    fields
}

/// The fields of a response as they go on, and may be stored.
pub fn inbound(fields: &mut Fields, pseudonym: &Pseudonym, received_at: SystemTime) {
    remove_hop_by_hop(fields);
    via::append(fields, pseudonym.as_str());
    // RFC 9110 §6.6.1: who has a clock, and gets a response without Date, adds it.
    if !fields.contains(&DATE) {
        fields.set(DATE, HttpDate::from(received_at).to_value());
    }
}

/// Who hears the interim responses to a request as it goes on, for `client`, who hears those to it as it came.
#[must_use]
pub fn interims(client: Option<Arc<dyn HearInterim>>, pseudonym: &Pseudonym) -> Option<Arc<dyn HearInterim>> {
    let onward = |client| Arc::new(Onward { client, pseudonym: pseudonym.clone() }) as Arc<dyn HearInterim>;
    client.map(onward)
}

/// Forwards interim responses (RFC 9110 §15.2). They are responses, so that what is done to these is done to them.
#[derive(Debug)]
struct Onward {
    client: Arc<dyn HearInterim>,
    pseudonym: Pseudonym,
}

impl HearInterim for Onward {
    fn hear(&self, status: StatusCode, mut fields: Fields) {
        remove_hop_by_hop(&mut fields);
        via::append(&mut fields, self.pseudonym.as_str());
        self.client.hear(status, fields);
    }
}

/// A request that has come through here already would go round for ever (RFC 9110 §7.6.3).
///
/// # Errors
/// [`FailureKind::ProxyLoopDetected`]
pub fn check_loop(fields: &Fields, pseudonym: &Pseudonym) -> Result<(), Failure> {
    if !via::names(fields, pseudonym.as_str()) {
        return Ok(());
    }
    let detail = format!("the request has been through {} before (see Via)", pseudonym.as_str());
    Err(Failure::before_sending(FailureKind::ProxyLoopDetected, detail))
}

/// Whether another server that holds the same may do better than the one whose answer this is: it lies in the
/// server or on the way to it, and neither in the request nor here.
#[must_use]
pub fn is_worth_another(outcome: &Result<Response, Failure>) -> bool {
    match outcome {
        Ok(response) => is_out_of_order(response.status),
        Err(failure) => failure.kind().is_of_upstream(),
    }
}

/// Whether a server that answers so is out of order, or says so of whom it asks.
fn is_out_of_order(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
        || status.as_u16() == 523
}

/// RFC 9110 §7.6.2: `Max-Forwards` counts the proxies that TRACE and OPTIONS may pass. At zero the answer
/// is ours; else it is one less from here on.
#[must_use]
pub fn count_forwards(method: &Method, fields: &mut Fields) -> Option<Response> {
    if *method != Method::TRACE && *method != Method::OPTIONS {
        return None;
    }
    let left = fields.text(&MAX_FORWARDS)?.parse::<u32>().ok()?;
    if let Some(left) = left.checked_sub(1) {
        fields.set(MAX_FORWARDS.clone(), left.into());
        return None;
    }
    if *method == Method::OPTIONS {
        return Some(Response::new(StatusCode::NO_CONTENT));
    }
    // To send a request back to whom it came from may show what is not for them (§9.3.8).
    Some(Response::text(StatusCode::NOT_IMPLEMENTED, "This proxy does not answer TRACE itself.\n"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{CONNECTION, VIA};

    use super::*;

    fn us() -> Pseudonym {
        Pseudonym::default()
    }

    fn fields(lines: &[(&'static str, &'static str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn section_7_6_1_nothing_that_was_for_one_hop_goes_on() {
        let request = fields(&[
            ("connection", "x"),
            ("x", "1"),
            ("te", "trailers"),
            ("host", "a"),
            ("via", "1.0 other"),
            ("y", "2"),
        ]);
        let request = outbound(&request, &us());
        assert!(![CONNECTION, HOST, HeaderName::from_static("x")].iter().any(|name| request.contains(name)));
        let via: Vec<_> = request.lines(&VIA).collect();
        assert_eq!(via, ["1.0 other", "1.1 Sockets"]);
        assert_eq!(request.text(&HeaderName::from_static("y")), Some("2"));
    }

    #[test]
    fn section_6_6_1_a_date_is_added_where_there_is_none() {
        let mut response = Fields::new();
        inbound(&mut response, &us(), SystemTime::UNIX_EPOCH);
        assert_eq!(response.text(&DATE), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        let mut response = fields(&[("date", "as it came"), ("connection", "close")]);
        inbound(&mut response, &us(), SystemTime::UNIX_EPOCH);
        assert_eq!(response.text(&DATE), Some("as it came"));
        assert_eq!(response.len(), 2);
    }

    #[test]
    fn section_7_6_3_a_loop_is_found() {
        assert!(check_loop(&fields(&[("via", "1.1 a, 1.1 b (Sockets)")]), &us()).is_ok());
        let failure = check_loop(&fields(&[("via", "1.1 a, 1.1 sockets (x)")]), &us()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::ProxyLoopDetected);
    }

    #[test]
    fn section_7_6_2_max_forwards_is_counted_for_trace_and_options_only() {
        let mut request = fields(&[("max-forwards", "1")]);
        assert!(count_forwards(&Method::TRACE, &mut request).is_none());
        assert_eq!(request.text(&MAX_FORWARDS), Some("0"));
        let status =
            |method, request: &mut Fields| count_forwards(&method, request).map(|r| r.status.as_u16());
        assert_eq!(status(Method::TRACE, &mut request), Some(501));
        assert_eq!(status(Method::OPTIONS, &mut request), Some(204));
        assert_eq!(status(Method::GET, &mut request), None);
        assert_eq!(status(Method::OPTIONS, &mut fields(&[("max-forwards", "x")])), None);
    }
}
