//! What the tests of this crate stand on: a directory on the disk, requests without a port, and
//! answers that are read to their end. Time is an argument: [`later`] is long after whenever the tests
//! run, when every file has settled.

use std::fs::{self, File, FileTimes};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, header};
use message::body::{Body, Segment};
use message::fields::Fields;
use message::request::Request;
use message::response::Response;
use message::service::Service;
use message::target::Target;
use tempfile::TempDir;

use crate::config::Config;
use crate::files::Files;
use crate::origin::Origin;
use crate::path::CheckedPath;
use crate::root::Walk;

/// The year 2242.
pub(crate) const LATER: Duration = Duration::from_secs(1 << 33);

/// A directory `files` to serve, with something secret beside it.
pub(crate) struct Fixture {
    pub(crate) outside: TempDir,
    pub(crate) origin: Origin,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let files = outside.path().join("files");
        fs::create_dir(&files).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        let mut config = Config::new(files);
        adjust(&mut config);
        Self { origin: Origin::open(config).unwrap(), outside }
    }

    pub(crate) fn walking(self, walk: Walk) -> Self {
        Self { origin: self.origin.walking(walk), ..self }
    }

    pub(crate) fn files(&self) -> &Files {
        self.origin.site().files()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.outside.path().join("files").join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes the new version beside the old one and puts it in its place, as careful programs do.
    pub(crate) fn replace(&self, name: &str, content: &str) {
        let new = self.write("new", content);
        fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        Answer::read(self.origin.call(request).await.unwrap())
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(get(target)).await
    }

    pub(crate) async fn get_with(&self, target: &str, name: HeaderName, value: &str) -> Answer {
        self.send(with(get(target), name, value)).await
    }

    pub(crate) async fn ask(&self, target: &str, fields: &[(HeaderName, &str)]) -> Answer {
        let with_one = |request, (name, value): &(HeaderName, &str)| with(request, name.clone(), value);
        self.send(fields.iter().fold(get(target), with_one)).await
    }

    /// A GET of somebody who accepts those codings.
    pub(crate) async fn accept(&self, target: &str, codings: &str) -> Answer {
        self.get_with(target, header::ACCEPT_ENCODING, codings).await
    }

    pub(crate) async fn get_at(&self, target: &str, now: SystemTime) -> Answer {
        self.send(Request { received_at: now, ..get(target) }).await
    }

    pub(crate) fn is_kept(&self, name: &str) -> bool {
        let path = format!("/{name}");
        let path = CheckedPath::parse(path.as_bytes()).unwrap();
        let seen = self.files().root().keep().look(&path).unwrap();
        self.files().table().get(name.as_bytes(), &seen.identity).is_some()
    }

    /// The same, without that counting as a request for it.
    pub(crate) fn is_kept_unasked(&self, name: &str) -> bool {
        self.files().table().holds(name.as_bytes())
    }
}

/// A response with its content read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) content: Vec<u8>,
    /// Whether the content came out of memory.
    pub(crate) from_memory: bool,
}

impl Answer {
    pub(crate) fn read(response: Response) -> Self {
        let (mut content, mut from_memory) = (Vec::new(), true);
        match response.body {
            Body::Empty => {}
            Body::Stream(_) => panic!("files don't stream"),
            Body::Segments(segments) => {
                for segment in segments {
                    match segment {
                        Segment::Bytes(bytes) => content.extend_from_slice(&bytes),
                        Segment::File(slice) => {
                            from_memory = false;
                            while (content.len() as u64) < slice.len() {
                                let read = slice.read_at(content.len() as u64, 1 << 20).unwrap();
                                content.extend_from_slice(&read);
                            }
                        }
                    }
                }
            }
        }
        Self { status: response.status.as_u16(), fields: response.fields, content, from_memory }
    }

    pub(crate) fn field(&self, name: &HeaderName) -> Option<&str> {
        self.fields.text(name)
    }

    pub(crate) fn etag(&self) -> &str {
        self.field(&header::ETAG).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.content).unwrap()
    }

    /// What `Content-Encoding` says.
    pub(crate) fn coding(&self) -> Option<&str> {
        self.field(&header::CONTENT_ENCODING)
    }

    /// The content without its coding.
    pub(crate) fn decoded(&self) -> Vec<u8> {
        let mut content = Vec::new();
        let coded = self.content.as_slice();
        match self.coding() {
            None => return coded.to_vec(),
            Some("gzip") => flate2::read::GzDecoder::new(coded).read_to_end(&mut content).unwrap(),
            Some("br") => brotli::Decompressor::new(coded, 4096).read_to_end(&mut content).unwrap(),
            Some("zstd") => zstd::stream::Decoder::new(coded).unwrap().read_to_end(&mut content).unwrap(),
            Some(other) => panic!("{other} was not on offer"),
        };
        content
    }
}

/// Some text that is worth compressing, `lines` lines long.
pub(crate) fn text(lines: usize) -> String {
    (0..lines).map(|number| format!("this is line {number} of a text that says little\n")).collect()
}

pub(crate) fn later() -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(LATER).unwrap()
}

pub(crate) fn get(target: &str) -> Request {
    Request::get(Target::parse(target).unwrap(), later())
}

pub(crate) fn with(mut request: Request, name: HeaderName, value: &str) -> Request {
    request.fields.append(name, HeaderValue::from_str(value).unwrap());
    request
}

pub(crate) fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

pub(crate) fn set_modified(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
