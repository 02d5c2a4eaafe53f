//! A client that sends what it is told, byte by byte, and reads exactly one answer at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{PATIENCE, until};

/// How much is read at a time, in bytes.
const BLOCK: usize = 64 * 1024;

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A start line and the fields behind it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) line: String,
    fields: Vec<(String, String)>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// Asks on a connection of its own: `line` such as `GET / HTTP/1.1`, and `fields` behind a `Host`.
pub(crate) fn ask(address: SocketAddr, line: &str, fields: &[&str]) -> Answer {
    Wire::to(address).ask(line, fields)
}

/// The bytes of a request without content.
pub(crate) fn request(address: SocketAddr, line: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("{line}\r\nHost: {address}\r\n{fields}\r\n")
}

impl Wire {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }

    /// Over a connection that is there, with whatever limits it has.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Waits until the server has been handed the connection, though nothing was sent on it: the system keeps such
    /// back for about a second.
    pub(crate) fn is_accepted(&self) {
        let [client, server] =
            [self.stream.local_addr(), self.stream.peer_addr()].map(|end| end.unwrap().port());
        let is_theirs = |line: &str| {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            let is_port = |word: &str, port: u16| word.ends_with(&format!(":{port:04X}"));
            const ESTABLISHED: &str = "01";
            words.get(1..4).is_some_and(|words| {
                is_port(words[0], server) && is_port(words[1], client) && words[2] == ESTABLISHED
            })
        };
        until("the server has the connection", || {
            let tables =
                ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap());
            tables.iter().any(|table| table.lines().any(is_theirs)).then_some(())
        });
    }

    /// Asks for something, and reads the answer.
    pub(crate) fn ask(&mut self, line: &str, fields: &[&str]) -> Answer {
        self.send(request(self.stream.peer_addr().unwrap(), line, fields));
        if line.starts_with("HEAD ") { self.answer_to_head() } else { self.answer() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what the other side may not wait for.
    pub(crate) fn send_if_there(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Reads a response with its content.
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head().unwrap();
        let body = match head.status().split(' ').next().unwrap() {
            "204" | "304" => Vec::new(),
            _ => self.content(&head),
        };
        Answer { head, body }
    }

    /// Reads a response that has no content, whatever its fields say (RFC 9112 §6.3).
    pub(crate) fn answer_to_head(&mut self) -> Answer {
        Answer { head: self.head().unwrap(), body: Vec::new() }
    }

    /// Reads a head, with the empty line behind it; `None` if the other side has closed instead.
    pub(crate) fn head(&mut self) -> Option<Head> {
        let end = loop {
            match self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None if self.fill() => {}
                None => {
                    assert!(
                        self.unread.is_empty(),
                        "half a head: {:?}",
                        self.unread.escape_ascii().to_string()
                    );
                    return None;
                }
            }
        };
        let text = String::from_utf8(self.take(end + 4)).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let split = |field: &str| {
            let (name, value) = field.split_once(':').unwrap_or_else(|| panic!("no field: {field:?}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Some(Head { line, fields: lines.map(split).collect() })
    }

    /// Reads the content that belongs to `head`.
    pub(crate) fn content(&mut self, head: &Head) -> Vec<u8> {
        if head.field("transfer-encoding").is_some() {
            return self.chunks();
        }
        match head.field("content-length") {
            Some(length) => self.exactly(length.parse().unwrap()),
            None => self.rest(),
        }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let size = self.line();
            let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
            if size == 0 {
                while !self.line().is_empty() {}
                return content;
            }
            content.extend(self.exactly(size));
            assert_eq!(self.line(), "", "behind a chunk");
        }
    }

    fn line(&mut self) -> String {
        let end = loop {
            match self.unread.windows(2).position(|two| two == b"\r\n") {
                Some(end) => break end,
                None => assert!(self.fill(), "closed within a line"),
            }
        };
        let line = self.take(end + 2);
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Reads `count` bytes.
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.fill(), "closed after {} of {count} bytes", self.unread.len());
        }
        self.take(count)
    }

    /// Waits until `count` bytes have come, and leaves them to be read.
    pub(crate) fn arrives(&mut self, count: usize) {
        while self.unread.len() < count {
            assert!(self.fill(), "closed after {} of {count} bytes", self.unread.len());
        }
    }

    /// Reads until the other side closes or resets the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }

    /// Waits until the other side has closed, and nothing came before that.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.rest().is_empty()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Reads some more; `false` at the end.
    fn fill(&mut self) -> bool {
        let mut block = [0; BLOCK];
        let read = loop {
            match self.stream.read(&mut block) {
                // A wait with a limit is not taken up again after a signal (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let count = match read {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => 0,
            Err(error) => {
                panic!("nothing came: {error}; {:?} is unread", self.unread.escape_ascii().to_string())
            }
        };
        self.unread.extend_from_slice(&block[..count]);
        count > 0
    }
}

impl Head {
    /// Status code and reason phrase, of HTTP/1.1.
    pub(crate) fn status(&self) -> &str {
        self.line.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("no status line: {:?}", self.line))
    }

    /// The value of a field that is there once, or not at all.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| &**value);
        assert!(values.next().is_none(), "more than one {name}: {self:?}");
        value
    }

    /// The values of all fields of that name, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| &**value).collect()
    }
}

impl Answer {
    pub(crate) fn status(&self) -> &str {
        self.head.status()
    }

    /// The value of a field that must be there.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.head.field(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.head))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
