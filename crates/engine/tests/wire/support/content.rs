//! Content that comes when the test says so.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use lab::Answers;
use message::{
    Body, Failure, FailureKind, Fields, FileSlice, HeaderName, HeaderValue, Response, Segment, Source,
    StatusCode,
};
use tokio::sync::mpsc;

use super::soon;

/// Feeds a body: a piece, or a failure; the end when it is dropped.
pub(crate) type Feed = mpsc::UnboundedSender<Result<Segment, Failure>>;

struct Fed {
    pieces: mpsc::UnboundedReceiver<Result<Segment, Failure>>,
    trailers: Option<Fields>,
}

impl Source for Fed {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        self.pieces.poll_recv(cx)
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        self.trailers.take()
    }
}

/// A body and what feeds it.
pub(crate) fn fed(length: Option<u64>) -> (Feed, Body) {
    let (feed, pieces) = mpsc::unbounded_channel();
    (feed, Body::from_source(length, Fed { pieces, trailers: None }))
}

/// A stream of these pieces.
pub(crate) fn stream(length: Option<u64>, pieces: &[&'static str], trailers: Option<Fields>) -> Body {
    let (feed, queue) = mpsc::unbounded_channel();
    for text in pieces {
        feed.send(Ok(piece(*text))).unwrap();
    }
    Body::from_source(length, Fed { pieces: queue, trailers })
}

/// A stream that fails after these pieces.
pub(crate) fn broken_stream(length: Option<u64>, pieces: &[&'static str]) -> Body {
    let (feed, body) = fed(length);
    for text in pieces {
        feed.send(Ok(piece(*text))).unwrap();
    }
    feed.send(Err(Failure::new(FailureKind::HttpResponseIncomplete, "the source broke off"))).unwrap();
    body
}

pub(crate) fn piece(bytes: impl Into<Bytes>) -> Segment {
    Segment::Bytes(bytes.into())
}

pub(crate) fn fields(lines: &[(&'static str, &'static str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    fields
}

/// Bytes of which no two stretches near each other are alike: what is lost, doubled or moved shows.
pub(crate) fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = BytesMut::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.freeze()
}

/// Answers every request with a file of so many bytes, none of which takes any room.
pub(crate) fn gives_hole(length: u64) -> Answers {
    let file = tempfile::tempfile().unwrap();
    file.set_len(length).unwrap();
    let file = Arc::new(file);
    Answers::new(move |_| Response {
        body: Body::from(slice(&file, 0, length)),
        ..Response::new(StatusCode::OK)
    })
}

/// A file with this content, already unlinked.
pub(crate) fn file_of(content: &[u8]) -> Arc<std::fs::File> {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, content, 0).unwrap();
    Arc::new(file)
}

/// `len` bytes of `file` from `start`.
pub(crate) fn slice(file: &Arc<std::fs::File>, start: u64, len: u64) -> FileSlice {
    let size = file.metadata().unwrap().len();
    FileSlice::new(Arc::clone(file), size, start, len).expect("within the file")
}

/// Reads a body: what came of it, the trailers, and the failure if it did not end well.
pub(crate) async fn read(body: Body) -> (Bytes, Option<Fields>, Option<Failure>) {
    let mut stream = body.into_stream();
    let mut all = BytesMut::new();
    while let Some(outcome) = soon(stream.next()).await {
        match outcome {
            Ok(Segment::Bytes(bytes)) => all.extend_from_slice(&bytes),
            Ok(Segment::File(_)) => panic!("what comes off a wire is no file"),
            Err(failure) => return (all.freeze(), None, Some(failure)),
        }
    }
    (all.freeze(), stream.trailers(), None)
}
