//! The other end of a connection, by hand.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use net::{Dialer, ReadHalf, Stream, WriteHalf};

use super::soon;

/// How far [`Peer::until`] looks, in bytes.
const UNTIL_MAX: usize = 1024 * 1024;

/// One end of a connection: it sends what it is told to, and takes bytes as they come.
pub(crate) struct Peer {
    /// Our own address.
    pub(crate) address: SocketAddr,
    pub(crate) read: ReadHalf,
    write: Option<WriteHalf>,
    inbox: BytesMut,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In good order.
    Closed,
    /// Broken off.
    Reset,
}

/// The head of a message, its start line first.
#[derive(Debug)]
pub(crate) struct Head(pub(crate) String);

/// A response with its content.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) content: Bytes,
}

impl Head {
    pub(crate) fn start_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.start_line().split(' ').nth(1).expect("a status line").parse().expect("a status code")
    }

    /// The one value of a field; `None` if it is not there.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let lines = self.0.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next();
        assert_eq!(values.next(), None, "two {name} fields in {self:?}");
        value
    }

    /// Without the field that changes every second.
    pub(crate) fn without_date(&self) -> String {
        self.0.lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n")
    }
}

impl Peer {
    pub(crate) fn on(stream: Stream) -> Self {
        let address = stream.local_addr().expect("the connection is there");
        let (read, write) = stream.split();
        Self { address, read, write: Some(write), inbox: BytesMut::new() }
    }

    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let dialer = Dialer::default();
        let stream =
            soon(dialer.dial(&address.ip().to_string(), address.port())).await.expect("a connection");
        Self::on(stream)
    }

    /// Sends all of `bytes`.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the other end takes it");
    }

    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let write = self.write.as_mut().expect("not hung up yet");
        soon(write.write_all(bytes.as_ref(), false)).await
    }

    /// Ends our direction in good order and goes on reading.
    pub(crate) async fn hang_up(&mut self) {
        let mut write = self.write.take().expect("not hung up yet");
        soon(write.shutdown()).await.expect("the connection is there");
    }

    /// Breaks the connection off.
    pub(crate) fn reset(mut self) {
        self.write.take().expect("not hung up yet").abort();
    }

    /// Whether nothing at all has come, neither bytes nor an end.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.read.is_quiet()
    }

    /// Everything up to and with `mark`.
    pub(crate) async fn until(&mut self, mark: &[u8]) -> Bytes {
        loop {
            if let Some(at) = self.inbox.windows(mark.len()).position(|window| window == mark) {
                return self.inbox.split_to(at + mark.len()).freeze();
            }
            assert!(self.inbox.len() < UNTIL_MAX, "much came, and no {mark:?} in it");
            let came = soon(self.read.read(&mut self.inbox)).await.expect("the connection is there");
            assert!(came > 0, "the end came before {mark:?}, after {:?}", self.inbox);
        }
    }

    /// The next `len` bytes.
    pub(crate) async fn take(&mut self, len: usize) -> Bytes {
        while self.inbox.len() < len {
            let came = soon(self.read.read(&mut self.inbox)).await.expect("the connection is there");
            assert!(came > 0, "the end came after {} bytes of {len}", self.inbox.len());
        }
        self.inbox.split_to(len).freeze()
    }

    pub(crate) async fn head(&mut self) -> Head {
        let bytes = self.until(b"\r\n\r\n").await;
        Head(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    /// A response whose content has a `Content-Length`, or none.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let length = head.field("Content-Length").map_or(0, |length| length.parse().expect("a length"));
        Answer { content: self.take(length).await, head }
    }

    /// Sends a request and takes the answer, which has a `Content-Length`.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// All that still comes, and how it ends.
    pub(crate) async fn rest(&mut self) -> (Bytes, End) {
        let end = loop {
            match soon(self.read.read(&mut self.inbox)).await {
                Ok(0) => break End::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break End::Reset,
                Err(error) => panic!("the connection ended otherwise: {error}"),
            }
        };
        (self.inbox.split().freeze(), end)
    }

    /// How it ends, when nothing more may come before.
    pub(crate) async fn end(&mut self) -> End {
        let (rest, end) = self.rest().await;
        assert_eq!(rest, "", "nothing was to come any more");
        end
    }
}
