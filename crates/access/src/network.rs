//! Who may ask, by address.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// How many bits of an IPv6 address are before the IPv4 address in it (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A range of addresses, or one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// Text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANetwork {
    /// It is neither an address nor a range of them.
    #[error("{0:?} is not a network: write 192.0.2.7, 192.0.2.0/24, ::1 or 2001:db8::/32")]
    Form(String),
    /// The address has bits that the length leaves out, so that more is meant than is written, or less.
    #[error("{text:?} is not a network: did you mean {network}, or {address} alone?")]
    Bits {
        /// As it was written.
        text: String,
        /// The whole network.
        network: IpNet,
        /// The one address.
        address: IpAddr,
    },
}

/// Which addresses may ask. Nobody is kept out unless something is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// If there are any, all others may not.
    pub allow: Vec<Network>,
    /// These may not, whether they are allowed or not.
    pub deny: Vec<Network>,
}

impl Network {
    /// Takes an address or a range such as `192.0.2.0/24`.
    ///
    /// # Errors
    /// If it is neither, or if bits are set that its length leaves out.
    pub fn parse(text: &str) -> Result<Self, NotANetwork> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address.to_canonical())));
        }
        let network: IpNet = text.parse().map_err(|_| NotANetwork::Form(text.to_owned()))?;
        if network.trunc() != network {
            let (network, address) = (network.trunc(), network.addr());
            return Err(NotANetwork::Bits { text: text.to_owned(), network, address });
        }
        Ok(Self(unmapped(network)))
    }

    /// Whether that address is in it. A listener for both families shows IPv4 addresses within IPv6 ones: they
    /// are what they are ([`IpAddr::to_canonical`]).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Networks {
    /// Whether who is at that address may ask. `None`, this process itself, may unless only some may.
    #[must_use]
    pub fn admit(&self, address: Option<IpAddr>) -> bool {
        if self.allow.is_empty() && self.deny.is_empty() {
            return true;
        }
        let Some(address) = address else { return self.allow.is_empty() };
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        !is_in(&self.deny) && (self.allow.is_empty() || is_in(&self.allow))
    }
}

/// A network of IPv4 addresses that were written as IPv6 ones, as what it is.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let within = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    let v4 = within.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(allow: &[&str], deny: &[&str]) -> Networks {
        let parse = |texts: &[&str]| texts.iter().map(|text| Network::parse(text).unwrap()).collect();
        Networks { allow: parse(allow), deny: parse(deny) }
    }

    fn admits(networks: &Networks, address: &str) -> bool {
        networks.admit(Some(address.parse().unwrap()))
    }

    #[test]
    fn who_is_not_allowed_may_not_and_who_is_denied_never_may() {
        for (allow, deny, address, expected) in [
            (&[][..], &[][..], "203.0.113.9", true),
            (&["192.0.2.0/24"], &[], "192.0.2.255", true),
            (&["192.0.2.0/24"], &[], "192.0.3.0", false),
            (&["192.0.2.0/24", "2001:db8::/32"], &[], "2001:db8:1::1", true),
            (&["192.0.2.0/24", "2001:db8::/32"], &[], "2001:db9::1", false),
            (&["192.0.2.0/24"], &["192.0.2.7"], "192.0.2.7", false),
            (&["192.0.2.0/24"], &["192.0.2.7"], "192.0.2.8", true),
            (&["192.0.2.7"], &["192.0.2.0/24"], "192.0.2.7", false),
            (&[], &["192.0.2.0/24"], "192.0.2.7", false),
            (&[], &["192.0.2.0/24"], "::1", true),
            (&[], &["0.0.0.0/0"], "::1", true),
            (&[], &["0.0.0.0/0", "::/0"], "::1", false),
            (&["127.0.0.1"], &[], "::1", false),
            // The same addresses as a listener for both families has them.
            (&["192.0.2.0/24"], &[], "::ffff:192.0.2.9", true),
            (&[], &["192.0.2.9"], "::ffff:192.0.2.9", false),
            (&["::ffff:192.0.2.0/120"], &[], "192.0.2.9", true),
            (&["::ffff:192.0.2.9"], &[], "192.0.2.9", true),
        ] {
            let all = networks(allow, deny);
            assert_eq!(admits(&all, address), expected, "{address}: allow {allow:?}, deny {deny:?}");
        }
    }

    #[test]
    fn this_process_may_unless_only_some_may() {
        assert!(Networks::default().admit(None));
        assert!(networks(&[], &["0.0.0.0/0"]).admit(None));
        assert!(!networks(&["127.0.0.1"], &[]).admit(None));
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        for text in ["", "localhost", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "[::1]", "192.0.2.1:80", "*"] {
            let fault = Network::parse(text).unwrap_err().to_string();
            assert!(fault.contains("192.0.2.0/24"), "{fault}");
        }
        let fault = Network::parse("10.1.2.3/8").unwrap_err().to_string();
        assert!(fault.contains("10.0.0.0/8, or 10.1.2.3 alone"), "{fault}");
        assert_eq!(Network::parse("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(Network::parse("::1").unwrap().to_string(), "::1/128");
    }
}
