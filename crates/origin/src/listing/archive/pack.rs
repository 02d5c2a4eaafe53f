//! The answer that is an archive: made step by step off the threads that serve, as fast as it is taken.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, StatusCode, header};
use message::body::{Body, Segment, Source};
use message::failure::{Failure, FailureKind};
use message::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::disposition;
use crate::listing::archive::descent::{ArchiveLimits, Descent, name};
use crate::listing::archive::packer::{Packer, Step};
use crate::listing::archive::tar::Tar;
use crate::listing::archive::zip::Zip;
use crate::listing::query::Packing;
use crate::path::CheckedPath;
use crate::root::Root;

/// The directory as an archive. `place` is given back when the answer has been sent or given up.
pub(crate) fn response(
    root: Arc<Root>,
    directory: CheckedPath<'static>,
    packing: Packing,
    limits: ArchiveLimits,
    place: OwnedSemaphorePermit,
) -> Response {
    let file_name = [name(&directory), b".", packing.name().as_bytes()].concat();
    let descent = Descent::new(root, directory, limits);
    let (media_type, packer): (_, Box<dyn Packer>) = match packing {
        Packing::Tar => ("application/x-tar", Box::new(Tar::new(descent))),
        Packing::Zip => ("application/zip", Box::new(Zip::new(descent))),
    };
    let mut response = Response::new(StatusCode::OK)
        .with(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
        .with(header::CONTENT_DISPOSITION, disposition::attachment(&file_name))
        .with(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        // It is made anew each time: nothing could be kept of it, nor a part be asked for.
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    response.body = Body::from_source(None, Packed::new(packer, place));
    response
}

/// An archive that is being sent.
struct Packed {
    state: State,
    made: VecDeque<Segment>,
    /// Its place among the archives that may be sent at the same time.
    _place: OwnedSemaphorePermit,
}

enum State {
    Waiting(Box<dyn Packer>),
    Packing(JoinHandle<(Box<dyn Packer>, Step)>),
    Over,
}

impl Packed {
    fn new(packer: Box<dyn Packer>, place: OwnedSemaphorePermit) -> Self {
        Self { state: State::Waiting(packer), made: VecDeque::new(), _place: place }
    }
}

impl Source for Packed {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        loop {
            if let Some(segment) = self.made.pop_front() {
                return Poll::Ready(Some(Ok(segment)));
            }
            match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::Waiting(_) => {
                    if let State::Waiting(mut packer) = mem::replace(&mut self.state, State::Over) {
                        self.state = State::Packing(spawn_blocking(move || {
                            let step = packer.step();
                            (packer, step)
                        }));
                    }
                }
                State::Packing(step) => {
                    let step = ready!(Pin::new(step).poll(cx));
                    self.state = State::Over;
                    match step {
                        Ok((_, Ok(made))) if made.is_empty() => {}
                        Ok((packer, Ok(made))) => {
                            self.made = made.into_iter().filter(|segment| !segment.is_empty()).collect();
                            self.state = State::Waiting(packer);
                        }
                        Ok((_, Err(fault))) => return Poll::Ready(Some(Err(fault.into()))),
                        Err(_) => return Poll::Ready(Some(Err(given_up()))),
                    }
                }
            }
        }
    }
}

/// The step did not come to its end: it panicked, or the program is being stopped.
fn given_up() -> Failure {
    Failure::new(FailureKind::ProxyInternalError, "the archive was given up")
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
