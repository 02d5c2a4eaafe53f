//! Whatever a stranger writes into `Forwarded` and `X-Forwarded-For`, who is behind us learns the stranger's
//! address from us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use access::{Network, Trust, TrustedField};
use message::{Fields, HeaderName, HeaderValue};

/// Fails if a stranger can be taken for somebody else.
pub(crate) fn check(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let us = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    for stranger in [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        for field in [TrustedField::XForwardedFor, TrustedField::Forwarded] {
            let trust = Trust { proxies: Network::parse("10.0.0.0/8").into_iter().collect(), field };
            let mut fields = forged(&value);
            assert_eq!(trust.client(stranger, &fields), stranger, "who is not trusted is not believed");
            trust.tell(Some(SocketAddr::new(stranger, 1)), &mut fields);
            assert_eq!(trust.client(us, &fields), stranger, "{field:?}: what we tell is what is read");
            // Of one who is trusted anything may be heard, as long as it is an address.
            let _ = trust.client(us, &forged(&value));
        }
    }
}

fn forged(value: &HeaderValue) -> Fields {
    let mut fields = Fields::new();
    for name in ["forwarded", "x-forwarded-for", "x-real-ip"] {
        fields.append(HeaderName::from_static(name), value.clone());
    }
    fields
}
