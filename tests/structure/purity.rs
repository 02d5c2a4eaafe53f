//! Rule: pure places take the time as an argument and do no I/O; sockets are opened in `net` alone.
//!
//! The places are read without their tests, which may do what they like.

use crate::mentions::mentions;
use crate::offence::Offence;
use crate::source::Source;

/// Files and folders, without `.rs`, that never ask for the time and never do I/O.
const PURE: &[&str] = &[
    "crates/message/src",
    "crates/http1/src",
    "crates/cache/src/policy",
    "crates/cache/src/key",
    "crates/balancer/src/score",
    "crates/balancer/src/health",
    "crates/balancer/src/choose",
    "crates/balancer/src/redirect",
    "crates/download/src/url",
    "crates/download/src/name",
    "crates/download/src/redirect",
    "crates/download/src/retry",
    "crates/download/src/fault",
    "crates/download/src/answer",
    "crates/download/src/journal",
    "crates/download/src/link",
    "crates/download/src/metalink",
    "crates/download/src/meter",
    "crates/download/src/plan",
    "crates/download/src/disposition",
    "crates/download/src/tree/anchors",
    "crates/download/src/tree/names",
    "crates/download/src/tree/page",
    "crates/download/src/tree/selection",
    "crates/download/src/tree/walk",
];

/// What a pure place may not mention, wherever in a path it stands.
const CLOCKS_AND_IO: &[&str] = &[
    "SystemTime::now",
    "SystemTime::elapsed",
    "Instant::now",
    "Instant::elapsed",
    "_::elapsed",
    "tokio",
    "rustix",
    "socket2",
    "std::fs",
    "std::thread",
    "std::process",
    "std::os::unix::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
];

/// (file, path, why it may).
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("crates/message/src/body.rs", "std::fs::File", "a FileSlice is an open file and a range of it"),
    ("crates/message/src/body.rs", "std::os::unix::fs::FileExt", "whose bytes are read at their offset"),
];

/// Who may open sockets: the one crate for it, and the laboratory.
const SOCKET_PLACES: &[&str] = &["crates/net/src", "crates/lab/src"];

const SOCKETS: &[&str] = &[
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "tokio::net",
    "socket2",
];

/// The clocks and the I/O that a pure file mentions; none if it is not meant to be pure.
pub(crate) fn clocks_and_io(source: &Source) -> Vec<Offence> {
    if !is_within(&source.path, PURE) {
        return Vec::new();
    }
    let excused =
        |path: &str| EXCEPTIONS.iter().any(|(file, excused, _)| *file == source.path && has(path, excused));
    found(source, CLOCKS_AND_IO, "in a pure place: take the time, or the bytes, as an argument", excused)
}

/// The sockets that a file mentions which may not.
pub(crate) fn sockets(source: &Source) -> Vec<Offence> {
    if is_within(&source.path, SOCKET_PLACES) {
        return Vec::new();
    }
    found(source, SOCKETS, "outside net, the one crate that opens sockets", |_| false)
}

/// Pure places with no file in them: a rename would otherwise end the check in silence.
pub(crate) fn places_that_are_gone(paths: &[&String]) -> Vec<Offence> {
    let gone = |place: &&&str| !paths.iter().any(|path| is_within(path, &[place]));
    let tell =
        |place: &&str| Offence::of(place, "is listed as pure (tests/structure/purity.rs) but is not there");
    PURE.iter().filter(gone).map(tell).collect()
}

fn found(source: &Source, bans: &[&str], why: &str, excused: impl Fn(&str) -> bool) -> Vec<Offence> {
    let mut offences = Vec::new();
    for mention in mentions(&source.syntax) {
        let path = mention.segments.join("::");
        if bans.iter().any(|ban| has(&path, ban)) && !excused(&path) {
            let shown = path.replacen("_::", ".", usize::from(path.starts_with('_')));
            offences.push(Offence::at(&source.path, mention.line, format!("`{shown}` {why}")));
        }
    }
    offences
}

