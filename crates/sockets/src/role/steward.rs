//! Errands for the owner of a cache: done by the cache if it runs, else on its directory.

use std::fs::File;
use std::io::{self, Read, Write, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use cache::{Cache, Config, Door, Errand, OpenFault, Selection, Steward};
use engine::{Route, clock};
use message::{
    Authority, Failure, FailureKind, PathAndQuery, Request, Response, Scheme, Segment, Service, StatusCode,
    Target,
};

use crate::exit::Exit;
use crate::role::{control, pool};

/// Selections that go with one request: each is a line of its head.
const SELECTIONS_MAX: usize = 32;

/// Bytes of a token: nobody guesses it.
const TOKEN_BYTES: usize = 16;

/// Bytes of a file that are read at a time.
const BLOCK: usize = 64 * 1024;

/// Does an errand for the cache in `dir`, and prints what it comes to.
///
/// # Errors
/// One line about why it can't be done.
pub(crate) fn run(dir: &Path, errand: Errand) -> Result<(), Exit> {
    control()?.block_on(async {
        let found = Door::find(dir).map_err(|error| {
            Exit::failed(format_args!("{}: the cache can't be asked: {error}", dir.display()))
        })?;
        if let Some((address, token)) = found {
            let pool = pool(Route::Direct);
            match ask_all(&pool, &at(address)?, &token, errand.clone()).await {
                // It was killed, and could not say so.
                Err(Broken::Unreachable) => {}
                outcome => return outcome.map_err(Broken::exit),
            }
        }
        on_directory(dir, errand).await
    })
}

/// A token for a cache that is just beginning.
///
/// # Errors
/// What the system says.
pub(crate) fn token() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where a listener is reached from this machine.
pub(crate) fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The cache does not run: its directory is opened for as long as the errand takes.
async fn on_directory(dir: &Path, errand: Errand) -> Result<(), Exit> {
    if !dir.join(".sockets").is_dir() {
        return Err(Exit::usage(format_args!("{}: there is no cache here (--dir)", dir.display())));
    }
    // Whatever it was told before, nothing is to go now because of its size.
    let config = Config { size: u64::MAX, memory: 0, ..Config::new(dir) };
    let cache = Arc::new(Cache::open(config, Nowhere).map_err(|fault| match fault {
        OpenFault::InUse { .. } => {
            Exit::failed(format_args!("{}: the cache runs, but does not answer", dir.display()))
        }
        fault => Exit::usage(fault),
    })?);
    let token = String::from("owner");
    let steward = Steward::new(Arc::clone(&cache), token.clone(), Vec::new(), Nowhere);
    let outcome = ask_all(&steward, &at(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))?, &token, errand).await;
    cache.close().await;
    outcome.map_err(Broken::exit)
}

/// What there is behind a cache that does not run.
struct Nowhere;

impl Service for Nowhere {
    async fn call(&self, _: Request) -> Result<Response, Failure> {
        Err(Failure::before_sending(FailureKind::ConnectionRefused, "there is no origin"))
    }
}

/// Why an errand was not done.
enum Broken {
    Unreachable,
    Other(String),
}

impl Broken {
    fn exit(self) -> Exit {
        match self {
            Self::Unreachable => Exit::failed("the cache can't be reached"),
            Self::Other(what) => Exit::failed(what.trim_end()),
        }
    }

    fn of(failure: &Failure) -> Self {
        match failure.kind() {
            kind if kind.is_unreachable() => Self::Unreachable,
            _ => Self::Other(failure.to_string()),
        }
    }
}

fn at(address: SocketAddr) -> Result<Target, Exit> {
    let authority = Authority::parse(&address.to_string()).map_err(Exit::failed)?;
    let path = PathAndQuery::root();
    Ok(Target::Absolute(Scheme::Http, authority, path))
}

/// Asks for an errand, in as many requests as it takes.
async fn ask_all(cache: &impl Service, there: &Target, token: &str, errand: Errand) -> Result<(), Broken> {
    let Errand::Purge(selections, fate) = errand else { return ask(cache, there, token, &errand).await };
    for some in selections.chunks(SELECTIONS_MAX) {
        let some: Vec<Selection> = some.to_vec();
        ask(cache, there, token, &Errand::Purge(some, fate)).await?;
    }
    Ok(())
}

async fn ask(cache: &impl Service, there: &Target, token: &str, errand: &Errand) -> Result<(), Broken> {
    let request = Request { fields: errand.fields(token), ..Request::get(there.clone(), clock::now()) };
    let response = cache.call(request).await.map_err(|failure| Broken::of(&failure))?;
    if response.status != StatusCode::OK {
        return Err(Broken::Other(format!("the cache says {}", response.status)));
    }
    let mut body = response.body.into_stream();
    while let Some(segment) = body.next().await {
        let segment = segment.map_err(|failure| Broken::Other(failure.to_string()))?;
        print(&segment).map_err(|error| Broken::Other(error.to_string()))?;
    }
    Ok(())
}

fn print(segment: &Segment) -> io::Result<()> {
    match segment {
        Segment::Bytes(bytes) => stdout().write_all(bytes),
        Segment::File(slice) => {
            let mut at = 0;
            while at < slice.len() {
                let block = slice.read_at(at, BLOCK)?;
                stdout().write_all(&block)?;
                at += u64::try_from(block.len()).unwrap_or(u64::MAX);
            }
            Ok(())
        }
    }
}
