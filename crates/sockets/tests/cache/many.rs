//! Many who ask for the same at the same time: one fetch, and each of them has it all, as it comes.
//!
//! No clock decides here: the origin holds the second half back until the test has seen the first one at
//! every client.

use std::fs;

use lab::noise;

use crate::cache::town::{Gate, Town, WAYS, Way, did, is_full, ok, version};
use crate::support::origin::Reply;
use crate::support::until;
use crate::support::wire::{Head, Wire};

/// How an origin tells where its content ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    UntilClose,
}

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunked, Framing::UntilClose];

/// An answer whose second half comes when the gate is open, if it comes at all.
fn in_halves(framing: Framing, fields: &str, body: &[u8], gate: &Gate, is_cut: bool) -> Reply {
    let (first, rest) = body.split_at(body.len() / 2);
    let (head, first, rest) = match framing {
        Framing::Length => (format!("Content-Length: {}\r\n", body.len()), first.to_vec(), rest.to_vec()),
        Framing::Chunked => {
            let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
            (
                "Transfer-Encoding: chunked\r\n".to_owned(),
                chunk(first),
                [&chunk(rest), &b"0\r\n\r\n"[..]].concat(),
            )
        }
        Framing::UntilClose => ("Connection: close\r\n".to_owned(), first.to_vec(), rest.to_vec()),
    };
    let head = format!("HTTP/1.1 200 OK\r\n{fields}{head}\r\n");
    let gate = gate.clone();
    Reply::Talk(Box::new(move |wire| {
        wire.send([head.as_bytes(), &first].concat());
        gate.pass();
        if !is_cut {
            wire.send_if_there(&rest);
        }
        !is_cut && framing != Framing::UntilClose
    }))
}

/// Opens so many requests for a file, and waits until the first bytes of its content are at each of them.
fn askers(town: &Town, count: usize, content: usize) -> Vec<(Wire, Head)> {
    let wires: Vec<Wire> = (0..count).map(|_| town.open("/file")).collect();
    let begun = wires.into_iter().map(|mut wire| {
        let head = wire.head().unwrap();
        wire.arrives(content);
        (wire, head)
    });
    begun.collect()
}

#[test]
fn fifty_askers_of_what_is_arriving_have_it_all_from_one_fetch() {
    for way in WAYS {
        for framing in FRAMINGS {
            for body in [noise(3 << 20), noise(10)] {
                let (gate, served) = (Gate::default(), body.clone());
                let held = gate.clone();
                let town = Town::new(way, &[], move |_| {
                    in_halves(framing, "Cache-Control: max-age=60\r\n", &served, &held, false)
                });
                // The first half is at all of them while the origin has not finished.
                let begun = askers(&town, 50, 1);
                let late = askers(&town, 1, 1);
                gate.open();
                for (mut wire, head) in begun.into_iter().chain(late) {
                    assert_eq!(head.status(), "200 OK");
                    assert!(wire.content(&head) == body, "{way:?} {framing:?}: other bytes came");
                }
                assert_eq!(town.origin.asked().len(), 1, "{way:?} {framing:?}");
                let hit = town.get("/file");
                assert!(did(&hit).starts_with("hit"), "{way:?} {framing:?}: {}", did(&hit));
                assert!(hit.body == body && fs::read(town.stored("/file")).unwrap() == body);
                assert_eq!(town.origin.asked().len(), 1, "{way:?} {framing:?}");
            }
        }
    }
}

#[test]
fn what_the_origin_breaks_off_breaks_off_for_every_asker_and_is_not_stored() {
    for way in WAYS {
        // Content that ends with the connection can't be told from content that is cut.
        for framing in [Framing::Length, Framing::Chunked] {
            for body in [noise(3 << 20), noise(10)] {
                let (gate, served) = (Gate::default(), body.clone());
                let held = gate.clone();
                let town = Town::new(way, &[], move |asked| {
                    let is_cut = asked.field("x-cut").is_some();
                    in_halves(
                        framing,
                        "ETag: \"v1\"\r\nCache-Control: max-age=60\r\n",
                        &served,
                        &held,
                        is_cut,
                    )
                });
                let mut first = Wire::to(town.cache.address);
                first.send(town.request("GET", "/file", &["X-Cut: yes"]));
                let head = first.head().unwrap();
                first.arrives(1);
                let mut begun = askers(&town, 10, 1);
                begun.push((first, head));
                gate.open();
                for (mut wire, head) in begun {
                    let raw = wire.rest();
                    match head.field("content-length") {
                        Some(length) => {
                            assert!(raw.len() < length.parse().unwrap(), "{way:?}: it was filled up");
                        }
                        None => {
                            assert!(!raw.ends_with(b"0\r\n\r\n"), "{way:?}: it ended as if it were whole");
                        }
                    }
                }
                // It is tried to go on where it broke off; this origin breaks off there, too.
                let asked = town.origin.asked();
                let is_rest = |head: &Head| head.field("if-range") == Some("\"v1\"");
                assert!(asked.len() <= 6 && asked[1..].iter().all(is_rest), "{way:?} {framing:?}: {asked:?}");
                assert_eq!(town.bodies(), [""; 0], "{way:?} {framing:?}");
                let answer = town.get("/file");
                assert!(answer.body == body, "{way:?} {framing:?}: other bytes came");
                // What had come is a part by now, of which the rest is asked for; or it was not worth keeping.
                let asked = town.origin.asked();
                let last = asked.last().unwrap();
                assert!(is_full(last) || is_rest(last), "{way:?} {framing:?}");
                let leftovers = town.dir.path().join(".sockets/tmp");
                until("what was cut is removed", || {
                    fs::read_dir(&leftovers).unwrap().next().is_none().then_some(())
                });
            }
        }
    }
}

