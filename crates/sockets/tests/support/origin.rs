//! An origin, or whatever else listens, that answers as a script says, and remembers what it was asked.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::wire::{Head, Wire};

/// What a script answers: bytes, as they are to be on the wire.
pub(crate) enum Reply {
    /// Then the next request on the same connection.
    Keep(Vec<u8>),
    /// Then the connection ends.
    Close(Vec<u8>),
    /// Then nothing more, until the other side closes.
    Hold(Vec<u8>),
    /// Whatever is done with the connection, which may be to read the request's content first; `true` if
    /// the next request is read then, else the connection ends.
    Talk(Box<dyn FnOnce(&mut Wire) -> bool + Send>),
}

/// Listens until it is dropped.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<dyn Fn(&Head) -> Reply + Send + Sync>,
    asked: Mutex<Vec<Head>>,
    stopped: AtomicBool,
}

/// The bytes of a response with its length.
pub(crate) fn response(status: &str, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The bytes of a redirect.
pub(crate) fn redirect(location: &str) -> Vec<u8> {
    response("301 Moved Permanently", &[&format!("Location: {location}")], b"")
}

impl Origin {
    /// Answers each request, read to the end of its head, as `script` says. Each connection has a thread of its
    /// own, which the script may hold up.
    pub(crate) fn start(script: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), script)
    }

    /// The same, on a listener that is there.
    pub(crate) fn on(listener: TcpListener, script: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            asked: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if own.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let own = Arc::clone(&own);
                thread::spawn(move || own.converse(Wire::over(stream)));
            }
        });
        Self { address, shared }
    }

    /// One that gives everybody the same 200.
    pub(crate) fn of(body: &'static [u8]) -> Self {
        Self::start(move |_| Reply::Keep(response("200 OK", &[], body)))
    }

    /// The URL of `path`, which begins with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Head> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Origin {
    /// Refuses connections from now on.
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn converse(&self, mut wire: Wire) {
        while let Some(head) = wire.head() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            self.asked.lock().unwrap().push(head.clone());
            match (self.script)(&head) {
                Reply::Keep(bytes) => wire.send_if_there(&bytes),
                Reply::Close(bytes) => return wire.send_if_there(&bytes),
                Reply::Hold(bytes) => {
                    wire.send_if_there(&bytes);
                    drop(wire.rest());
                    return;
                }
                Reply::Talk(talk) => {
                    if !talk(&mut wire) {
                        return;
                    }
                }
            }
        }
    }
}