/// Whether the path has these segments, in this order and without a gap.
fn has(path: &str, segments: &str) -> bool {
    format!("::{path}::").contains(&format!("::{segments}::"))
}

fn is_within(path: &str, places: &[&str]) -> bool {
    let within = |rest: &str| rest == ".rs" || rest.starts_with('/');
    places.iter().any(|place| path.strip_prefix(place).is_some_and(within))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path, text).unwrap()
    }

    fn lines(offences: &[Offence]) -> Vec<String> {
        offences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_clock_in_a_pure_place_is_found_however_it_is_written() {
        let readings = [
            "fn f() { std::time::SystemTime::now(); }",
            "use std::time::Instant; fn f() { Instant::now(); }",
            "use std::time::Instant as Clock; fn f() { Clock::now(); }",
            "use std::time; fn f() { time::Instant::now(); }",
            "fn f(x: Option<Instant>) { x.unwrap_or_else(Instant::now); }",
            "fn f(start: Instant) { start.elapsed(); }",
            "fn f(start: Instant) { assert!(start.elapsed() > LONG); }",
            "fn f() { vec![Instant::now()]; }",
        ];
        for text in readings {
            assert_eq!(clocks_and_io(&source("crates/http1/src/parse.rs", text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn io_in_a_pure_place_is_found() {
        for path in
            ["std::net::TcpStream", "std::fs::*", "tokio::sync::Mutex", "std::thread", "std::process::exit"]
        {
            let source = source("crates/cache/src/policy/reuse.rs", &format!("use {path};"));
            assert_eq!(clocks_and_io(&source).len(), 1, "{path}");
        }
    }

    #[test]
    fn time_as_a_value_and_addresses_are_pure() {
        let text =
            "use std::time::{Duration, Instant, SystemTime}; use std::net::SocketAddr; fn f(now: Instant) {}";
        assert!(clocks_and_io(&source("crates/message/src/request.rs", text)).is_empty());
    }

    #[test]
    fn only_the_listed_places_are_pure() {
        let text = "fn f() { tokio::time::Instant::now(); }";
        for path in
            ["crates/balancer/src/score.rs", "crates/cache/src/policy.rs", "crates/download/src/url/parse.rs"]
        {
            assert_eq!(clocks_and_io(&source(path, text)).len(), 1, "{path}");
        }
        for path in
            ["crates/balancer/src/probe.rs", "crates/cache/src/policy_of_ours.rs", "crates/http1/tests/a.rs"]
        {
            assert!(clocks_and_io(&source(path, text)).is_empty(), "{path}");
        }
    }

    #[test]
    fn the_exception_is_for_one_file_and_one_path() {
        let open_file = "use std::fs::File; use std::os::unix::fs::FileExt;";
        assert!(clocks_and_io(&source("crates/message/src/body.rs", open_file)).is_empty());
        assert_eq!(clocks_and_io(&source("crates/message/src/target.rs", open_file)).len(), 2);
        assert_eq!(clocks_and_io(&source("crates/message/src/body.rs", "use std::fs::read;")).len(), 1);
    }

    #[test]
    fn a_socket_outside_net_is_found() {
        let text = "use tokio::net::TcpStream;\nfn f() { std::net::TcpListener::bind(addr); }";
        let found = lines(&sockets(&source("crates/engine/src/server/serve.rs", text)));
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            "crates/engine/src/server/serve.rs:1: `tokio::net::TcpStream` outside net, the one crate that opens sockets"
        );
        assert!(sockets(&source("crates/net/src/dial.rs", text)).is_empty());
    }

    #[test]
    fn a_pure_place_that_was_renamed_is_noticed() {
        let (library, key) = ("crates/message/src/lib.rs".to_owned(), "crates/cache/src/key.rs".to_owned());
        let gone = lines(&places_that_are_gone(&[&library, &key]));
        assert_eq!(gone.len(), PURE.len() - 2);
        assert!(gone.iter().all(|line| !line.starts_with("crates/message") && !line.contains("/key")));
    }
}
