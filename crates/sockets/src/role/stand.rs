//! Where a role that serves stands: its listeners, a thread and a runtime for each core, and its stop.

use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use engine::{Observer, Server, serve};
use message::Service;
use net::drain::{Drain, DrainSignal, drain};
use net::listen::{ListenFault, Listener, bind, bind_all};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::args::listen::{Addresses, Bind, ListenArgs, Port};
use crate::exit::Exit;

/// Descriptors that are kept for files of our own: the index, logs, what is being opened.
const DESCRIPTORS_RESERVED: u64 = 64;

/// Descriptors that one connection may need at a time: itself, and a file or a connection further on.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;

/// Connections at the least, however few descriptors there are.
const CONNECTIONS_MIN: u64 = 16;

/// How many ports are tried, the role's own included, before it is given up.
const PORTS_TRIED: usize = 20;

/// A role that serves.
pub(crate) struct Stand {
    /// One address per listener.
    pub(crate) addresses: Vec<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
    /// Tells connections to finish.
    finish: DrainSignal,
    /// Tells the threads to end.
    halt: DrainSignal,
}

impl Stand {
    /// Binds `addresses` and serves `service` on them from now on, with at most so many `connections` at a time,
    /// on terms that `adjust` has changed.
    ///
    /// # Errors
    /// One line about which address can't be had, and why.
    pub(crate) fn open<S: Service, O: Observer>(
        name: &str,
        addresses: &Addresses,
        listen: &ListenArgs,
        connections: usize,
        service: S,
        observer: O,
        adjust: impl FnOnce(&mut Server<S, O>),
    ) -> Result<Self, Exit> {
        let cores = listen.threads.map_or_else(net::sys::available_cores, usize::from);
        let listeners = listeners(addresses, cores).map_err(Exit::failed)?;
        let bound = listeners.iter().filter_map(|group| group.first()).map(Listener::local_addr).collect();
        let mut server = Server::new(service, observer, listen.limits.connections(connections));
        listen.limits.apply(&mut server);
        server.announcers = listen.announcers();
        server.limits.allow_http10 = listen.allow_http10;
        adjust(&mut server);
        let (server, (finish, finishing), (halt, halting)) = (Arc::new(server), drain(), drain());
        let mut groups: Vec<_> = listeners.into_iter().map(Vec::into_iter).collect();
        let mut threads = Vec::with_capacity(cores);
        for core in 0..cores {
            let mine: Vec<_> = groups.iter_mut().filter_map(Iterator::next).collect();
            let worker =
                Worker { server: Arc::clone(&server), finish: finishing.clone(), halt: halting.clone() };
            let thread = thread::Builder::new().name(format!("{name}-{core}")).spawn(|| worker.run(mine));
            threads
                .push(thread.map_err(|error| Exit::failed(format_args!("can't start a thread: {error}")))?);
        }
        Ok(Self { addresses: bound, threads, finish, halt })
    }

    /// How many connections are open.
    pub(crate) fn running(&self) -> usize {
        self.finish.running()
    }

    /// Lets running exchanges finish for at most `limit`, and ends.
    pub(crate) async fn close(self, limit: Duration) {
        self.finish.start();
        if timeout(limit, self.finish.finished()).await.is_err() {
            tracing::warn!("{} connections did not finish in time and are cut", self.finish.running());
        }
        self.halt.start();
        for thread in self.threads {
            // A thread that panicked has said so; the others end by themselves.
            let _ = thread.join();
        }
    }
}

/// What one thread does.
struct Worker<S, O> {
    server: Arc<Server<S, O>>,
    finish: Drain,
    halt: Drain,
}

impl<S: Service, O: Observer> Worker<S, O> {
    fn run(self, listeners: Vec<Listener>) {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!("a thread can't start: {error}"),
        };
        runtime.block_on(async {
            for listener in listeners {
                match listener.defer().start() {
                    Ok(acceptor) => {
                        tokio::spawn(serve(acceptor, Arc::clone(&self.server), self.finish.clone()));
                    }
                    Err(error) => tracing::error!("a listener can't start: {error}"),
                }
            }
            self.halt.draining().await;
        });
    }
}

/// Groups of listeners, one group per address, one listener in it per core.
///
/// Where the role's own port is taken and a person is there to read which one it is instead, the next one that is
/// free is taken. A port that was asked for is that one or none.
fn listeners(addresses: &Addresses, cores: usize) -> Result<Vec<Vec<Listener>>, ListenFault> {
    let first = addresses.port.number();
    let taken = match listeners_at(&addresses.bind, first, cores) {
        Err(taken @ ListenFault::Taken { .. }) => taken,
        outcome => return outcome,
    };
    if !matches!(addresses.port, Port::Default(_)) || !stderr().is_terminal() {
        return Err(taken);
    }
    for port in (first..).take(PORTS_TRIED).skip(1) {
        match listeners_at(&addresses.bind, port, cores) {
            Err(ListenFault::Taken { .. }) => {}
            outcome => {
                if let ListenFault::Taken { holder, .. } = &taken {
                    let by = holder.as_ref().map(|holder| format!(" (by {holder})")).unwrap_or_default();
                    tracing::info!("port {first} is taken{by}: it is {port} instead");
                }
                return outcome;
            }
        }
    }
    Err(taken)
}

fn listeners_at(which: &Bind, port: u16, cores: usize) -> Result<Vec<Vec<Listener>>, ListenFault> {
    match which {
        Bind::All => Ok(vec![bind_all(port, cores)?]),
        Bind::Loopback => {
            let v4 = bind(([127, 0, 0, 1], port).into(), cores)?;
            let port = v4.first().map_or(port, |listener| listener.local_addr().port());
            match bind(([0, 0, 0, 0, 0, 0, 0, 1], port).into(), cores) {
                Ok(v6) => Ok(vec![v4, v6]),
                // Without IPv6 there is nothing that could be reached at ::1.
                Err(ListenFault::NoFamily { .. } | ListenFault::NotLocal { .. }) => Ok(vec![v4]),
                // Any other program there would get those of our clients who ask for localhost.
                Err(fault) => Err(fault),
            }
        }
        Bind::These(these) => {
            let mut port = port;
            let mut groups = Vec::with_capacity(these.len());
            for address in these {
                let group = bind((*address, port).into(), cores)?;
                port = group.first().map_or(port, |listener| listener.local_addr().port());
                groups.push(group);
            }
            Ok(groups)
        }
    }
}

/// How many connections each of so many stands may have, so that the process has descriptors for all.
pub(crate) fn connections_each(stands: usize) -> usize {
    let descriptors = net::sys::raise_descriptor_limit();
    let connections = descriptors.saturating_sub(DESCRIPTORS_RESERVED) / DESCRIPTORS_PER_CONNECTION;
    usize::try_from(connections.max(CONNECTIONS_MIN)).unwrap_or(usize::MAX) / stands.max(1)
}