#[test]
fn who_leaves_in_the_middle_stops_nobody() {
    for leaver in [0, 1] {
        let body = noise(3 << 20);
        let (gate, served) = (Gate::default(), body.clone());
        let held = gate.clone();
        let town = Town::forward(move |_| in_halves(Framing::Length, "", &served, &held, false));
        let mut begun = askers(&town, 3, 1);
        drop(begun.remove(leaver));
        gate.open();
        for (mut wire, head) in begun {
            assert!(wire.content(&head) == body, "other bytes came");
        }
        assert_eq!(town.origin.asked().len(), 1);
    }
}

#[test]
fn what_nobody_waits_for_any_more_is_finished_if_it_is_small() {
    let body = noise(3 << 20);
    let (gate, served) = (Gate::default(), body.clone());
    let held = gate.clone();
    let town = Town::forward(move |_| {
        in_halves(Framing::Length, "Cache-Control: max-age=60\r\n", &served, &held, false)
    });
    drop(askers(&town, 1, 1));
    gate.open();
    let file = town.stored("/file");
    until("it is stored", || file.exists().then_some(()));
    assert!(town.get("/file").body == body, "other bytes came");
    assert_eq!(town.origin.asked().len(), 1);
}

#[test]
fn a_slow_reader_holds_nobody_up() {
    // More than the system takes in for a client that does not read.
    let body = noise(32 << 20);
    let (gate, served) = (Gate::default(), body.clone());
    let held = gate.clone();
    let town = Town::forward(move |_| in_halves(Framing::Length, "", &served, &held, false));
    let mut begun = askers(&town, 2, 1).into_iter();
    let ((mut slow, slow_head), (mut quick, head)) = (begun.next().unwrap(), begun.next().unwrap());
    gate.open();
    assert!(quick.content(&head) == body, "other bytes came");
    assert!(slow.content(&slow_head) == body, "other bytes came");
    assert_eq!(town.origin.asked().len(), 1);
}

#[test]
fn what_is_not_to_be_shared_is_fetched_for_each_and_none_waits_for_another() {
    let gate = Gate::default();
    let held = gate.clone();
    let body = noise(100_000);
    let served = body.clone();
    let town = Town::forward(move |_| {
        in_halves(Framing::Length, "Cache-Control: private\r\n", &served, &held, false)
    });
    let begun = askers(&town, 5, 1);
    assert_eq!(town.origin.asked().len(), 5);
    gate.open();
    for (mut wire, head) in begun {
        assert!(wire.content(&head) == body, "other bytes came");
    }
}

#[test]
fn variants_that_arrive_at_the_same_time_are_not_mixed_up() {
    let gate = Gate::default();
    let held = gate.clone();
    let town = Town::forward(move |asked| {
        let body = asked.field("accept-language").unwrap().as_bytes().repeat(100_000);
        in_halves(Framing::Length, "Vary: Accept-Language\r\n", &body, &held, false)
    });
    let ask = |language: &str| {
        let mut wire = Wire::to(town.cache.address);
        wire.send(town.request("GET", "/file", &[&format!("Accept-Language: {language}")]));
        let head = wire.head().unwrap();
        wire.arrives(1);
        (wire, head, language.as_bytes().repeat(100_000))
    };
    let begun = [ask("de"), ask("en"), ask("de"), ask("fr"), ask("en")];
    assert_eq!(town.origin.asked().len(), 3);
    gate.open();
    for (mut wire, head, expected) in begun {
        assert!(wire.content(&head) == expected, "another variant came");
    }
}

#[test]
fn many_who_validate_get_the_stored_copy() {
    let body = noise(200_000);
    let served = body.clone();
    let town = Town::new(Way::Forward, &[], move |asked| version(asked, "\"v1\"", &served));
    town.get("/file");
    let wires: Vec<Wire> = (0..50).map(|_| town.open("/file")).collect();
    for mut wire in wires {
        let answer = wire.answer();
        assert!(answer.body == body, "other bytes came");
        assert!(did(&answer).contains("fwd-status=304"), "{}", did(&answer));
    }
    assert!(town.origin.asked()[1..].iter().all(|asked| asked.field("if-none-match") == Some("\"v1\"")));
}

#[test]
fn an_invalidation_in_the_middle_of_a_fetch_counts() {
    let gate = Gate::default();
    let held = gate.clone();
    let town = Town::forward(move |asked| match asked.line.starts_with("GET ") {
        true => in_halves(Framing::Length, "Cache-Control: max-age=60\r\n", &noise(100_000), &held, false),
        false => ok(&[], b"changed"),
    });
    let begun = askers(&town, 1, 1);
    assert_eq!(town.ask("POST", "/file", &["Content-Length: 0"]).text(), "changed");
    gate.open();
    for (mut wire, head) in begun {
        assert_eq!(wire.content(&head).len(), 100_000);
    }
    // RFC 9111 §4.4: what was on its way before the change is not for those who ask after it.
    town.get("/file");
    let gets = town.origin.asked().iter().filter(|asked| asked.line.starts_with("GET ")).count();
    assert_eq!(gets, 2);
}
