//! Requests written by hand, to see what really goes over the wire: the reason phrase, every field.

use bytes::BytesMut;
use message::Authority;
use message::target::Scheme;
use net::dial::Dialer;
use tokio::time::{Duration, timeout};

/// The longest answer that the demo expects, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;

/// How long it waits for one.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// An answer as it came.
pub(super) struct Answer {
    head: String,
    pub(super) body: Vec<u8>,
}

/// Sends `head` (lines, without the empty one) to `place` and reads what comes until the connection ends.
pub(super) async fn ask(place: &Authority, head: &[&str]) -> Result<Answer, String> {
    let request = [head.join("\r\n"), "Connection: close\r\n\r\n".to_owned()].join("\r\n");
    let exchange = async {
        let port = place.port_or_default(Scheme::Http);
        let stream = Dialer::default().dial(place.host(), port).await.map_err(|fault| fault.to_string())?;
        let (mut read, mut write) = stream.split();
        write.write_all(request.as_bytes(), false).await.map_err(|error| error.to_string())?;
        let mut answer = BytesMut::new();
        while read.read(&mut answer).await.map_err(|error| error.to_string())? > 0
            && answer.len() < ANSWER_MAX
        {}
        Answer::parse(&answer).ok_or_else(|| format!("no answer from {place}"))
    };
    timeout(ANSWER_WAIT, exchange).await.map_err(|_| format!("no answer from {place} in {ANSWER_WAIT:?}"))?
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
        Some(Self { head, body: bytes.get(end + 4..)?.to_vec() })
    }

    /// Status code and reason phrase.
    pub(super) fn status(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.split_once(' ').map_or(line, |(_, status)| status)
    }

    /// The value of a field, or nothing.
    pub(super) fn field(&self, name: &str) -> &str {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }

    /// This answer, if its status is `status`.
    pub(super) fn expect(self, status: &str) -> Result<Self, String> {
        if self.status() == status { Ok(self) } else { Err(format!("{} instead of {status}", self.status())) }
    }
}
