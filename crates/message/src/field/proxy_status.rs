//! `Proxy-Status` (RFC 9209): why an intermediary has no better answer.

use std::fmt;

use http::HeaderName;

use crate::failure::Failure;
use crate::field::structured::Item;
use crate::fields::Fields;

/// The field's name.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What one intermediary has to say of a response.
#[derive(Clone, Debug)]
pub struct ProxyStatus(Item);

impl ProxyStatus {
    /// That the intermediary named `proxy` made the response itself, because of `failure` (§2.1.1),
    /// with the failure's detail (§2.1.5).
    #[must_use]
    pub fn of(proxy: &str, failure: &Failure) -> Self {
        let item = Item::new(proxy).token_or_string("error", failure.kind().name());
        Self(if failure.detail().is_empty() { item } else { item.string("details", failure.detail()) })
    }

    /// Adds it after what intermediaries nearer to the origin have said (§2).
    pub fn append_to(self, fields: &mut Fields) {
        self.0.append_to(fields, PROXY_STATUS);
    }
}

impl fmt::Display for ProxyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn a_failure_is_told_as_9209_2_1_says() {
        let mut fields = Fields::new();
        let failure = Failure::new(FailureKind::ConnectionRefused, "nobody listens on \"a\":80");
        ProxyStatus::of("Sockets", &failure).append_to(&mut fields);
        let line = fields.get(&PROXY_STATUS).unwrap();
        assert_eq!(line, r#"Sockets;error=connection_refused;details="nobody listens on \"a\":80""#);
        let failure = Failure::new(FailureKind::DnsError, "");
        assert_eq!(ProxyStatus::of("Sockets", &failure).to_string(), "Sockets;error=dns_error");
    }
}
