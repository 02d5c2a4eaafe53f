//! Where a role can be reached, said to people.

use std::io::{IsTerminal, Write, stderr};
use std::net::{IpAddr, SocketAddr};

use crate::role::qr;
use crate::role::running::Running;

/// Most addresses of this machine that are listed. One with many has a list of its own.
const LISTED_MAX: usize = 8;

/// Says on stderr what is there: one line per listener, with its URL; out means ready. Below it the URLs for
/// others in the same network, and a QR code of the first one if that is wanted.
pub(crate) fn announce(role: &Running) {
    let mut text = String::new();
    for address in &role.stand.addresses {
        text.push_str(&format!("sockets: {} at {}\n", role.what, url(*address)));
    }
    if let Some((stand, what)) = &role.also {
        for address in &stand.addresses {
            text.push_str(&format!("sockets: {what} at {}\n", url(*address)));
        }
    }
    let others = elsewhere(&role.stand.addresses, &interfaces());
    for url in &others {
        text.push_str(&format!("sockets:   for others in your network: {url}\n"));
    }
    if role.qr {
        let shown =
            others.first().cloned().or_else(|| role.stand.addresses.first().map(|address| url(*address)));
        text.push_str(&shown.and_then(|url| qr::code(&url, stderr().is_terminal())).unwrap_or_default());
    }
    // In one piece: whoever reads the first line may rely on the others. Where stderr is closed there is nobody.
    let _ = stderr().write_all(text.as_bytes());
}

/// The URL of a listener, for this machine.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}/", address.port())
    } else {
        format!("http://{address}/")
    }
}

/// The URLs for other machines of those listeners that listen on all addresses: at each of the machine's `own`.
fn elsewhere(listeners: &[SocketAddr], own: &[IpAddr]) -> Vec<String> {
    let of_all = listeners.iter().filter(|listener| listener.ip().is_unspecified());
    let urls = of_all.flat_map(|listener| {
        let reached = own.iter().filter(|address| listener.is_ipv6() || address.is_ipv4());
        reached.map(|address| url(SocketAddr::new(*address, listener.port())))
    });
    urls.take(LISTED_MAX).collect()
}

/// The addresses under which others know this machine: IPv4 first, which people find easier to type. None if the
/// system does not say. Those of one link (RFC 4291 §2.5.6) mean nothing without the name of an interface.
fn interfaces() -> Vec<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<IpAddr> = all
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn others_reach_what_listens_on_all_addresses_at_each_of_them() {
        let own: Vec<IpAddr> = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().unwrap()).to_vec();
        for (at, expected) in [
            (&["[::]:8000"][..], &["http://192.0.2.7:8000/", "http://[2001:db8::7]:8000/"][..]),
            (&["0.0.0.0:80"], &["http://192.0.2.7:80/"]),
            (&["127.0.0.1:80", "[::1]:80"], &[]),
            (&["192.0.2.7:80"], &[]),
        ] {
            assert_eq!(elsewhere(&listeners(at), &own), expected, "{at:?}");
        }
    }

    #[test]
    fn a_machine_with_many_addresses_does_not_fill_the_screen() {
        let own: Vec<IpAddr> = (0..100).map(|last| IpAddr::from([192, 0, 2, last])).collect();
        assert_eq!(elsewhere(&listeners(&["[::]:1"]), &own).len(), LISTED_MAX);
    }

    #[test]
    fn this_machine_is_called_localhost() {
        assert_eq!(url(listeners(&["[::]:8000"])[0]), "http://localhost:8000/");
        assert_eq!(url(listeners(&["[::1]:8000"])[0]), "http://[::1]:8000/");
    }
}
