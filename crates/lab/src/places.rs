//! Small databases of where addresses are, in the `MaxMind` DB format 2.0.

use std::net::IpAddr;

/// Bits of an address.
const BITS: u32 = 128;

/// Between the tree and the data.
const SEPARATOR: [u8; 16] = [0; 16];

const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// What is said of a network.
#[derive(Clone, Copy, Debug)]
pub struct Spot(Fact);

#[derive(Clone, Copy, Debug)]
enum Fact {
    Place { country: &'static str, continent: &'static str },
    System(u32),
}

impl Spot {
    /// It is in that country and on that continent.
    #[must_use]
    pub fn place(country: &'static str, continent: &'static str) -> Self {
        Self(Fact::Place { country, continent })
    }

    /// It is in the autonomous system of that number.
    #[must_use]
    pub fn system(number: u32) -> Self {
        Self(Fact::System(number))
    }

    fn encoded(self) -> Vec<u8> {
        match self.0 {
            Fact::Place { country, continent } => map(&[
                ("country", map(&[("iso_code", text(country))])),
                ("continent", map(&[("code", text(continent))])),
            ]),
            Fact::System(number) => map(&[("autonomous_system_number", number32(number))]),
        }
    }
}

/// A node's two records.
#[derive(Clone, Copy)]
struct Node([Record; 2]);

#[derive(Clone, Copy)]
enum Record {
    Nothing,
    Node(u32),
    /// At that place in the data.
    Data(u32),
}

/// A database that knows just these networks, written as `192.0.2.0/24`; later ones win.
///
/// # Panics
/// If one is none.
#[must_use]
pub fn database(networks: &[(&str, Spot)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![Node([Record::Nothing; 2])], Vec::new());
    for (network, spot) in networks {
        let place = u32_of(data.len());
        data.extend(spot.encoded());
        let (bits, length) = parse(network);
        insert(&mut nodes, bits, length, Record::Data(place));
    }
    let count = u32_of(nodes.len());
    let mut bytes = Vec::new();
    for Node(records) in nodes {
        for record in records {
            let number = match record {
                Record::Nothing => count,
                Record::Node(node) => node,
                Record::Data(place) => count + u32_of(SEPARATOR.len()) + place,
            };
            bytes.extend(&number.to_be_bytes()[1..]);
        }
    }
    bytes.extend(SEPARATOR);
    bytes.extend(data);
    bytes.extend(METADATA_MARKER);
    bytes.extend(metadata(count));
    bytes
}

fn insert(nodes: &mut Vec<Node>, bits: u128, length: u32, record: Record) {
    let mut node = 0;
    for depth in 0..length {
        let side = usize::from(bits >> (BITS - 1 - depth) & 1 == 1);
        if depth + 1 == length {
            nodes[node].0[side] = record;
            return;
        }
        if !matches!(nodes[node].0[side], Record::Node(_)) {
            let above = nodes[node].0[side];
            nodes.push(Node([above; 2]));
            nodes[node].0[side] = Record::Node(u32_of(nodes.len() - 1));
        }
        let Record::Node(next) = nodes[node].0[side] else { return };
        node = next as usize;
    }
}

#[expect(clippy::expect_used, reason = "a test that misspells a network must fail at once")]
fn parse(network: &str) -> (u128, u32) {
    let (address, length) = network.split_once('/').expect("a network is ADDRESS/LENGTH");
    let length: u32 = length.parse().expect("a length in bits");
    match address.parse().expect("an address") {
        // IPv4 lies at ::/96.
        IpAddr::V4(address) => (u128::from(u32::from(address)), length + 96),
        IpAddr::V6(address) => (u128::from(address), length),
    }
}

fn metadata(nodes: u32) -> Vec<u8> {
    map(&[
        ("node_count", number32(nodes)),
        ("record_size", number16(24)),
        ("ip_version", number16(6)),
        ("database_type", text("Test")),
        ("languages", vec![0, 4]), // an empty array
        ("binary_format_major_version", number16(2)),
        ("binary_format_minor_version", number16(0)),
        ("build_epoch", vec![1, 2, 1]), // a number of 64 bits
        ("description", map(&[])),
    ])
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![control(7, pairs.len())];
    for (name, value) in pairs {
        bytes.extend(text(name));
        bytes.extend(value);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&[control(2, text.len())][..], text.as_bytes()].concat()
}

fn number16(number: u16) -> Vec<u8> {
    [&[control(5, 2)][..], &number.to_be_bytes()].concat()
}

fn number32(number: u32) -> Vec<u8> {
    [&[control(6, 4)][..], &number.to_be_bytes()].concat()
}

/// Type and size in one byte: sizes of 29 and more are written otherwise, and not here.
#[expect(clippy::expect_used, reason = "tests name short things")]
fn control(kind: u8, size: usize) -> u8 {
    let size = u8::try_from(size).ok().filter(|size| *size < 29).expect("less than 29 bytes or pairs");
    kind << 5 | size
}

#[expect(clippy::expect_used, reason = "a database for a test is small")]
fn u32_of(number: usize) -> u32 {
    u32::try_from(number).expect("a small number")
}
