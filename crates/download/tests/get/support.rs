//! What the tests of whole downloads share: a place to save to, and sources of content.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use download::{Event, Fetched, GetFault, Order, Output, Progress, Url, get};
use lab::{Answers, Clock};
use message::field::etag::EntityTag;
use message::partial::{partial, respond};
use message::precondition::Validators;
use message::{
    Body, BodyStream, Failure, HeaderValue, Request, Response, Segment, Service, Source, StatusCode, header,
};
use tempfile::TempDir;
use tokio::time::{Sleep, sleep};

/// An empty directory to save to.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Everything in it, by name.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// An order of `url` into this directory.
    pub(crate) fn order(&self, url: &str) -> Order {
        Order::new(Url::parse(url).unwrap(), Output::Directory(self.0.path().into()))
    }

    /// The same, tried once.
    pub(crate) fn order_once(&self, url: &str) -> Order {
        Order { tries: NonZeroU32::MIN, ..self.order(url) }
    }
}

/// [`get`] without anybody who watches.
pub(crate) async fn fetch(upstream: &impl Service, order: Order) -> Result<Fetched, GetFault> {
    get(upstream, order, Clock::new().now(), &()).await
}

/// A response with `status` and a short text.
pub(crate) fn answer(status: u16, text: &'static str) -> Response {
    Response { body: Body::from(text), ..Response::new(StatusCode::from_u16(status).unwrap()) }
}

/// What a server that can do all that RFC 9110 asks for answers, which has `content` with that entity tag.
pub(crate) fn file(request: &Request, content: &Bytes, tag: &str) -> Response {
    let etag = EntityTag::strong(tag).unwrap();
    let current = Validators { etag: Some(etag.clone()), ..Validators::default() };
    let length = u64::try_from(content.len()).unwrap();
    let selection = partial(&request.fields, &request.method, &current, length);
    let whole = Response { body: Body::from(content.clone()), ..Response::new(StatusCode::OK) };
    let whole = whole.with(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    respond(selection, whole.with(header::ETAG, etag.to_value()))
}

/// A server that has `content` with that entity tag.
pub(crate) fn server(content: &[u8], tag: &'static str) -> Answers {
    let content = Bytes::copy_from_slice(content);
    Answers::new(move |request| file(&request, &content, tag))
}

/// The same response with its content at so many bytes a second.
pub(crate) fn slowly(response: Response, bytes_per_second: usize) -> Response {
    let length = response.body.length();
    let content = response.body.into_stream();
    let slow = Slow { content, pause: None, rest: Bytes::new(), block: bytes_per_second / 16 };
    Response { body: Body::from_source(length, slow), fields: response.fields, status: response.status }
}

struct Slow {
    content: BodyStream,
    rest: Bytes,
    block: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Source for Slow {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        if self.rest.is_empty() {
            self.rest = match ready!(self.content.poll_next(cx)) {
                Some(Ok(Segment::Bytes(bytes))) => bytes,
                other => return Poll::Ready(other),
            };
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(Duration::from_nanos(62_500_000))));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        let block = self.block.min(self.rest.len());
        Poll::Ready(Some(Ok(Segment::Bytes(self.rest.split_to(block)))))
    }
}

/// A redirect to `location`.
pub(crate) fn redirect(status: u16, location: &str) -> Response {
    answer(status, "moved").with(header::LOCATION, HeaderValue::from_str(location).unwrap())
}

/// Content of the given pieces, one after the other.
pub(crate) struct Pieces(VecDeque<Result<Segment, Failure>>);

impl Pieces {
    pub(crate) fn body(
        length: Option<u64>,
        pieces: impl IntoIterator<Item = Result<Segment, Failure>>,
    ) -> Body {
        Body::from_source(length, Self(pieces.into_iter().collect()))
    }
}

impl Source for Pieces {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        Poll::Ready(self.0.pop_front())
    }
}

/// Writes down what it is told, and does something when a try has failed.
pub(crate) struct Watch<F> {
    pub(crate) events: Mutex<Vec<String>>,
    pub(crate) pauses: Mutex<Vec<Duration>>,
    on_again: F,
}

impl<F: Fn() + Sync> Watch<F> {
    pub(crate) fn new(on_again: F) -> Self {
        Self { events: Mutex::default(), pauses: Mutex::default(), on_again }
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    fn note(&self, event: String) {
        self.events.lock().unwrap().push(event);
    }
}

impl<F: Fn() + Sync> Progress for Watch<F> {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { total, kept } => {
                let total = total.map_or_else(String::new, |total| format!(" {total}"));
                let kept = if kept > 0 { format!(" kept {kept}") } else { String::new() };
                self.note(format!("start{total}{kept}"));
            }
            Event::Advanced { bytes, .. } => self.note(format!("+{bytes}")),
            Event::Redirected(redirect) => self.note(format!("{} {}", redirect.status.as_u16(), redirect.to)),
            Event::Found { source } => self.note(format!("found {source}")),
            Event::Dropped { source, fault } => self.note(format!("dropped {source}: {fault}")),
            Event::Asking { .. } | Event::Answered { .. } => {}
            Event::Verifying => self.note("verifying".to_owned()),
            Event::Done => self.note("done".to_owned()),
            Event::Kept { bytes, total } => self.note(format!("kept {bytes} of {total}")),
            Event::Again { fault, pause } => {
                self.note(format!("again: {fault}"));
                self.pauses.lock().unwrap().push(pause);
                (self.on_again)();
            }
        }
    }
}
