//! The pipeline of one request, in this order:
//!
//! 1. *method*: GET and HEAD, nothing else;
//! 2. *target*: a path, in origin-form or absolute-form;
//! 3. *path*: decoded once and checked, the index file's name put behind a `/`;
//! 4. *root*: a look at the disk; if it shows the version that is kept, that is it; else the file is
//!    opened, which proves that it lies beneath the root;
//! 5. *representation*: validators, media type, content; kept if that version is settled;
//! 6. *reply*: preconditions, then ranges, then the whole.
//!
//! A step that fails ends it with a [`Refusal`]; all of those become responses in one place. There is
//! no [`Failure`]: whatever happens on the disk has a status.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Method};
use message::failure::Failure;
use message::request::Request;
use message::response::Response;
use message::service::Service;

use crate::config::Config;
use crate::identity::Kind;
use crate::path::{CheckedPath, FileName};
use crate::reply::{self, Refusal};
use crate::representation::Representation;
use crate::root::{FileFault, OpenFault, Opened, Root, Seen};
use crate::table::Table;

/// How often a small file that changes while it is read is read again. The second reading finds it
/// unsettled, which needs no reading, unless the clocks disagree.
const CHANGE_TRIES: usize = 3;

/// The files beneath one directory, as a service.
#[derive(Debug)]
pub struct Origin {
    root: Root,
    index: FileName,
    cache_control: Option<HeaderValue>,
    table: Table,
}

/// What a name turned out to be.
enum Found {
    File(Arc<Representation>),
    Directory,
}

impl Origin {
    /// Opens the directory.
    ///
    /// # Errors
    /// Why it can't be served, and what to type about it.
    pub fn open(config: Config) -> Result<Self, OpenFault> {
        Ok(Self {
            root: Root::open(&config.root)?,
            index: config.index,
            cache_control: config.cache_control,
            table: Table::new(config.memory_bytes, config.open_files),
        })
    }

    fn answer(&self, request: &Request) -> Result<Response, Refusal> {
        // 1. Method (RFC 9110 §9.1).
        if request.method != Method::GET && request.method != Method::HEAD {
            return Err(Refusal::Method(request.method.clone()));
        }
        // 2. Target (RFC 9112 §3.2.2: absolute-form is taken from everybody, not only as a proxy).
        let target = request.target.path_and_query().ok_or(Refusal::Target)?;
        // 3. Path.
        let path = CheckedPath::parse(target.path().as_bytes()).map_err(Refusal::Path)?;
        let asks_for_directory = path.asks_for_directory();
        let path = path.or_index(&self.index);
        // 4. and 5. Root and representation.
        match self.find(&path, request.received_at).map_err(Refusal::File)? {
            // 6. Reply.
            Found::File(representation) => Ok(reply::found(request, &representation)),
            // An index that is itself a directory is none.
            Found::Directory if asks_for_directory => Err(Refusal::File(FileFault::Absent)),
            Found::Directory => Err(Refusal::Moved(path.as_directory(target.query()))),
        }
    }

    fn find(&self, path: &CheckedPath<'_>, now: SystemTime) -> Result<Found, FileFault> {
        self.table.sweep(now);
        let name = path.as_bytes();
        let seen = self.root.look(path);
        if let Some(kept) = seen.ok().and_then(|seen| self.table.get(name, &seen.identity)) {
            return Ok(Found::File(kept));
        }
        self.table.forget(name);
        match seen {
            // Not even opened: opening alone can act on a device, and wakes whoever writes to a FIFO.
            Ok(Seen { kind: Kind::Other, .. }) | Err(FileFault::Absent) => Err(FileFault::Absent),
            Ok(_) | Err(_) => self.find_on_disk(path, now),
        }
    }

    fn find_on_disk(&self, path: &CheckedPath<'_>, now: SystemTime) -> Result<Found, FileFault> {
        for _ in 1..CHANGE_TRIES {
            match self.prepare(path, now) {
                Err(FileFault::Changing) => {}
                settled => return settled,
            }
        }
        self.prepare(path, now)
    }

    fn prepare(&self, path: &CheckedPath<'_>, now: SystemTime) -> Result<Found, FileFault> {
        let Opened::File(file) = self.open_beneath(path)? else { return Ok(Found::Directory) };
        let name = path.as_bytes();
        let representation = Representation::of(&file, name, self.cache_control.as_ref(), now)?;
        let representation = Arc::new(representation);
        if representation.is_settled() {
            self.table.keep(name, &representation);
        }
        Ok(Found::File(representation))
    }

    /// Opens a file; if descriptors are short, those that are only kept are given back for it.
    fn open_beneath(&self, path: &CheckedPath<'_>) -> Result<Opened, FileFault> {
        match self.root.open_beneath(path) {
            Err(FileFault::Short(_)) if self.table.close_files() > 0 => self.root.open_beneath(path),
            other => other,
        }
    }
}

impl Service for Origin {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        Ok(self.answer(&request).unwrap_or_else(|refusal| reply::refused(&request, refusal)))
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
