//! What the tests of listings stand on: a directory on the disk, and answers that are read to their end.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderName;
use message::body::{Body, Segment};
use message::failure::Failure;
use message::request::Request;
use message::response::Response;
use message::target::Target;
use tempfile::TempDir;

use crate::listing::lister::{Lister, Listing};
use crate::path::CheckedPath;
use crate::root::{FileFault, Root};

/// 1994-11-06T08:49:37Z
pub(crate) const MODIFIED: u64 = 784_111_777;

/// A served directory, with something secret beside it.
pub(crate) struct Shelf {
    temporary: TempDir,
    pub(crate) root: Arc<Root>,
    pub(crate) lister: Lister,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let served = temporary.path().join("served");
        fs::create_dir(&served).unwrap();
        fs::write(temporary.path().join("secret"), "secret").unwrap();
        let root = Arc::new(Root::open(&served).unwrap());
        Self { temporary, root, lister: Lister::new(Listing::default()) }
    }

    pub(crate) fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.temporary.path().join("served").join(Path::new(std::ffi::OsStr::from_bytes(name.as_ref())))
    }

    /// Writes a file, last modified at [`MODIFIED`]; directories on the way are made.
    pub(crate) fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(MODIFIED)).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        path
    }

    pub(crate) fn make_directory(&self, name: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    pub(crate) async fn show(&self, request: &Request) -> Result<Response, FileFault> {
        let target = request.target.path_and_query().unwrap().path().to_owned();
        let directory = CheckedPath::parse(target.as_bytes()).unwrap().into_owned();
        self.lister.show(Arc::clone(&self.root), directory, request).await
    }

    pub(crate) async fn get(&self, target: &str) -> Shown {
        Shown::read(self.show(&request(target, &[])).await.unwrap()).await
    }
}

/// An answer with its content read.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) response: Response,
    pub(crate) content: Vec<u8>,
    /// Why the content broke off, if it did.
    pub(crate) failure: Option<Failure>,
}

impl Shown {
    pub(crate) async fn read(mut response: Response) -> Self {
        let mut stream = std::mem::take(&mut response.body).into_stream();
        let (mut content, mut failure) = (Vec::new(), None);
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(Segment::Bytes(bytes)) => content.extend_from_slice(&bytes),
                Ok(Segment::File(slice)) => {
                    let mut at = 0;
                    while at < slice.len() {
                        let read = slice.read_at(at, 1 << 20).unwrap();
                        at = at.saturating_add(read.len() as u64);
                        content.extend_from_slice(&read);
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        Self { response, content, failure }
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.content).unwrap()
    }

    /// What a JSON pointer (RFC 6901) leads to in the content.
    pub(crate) fn at(&self, pointer: &str) -> serde_json::Value {
        let json: serde_json::Value = serde_json::from_slice(&self.content).unwrap();
        json.pointer(pointer).unwrap().clone()
    }

    pub(crate) fn field(&self, name: &HeaderName) -> &str {
        self.response.fields.text(name).unwrap_or_default()
    }

    /// The references of all links, in order, as they stand in the page.
    pub(crate) fn links(&self) -> Vec<&str> {
        let starts = self.text().split("href=\"").skip(1);
        starts.map(|rest| rest.split('"').next().unwrap()).filter(|link| !link.starts_with("data:")).collect()
    }
}

pub(crate) fn request(target: &str, fields: &[(HeaderName, &str)]) -> Request {
    let target = Target::parse(target).unwrap();
    let mut request = Request::get(target, SystemTime::UNIX_EPOCH);
    for (name, value) in fields {
        request.fields.append(name.clone(), value.parse().unwrap());
    }
    request
}

/// Whether a program of the system's is there. CI has all that the tests call.
pub(crate) fn is_installed(program: &str) -> bool {
    let installed =
        Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(installed || std::env::var_os("CI").is_none(), "CI has to have {program}");
    installed
}

/// A body for whoever only wants one that streams.
pub(crate) fn is_stream(response: &Response) -> bool {
    matches!(response.body, Body::Stream(_))
}
