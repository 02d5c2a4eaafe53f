//! An origin that gives ranges, changes what it has, and now and then does what none should.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use message::partial::{partial, respond};
use message::precondition::{Validators, Verdict, evaluate, not_modified};
use message::{
    Body, Failure, FailureKind, Fields, HeaderValue, Request, Response, Segment, Service, Source, StatusCode,
    header,
};
use tokio::time::{Sleep, sleep};

use crate::dice::Dice;
use crate::world::fields;

/// By how many bytes a length is longer than the content when the origin lies about it.
pub(crate) const LIE: usize = 10_000;

/// The longest body, in bytes: so long that the cache asks for a part of it on its own.
pub(crate) const LENGTH_MAX: usize = 3_000_000;

/// Where the versions of a body begin in the noise that they are cut out of.
const VERSION_STEP: usize = 1009;

/// How much is sent at a time, in bytes.
const BLOCK: usize = 64 * 1024;

/// The origin. A handle.
#[derive(Clone)]
pub(crate) struct Fickle(Arc<Mutex<State>>);

struct State {
    dice: Dice,
    things: Vec<Thing>,
    /// How many answers of a hundred are spoilt.
    malice: u64,
    spoilt: u64,
}

/// What lies under one path.
#[derive(Clone, Copy)]
pub(crate) struct Thing {
    pub(crate) length: usize,
    pub(crate) validator: Validator,
    pub(crate) is_fresh: bool,
    /// Which version it is now, from 0.
    pub(crate) version: usize,
}

/// What tells its versions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validator {
    Strong,
    Weak,
    None,
}

/// What is wrong with an answer.
enum Mischief {
    Nothing,
    Error,
    /// The range that was asked for is not heeded.
    NoRanges,
    /// The content breaks off.
    Cut,
    /// Nothing comes for a while, and then the rest.
    Pause,
    /// Nothing comes any more, until whoever waits gives up.
    Stall,
    /// The length is longer than the content.
    LongerLength,
    /// Another range than was asked for.
    OtherRange,
    /// A 206 that does not say which bytes it holds.
    NoContentRange,
    /// A 206 that does not say which version it is of.
    NoTag,
    /// A 206 whose content is shorter than it says, in a message that is whole.
    ShortPart,
}

impl Thing {
    /// A version has a length and content of its own.
    pub(crate) fn body(&self, version: usize) -> Bytes {
        static NOISE: OnceLock<Bytes> = OnceLock::new();
        let noise = NOISE.get_or_init(|| {
            let mut state: u32 = 1;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            };
            (0..LENGTH_MAX + 200 * VERSION_STEP).map(|_| next()).collect()
        });
        let start = version % 100 * VERSION_STEP;
        noise.slice(start..start + self.length + version % 3 * 7)
    }

    pub(crate) fn tag(version: usize) -> String {
        format!("\"{version}\"")
    }

    fn head(&self) -> Fields {
        let (version, tag) = (self.version.to_string(), Self::tag(self.version));
        let mut lines = vec![("version", version), ("content-type", "text/plain".to_owned())];
        match self.validator {
            Validator::Strong => lines.push(("etag", tag)),
            Validator::Weak => lines.push(("etag", format!("W/{tag}"))),
            Validator::None => {}
        }
        if self.is_fresh {
            lines.push(("cache-control", "max-age=600".to_owned()));
        }
        fields(&lines.iter().map(|(name, value)| (*name, &**value)).collect::<Vec<_>>())
    }
}

impl Fickle {
    /// One that has `things` under `/0`, `/1` and so on.
    pub(crate) fn new(dice: Dice, things: Vec<Thing>) -> Self {
        Self(Arc::new(Mutex::new(State { dice, things, malice: 0, spoilt: 0 })))
    }

    pub(crate) fn thing(&self, at: usize) -> Thing {
        self.state().things[at]
    }

    pub(crate) fn change(&self, at: usize) {
        self.state().things[at].version += 1;
    }

    pub(crate) fn set_malice(&self, malice: u64) {
        self.state().malice = malice;
    }

