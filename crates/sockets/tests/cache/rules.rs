//! The rules of RFC 9111 in the running binary, both ways, against an origin that answers anything.
//!
//! Each case is a play: what the client asks in each turn, what the origin says if it is asked, and what comes of
//! it. The tables stand in `rules/`, by what they are about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use message::field::date::HttpDate;

use crate::cache::rules::explained::{Reused, Told};
use crate::cache::town::{Town, WAYS, Way, did};
use crate::support::origin::{Reply, response};
use crate::support::wire::{Answer, Head, Wire};

mod errors;
mod explained;
mod fields;
mod freshness;
mod interim;
mod storing;
mod targeted;
mod unsafe_methods;
mod validation;
mod variants;

/// One turn of a play.
#[derive(Clone, Copy)]
struct Turn {
    method: &'static str,
    /// The fields of the request. In these, and in what the origin says, `{N}` is the date N seconds from now.
    asks: &'static [&'static str],
    says: Says,
    comes: Comes,
}

/// What the origin says.
#[derive(Clone, Copy, Debug)]
enum Says {
    /// A response with that status line and those fields, its content the number of the turn.
    This(&'static str, &'static [&'static str]),
    /// A 304 with those fields.
    NotModified(&'static [&'static str]),
    /// It closes the connection without a word.
    Nothing,
    /// It closes the connection within the head.
    HalfAHead,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    /// The origin was asked for the whole, and its answer came.
    New,
    /// The origin was asked by conditions of the cache's, and its new answer came.
    Replaced,
    /// The answer of that turn, though the origin was not asked.
    Stored(usize),
    /// The answer of that turn, when the origin was asked whether it is current.
    Validated(usize),
    /// The answer of that turn, when the origin was asked and gave none.
    InsteadOf(usize),
    /// 304, though the origin was not asked.
    NotModified,
    /// That status, from the cache itself.
    Own(u16),
}

impl Turn {
    /// The fields of the request, with the dates of now.
    fn fields(&self) -> Vec<String> {
        self.asks.iter().map(|field| filled(field)).collect()
    }
}

impl Comes {
    /// What that is of what was stored.
    fn reused(self) -> Reused {
        match self {
            Self::Stored(_) | Self::NotModified => Reused::AsItIs,
            Self::Validated(_) | Self::Replaced => Reused::Validated,
            Self::New => Reused::Not,
            Self::InsteadOf(_) => Reused::InsteadOfAnError,
            Self::Own(_) => Reused::NotOnAnError,
        }
    }
}

/// 200 with those fields.
const fn ok(fields: &'static [&'static str]) -> Says {
    Says::This("200 OK", fields)
}

/// A GET without fields.
const fn get(says: Says, comes: Comes) -> Turn {
    get_with(&[], says, comes)
}

/// A GET that the origin must not see.
const fn hit(turn: usize) -> Turn {
    get(Says::Nothing, Comes::Stored(turn))
}

const fn get_with(asks: &'static [&'static str], says: Says, comes: Comes) -> Turn {
    Turn { method: "GET", asks, says, comes }
}

const fn by(method: &'static str, says: Says, comes: Comes) -> Turn {
    Turn { method, asks: &[], says, comes }
}

/// Where a play is, and what its origin was asked.
#[derive(Default)]
struct Scene {
    turn: usize,
    says: Option<Says>,
    asked: Vec<Head>,
}

type Stage = Arc<Mutex<HashMap<String, Scene>>>;

/// Plays `plays`, each at a path of its own, through a cache with `args`, both ways.
fn play(args: &[&str], plays: &[(&str, &[Turn])]) {
    let plays: Vec<_> = plays.iter().map(|(name, turns)| ((*name).to_owned(), turns.to_vec())).collect();
    play_all(args, &plays);
}

/// Plays, for each of these fields, a response that has them, and `again`.
fn play_each(
    args: &[&str],
    cases: &[&'static [&'static str]],
    again: impl Fn(&'static [&'static str]) -> Turn,
) {
    let turns = |fields: &&'static [&'static str]| vec![get(ok(fields), Comes::New), again(fields)];
    let plays: Vec<_> = cases.iter().map(|fields| (format!("{fields:?}"), turns(fields))).collect();
    play_all(args, &plays);
}

fn play_all(args: &[&str], plays: &[(String, Vec<Turn>)]) {
    for way in WAYS {
        let stage = Stage::default();
        let script = Arc::clone(&stage);
        let town = Town::new(way, args, move |asked| perform(&script, asked));
        for (number, (name, turns)) in plays.iter().enumerate() {
            let path = format!("/{number}");
            for (at, turn) in turns.iter().enumerate() {
                let answer = take(&town, &stage, &path, at, turn);
                let asked = std::mem::take(&mut stage.lock().unwrap().get_mut(&path).unwrap().asked);
                let what = format!("{way:?}, {name:?}, turn {at}: {:?}, asked {asked:?}", answer.head);
                judge(turn, at, &answer, &asked, &what);
                if way == Way::Forward {
                    explain(&town.origin.url(&path), args, &turns[at..], &answer, &what);
                }
            }
        }
    }
}

