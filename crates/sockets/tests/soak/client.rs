//! A client who looks at every byte.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use crate::files::{Dice, Files, content, version_of};
use crate::knave::MISSING;
use crate::support::PATIENCE;

pub(crate) struct Client {
    address: SocketAddr,
    files: Arc<Files>,
    dice: Dice,
    pub(crate) tally: Tally,
}

/// What came of the requests.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) whole: u64,
    pub(crate) parts: u64,
    unchanged: u64,
    refused: u64,
    cut: u64,
    left: u64,
}

/// An answer, as far as it came.
struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
    is_whole: bool,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, files: Arc<Files>, dice: Dice) -> Self {
        Self { address, files, dice, tally: Tally::default() }
    }

    /// Asks for something, and holds what comes against what there is.
    pub(crate) fn asks(&mut self) {
        // The lower the number, the more often it is asked for.
        let count = self.files.count();
        let file = self.dice.index(count) * self.dice.index(count) / count;
        let length = content(file, self.files.version(file)).len();
        let range = (self.dice.below(3) == 0).then(|| {
            let first = self.dice.index(length);
            (first, first + self.dice.index(length))
        });
        let known = (self.dice.below(8) == 0).then(|| self.files.version(file));
        let mut fields = String::new();
        if let Some((first, last)) = range {
            fields.push_str(&format!("Range: bytes={first}-{last}\r\n"));
        }
        if let Some(version) = known {
            fields.push_str(&format!("If-None-Match: \"{version}\"\r\n"));
        }
        let most = if self.dice.below(10) == 0 { self.dice.index(length) } else { usize::MAX };
        match self.exchange(file, &fields, most) {
            Some(got) => self.judge(file, &got),
            None => self.tally.left += 1,
        }
    }

    /// Gets the current version, whole: at once, or when it asks again. A part that was kept of a lie about the
    /// length is found out only when the rest of it is asked for.
    pub(crate) fn gets_current(&mut self, file: usize) {
        let got = (0..2).find_map(|_| self.exchange(file, "", usize::MAX).filter(|got| got.is_whole));
        let got = got.unwrap_or_else(|| panic!("/{file} is not to be had"));
        assert_eq!((got.status, got.is_whole), (200, true), "/{file}: {}", got.head);
        let version = self.files.version(file);
        assert!(got.body == *content(file, version), "/{file} is not version {version}: {}", got.head);
    }

    fn judge(&mut self, file: usize, got: &Got) {
        if !got.is_whole {
            self.tally.cut += 1;
            return;
        }
        match got.status {
            200 => {
                let version = self.version(file, got);
                let expected = content(file, version);
                compare(&got.body, &expected, &format!("/{file}, whole, version {version}"), &got.head);
                self.tally.whole += 1;
            }
            206 => {
                let expected = content(file, self.version(file, got));
                let (range, total) = got.field("content-range").unwrap().split_once('/').unwrap();
                let (first, last) = range.strip_prefix("bytes ").unwrap().split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                // What an arriving body comes to is known from its origin only, who may lie.
                let total: usize = total.parse().unwrap();
                assert!([expected.len(), expected.len() + MISSING].contains(&total), "/{file}: {}", got.head);
                compare(&got.body, &expected[first..=last], &format!("/{file}, a part"), &got.head);
                self.tally.parts += 1;
            }
            304 => {
                self.version(file, got);
                self.tally.unchanged += 1;
            }
            404 | 416 | 500..=599 => self.tally.refused += 1,
            _ => panic!("/{file}: {}", got.head),
        }
    }

    /// The version that an answer says it is of, which there must have been.
    fn version(&self, file: usize, got: &Got) -> u32 {
        let version = version_of(got.field("etag").unwrap_or_else(|| panic!("no tag: {}", got.head)));
        assert!((1..=self.files.version(file)).contains(&version), "/{file}: {}", got.head);
        version
    }

    /// One request, of whose answer no more than `most` bytes are read; `None` if that was not all, or if there
    /// is no cache any more.
    fn exchange(&self, file: usize, fields: &str, most: usize) -> Option<Got> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /{file} HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n").ok()?;
        let (mut bytes, mut block) = (Vec::new(), vec![0; 64 * 1024]);
        let closed_well = loop {
            if bytes.len() > most {
                return None;
            }
            match stream.read(&mut block) {
                Ok(0) => break true,
                Ok(count) => bytes.extend_from_slice(&block[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        Got::of(&bytes, closed_well)
    }
}

impl Got {
    /// `None` if there is not even a head.
    fn of(bytes: &[u8], closed_well: bool) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut got = Self { status, head, body: bytes[end + 4..].to_vec(), is_whole: closed_well };
        if got.field("transfer-encoding").is_some() {
            let unchunked = unchunked(&got.body);
            got.is_whole = unchunked.is_some();
            got.body = unchunked.unwrap_or_default();
        } else if let Some(length) = got.field("content-length").filter(|_| status != 304) {
            got.is_whole = got.body.len() == length.parse::<usize>().unwrap();
        }
        Some(got)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Every byte is as it should be.
fn compare(found: &[u8], expected: &[u8], what: &str, head: &str) {
    let same = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let after =
        |bytes: &[u8]| bytes[same..].iter().take(80).copied().collect::<Vec<u8>>().escape_ascii().to_string();
    assert!(
        found == expected,
        "{what}: {} bytes of {}, from {same} on {:?} for {:?}: {head}",
        found.len(),
        expected.len(),
        after(found),
        after(expected)
    );
}

/// The content of chunks; `None` if the last one is missing.
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(bytes.get(line + 2..line + 2 + size)?);
        bytes = bytes.get(line + 4 + size..)?;
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.whole += other.whole;
        self.parts += other.parts;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
        self.cut += other.cut;
        self.left += other.left;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whole, parts, unchanged, refused, cut, left } = self;
        write!(
            f,
            "{whole} whole answers, {parts} parts, {unchanged} unchanged, {refused} refused, {cut} visibly cut, {left} left"
        )
    }
}
