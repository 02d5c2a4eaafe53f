//! Large bodies out of an origin that trickles, cuts, lies about lengths and changes: whoever asks for
//! whatever part gets it, of one version.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lab::noise;
use socket2::{Domain, Socket, Type};

use crate::cache::town::{Town, WAYS, Way, did, ok};
use crate::features::ranges::parts;
use crate::support::origin::{Origin, Reply, response};
use crate::support::place::Port;
use crate::support::process::Role;
use crate::support::until;
use crate::support::wire::{Head, Wire, ask};

const MIB: usize = 1 << 20;

/// What an origin has now.
#[derive(Clone)]
struct Thing {
    body: Vec<u8>,
    version: usize,
}

/// An origin that gives ranges.
#[derive(Clone)]
struct Shelf {
    thing: Arc<Mutex<Thing>>,
    /// How many bytes of a whole it sends at a time, and how long it rests then.
    trickle: Option<(usize, Duration)>,
    /// Behind its first such piece a whole that trickles comes no further while the test has this.
    gate: Arc<Mutex<()>>,
    /// After how many bytes of a whole the connection is cut.
    cut: Option<usize>,
    /// By how many bytes a 206 is shorter than its `Content-Range` says; longer, if it is negative.
    lie: isize,
    wholes: Arc<AtomicUsize>,
}

impl Shelf {
    fn new(length: usize) -> Self {
        let thing = Thing { body: noise(length), version: 1 };
        let (thing, gate) = (Arc::new(Mutex::new(thing)), Arc::default());
        Self { thing, trickle: None, gate, cut: None, lie: 0, wholes: Arc::default() }
    }

    fn change(&self) {
        let mut thing = self.thing.lock().unwrap();
        thing.version += 1;
        thing.body.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
    }

    fn body(&self) -> Vec<u8> {
        self.thing.lock().unwrap().body.clone()
    }

    fn answer(&self, asked: &Head) -> Reply {
        let Thing { body, version } = self.thing.lock().unwrap().clone();
        let tag = format!("\"{version}\"");
        let fields = [format!("ETag: {tag}"), "Cache-Control: max-age=600".to_owned()];
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let holds = asked.field("if-range").is_none_or(|wanted| wanted == tag);
        if let Some(range) = asked.field("range").filter(|_| holds) {
            let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let first: usize = first.parse().unwrap();
            let last = last.parse().unwrap_or(body.len() - 1).min(body.len() - 1);
            let content_range = format!("Content-Range: bytes {first}-{last}/{}", body.len());
            let fields = [&fields[..], &[&content_range]].concat();
            let mut part = body[first..=last].to_vec();
            part.resize(part.len().checked_add_signed(-self.lie).unwrap(), 0);
            return Reply::Keep(response("206 Partial Content", &fields, &part));
        }
        let turn = self.wholes.fetch_add(1, Ordering::SeqCst);
        let whole = response("200 OK", &fields, &body);
        if let Some(cut) = self.cut.filter(|_| turn == 0) {
            return Reply::Close(whole[..cut].to_vec());
        }
        match self.trickle {
            None => Reply::Keep(whole),
            Some((step, rest)) => {
                let gate = Arc::clone(&self.gate);
                Reply::Talk(Box::new(move |wire: &mut Wire| {
                    for piece in whole.chunks(step) {
                        wire.send_if_there(piece);
                        drop(gate.lock().unwrap());
                        thread::sleep(rest);
                    }
                    true
                }))
            }
        }
    }

    fn town(&self, way: Way) -> Town {
        let own = self.clone();
        Town::new(way, &[], move |asked| own.answer(asked))
    }
}

fn part(town: &Town, first: usize, last: usize) -> crate::support::wire::Answer {
    town.ask("GET", "/file", &[&format!("Range: bytes={first}-{last}")])
}

#[test]
fn a_far_range_of_what_trickles_comes_at_once_and_is_kept_and_the_whole_is_fetched_once() {
    for way in WAYS {
        let shelf = Shelf { trickle: Some((64 * 1024, Duration::from_millis(1))), ..Shelf::new(4 * MIB) };
        let (town, body) = (shelf.town(way), shelf.body());
        let gate = Arc::clone(&shelf.gate);
        let held = gate.lock().unwrap();
        let mut first = Wire::to(town.cache.address);
        first.send(town.request("GET", "/file", &[]));
        let head = first.head().unwrap();
        first.arrives(1);
        let (from, to) = (4 * MIB - 1000, 4 * MIB - 1);
        for _ in 0..2 {
            let answer = part(&town, from, to);
            assert_eq!(answer.status(), "206 Partial Content", "{way:?}");
            assert!(answer.body == body[from..=to], "{way:?}");
        }
        drop(held); // until here the whole had not come to it
        assert!(first.content(&head) == body, "{way:?}");
        assert_eq!(shelf.wholes.load(Ordering::SeqCst), 1, "{way:?}");
        assert_eq!(town.origin.asked().len(), 2, "{way:?}: the range was kept");
    }
}

