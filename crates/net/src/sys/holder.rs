//! Who holds a port that we wanted: a courtesy to the person who reads the error, so it is bounded and
//! gives up quietly. It reads `/proc`; where there is none, nobody is found.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How much of a table of sockets is read, in bytes (about a hundred thousand sockets).
const TABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How many descriptors of all processes together are looked at.
const DESCRIPTORS_MAX: usize = 200_000;

/// State `TCP_LISTEN` in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What the process calls itself (`/proc/PID/comm`), without control characters.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, pid {}", self.name, self.pid)
    }
}

/// The process that listens where `wanted` can't, if this process may see it.
pub(crate) fn port_holder(wanted: SocketAddr) -> Option<Holder> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .flat_map(|table| listening_inodes(&read_table(table), wanted))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let mut descriptors_left = DESCRIPTORS_MAX;
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_socket(*pid, &sockets, &mut descriptors_left))
        .map(|pid| Holder { name: process_name(pid), pid })
}

fn read_table(path: &str) -> String {
    let mut table = String::new();
    if let Ok(file) = File::open(path) {
        // A table cut at the limit, or in the middle by an error, still says something.
        let _ = file.take(TABLE_BYTES_MAX).read_to_string(&mut table);
    }
    table
}

/// The inodes of the listening sockets in `table` (the text of `/proc/net/tcp` or `tcp6`) that stand in
/// the way of `wanted`.
fn listening_inodes(table: &str, wanted: SocketAddr) -> Vec<u64> {
    table.lines().filter_map(|line| listening_inode(line, wanted)).collect()
}

/// `  sl: ADDRESS:PORT REMOTE STATE QUEUES TIMER RETRANSMITS UID TIMEOUT INODE ...`
fn listening_inode(line: &str, wanted: SocketAddr) -> Option<u64> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let listening = words.nth(1)? == LISTENING;
    let inode = words.nth(5)?.parse().ok()?;
    (listening && port == wanted.port() && overlap(parse_address(address)?, wanted.ip())).then_some(inode)
}

/// Addresses are printed as native 32-bit words of the bytes on the wire.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at..at.checked_add(8)?)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// Whether two listeners on the same port, one on each address, get in each other's way.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one.is_unspecified() || other.is_unspecified() || one == other.to_canonical()
}

fn has_socket(pid: u32, sockets: &[String], descriptors_left: &mut usize) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors.flatten().any(|descriptor| {
        let Some(left) = descriptors_left.checked_sub(1) else {
            return false;
        };
        *descriptors_left = left;
        let link = fs::read_link(descriptor.path()).unwrap_or_default();
        link.to_str().is_some_and(|link| sockets.iter().any(|socket| socket == link))
    })
}

fn process_name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() { "a program".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.chunks(4).map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap()))).collect()
    }

    /// A table with a listener on `127.0.0.1:8000` (inode 11), one on `[::]:9000` (12), one on
    /// `[::ffff:10.0.0.1]:8080` (13), and a connection from `127.0.0.1:8000` (14).
    fn table() -> String {
        let line = |ip: &[u8], port: u16, state: &str, inode: u32| {
            let (ip, any) = (hex(ip), hex(&vec![0; ip.len()]));
            format!(
                "   0: {ip}:{port:04X} {any}:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 {inode} 1 0\n"
            )
        };
        let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        [
            header.to_owned(),
            line(&[127, 0, 0, 1], 8000, "0A", 11),
            line(&[0; 16], 9000, "0A", 12),
            line(&mapped, 8080, "0A", 13),
            line(&[127, 0, 0, 1], 8000, "01", 14),
            "   9: nonsense\n".to_owned(),
        ]
        .concat()
    }

    #[test]
    fn only_a_listener_that_overlaps_with_the_wanted_address_is_in_the_way() {
        let cases: [(&str, &[u64]); 8] = [
            ("127.0.0.1:8000", &[11]),
            ("0.0.0.0:8000", &[11]),
            ("[::]:8000", &[11]),
            ("127.0.0.2:8000", &[]),
            ("127.0.0.1:8001", &[]),
            ("127.0.0.1:9000", &[12]),
            ("10.0.0.1:8080", &[13]),
            ("[::ffff:10.0.0.1]:8080", &[13]),
        ];
        for (wanted, inodes) in cases {
            assert_eq!(listening_inodes(&table(), wanted.parse().unwrap()), inodes, "{wanted}");
        }
    }

    #[test]
    fn an_address_that_is_no_address_is_skipped() {
        for hex in ["", "7F", "0100007Z", "é100007", "0100007F00"] {
            assert_eq!(parse_address(hex), None, "{hex}");
        }
    }

    #[test]
    fn the_scan_of_descriptors_stops_at_its_limit() {
        let own = std::process::id();
        let open = tempfile::NamedTempFile::new().unwrap();
        let wanted = [open.path().canonicalize().unwrap().to_str().unwrap().to_owned()];
        assert!(has_socket(own, &wanted, &mut 1000));
        assert!(!has_socket(own, &wanted, &mut 0));
    }
}
