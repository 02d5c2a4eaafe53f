//! A client who asks for something, reads it at his own pace, and compares every byte with what the origin had.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::Cache;
use lab::Client;
use message::field::range::{ByteRange, ContentRange};
use message::{Body, BodyStream, Failure, Request, Response, Segment, Service, header};
use tokio::time::sleep;

use crate::fickle::{Fickle, LIE, Thing, Validator};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    Whole,
    Part(u64, u64),
    From(u64),
    Last(u64),
    Several(Vec<(u64, u64)>),
}

/// One request of one client.
pub(crate) struct Visit {
    pub(crate) cache: Arc<Cache<Client>>,
    pub(crate) origin: Fickle,
    pub(crate) request: Request,
    /// Which thing it is for.
    pub(crate) at: usize,
    pub(crate) want: Want,
    /// The version that `If-Range` names.
    pub(crate) only_if: Option<usize>,
    /// The oldest version that may be the answer.
    pub(crate) oldest: usize,
    /// The rest after each piece that is read.
    pub(crate) pause: Duration,
    /// After how many bytes he leaves.
    pub(crate) patience: u64,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visited {
    /// All of it came.
    Whole,
    /// What of it was asked for came.
    Part,
    Parts,
    /// It broke off, visibly, and what had come was right.
    BrokenOff,
    /// No answer of the origin's.
    Failed,
    /// There is no such range.
    Unsatisfiable,
    /// He left before the end.
    Left,
    /// A 206 that nobody can take for something, passed on as the origin gave it.
    Nonsense,
}

impl Want {
    /// The value of `Range`.
    pub(crate) fn to_value(&self) -> Option<String> {
        let spec = |(first, last): &(u64, u64)| format!("{first}-{last}");
        match self {
            Self::Whole => None,
            Self::Part(first, last) => Some(format!("bytes={first}-{last}")),
            Self::From(first) => Some(format!("bytes={first}-")),
            Self::Last(count) => Some(format!("bytes=-{count}")),
            Self::Several(all) => {
                Some(format!("bytes={}", all.iter().map(spec).collect::<Vec<_>>().join(",")))
            }
        }
    }

    /// The one range that it is of `length` bytes, if it is only one.
    fn of(&self, length: u64) -> Option<ByteRange> {
        match *self {
            Self::Part(first, last) => ByteRange::new(first, last.min(length - 1)),
            Self::From(first) => ByteRange::new(first, length - 1),
            Self::Last(count) => ByteRange::new(length.saturating_sub(count), length - 1),
            Self::Whole | Self::Several(_) => None,
        }
    }

    /// Whether none of it lies within `length` bytes.
    fn is_past(&self, length: u64) -> bool {
        match self {
            Self::Whole => false,
            Self::Part(first, _) | Self::From(first) => *first >= length,
            Self::Last(count) => *count == 0,
            Self::Several(all) => all.iter().all(|(first, _)| *first >= length),
        }
    }
}

impl Visit {
    /// Plays it to its end.
    pub(crate) async fn play(mut self) -> Visited {
        let request = std::mem::replace(&mut self.request, nothing());
        let Ok(response) = self.cache.call(request).await else { return Visited::Failed };
        match response.status.as_u16() {
            200 => self.whole(response).await,
            206 if response.fields.contains(&header::CONTENT_RANGE) => self.part(response).await,
            206 => self.parts(response).await,
            416 => {
                let thing = self.origin.thing(self.at);
                let lengths = (0..=thing.version).map(|version| count(&thing.body(version)));
                assert!(lengths.into_iter().any(|length| self.want.is_past(length)), "{:?}", self.want);
                Visited::Unsatisfiable
            }
            500..=599 => Visited::Failed,
            status => panic!("{status} is no answer to {:?}", self.want),
        }
    }

    fn thing(&self) -> Thing {
        self.origin.thing(self.at)
    }

    /// What the response says to be a version of.
    fn model(&self, response: &Response) -> Bytes {
        let version: usize = response.fields.text(&"version".try_into().unwrap()).unwrap().parse().unwrap();
        assert!(version >= self.oldest, "{version} was replaced before the request");
        if let (206, Some(only_if)) = (response.status.as_u16(), self.only_if) {
            assert_eq!(version, only_if, "RFC 9110 §13.1.5");
        }
        self.thing().body(version)
    }

    async fn whole(self, response: Response) -> Visited {
        let model = self.model(&response);
        match self.read(response.body, |got, at| is_there(&model, at, got)).await {
            Reading::End(got) => {
                assert_eq!(got, count(&model), "it ended well, and is not whole");
                Visited::Whole
            }
            other => other.visited(),
        }
    }

