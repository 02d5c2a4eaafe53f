//! What the tests of whole downloads share: a place to save to, and sources of content.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use download::{Fetched, GetFault, Order, Output, Progress, Redirect, Url, get};
use lab::Clock;
use message::{Body, Failure, HeaderValue, Response, Segment, Service, Source, StatusCode, header};
use tempfile::TempDir;

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
    fn start(&self, total: Option<u64>) {
        self.note(total.map_or_else(|| "start".to_owned(), |total| format!("start {total}")));
    }

    fn advance(&self, bytes: u64) {
        self.note(format!("+{bytes}"));
    }

    fn done(&self) {
        self.note("done".to_owned());
    }

    fn redirected(&self, redirect: &Redirect) {
        self.note(format!("{} {}", redirect.status.as_u16(), redirect.to));
    }

    fn again(&self, fault: &GetFault, pause: Duration) {
        self.note(format!("again: {fault}"));
        self.pauses.lock().unwrap().push(pause);
        (self.on_again)();
    }
}
