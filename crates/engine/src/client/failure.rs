//! Why there is no connection, in the words of RFC 9209.

use message::{Failure, FailureKind};
use net::dial::DialFault;

/// RFC 9209 §2.3 for what can go wrong before there is a connection.
pub(crate) fn failure_of(fault: &DialFault) -> Failure {
    let kind = match fault {
        DialFault::NameNotFound { .. } | DialFault::NameLookup { .. } => FailureKind::DnsError,
        DialFault::Prohibited { .. } => FailureKind::DestinationIpProhibited,
        DialFault::Refused { .. } => FailureKind::ConnectionRefused,
        // No address was known yet: it was the name that took so long.
        DialFault::TimedOut { tried, .. } if tried.addresses.is_empty() => FailureKind::DnsTimeout,
        DialFault::TimedOut { .. } => FailureKind::ConnectionTimeout,
        DialFault::DescriptorLimit { .. } => FailureKind::ConnectionLimitReached,
        DialFault::Unreachable { .. } | DialFault::Other { .. } => FailureKind::DestinationIpUnroutable,
    };
    Failure::before_sending(kind, fault.to_string())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use net::dial::Tried;

    use super::*;

    #[test]
    fn a_dial_that_failed_is_named_as_in_rfc_9209() {
        let tried = |addresses: &[&str]| Tried {
            host: "a.test".to_owned(),
            port: 80,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        };
        let (host, after) = ("a.test".to_owned(), Duration::from_secs(1));
        let (known, error) = (tried(&["192.0.2.1:80"]), || io::Error::other("why"));
        for (fault, kind) in [
            (DialFault::NameNotFound { host: host.clone() }, FailureKind::DnsError),
            (DialFault::NameLookup { host, error: error() }, FailureKind::DnsError),
            (DialFault::TimedOut { tried: tried(&[]), after }, FailureKind::DnsTimeout),
            (DialFault::TimedOut { tried: known.clone(), after }, FailureKind::ConnectionTimeout),
            (DialFault::Prohibited { host: "a.test".to_owned() }, FailureKind::DestinationIpProhibited),
            (DialFault::Refused { tried: known.clone() }, FailureKind::ConnectionRefused),
            (
                DialFault::Unreachable { tried: known.clone(), error: error() },
                FailureKind::DestinationIpUnroutable,
            ),
            (
                DialFault::DescriptorLimit { tried: known, error: error() },
                FailureKind::ConnectionLimitReached,
            ),
        ] {
            let failure = failure_of(&fault);
            assert_eq!((failure.kind(), failure.retry_safe()), (kind, true), "{fault}");
        }
    }
}
