//! Connections that begin with word of who is behind them: the PROXY protocol, versions 1 and 2, as
//! load balancers that carry bytes speak it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use net::stream::ReadHalf;
use proxy_header::{Error, ParseConfig, ProxyHeader};

/// Longest announcement, in bytes; what version 2 says besides addresses is seldom more than some hundred.
const ANNOUNCEMENT_MAX: usize = 4096;

/// Which peers announce. They always do, and nobody else is listened to: who is, is whoever he says.
#[derive(Clone)]
pub struct Announcers(Arc<Judge>);

type Judge = dyn Fn(IpAddr) -> bool + Send + Sync;

/// Why a connection was not begun as it should have been. It is closed without a word: its peer does not
/// speak HTTP yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnnouncementFault {
    /// It broke, or ended before the announcement did.
    #[error("the connection ended within its announcement: {0}")]
    Connection(#[from] io::Error),
    /// It began with something else.
    #[error("no announcement of the PROXY protocol came: {0}")]
    Protocol(Error),
}

impl Announcers {
    /// Those of whose address `judge` says so.
    pub fn new(judge: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(judge))
    }

    pub(super) fn include(&self, address: IpAddr) -> bool {
        (self.0)(address)
    }
}

impl fmt::Debug for Announcers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcers(..)")
    }
}

/// Reads the announcement off a connection, and leaves in `inbox` what came behind it. `None`: the peer speaks
/// for itself, as it does to see whether we are well.
pub(super) async fn read(
    half: &mut ReadHalf,
    inbox: &mut BytesMut,
) -> Result<Option<SocketAddr>, AnnouncementFault> {
    loop {
        match ProxyHeader::parse(inbox, ParseConfig::default()) {
            Ok((header, length)) => {
                let announced = header.proxied_address().map(|address| address.source);
                inbox.advance(length);
                return Ok(announced);
            }
            Err(Error::BufferTooShort) if inbox.len() < ANNOUNCEMENT_MAX => {}
            Err(Error::BufferTooShort) => return Err(AnnouncementFault::Protocol(Error::HeaderTooBig)),
            Err(error) => return Err(AnnouncementFault::Protocol(error)),
        }
        if half.read(inbox).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}