    /// How many answers it has spoilt.
    pub(crate) fn spoilt(&self) -> u64 {
        self.state().spoilt
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What it has at that path, whether its length is told, what it does wrong, and where in it.
    fn decide(&self, path: &str) -> (Thing, bool, Mischief, usize) {
        let mut state = self.state();
        let thing = state.things[path[1..].parse::<usize>().unwrap()];
        let is_chunked = state.dice.roll(5) == 0;
        let at = state.dice.pick(thing.length + 1);
        let is_bad = state.dice.roll(100) < state.malice;
        state.spoilt += u64::from(is_bad);
        let mischief = match state.dice.roll(12) {
            _ if !is_bad => Mischief::Nothing,
            0 => Mischief::Error,
            1 => Mischief::NoRanges,
            2 => Mischief::OtherRange,
            3 => Mischief::NoContentRange,
            4 => Mischief::NoTag,
            5 => Mischief::ShortPart,
            6 => Mischief::LongerLength,
            7 => Mischief::Pause,
            8 => Mischief::Stall,
            _ => Mischief::Cut,
        };
        (thing, is_chunked, mischief, at)
    }
}

impl Service for Fickle {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        let (thing, is_chunked, mischief, at) = self.decide(request.target.path_and_query().unwrap().path());
        let head = thing.head();
        if matches!(mischief, Mischief::Error) {
            return Ok(Response::text(StatusCode::SERVICE_UNAVAILABLE, "Not now.\n"));
        }
        if evaluate(&request.method, &request.fields, Some(&Validators::of(&head))) == Verdict::NotModified {
            let fields = not_modified(&head);
            return Ok(Response { status: StatusCode::NOT_MODIFIED, fields, body: Body::Empty });
        }
        let mut asked = request.fields.clone();
        match mischief {
            Mischief::NoRanges => asked.remove(&header::RANGE),
            Mischief::OtherRange if asked.contains(&header::RANGE) => {
                let other = format!("bytes={at}-{}", at + 50_000);
                asked.set(header::RANGE, HeaderValue::from_str(&other).unwrap());
            }
            _ => {}
        }
        let body = thing.body(thing.version);
        let length = body.len().try_into().unwrap();
        let selection = partial(&asked, &request.method, &Validators::of(&head), length);
        let whole = Response { status: StatusCode::OK, fields: head, body: Body::from(body) };
        let mut response = respond(selection, whole);
        if response.status == StatusCode::PARTIAL_CONTENT {
            match mischief {
                Mischief::NoContentRange => response.fields.remove(&header::CONTENT_RANGE),
                Mischief::NoTag => response.fields.remove(&header::ETAG),
                _ => {}
            }
        }
        Ok(send(response, is_chunked, &mischief, at).await)
    }
}

/// The response with its content as it goes on the wire.
async fn send(mut response: Response, is_chunked: bool, mischief: &Mischief, at: usize) -> Response {
    let is_part = response.status == StatusCode::PARTIAL_CONTENT;
    let mut body = lab::body_bytes(response.body).await.unwrap();
    let mut length = body.len();
    match mischief {
        Mischief::ShortPart if is_part => {
            body.truncate(length / 2);
            length = body.len();
        }
        Mischief::LongerLength => length += LIE,
        _ => {}
    }
    let at = at.min(body.len());
    let trouble = match mischief {
        Mischief::Cut => Some((at, Trouble::End)),
        Mischief::Pause => Some((at, Trouble::Wait(Box::pin(sleep(Duration::from_secs(40)))))),
        Mischief::Stall => Some((at, Trouble::WaitAndEnd(Box::pin(sleep(Duration::from_secs(60)))))),
        _ => None,
    };
    let length =
        (!is_chunked || matches!(mischief, Mischief::LongerLength)).then(|| length.try_into().unwrap());
    response.body = Body::from_source(length, Sent { body, at: 0, trouble });
    response
}

/// Content, and what happens to it on its way.
struct Sent {
    body: Bytes,
    at: usize,
    trouble: Option<(usize, Trouble)>,
}

enum Trouble {
    End,
    Wait(Pin<Box<Sleep>>),
    WaitAndEnd(Pin<Box<Sleep>>),
}

impl Source for Sent {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        let here = self.at;
        if let Some((at, trouble)) = &mut self.trouble
            && *at == here
        {
            match trouble {
                Trouble::End => return Poll::Ready(Some(Err(broken()))),
                Trouble::Wait(sleep) => ready!(sleep.as_mut().poll(cx)),
                Trouble::WaitAndEnd(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(broken())));
                }
            }
            self.trouble = None;
        }
        let stop = self.trouble.as_ref().map_or(self.body.len(), |(at, _)| *at);
        let end = stop.min(here + BLOCK);
        self.at = end;
        let piece = self.body.slice(here..end);
        Poll::Ready((!piece.is_empty()).then_some(Ok(Segment::Bytes(piece))))
    }
}

fn broken() -> Failure {
    Failure::new(FailureKind::HttpResponseIncomplete, "the connection was cut")
}