/// Has the client ask.
fn take(town: &Town, stage: &Stage, path: &str, at: usize, turn: &Turn) -> Answer {
    let scene = Scene { turn: at, says: Some(turn.says), asked: Vec::new() };
    stage.lock().unwrap().insert(path.to_owned(), scene);
    let fields = turn.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let mut wire = Wire::to(town.cache.address);
    wire.send(town.request(turn.method, path, &fields));
    if turn.method == "HEAD" { wire.answer_to_head() } else { wire.answer() }
}

fn perform(stage: &Stage, asked: &Head) -> Reply {
    let path = asked.line.split(' ').nth(1).unwrap();
    let mut stage = stage.lock().unwrap();
    let scene = stage.get_mut(path).unwrap();
    scene.asked.push(asked.clone());
    let turn = scene.turn.to_string();
    let filled = |fields: &[&str]| fields.iter().map(|field| filled(field)).collect::<Vec<_>>();
    match scene.says.unwrap() {
        Says::This(status, fields) => {
            let fields = filled(fields);
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let is_bare = asked.line.starts_with("HEAD ") || status.starts_with("204");
            let bytes =
                response(status, &fields, if status.starts_with("204") { b"" } else { turn.as_bytes() });
            let content = if is_bare && !status.starts_with("204") { turn.len() } else { 0 };
            Reply::Keep(bytes[..bytes.len() - content].to_vec())
        }
        Says::NotModified(fields) => {
            let fields: String = filled(fields).iter().map(|field| format!("{field}\r\n")).collect();
            Reply::Keep(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes())
        }
        Says::Nothing => Reply::Close(Vec::new()),
        Says::HalfAHead => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
    }
}

/// Holds what is explained of the first of `turns` against what came of it and of the next.
fn explain(url: &str, args: &[&str], turns: &[Turn], answer: &Answer, what: &str) {
    let [turn @ Turn { method, says: Says::This(..), .. }, rest @ ..] = turns else { return };
    let next = rest.first();
    let fields = turn.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let told = Told { url, method, fields: &fields, args, what };
    match (*method, next.map(|next| next.comes)) {
        ("GET", _) if did(answer).starts_with("fwd=uri-miss") => {
            let again = next.filter(|next| next.method == "GET" && next.asks == turn.asks);
            told.agrees(answer, again.map(|next| next.comes.reused()));
        }
        ("GET" | "HEAD" | "OPTIONS", _) => {}
        (_, Some(Comes::New)) => told.agrees_on_invalidation(true),
        // A POST may fill GET, too.
        (_, Some(Comes::Stored(0))) if !did(answer).ends_with(";stored") => {
            told.agrees_on_invalidation(false);
        }
        _ => {}
    }
}

fn judge(turn: &Turn, at: usize, answer: &Answer, asked: &[Head], what: &str) {
    let is_asked = !asked.is_empty();
    let is_conditional = asked.iter().any(|asked| {
        let own = |name| asked.field(name).is_some() && !turn.asks.iter().any(|ask| named(ask, name));
        own("if-none-match") || own("if-modified-since")
    });
    let from = |turn: usize| answer.body == turn.to_string().as_bytes();
    let is_bare = turn.method == "HEAD" || answer.status().starts_with("204");
    let (right, asks) = match turn.comes {
        Comes::New => (is_bare || from(at), Some(false)),
        Comes::Replaced => (from(at), Some(true)),
        Comes::Stored(turn) => (is_bare || from(turn), None),
        Comes::Validated(turn) => (from(turn), Some(true)),
        Comes::InsteadOf(turn) => (from(turn), Some(is_conditional)),
        Comes::NotModified => (answer.status() == "304 Not Modified", None),
        Comes::Own(status) => {
            let is_own = answer.status().starts_with(&status.to_string());
            (is_own, is_asked.then_some(is_conditional))
        }
    };
    assert!(right, "something else came: {what}, {:?}", answer.body.escape_ascii().to_string());
    assert_eq!(is_asked.then_some(is_conditional), asks, "the origin was asked in another way: {what}");
    assert!(answer.head.field("cache-status").is_some(), "nothing is said of it: {what}");
    if matches!(turn.comes, Comes::Stored(_) | Comes::Validated(_) | Comes::InsteadOf(_) | Comes::NotModified)
    {
        // §4: each response that is reused has an Age.
        let age = answer.head.field("age");
        assert!(age.is_some_and(|age| age.parse::<u32>().is_ok()), "no Age: {what}");
    }
}

fn named(field: &str, name: &str) -> bool {
    field.split(':').next().unwrap().eq_ignore_ascii_case(name)
}

/// `field` with each `{N}` as the date N seconds from now.
fn filled(field: &str) -> String {
    let Some((before, rest)) = field.split_once('{') else { return field.to_owned() };
    let (seconds, after) = rest.split_once('}').unwrap();
    let seconds: i64 = seconds.parse().unwrap();
    let now = SystemTime::now();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let date = if seconds < 0 { now - distance } else { now + distance };
    format!("{before}{}{}", HttpDate::from(date), filled(after))
}
