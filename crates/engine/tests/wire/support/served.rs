//! The server side at work.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use engine::{Asked, AskedFields, Ending, ExchangeRecord, Observer, Refusal, Server, serve};
use message::{Failure, Request, Response, Service, StatusCode};
use net::{DrainSignal, Listener, drain};
use tokio::sync::mpsc;

use super::soon;

/// Where a test listens: any free port.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// More connections than a test makes.
const CONNECTIONS: usize = 100;

/// A server that runs until the test's runtime ends, or it is stopped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) records: Records,
    /// How often what was refused.
    pub(crate) refused: Box<dyn Fn(Refusal) -> u64 + Send>,
    pub(crate) stop: DrainSignal,
}

/// What is kept of an [`ExchangeRecord`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Method and target, or `-` for what is no request.
    pub(crate) asked: String,
    pub(crate) fields: Option<AskedFields>,
    pub(crate) status: StatusCode,
    pub(crate) sent: u64,
    pub(crate) content: u64,
    pub(crate) ending: Ending,
}

/// The records in the order in which they came.
pub(crate) struct Records(mpsc::UnboundedReceiver<Entry>);

pub(crate) struct Recorder(mpsc::UnboundedSender<Entry>);

/// A service of an asynchronous closure.
pub(crate) struct Script<F>(pub(crate) F);

impl<F, A> Service for Script<F>
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, Failure>> + Send,
{
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send {
        (self.0)(request)
    }
}

fn line(asked: &Asked) -> String {
    format!("{} {} {:?}", asked.method, asked.target, asked.version)
}

impl Observer for Recorder {
    fn wants_fields(&self) -> bool {
        true
    }

    fn exchange(&self, record: &ExchangeRecord) {
        let entry = Entry {
            asked: record.asked.as_ref().map_or_else(|| "-".to_owned(), line),
            fields: record.asked.as_ref().and_then(|asked| asked.fields.as_deref().cloned()),
            status: record.status,
            sent: record.sent,
            content: record.content,
            ending: record.ending,
        };
        let _ = self.0.send(entry);
    }
}

impl Records {
    pub(crate) async fn next(&mut self) -> Entry {
        soon(self.0.recv()).await.expect("the server runs")
    }

    /// The next record if it is there.
    pub(crate) fn try_next(&mut self) -> Option<Entry> {
        self.0.try_recv().ok()
    }

    /// Whether there is no record that was not taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(crate) fn listener() -> Listener {
    net::bind(ANY_PORT, 1).expect("a free port").pop().expect("one listener")
}

/// Serves `service` with the default limits.
pub(crate) fn served(service: impl Service) -> Served {
    served_with(service, |_| {})
}

/// Serves `service` on terms that `adjust` has changed.
pub(crate) fn served_with<S: Service>(service: S, adjust: impl FnOnce(&mut Server<S, Recorder>)) -> Served {
    let (recorder, records) = mpsc::unbounded_channel();
    let mut server = Server::new(service, Recorder(recorder), CONNECTIONS);
    adjust(&mut server);
    let listener = listener();
    let address = listener.local_addr();
    let (stop, drain) = drain();
    let server = Arc::new(server);
    tokio::spawn(serve(listener.start().expect("a runtime"), Arc::clone(&server), drain));
    let refused = Box::new(move |refusal| server.refusals.count(refusal));
    Served { address, records: Records(records), refused, stop }
}