#[test]
fn clients_of_every_speed_some_of_whom_leave_all_get_their_bytes() {
    let shelf = Shelf { trickle: Some((256 * 1024, Duration::from_millis(10))), ..Shelf::new(8 * MIB) };
    let (town, body) = (Arc::new(shelf.town(Way::Reverse)), Arc::new(shelf.body()));
    let clients: Vec<_> = (0..24_usize)
        .map(|number| {
            let (town, body) = (Arc::clone(&town), Arc::clone(&body));
            thread::spawn(move || {
                let mut wire = Wire::to(town.cache.address);
                let first = if number % 2 == 0 { 0 } else { number * 300_000 };
                let range = format!("Range: bytes={first}-");
                let fields = [&*range];
                let fields: &[&str] = if number % 2 == 0 { &[] } else { &fields };
                wire.send(town.request("GET", "/file", fields));
                let head = wire.head().unwrap();
                if number % 6 == 5 {
                    return wire.arrives(1000); // and leaves
                }
                let mut got = Vec::new();
                let expected: usize = head.field("content-length").unwrap().parse().unwrap();
                while got.len() < expected {
                    got.extend(wire.exactly((512 * 1024).min(expected - got.len())));
                    thread::sleep(Duration::from_millis(number as u64));
                }
                assert!(got == body[first..], "client {number}");
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    // None, if who wants a part came first, and the rest was asked for in parts, too.
    assert!(shelf.wholes.load(Ordering::SeqCst) <= 1);
}

#[test]
fn a_body_that_is_cut_goes_on_where_it_stopped() {
    for way in WAYS {
        let shelf = Shelf { cut: Some(MIB), ..Shelf::new(3 * MIB) };
        let town = shelf.town(way);
        assert!(town.get("/file").body == shelf.body(), "{way:?}");
        let asked = town.origin.asked();
        assert_eq!(asked.len(), 2, "{way:?}");
        assert_eq!(asked[1].field("if-range"), Some("\"1\""), "{way:?}");
        assert!(did(&town.get("/file")).starts_with("hit"), "{way:?}: and it is stored");
    }
}

#[test]
fn a_range_is_kept_over_a_restart_and_the_whole_asks_only_for_the_rest() {
    let shelf = Shelf::new(2 * MIB);
    let town = shelf.town(Way::Reverse);
    assert!(part(&town, 0, MIB - 1).body == shelf.body()[..MIB]);
    until("the part is put away", || did(&part(&town, 5, 9)).starts_with("hit").then_some(()));
    let town = town.restarted();
    assert!(did(&part(&town, 1000, 1999)).starts_with("hit"));
    assert!(town.get("/file").body == shelf.body());
    let asked = town.origin.asked();
    let rest = format!("bytes={MIB}-{}", 2 * MIB - 1);
    assert_eq!(asked.last().unwrap().field("range"), Some(&*rest));
    assert_eq!(shelf.wholes.load(Ordering::SeqCst), 0);
}

#[test]
fn a_part_that_is_not_as_long_as_it_says_is_never_passed_on_as_whole() {
    for lie in [10, -10] {
        let shelf = Shelf { lie, ..Shelf::new(2 * MIB) };
        let town = shelf.town(Way::Reverse);
        let mut wire = Wire::to(town.cache.address);
        wire.send(town.request("GET", "/file", &["Range: bytes=0-99999"]));
        // It says one thing in Content-Range and another in Content-Length: it is kept by nobody.
        if let Some(head) = wire.head() {
            assert_eq!(head.field("content-length"), Some(&*(100_000 - lie).to_string()), "as it came");
        }
        assert_eq!(town.bodies(), [""; 0], "{lie}");
        let answer = town.get("/file");
        assert!(answer.body == shelf.body(), "{lie}");
    }
}

#[test]
fn a_rest_that_is_not_as_long_as_it_says_breaks_the_answer_off() {
    for lie in [10, -10] {
        let shelf = Shelf { cut: Some(MIB), lie, ..Shelf::new(2 * MIB) };
        let town = shelf.town(Way::Reverse);
        let mut wire = town.open("/file");
        assert_eq!(wire.head().unwrap().field("content-length"), Some(&*(2 * MIB).to_string()));
        let (got, body) = (wire.rest(), shelf.body());
        assert!(got.len() < body.len() && got == body[..got.len()], "{lie}: {} bytes", got.len());
        assert_eq!(town.bodies(), [""; 0], "{lie}");
    }
}

#[test]
fn what_comes_behind_a_body_is_no_part_of_it_and_no_answer_to_anybody() {
    for way in WAYS {
        let body = noise(2 * MIB);
        let content = body.clone();
        let town = Town::new(way, &[], move |_| {
            let whole = response("200 OK", &["ETag: \"1\"", "Cache-Control: max-age=600"], &content);
            Reply::Keep([&*whole, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore"].concat())
        });
        for path in ["/one", "/other", "/one"] {
            assert!(town.get(path).body == body, "{way:?} {path}");
        }
        assert_eq!(town.origin.asked().len(), 2, "{way:?}");
    }
}

#[test]
fn several_ranges_come_in_parts_out_of_what_arrives_what_is_there_in_part_and_the_whole() {
    let wanted = [(5, 9), (MIB, MIB + 99_999), (4 * MIB - 7, 4 * MIB - 1)];
    let ranges = format!("Range: bytes=5-9,{}-{},-7", MIB, MIB + 99_999);
    let shelf = Shelf { trickle: Some((64 * 1024, Duration::ZERO)), ..Shelf::new(4 * MIB) };
    let (town, body, gate) = (shelf.town(Way::Reverse), shelf.body(), Arc::clone(&shelf.gate));
    let come = |when: &str| {
        let answer = town.ask("GET", "/file", &[&ranges]);
        assert_eq!(answer.status(), "206 Partial Content", "{when}");
        let parts = parts(&answer);
        assert_eq!(parts.len(), wanted.len(), "{when}");
        for ((first, last), part) in wanted.iter().zip(parts) {
            assert_eq!(part.content_range, format!("bytes {first}-{last}/{}", 4 * MIB), "{when}");
            assert!(part.body == body[*first..=*last], "{when}: {first}-{last}");
        }
    };
    come("nothing is there");
    come("some is there in part");
    let held = gate.lock().unwrap();
    let mut whole = town.open("/file");
    let head = whole.head().unwrap();
    come("the whole arrives");
    drop(held);
    assert!(whole.content(&head) == body);
    until("it is stored", || did(&town.get("/file")).starts_with("hit").then_some(()));
    let asked = town.origin.asked().len();
    come("all is there");
    assert_eq!(town.origin.asked().len(), asked);
}

#[test]
fn another_version_is_never_mixed_with_what_is_there() {
    let shelf = Shelf::new(2 * MIB);
    let town = shelf.town(Way::Reverse);
    let old = shelf.body();
    assert!(part(&town, 0, MIB - 1).body == old[..MIB]);
    until("the part is put away", || did(&part(&town, 5, 9)).starts_with("hit").then_some(()));
    shelf.change();
    // The part is fresh, but what it lacks is of another version: all of the answer is of that one.
    let answer = town.get("/file");
    assert!(answer.body == shelf.body());
    assert_eq!(answer.field("etag"), "\"2\"");
}

/// An origin whose whole is `body`, of which it sends so many bytes and then nothing; of parts it sends all.
fn stalling(body: Vec<u8>, sent: usize, has_ranges: bool) -> impl Fn(&Head) -> Reply + Send + Sync + 'static {
    move |asked| {
        let (tag, fresh) = ("ETag: \"1\"", "Cache-Control: max-age=600");
        let range = asked.field("range").filter(|_| has_ranges);
        match range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
            Some((first, last)) => {
                let (first, last) = (first.parse().unwrap(), last.parse().unwrap_or(body.len() - 1));
                let range = format!("Content-Range: bytes {first}-{last}/{}", body.len());
                Reply::Keep(response("206 Partial Content", &[tag, fresh, &range], &body[first..=last]))
            }
            None => {
                let validator: &[&str] = if has_ranges { &[tag, fresh] } else { &[] };
                let whole = response("200 OK", validator, &body);
                Reply::Hold(whole[..whole.len() - (body.len() - sent)].to_vec())
            }
        }
    }
}

#[test]
fn what_is_there_is_not_held_back_when_the_origin_stalls() {
    let body = noise(2 * MIB);
    for way in WAYS {
        // No time limit ends within the test: what comes is what has come.
        let town = Town::new(way, &["--response-timeout", "1h"], stalling(body.clone(), MIB, false));
        let mut wire = town.open("/file");
        assert_eq!(wire.head().unwrap().status(), "200 OK", "{way:?}");
        assert!(wire.exactly(MIB) == body[..MIB], "{way:?}");
    }
}

#[test]
fn an_origin_that_stalls_in_the_middle_is_asked_for_the_rest_or_the_answer_breaks_off() {
    let body = noise(2 * MIB);
    for (way, has_ranges) in WAYS.into_iter().flat_map(|way| [(way, true), (way, false)]) {
        let town = Town::new(way, &["--response-timeout", "1s"], stalling(body.clone(), MIB, has_ranges));
        let mut wire = town.open("/file");
        assert_eq!(wire.head().unwrap().field("content-length"), Some(&*body.len().to_string()));
        if has_ranges {
            assert!(wire.exactly(2 * MIB) == body, "{way:?}");
            assert!(did(&part(&town, 0, 9)).starts_with("hit"), "{way:?}: and it is stored");
        } else {
            assert!(wire.rest() == body[..MIB], "{way:?}: it ends early, for all to see");
            assert_eq!(town.bodies(), [""; 0], "{way:?}");
        }
    }
}

#[test]
fn an_origin_that_never_answers_is_a_504_in_time() {
    let town = Town::new(Way::Reverse, &["--response-timeout", "200ms"], |_| Reply::Hold(Vec::new()));
    let answer = town.get("/file");
    assert_eq!(answer.status(), "504 Gateway Timeout");
    assert!(answer.field("proxy-status").contains("http_response_timeout"), "{:?}", answer.head);
}

#[test]
fn an_origin_whose_system_takes_no_connection_is_a_523_in_time() {
    // Nobody accepts, and the queue is full: who comes now is not even refused.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let is_taken = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let waiting: Vec<TcpStream> = std::iter::from_fn(is_taken).take(16).collect();
    assert!(waiting.len() < 16, "the queue has no end");
    let (origin, dir) = (format!("http://{address}"), tempfile::tempdir().unwrap());
    let args = ["--dir", dir.path().to_str().unwrap(), "--origin", &origin, "--connect-timeout", "100ms"];
    let answer = ask(Role::start("cache", &args).address, "GET /file HTTP/1.1", &[]);
    assert_eq!(answer.status(), "523 Origin Is Unreachable");
    assert!(answer.field("proxy-status").contains("connection_timeout"), "{:?}", answer.head);
}

#[test]
fn the_next_origin_stands_in_for_one_that_is_not_there_or_ill() {
    let (body, place, dir) = (noise(2 * MIB), Port::reserve(), tempfile::tempdir().unwrap());
    let has_it = body.clone();
    let second = Origin::start(move |_| ok(&["ETag: \"1\""], &has_it));
    let (first, stand_in) = (format!("http://{}", place.address()), second.url("/"));
    let cache = |name: &str| {
        let dir = dir.path().join(name);
        Role::start("cache", &["--dir", dir.to_str().unwrap(), "--origin", &first, "--origin", &stand_in])
    };
    let unreached = cache("unreached");
    let answer = ask(unreached.address, "GET /file HTTP/1.1", &[]);
    assert!(answer.status() == "200 OK" && answer.body == body);
    let fresh = cache("fresh");
    let asked = second.asked().len();
    // RFC 9110 §9.2.2: what is not idempotent is sent to nobody else.
    let answer = ask(fresh.address, "POST /file HTTP/1.1", &["Content-Length: 0"]);
    assert_eq!(answer.status(), "523 Origin Is Unreachable");
    assert_eq!(second.asked().len(), asked);
    let ill = Origin::on(TcpListener::bind(place.address()).unwrap(), |_| {
        Reply::Keep(response("503 Service Unavailable", &[], b"ill"))
    });
    let answer = ask(cache("ill").address, "GET /file HTTP/1.1", &[]);
    assert!(answer.status() == "200 OK" && answer.body == body);
    assert_eq!(ill.asked().len(), 1);
}

#[test]
fn offline_what_is_stored_answers_and_no_origin_is_asked() {
    let shelf = Shelf::new(2 * MIB);
    let town = shelf.town(Way::Reverse);
    assert!(town.get("/file").body == shelf.body());
    let asked = town.origin.asked().len();
    let town = town.stopped().with("--offline").started();
    let answer = part(&town, 100, 199);
    assert!(answer.status() == "206 Partial Content" && answer.body == shelf.body()[100..200]);
    assert!(town.get("/file").body == shelf.body());
    let missing = town.get("/other");
    assert_eq!(missing.status(), "504 Gateway Timeout");
    assert!(missing.field("cache-status").contains("offline"), "{:?}", missing.head);
    assert_eq!(town.origin.asked().len(), asked);
}
