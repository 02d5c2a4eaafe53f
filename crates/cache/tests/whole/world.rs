//! An origin, a cache and a client in one process, on a clock that the test steps.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cache::{Cache, Config, OpenFault};
use lab::{Client, Clock, Link, Network, Seen, body_bytes};
use message::partial::{partial, respond};
use message::precondition::{Validators, Verdict, evaluate, not_modified};
use message::{
    Body, Failure, Fields, HeaderName, HeaderValue, Method, Request, Response, Segment, Service, Source,
    StatusCode, Target, header,
};
use tempfile::TempDir;

/// Where the origin is.
pub(crate) const ORIGIN: &str = "o.test:8000";

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) pages: Pages,
    pub(crate) dir: TempDir,
    pub(crate) config: Config,
    pub(crate) cache: Arc<Cache<Client>>,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Result<Bytes, Failure>,
}

/// What the origin has, by path. A handle.
#[derive(Clone, Default)]
pub(crate) struct Pages(Arc<Mutex<HashMap<String, Vec<Page>>>>);

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) lines: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Whether the length of the body is not told.
    pub(crate) is_chunked: bool,
    /// Whether parts of it are given.
    pub(crate) is_ranged: bool,
}

impl Page {
    pub(crate) fn new(body: impl Into<Bytes>) -> Self {
        Self { status: 200, lines: Vec::new(), body: body.into(), is_chunked: false, is_ranged: false }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn chunked(self) -> Self {
        Self { is_chunked: true, ..self }
    }

    pub(crate) fn ranged(self) -> Self {
        Self { is_ranged: true, ..self }
    }
}

impl Pages {
    pub(crate) fn put(&self, path: &str, page: Page) {
        self.0.lock().unwrap().entry(path.to_owned()).or_default().push(page);
    }

    /// The content of what was put there at that turn, counted from 0.
    pub(crate) fn version(&self, path: &str, turn: usize) -> Bytes {
        self.0.lock().unwrap()[path][turn].body.clone()
    }
}

impl Service for Pages {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        let path = request.target.path_and_query().map_or("*", |path| path.as_str());
        let page = self.0.lock().unwrap().get(path).and_then(|pages| pages.last().cloned());
        let page = page.unwrap_or_else(|| Page::new("Not here.\n").status(404));
        let fields = fields(&page.lines.iter().map(|(n, v)| (&**n, &**v)).collect::<Vec<_>>());
        let verdict = evaluate(&request.method, &request.fields, Some(&Validators::of(&fields)));
        if page.status == 200 && verdict == Verdict::NotModified {
            let fields = not_modified(&fields);
            return Ok(Response { status: StatusCode::NOT_MODIFIED, fields, body: Body::Empty });
        }
        if page.is_ranged && page.status == 200 && request.fields.contains(&header::RANGE) {
            let length = page.body.len().try_into().unwrap();
            let selection = partial(&request.fields, &request.method, &Validators::of(&fields), length);
            let whole = Response { status: StatusCode::OK, fields, body: Body::from(page.body) };
            return Ok(respond(selection, whole));
        }
        let body =
            if page.is_chunked { Body::from_source(None, Pieces(page.body)) } else { Body::from(page.body) };
        Ok(Response { status: StatusCode::from_u16(page.status).unwrap(), fields, body })
    }
}

/// Content of untold length.
struct Pieces(Bytes);

impl Source for Pieces {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        let len = self.0.len().min(10_000);
        let piece = self.0.split_to(len);
        Poll::Ready((!piece.is_empty()).then_some(Ok(Segment::Bytes(piece))))
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world whose cache is set up by `change`.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::new();
        let network = Network::new(clock);
        let pages = Pages::default();
        network.serve(ORIGIN, pages.clone());
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path());
        change(&mut config);
        let cache = Arc::new(Cache::open(config.clone(), network.client()).unwrap());
        Self { clock, network, pages, dir, config, cache }
    }

    /// The same world after a clean restart of the cache.
    pub(crate) async fn restart(self) -> Self {
        self.cache.close().await;
        self.after_kill().await
    }

    /// The same world when no fetch holds the cache any more.
    pub(crate) async fn settled(self) -> Self {
        self.network.set_link(ORIGIN, Link::default());
        while self.cache.fetches() > 0 {
            self.clock.advance(Duration::from_millis(10)).await;
        }
        self.clock.advance(Duration::from_millis(10)).await;
        self
    }

    /// The same world with a new cache in the same directory.
    pub(crate) async fn after_kill(self) -> Self {
        let Self { clock, network, pages, dir, config, cache } = self;
        assert_eq!(Arc::strong_count(&cache), 1);
        drop(cache);
        let cache = loop {
            match Cache::open(config.clone(), network.client()) {
                // A thread for the disk may hold the store for a moment still.
                Err(OpenFault::InUse { .. }) => tokio::task::yield_now().await,
                opened => break Arc::new(opened.unwrap()),
            }
        };
        Self { clock, network, pages, dir, config, cache }
    }

    /// So many seconds pass, on the world's own clock: nobody waits.
    pub(crate) async fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, lines: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, lines, "").await.unwrap()
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        body: &'static str,
    ) -> Result<Answer, Failure> {
        read(self.begin(method, path, lines, body).await?).await
    }

    /// The response with its body not read.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        body: &'static str,
    ) -> Result<Response, Failure> {
        self.cache.call(self.request(method, path, lines, body)).await
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        body: &'static str,
    ) -> Request {
        let target = Target::parse_url(&format!("http://{ORIGIN}{path}")).unwrap();
        let mut request = Request::get(target, self.clock.now());
        request.method = Method::from_bytes(method.as_bytes()).unwrap();
        request.fields = fields(lines);
        request.body = Body::from(body);
        request
    }

    /// How many requests the origin has got.
    pub(crate) fn asked(&self) -> u64 {
        self.network.requests(ORIGIN)
    }

    /// The last request that the origin got.
    pub(crate) fn seen(&self) -> Seen {
        self.network.log(ORIGIN).pop().unwrap()
    }

    /// The file of that name in the cache's directory.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir.path().join(ORIGIN).join(name)).ok()
    }

    /// All bodies in the cache's directory.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        walk(self.dir.path(), self.dir.path(), &mut files);
        files.sort();
        files
    }

    /// What lies in the directory for bodies that are not published.
    pub(crate) fn temporaries(&self) -> usize {
        fs::read_dir(self.dir.path().join(".sockets/tmp")).unwrap().count()
    }
}

fn walk(root: &Path, dir: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".sockets") {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

pub(crate) async fn read(response: Response) -> Result<Answer, Failure> {
    let body = body_bytes(response.body).await;
    Ok(Answer { status: response.status.as_u16(), fields: response.fields, body })
}

pub(crate) fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    fields
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.text(&HeaderName::try_from(name).unwrap())
    }

    pub(crate) fn cache_status(&self) -> &str {
        self.field("cache-status").unwrap_or_default()
    }
}

/// `len` bytes that differ from place to place.
pub(crate) fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| u8::try_from((at / 251 + at) % 251).unwrap()).collect()
}
