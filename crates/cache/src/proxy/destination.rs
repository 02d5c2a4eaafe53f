//! Where a forward proxy may lead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use access::network::Network;
use message::{Failure, FailureKind};

/// Addresses that mean another place for each who asks: this machine, this network, nobody. From the IANA
/// special-purpose registries (RFC 6890), without those that are anybody's to use.
static OURS: LazyLock<Vec<Network>> = LazyLock::new(|| {
    let texts = [
        "0.0.0.0/8",      // this network (RFC 791)
        "10.0.0.0/8",     // private (RFC 1918)
        "100.64.0.0/10",  // shared (RFC 6598)
        "127.0.0.0/8",    // loopback (RFC 1122)
        "169.254.0.0/16", // link-local (RFC 3927), where clouds keep their metadata
        "172.16.0.0/12",  // private (RFC 1918)
        "192.0.0.0/24",   // protocol assignments (RFC 6890)
        "192.168.0.0/16", // private (RFC 1918)
        "198.18.0.0/15",  // benchmarks (RFC 2544)
        "224.0.0.0/3",    // multicast, reserved, broadcast (RFC 1112, RFC 8190)
        "::/128",         // unspecified (RFC 4291)
        "::1/128",        // loopback (RFC 4291)
        "64:ff9b:1::/48", // local translation (RFC 8215)
        "100::/64",       // discard (RFC 6666)
        "fc00::/7",       // unique local (RFC 4193)
        "fe80::/9",       // link-local and site-local (RFC 4291, RFC 3879)
        "ff00::/8",       // multicast (RFC 4291)
    ];
    texts.iter().filter_map(|text| Network::parse(text).ok()).collect()
});

/// Where a forward proxy may lead besides public addresses.
///
/// Clients on this machine may be led back to it, if they ask for it by a name or address that can mean
/// nothing else. So the owner of a public name gains nothing by having it point here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Networks that are nobody's business outside, and still may be reached.
    pub allow: Vec<Network>,
}

impl Destinations {
    /// Whether a connection to that address may be made for a host that was asked for by this name. To be
    /// asked for the address that is really connected to, after the name was looked up.
    #[must_use]
    pub fn permit(&self, host: &str, address: IpAddr) -> bool {
        let address = inner(address);
        self.is_allowed(address) || (address.is_loopback() && is_here(host))
    }

    /// Whether a client may ask for that host, as far as the name alone tells.
    ///
    /// # Errors
    /// [`FailureKind::DestinationIpProhibited`]
    pub(crate) fn judge(&self, host: &str, client: Option<IpAddr>) -> Result<(), Failure> {
        let is_local_client = client.is_none_or(|client| client.to_canonical().is_loopback());
        let permitted = match host.parse().map(inner) {
            Ok(address) if address.is_loopback() => is_local_client || self.is_allowed(address),
            Ok(address) => self.is_allowed(address),
            Err(_) if is_here(host) => is_local_client || self.is_allowed(Ipv4Addr::LOCALHOST.into()),
            Err(_) => true, // what it leads to is asked when that is known
        };
        if permitted { Ok(()) } else { Err(prohibited(host)) }
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        !is_in(&OURS) || is_in(&self.allow)
    }
}

fn prohibited(host: &str) -> Failure {
    let detail = format!("{host} is not public: its owner allows it with --allow-dest");
    Failure::before_sending(FailureKind::DestinationIpProhibited, detail)
}

/// Whether a host is this machine for everybody who asks (RFC 6761 §6.3).
fn is_here(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address| inner(address).is_loopback())
}

/// The address that packets go to in the end: an IPv6 address may be that of a translator or a tunnel, with
/// an IPv4 address in it.
fn inner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => embedded(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0x64, 0xff9b, 0, 0, 0, 0) => Some(of(high, low)), // RFC 6052 §2.1
        (0x2002, ..) => Some(of(b, c)),                    // RFC 3056 §2
        // RFC 4291 §2.5.5.1, deprecated; :: and ::1 are none.
        (0, 0, 0, 0, 0, 0) if high != 0 => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(allow: &[&str]) -> Destinations {
        Destinations { allow: allow.iter().map(|text| Network::parse(text).unwrap()).collect() }
    }

    #[test]
    fn every_network_that_is_ours_was_read() {
        assert_eq!(OURS.len(), 17);
    }

    #[test]
    fn a_name_leads_to_public_addresses_only() {
        let none = destinations(&[]);
        for address in
            ["93.184.215.14", "2606:2800:21f:cb07::1", "192.0.1.1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
        {
            assert!(none.permit("a.test", address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!none.permit("a.test", address.parse().unwrap()), "{address}");
        }
        let some = destinations(&["10.1.0.0/16", "fd12::/16"]);
        for (address, expected) in
            [("10.1.2.3", true), ("10.2.0.1", false), ("fd12::1", true), ("127.0.0.1", false)]
        {
            assert_eq!(some.permit("a.test", address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn this_machine_is_reached_by_its_own_names_only() {
        let none = destinations(&[]);
        for host in ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "::1"] {
            assert!(none.permit(host, IpAddr::V4(Ipv4Addr::LOCALHOST)), "{host}");
        }
        assert!(!none.permit("rebound.test", IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!none.permit("localhost", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn this_machine_is_for_clients_on_it() {
        let judged = |allow: &[&str], host: &str, client: &str| {
            destinations(allow).judge(host, Some(client.parse().unwrap())).is_ok()
        };
        for host in ["localhost", "x.localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(judged(&[], host, "127.0.0.1"), "{host}");
            assert!(judged(&[], host, "::ffff:127.0.0.1"), "{host}");
            assert!(!judged(&[], host, "192.0.2.1"), "{host}");
            assert!(judged(&["127.0.0.0/8", "::1"], host, "192.0.2.1"), "{host}");
        }
        assert!(!judged(&[], "10.0.0.1", "127.0.0.1"), "another machine is not this one");
        assert!(judged(&["10.0.0.0/8"], "10.0.0.1", "192.0.2.1"));
        assert!(judged(&[], "a.test", "192.0.2.1"), "asked when it is known");
        let failure = destinations(&[]).judge("10.0.0.1", None).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::DestinationIpProhibited);
        assert!(failure.to_string().contains("--allow-dest"), "{failure}");
    }
}
