//! An origin with a cache before it.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::PATIENCE;
use crate::support::origin::{Origin, Reply, response};
use crate::support::process::Role;
use crate::support::wire::{Answer, Head, Wire, request};

/// How clients come to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// They know it for a proxy, and name the origin.
    Forward,
    /// They take it for the origin.
    Reverse,
}

/// Both ways: what holds for one holds for the other.
pub(super) const WAYS: [Way; 2] = [Way::Forward, Way::Reverse];

/// An origin with a cache before it, whose directory is fresh.
pub(super) struct Town {
    pub(super) origin: Origin,
    pub(super) cache: Role,
    pub(super) dir: TempDir,
    way: Way,
    args: Vec<String>,
}

impl Town {
    /// A cache before an origin that answers as `script` says.
    pub(super) fn new(
        way: Way,
        args: &[&str],
        script: impl Fn(&Head) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let origin = Origin::start(script);
        let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
        if way == Way::Reverse {
            args.extend(["--origin".to_owned(), origin.url("/")]);
        }
        let dir = tempfile::tempdir().unwrap();
        let cache = start(&dir, &args);
        Self { origin, cache, dir, way, args }
    }

    /// A forward proxy, where it makes no difference.
    pub(super) fn forward(script: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Self {
        Self::new(Way::Forward, &[], script)
    }

    /// Stops the cache as a person would, and starts it again.
    pub(super) fn restarted(self) -> Self {
        let stopped = self.stopped();
        stopped.started()
    }

    /// Stops the cache as a person would.
    pub(super) fn stopped(self) -> Stopped {
        let Self { origin, cache, dir, way, args } = self;
        cache.process.signal(Signal::TERM);
        let ended = cache.process.end();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        Stopped { origin, dir, way, args }
    }

    /// What stands in a request for `path` at the origin.
    pub(super) fn target(&self, path: &str) -> String {
        match self.way {
            Way::Forward => self.origin.url(path),
            Way::Reverse => path.to_owned(),
        }
    }

    /// A request without content.
    pub(super) fn request(&self, method: &str, path: &str, fields: &[&str]) -> String {
        let host = match self.way {
            Way::Forward => self.origin.address,
            Way::Reverse => self.cache.address,
        };
        request(host, &format!("{method} {} HTTP/1.1", self.target(path)), fields)
    }

    /// Asks the cache on a connection of its own.
    pub(super) fn ask(&self, method: &str, path: &str, fields: &[&str]) -> Answer {
        let mut wire = Wire::to(self.cache.address);
        wire.send(self.request(method, path, fields));
        if method == "HEAD" { wire.answer_to_head() } else { wire.answer() }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    /// Asks for `path`, and leaves the answer to be read.
    pub(super) fn open(&self, path: &str) -> Wire {
        let mut wire = Wire::to(self.cache.address);
        wire.send(self.request("GET", path, &[]));
        wire
    }

    /// Where the body of what is at `path` lies.
    pub(super) fn stored(&self, path: &str) -> PathBuf {
        self.dir.path().join(format!("{}{path}", self.origin.address))
    }

    /// Every body in the cache's directory.
    pub(super) fn bodies(&self) -> Vec<String> {
        let tree = crate::support::place::tree(self.dir.path());
        let is_body = |path: &String| !path.starts_with(".sockets") && self.dir.path().join(path).is_file();
        tree.into_iter().filter(is_body).collect()
    }
}

/// A town whose cache does not run.
pub(super) struct Stopped {
    pub(super) origin: Origin,
    pub(super) dir: TempDir,
    way: Way,
    args: Vec<String>,
}

impl Stopped {
    /// The same with one more argument.
    pub(super) fn with(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts the cache on the directory that it had.
    pub(super) fn started(self) -> Town {
        let Self { origin, dir, way, args } = self;
        let cache = start(&dir, &args);
        Town { origin, cache, dir, way, args }
    }

    /// Where the body of what is at `path` lies.
    pub(super) fn stored(&self, path: &str) -> PathBuf {
        self.dir.path().join(format!("{}{path}", self.origin.address))
    }
}

fn start(dir: &TempDir, args: &[String]) -> Role {
    let mut all = vec!["--dir".to_owned(), dir.path().to_str().unwrap().to_owned()];
    all.extend_from_slice(args);
    Role::start("cache", &all)
}

/// What the cache says that it did: `Cache-Status` without the cache's name.
pub(super) fn did(answer: &Answer) -> &str {
    let status = answer.field("cache-status");
    status.split_once(';').unwrap_or_else(|| panic!("a name and nothing more: {status:?}")).1
}

/// A 200 with those fields.
pub(super) fn ok(fields: &[&str], body: &[u8]) -> Reply {
    Reply::Keep(response("200 OK", fields, body))
}

/// A 304 with those fields.
pub(super) fn not_modified(fields: &[&str]) -> Reply {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    Reply::Keep(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes())
}

/// What an ordinary origin answers with a file whose entity tag is `etag`: 304 to who has it.
pub(super) fn version(asked: &Head, etag: &str, body: &[u8]) -> Reply {
    let field = format!("ETag: {etag}");
    if asked.field("if-none-match") == Some(etag) { not_modified(&[&field]) } else { ok(&[&field], body) }
}

/// Whether a request at the origin asks for nothing but the whole.
pub(super) fn is_full(asked: &Head) -> bool {
    ["if-none-match", "if-modified-since", "if-range", "range"].iter().all(|name| asked.field(name).is_none())
}

/// Holds a script up until the test lets it go on.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through from now on.
    pub(super) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub(super) fn pass(&self) {
        let (is_open, news) = &*self.0;
        let waited = news.wait_timeout_while(is_open.lock().unwrap(), PATIENCE, |is_open| !*is_open);
        assert!(!waited.unwrap().1.timed_out(), "nobody opened the gate");
    }
}
