//! The origin: it serves its files well most of the time, and in every wrong way at others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::files::{Dice, Files, content};
use crate::support::origin::{Origin, Reply, response};
use crate::support::wire::{Head, Wire};

/// How long it says nothing when it stalls.
const STALL: Duration = Duration::from_millis(30);

/// How many bytes it says are there that don't come.
pub(crate) const MISSING: usize = 1000;

pub(crate) struct Knave {
    origin: Origin,
    behaves: Arc<AtomicBool>,
}

/// What is asked of it.
struct Asked {
    file: usize,
    /// The first byte and the one behind the last, if a part is wanted.
    range: Option<(usize, usize)>,
    known: Option<String>,
    condition: Option<String>,
}

impl Knave {
    pub(crate) fn start(files: Arc<Files>) -> Self {
        let behaves = Arc::new(AtomicBool::new(false));
        let (dice, well) = (Mutex::new(Dice::new(99)), Arc::clone(&behaves));
        let origin = Origin::start(move |head| {
            let asked = Asked::of(head);
            let (trick, detail) = {
                let mut dice = dice.lock().unwrap();
                (dice.below(40), dice.below(1000))
            };
            if well.load(Ordering::SeqCst) {
                return Reply::Keep(asked.answer(&files));
            }
            if trick == 0 {
                files.change(asked.file);
            }
            asked.trick(&files, trick, usize::try_from(detail).unwrap())
        });
        Self { origin, behaves }
    }

    /// From now on it does no wrong.
    pub(crate) fn behaves(&self) {
        self.behaves.store(true, Ordering::SeqCst);
    }

    pub(crate) fn url(&self) -> String {
        self.origin.url("/")
    }
}

impl Asked {
    fn of(head: &Head) -> Self {
        let file = head.line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        let text = |name| head.field(name).map(str::to_owned);
        let range = head.field("range").and_then(|value| {
            let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
            let last = last.parse::<usize>().map_or(usize::MAX, |last| last + 1);
            Some((first.parse().ok()?, last))
        });
        Self { file, range, known: text("if-none-match"), condition: text("if-range") }
    }

    /// What a good origin says.
    fn answer(&self, files: &Files) -> Vec<u8> {
        let version = files.version(self.file);
        let (tag, content) = (format!("\"{version}\""), content(self.file, version));
        let field = format!("ETag: {tag}");
        if self.known.as_ref().is_some_and(|known| known.contains(&tag)) {
            return format!("HTTP/1.1 304 Not Modified\r\n{field}\r\n\r\n").into_bytes();
        }
        match self.range {
            Some((first, _)) if self.holds(&tag) && first >= content.len() => {
                let total = format!("Content-Range: bytes */{}", content.len());
                response("416 Range Not Satisfiable", &[&total], b"")
            }
            Some((first, end)) if self.holds(&tag) => part(&field, &content, first, end.min(content.len())),
            _ => response("200 OK", &[&field], &content),
        }
    }

    fn holds(&self, tag: &str) -> bool {
        self.condition.as_deref().is_none_or(|condition| condition == tag)
    }

    fn trick(&self, files: &Files, trick: u64, detail: usize) -> Reply {
        let version = files.version(self.file);
        let (field, content) = (format!("ETag: \"{version}\""), content(self.file, version));
        let cut = content.len() * detail / 1000;
        match trick {
            1 => Reply::Close(Vec::new()),
            2 => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Len".to_vec()),
            3 => Reply::Close(lie(&field, content.len(), &content[..cut])),
            4 => Reply::Close(lie(&field, content.len() + MISSING, &content)),
            5 => Reply::Close(chunks(&field, &content[..cut], false)),
            6 => Reply::Keep(chunks(&field, &content, true)),
            7 => Reply::Talk(Box::new(move |wire| {
                halting(wire, &lie(&field, content.len(), &content), cut);
                true
            })),
            8 => Reply::Talk(Box::new(move |wire| {
                halting(wire, &lie(&field, content.len(), &content[..cut]), cut / 2);
                false
            })),
            9 => Reply::Keep(response("503 Service Unavailable", &[], b"later")),
            10 => Reply::Keep(response("200 OK", &[&field], &content)), // whatever was asked
            11 => Reply::Keep(response("404 Not Found", &[], b"never heard of it")),
            12 if self.range.is_some() => {
                let (first, end) = (cut.min(content.len() - 1), content.len());
                Reply::Keep(part(&field, &content, first, end)) // not the part that was asked for
            }
            13 if self.range.is_none() => Reply::Keep(part(&field, &content, 0, content.len())), // nor asked for
            14 => Reply::Keep(
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_vec(),
            ),
            15 => Reply::Close(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            16 => Reply::Close(until_close(&field, &content)),
            _ => Reply::Keep(self.answer(files)),
        }
    }
}

fn part(field: &str, content: &[u8], first: usize, end: usize) -> Vec<u8> {
    let range = format!("Content-Range: bytes {first}-{}/{}", end - 1, content.len());
    response("206 Partial Content", &[field, &range], &content[first..end])
}

/// A 200 that says it is longer than it may be.
fn lie(field: &str, length: usize, content: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{field}\r\n\r\n");
    [head.as_bytes(), content].concat()
}

fn until_close(field: &str, content: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n").as_bytes(), content].concat()
}

fn chunks(field: &str, content: &[u8], ended: bool) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{field}\r\n\r\n").into_bytes();
    for chunk in content.chunks(3000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    if ended {
        bytes.extend(b"0\r\n\r\n");
    }
    bytes
}

/// Sends in two pieces, with a rest between them.
fn halting(wire: &mut Wire, bytes: &[u8], cut: usize) {
    wire.send_if_there(&bytes[..cut]);
    thread::sleep(STALL);
    wire.send_if_there(&bytes[cut..]);
}