    async fn part(self, response: Response) -> Visited {
        let model = self.model(&response);
        let Some(ContentRange::Bytes { range, complete: Some(complete) }) =
            ContentRange::of(&response.fields)
        else {
            panic!("{:?}", response.fields)
        };
        let is_lie = complete == count(&model) + count_of(LIE) && self.origin.spoilt() > 0;
        assert!(complete == count(&model) || is_lie, "{complete} is not its length");
        if let (Some(wanted), true) = (self.want.of(complete), self.is_by_us()) {
            assert_eq!(range, wanted, "{:?}", self.want);
        }
        match self.read(response.body, |got, at| is_there(&model, range.first() + at, got)).await {
            Reading::End(got) if got == range.length() => Visited::Part,
            // As it came from the origin, with a length that tells.
            Reading::End(_) if self.origin.spoilt() > 0 => Visited::Nonsense,
            Reading::End(got) => panic!("{got} bytes are not {range:?}"),
            other => other.visited(),
        }
    }

    /// Whether the range is what the cache found, and not what a malicious origin gave and was passed on.
    fn is_by_us(&self) -> bool {
        self.thing().validator == Validator::Strong && self.origin.spoilt() == 0
    }

    async fn parts(self, response: Response) -> Visited {
        let kind = response.fields.text(&header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let Some(boundary) = kind.strip_prefix("multipart/byteranges; boundary=") else {
            assert!(self.origin.spoilt() > 0, "a 206 that says nothing: {:?}", response.fields);
            return Visited::Nonsense;
        };
        let model = self.model(&response);
        let mut all = Vec::new();
        let reading = self.read(response.body, |got, _| all.extend_from_slice(got)).await;
        let found = compare_parts(&all, boundary.trim_matches('"'), &model);
        match reading {
            Reading::End(_) => {
                let Want::Several(wanted) = &self.want else { panic!("{:?} in parts", self.want) };
                for (first, last) in wanted.iter().filter(|(first, _)| *first < count(&model)) {
                    let last = (*last).min(count(&model) - 1);
                    let is_in = |(from, to): &(u64, u64)| from <= first && last <= *to;
                    assert!(self.origin.spoilt() > 0 || found.iter().any(is_in), "{first}-{last} is missing");
                }
                Visited::Parts
            }
            other => other.visited(),
        }
    }

    /// Reads at his pace; shows `see` each piece, and where it is.
    async fn read(&self, body: Body, mut see: impl FnMut(&[u8], u64)) -> Reading {
        let (length, mut at) = (body.length(), 0);
        let mut stream: BodyStream = body.into_stream();
        while let Some(piece) = stream.next().await {
            let piece: Result<Segment, Failure> = piece;
            let Ok(piece) = piece else { return Reading::Broken };
            let piece = match piece {
                Segment::Bytes(bytes) => Body::from(bytes),
                Segment::File(slice) => Body::from(slice),
            };
            let bytes = lab::body_bytes(piece).await.unwrap();
            see(&bytes, at);
            at += count(&bytes);
            if at >= self.patience {
                return Reading::Left;
            }
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
        }
        assert!(length.is_none_or(|length| length == at), "{at} bytes, and {length:?} were said");
        Reading::End(at)
    }
}

enum Reading {
    /// After so many bytes.
    End(u64),
    Broken,
    Left,
}

impl Reading {
    fn visited(&self) -> Visited {
        match self {
            Self::Left => Visited::Left,
            _ => Visited::BrokenOff,
        }
    }
}

#[track_caller]
fn is_there(model: &Bytes, at: u64, got: &[u8]) {
    let at = usize::try_from(at).unwrap();
    assert!(got.is_empty() || model.get(at..at + got.len()) == Some(got), "other bytes from {at} on");
}

/// Compares parts as far as they go; gives which they are.
fn compare_parts(all: &[u8], boundary: &str, model: &Bytes) -> Vec<(u64, u64)> {
    let (mut found, mut rest) = (Vec::new(), all);
    let delimiter = format!("--{boundary}\r\n");
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        let part = &rest[start + delimiter.len()..];
        let Some(end) = find(part, b"\r\n\r\n") else { break };
        let head = std::str::from_utf8(&part[..end]).unwrap().to_lowercase();
        let range = head.split("content-range: bytes ").nth(1).unwrap();
        let (first, last) = range.split(['/', '\r']).next().unwrap().split_once('-').unwrap();
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        let content = &part[end + 4..];
        let length = usize::try_from(last - first + 1).unwrap().min(content.len());
        is_there(model, first, &content[..length]);
        found.push((first, last));
        rest = &content[length..];
    }
    found
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).take(1000).position(|window| window == wanted)
}

fn count(bytes: &[u8]) -> u64 {
    count_of(bytes.len())
}

fn count_of(length: usize) -> u64 {
    length.try_into().unwrap()
}

fn nothing() -> Request {
    let target = message::Target::parse_url("http://nowhere.test/").unwrap();
    Request::get(target, std::time::SystemTime::UNIX_EPOCH)
}
