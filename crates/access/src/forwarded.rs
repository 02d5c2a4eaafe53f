//! Who asks, where a proxy stands before us: what it says of its client (`Forwarded`, RFC 7239, and
//! `X-Forwarded-For`, which most send), believed of those we trust and of nobody else.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderName, HeaderValue};
use message::field::{list, quoted};
use message::fields::Fields;

use crate::network::Network;

static FORWARDED: HeaderName = HeaderName::from_static("forwarded");
static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// All that says something of who asked a proxy before us, and how.
static TOLD: [HeaderName; 6] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-real-ip"),
];

/// Most proxies of a chain that are looked at.
pub const PROXIES_MAX: usize = 32;

/// Whose word counts about who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Where the proxies are that are believed.
    pub proxies: Vec<Network>,
    /// Where they write it. Only one of the two is looked at: a proxy that writes the one passes on what a
    /// stranger wrote into the other.
    pub field: TrustedField,
}

/// The field in which proxies tell who asked them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustedField {
    /// `X-Forwarded-For`: addresses, the nearest last.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239 §4).
    Forwarded,
}

impl Trust {
    /// Whether a peer is a proxy that is believed.
    #[must_use]
    pub fn believes(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Who asks: the nearest address that is none of a proxy we believe. What cannot be read ends the
    /// chain; the last proxy before it is then who asks.
    #[must_use]
    pub fn client(&self, peer: IpAddr, fields: &Fields) -> IpAddr {
        if !self.believes(peer) {
            return peer.to_canonical();
        }
        let mut client = peer.to_canonical();
        for told in self.chain(fields).into_iter().rev().take(PROXIES_MAX) {
            let Some(told) = told else { break };
            client = told.to_canonical();
            if !self.believes(client) {
                break;
            }
        }
        client
    }

    /// The addresses in the order of the field; `None` for one that is hidden, or none.
    fn chain(&self, fields: &Fields) -> Vec<Option<IpAddr>> {
        match self.field {
            TrustedField::XForwardedFor => list::tokens(fields, &FOR).map(node).collect(),
            TrustedField::Forwarded => {
                let elements = list::of(fields, &FORWARDED);
                elements.map(|element| node(&for_of(element.ok()?)?)).collect()
            }
        }
    }

    /// Makes a request tell who asked us, for the next server: behind what a believed proxy has told, in the
    /// place of what anybody else has.
    ///
    /// The host that was asked is passed on only as such a proxy tells it. What we were asked ourselves is
    /// anybody's choice, and an origin that makes links of it would have them stored for everybody.
    pub fn tell(&self, peer: Option<SocketAddr>, fields: &mut Fields) {
        let address = peer.map(|peer| peer.ip().to_canonical());
        if !address.is_some_and(|address| self.believes(address)) {
            TOLD.iter().for_each(|name| fields.remove(name));
        }
        let Some(address) = address else { return };
        let text = address.to_string();
        append(fields, &FORWARDED, element(address, &text));
        append(fields, &FOR, text);
        if !fields.contains(&PROTO) {
            fields.set(PROTO.clone(), HeaderValue::from_static("http"));
        }
    }
}

/// RFC 7239 §4: an IPv6 address stands in brackets and quotes.
fn element(address: IpAddr, text: &str) -> String {
    match address {
        IpAddr::V4(_) => ["for=", text, ";proto=http"].concat(),
        IpAddr::V6(_) => ["for=\"[", text, "]\";proto=http"].concat(),
    }
}

/// Adds a member to the field's list. Several lines stay several: their order is that of the list.
fn append(fields: &mut Fields, name: &HeaderName, member: String) {
    if let Ok(value) = HeaderValue::try_from(member) {
        fields.append(name.clone(), value);
    }
}

/// The value of `for` in an element of `Forwarded`; `None` if the element is none.
fn for_of(element: &[u8]) -> Option<Vec<u8>> {
    let pairs = [b";", element].concat();
    let mut node = None;
    for pair in quoted::parameters(&pairs) {
        let (name, value) = pair.ok()?;
        if name.eq_ignore_ascii_case(b"for") {
            node = Some(value.into_owned());
        }
    }
    node
}

/// The address of a node, with or without a port: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7`,
/// `[2001:db8::7]:80` (RFC 7239 §6).
fn node(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?;
    let bracketed = || text.strip_prefix('[')?.split_once(']').map(|(address, _)| address);
    let without_port = || text.split_once(':').map(|(address, _)| address);
    let readings = [Some(text), bracketed(), without_port()];
    readings.into_iter().flatten().find_map(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    fn trust(field: TrustedField) -> Trust {
        let proxies = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap()).to_vec();
        Trust { proxies, field }
    }

    fn client(field: TrustedField, peer: &str, lines: &[(&'static str, &str)]) -> String {
        trust(field).client(peer.parse().unwrap(), &fields(lines)).to_string()
    }

    #[test]
    fn who_asks_is_the_nearest_that_is_no_proxy_of_ours() {
        for (peer, told, expected) in [
            ("192.0.2.1", "203.0.113.5", "192.0.2.1"), // a stranger is not believed
            ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
            ("::ffff:10.0.0.1", "203.0.113.5", "203.0.113.5"),
            ("10.0.0.1", "198.51.100.1, 203.0.113.5", "203.0.113.5"), // the first is hearsay
            ("10.0.0.1", "198.51.100.1, 203.0.113.5, 10.0.0.2,::1", "203.0.113.5"),
            ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
            ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
            ("10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.5, unknown, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ] {
            let lines = [("x-forwarded-for", told), ("forwarded", "for=198.51.100.99")];
            assert_eq!(client(TrustedField::XForwardedFor, peer, &lines), expected, "{told}");
        }
        let lines = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.5")];
        assert_eq!(client(TrustedField::XForwardedFor, "10.0.0.1", &lines), "203.0.113.5");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_says_it_is_written() {
        for (told, expected) in [
            ("for=203.0.113.5", "203.0.113.5"),
            ("For=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=198.51.100.1;proto=https, for=203.0.113.5;by=10.0.0.1;host=a", "203.0.113.5"),
            ("proto=http;for=203.0.113.5, for=10.0.0.2", "203.0.113.5"),
            ("for=203.0.113.5, for=_hidden", "10.0.0.1"),
            ("for=203.0.113.5, for=unknown, for=10.0.0.2", "10.0.0.2"),
            ("for=203.0.113.5, proto=http", "10.0.0.1"),
            ("for=\"203.0.113.5", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            let lines = [("forwarded", told), ("x-forwarded-for", "198.51.100.99")];
            assert_eq!(client(TrustedField::Forwarded, "10.0.0.1", &lines), expected, "{told}");
        }
    }

    #[test]
    fn a_chain_is_looked_at_so_far_and_no_further() {
        let chain = vec!["10.0.0.2"; PROXIES_MAX].join(",");
        let lines = [("x-forwarded-for", &*format!("203.0.113.5,{chain}"))];
        assert_eq!(client(TrustedField::XForwardedFor, "10.0.0.1", &lines), "10.0.0.2");
    }

    fn told(peer: Option<&str>, lines: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let mut fields = fields(lines);
        trust(TrustedField::XForwardedFor).tell(peer.map(|peer| peer.parse().unwrap()), &mut fields);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut lines: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        lines.sort();
        lines
    }

    fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_strangers_tell_is_not_told_on() {
        let forged = [
            ("forwarded", "for=198.51.100.1;host=evil.test"),
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "198.51.100.1"),
        ];
        let expected = pairs(&[
            ("forwarded", "for=192.0.2.1;proto=http"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
        ]);
        assert_eq!(told(Some("192.0.2.1:1"), &forged), expected);
        assert_eq!(told(None, &forged), pairs(&[]), "nor what nobody knows who told");
    }

    #[test]
    fn what_proxies_of_ours_tell_is_told_on_with_them() {
        let lines =
            [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-host", "a"), ("x-forwarded-proto", "https")];
        let expected = pairs(&[
            ("forwarded", "for=\"[::1]\";proto=http"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", "::1"),
            ("x-forwarded-host", "a"),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(told(Some("[::1]:1"), &lines), expected);
    }
}
