//! What is stored, for whom, and what is not.

use std::fs;

use lab::noise;

use crate::cache::town::{Town, WAYS, did, is_full, ok};
use crate::support::origin::{Reply, response};
use crate::support::wire::ask;

#[test]
fn a_stored_body_is_an_ordinary_file_under_host_and_path() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| ok(&[], asked.line.as_bytes()));
        for path in ["/index.html", "/docs/guide/page.html"] {
            town.get(path);
            let file = town.dir.path().join(format!("127.0.0.1:{}{path}", town.origin.address.port()));
            let metadata = fs::symlink_metadata(&file).unwrap();
            assert!(metadata.is_file(), "{way:?} {path}");
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("GET {path} HTTP/1.1"));
        }
        assert_eq!(town.bodies().len(), 2, "{way:?}");
    }
}

#[test]
fn what_may_not_be_stored_is_passed_on_each_time_and_leaves_no_file() {
    for way in WAYS {
        for field in [
            "Cache-Control: no-store",
            "Cache-Control: max-age=60, NO-STORE",
            "Cache-Control: private",
            "Cache-Control: private, max-age=60",
            "Vary: *",
            "Set-Cookie: id=1",
        ] {
            for body in [noise(10), noise(1 << 20)] {
                let served = body.clone();
                let town = Town::new(way, &[], move |_| ok(&["ETag: \"v1\"", field], &served));
                for count in 1..=2 {
                    let answer = town.get("/file");
                    assert!(answer.body == body, "{field}: other bytes came");
                    assert_eq!(town.origin.asked().len(), count, "{way:?} {field}");
                    assert!(!did(&answer).contains("stored"), "{field}: {}", did(&answer));
                }
                assert!(town.origin.asked().iter().all(is_full), "{field}: nothing is there to be validated");
                assert_eq!(town.bodies(), [""; 0], "{way:?} {field}");
            }
        }
    }
}

#[test]
fn what_a_request_forbids_to_store_is_not_stored() {
    for field in ["Cache-Control: no-store", "Authorization: Basic eDp5"] {
        let town = Town::forward(|_| ok(&["Cache-Control: max-age=60"], b"secret"));
        for _ in 0..2 {
            assert_eq!(town.ask("GET", "/file", &[field]).text(), "secret");
        }
        assert_eq!(town.origin.asked().len(), 2, "{field}");
        assert_eq!(town.bodies(), [""; 0], "{field}");
    }
    let town = Town::forward(|_| ok(&["Cache-Control: public, max-age=60"], b"no secret"));
    for _ in 0..2 {
        assert_eq!(town.ask("GET", "/file", &["Authorization: Basic eDp5"]).text(), "no secret");
    }
    assert_eq!(town.origin.asked().len(), 1);
}

#[test]
fn variants_are_stored_side_by_side_and_each_goes_to_those_who_asked_alike() {
    for way in WAYS {
        let town = Town::new(way, &[], |asked| {
            let body = format!("in {:?}", asked.field("accept-language"));
            ok(&["Vary: Accept-Language", "Cache-Control: max-age=60"], body.as_bytes())
        });
        for count in 0..3 {
            for (fields, body) in [
                (&["Accept-Language: de"][..], "in Some(\"de\")"),
                (&["Accept-Language: en"], "in Some(\"en\")"),
                (&[], "in None"),
                (&["Accept-Language:  de ", "X-Other: 1"], "in Some(\"de\")"),
            ] {
                let answer = town.ask("GET", "/file", fields);
                assert_eq!(answer.text(), body, "{way:?} {fields:?}");
                assert!(count == 0 || did(&answer).starts_with("hit"), "{fields:?}: {}", did(&answer));
            }
        }
        assert_eq!(town.origin.asked().len(), 3, "{way:?}");
        let town = town.restarted();
        assert_eq!(town.ask("GET", "/file", &["Accept-Language: en"]).text(), "in Some(\"en\")");
        assert_eq!(town.ask("GET", "/file", &["Accept-Language: fr"]).text(), "in Some(\"fr\")");
        assert_eq!(town.origin.asked().len(), 4, "{way:?}");
    }
}

#[test]
fn content_comes_chunked_or_until_close_and_is_stored_all_the_same() {
    for way in WAYS {
        let body = noise(300_000);
        let served = body.clone();
        let town = Town::new(way, &[], move |asked| {
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
            if asked.line.contains("/chunked") {
                let (a, b) = served.split_at(1000);
                let chunk =
                    |bytes: &[u8]| [format!("{:X};x=y\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
                let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
                Reply::Keep([head.as_bytes(), &chunk(a), &chunk(b), b"0\r\nX-Trailer: 1\r\n\r\n"].concat())
            } else {
                Reply::Close([head.as_bytes(), b"\r\n", &served].concat())
            }
        });
        for path in ["/chunked", "/until-close"] {
            assert!(town.get(path).body == body, "{way:?} {path}: other bytes came");
            let hit = town.get(path);
            assert!(hit.body == body, "{way:?} {path}: other bytes were stored");
            assert_eq!(hit.field("content-length"), "300000", "{way:?} {path}");
            assert!(did(&hit).starts_with("hit"), "{}", did(&hit));
        }
        assert_eq!(town.origin.asked().len(), 2, "{way:?}");
    }
}

#[test]
fn what_is_larger_than_the_cache_goes_through_it() {
    let body = noise(2 << 20);
    let served = body.clone();
    let town = Town::new(crate::cache::town::Way::Forward, &["--size", "1MiB"], move |_| {
        ok(&["Cache-Control: max-age=60"], &served)
    });
    for count in 1..=2 {
        assert!(town.get("/file").body == body, "other bytes came");
        assert_eq!(town.origin.asked().len(), count);
    }
    assert_eq!(town.bodies(), [""; 0]);
}

#[test]
fn the_quota_holds() {
    let town = Town::new(crate::cache::town::Way::Forward, &["--size", "1MiB"], |asked| {
        ok(&["Cache-Control: max-age=60"], &asked.line.as_bytes().repeat(4000))
    });
    for number in 0..60 {
        let path = format!("/{number:02}");
        // Twice: a full cache stores what is asked for again.
        for _ in 0..2 {
            let answer = town.get(&path);
            assert!(answer.body == format!("GET {path} HTTP/1.1").as_bytes().repeat(4000), "{path}");
            let length =
                |name: &String| fs::metadata(town.dir.path().join(name)).map_or(0, |file| file.len());
            let used: u64 = town.bodies().iter().map(length).sum();
            assert!(used <= 1 << 20, "{used} bytes after {path}");
        }
    }
    let first = town.origin.asked().len();
    assert!(did(&town.get("/59")).starts_with("hit"), "what came last is there");
    town.get("/00");
    assert_eq!(town.origin.asked().len(), first + 1, "what came first had to go");
}

#[test]
fn a_full_cache_stores_what_is_asked_for_again_or_everything_if_it_is_told_to() {
    for (args, has_to_come_back) in
        [(&["--size", "1MiB"][..], true), (&["--size", "1MiB", "--admit", "always"], false)]
    {
        let town = Town::new(crate::cache::town::Way::Forward, args, |asked| {
            ok(&["Cache-Control: max-age=60"], &asked.line.as_bytes().repeat(4000))
        });
        (0..40).for_each(|number| drop(town.get(&format!("/{number:02}"))));
        let answers = [town.get("/new"), town.get("/new"), town.get("/new")];
        let told: Vec<&str> = answers.iter().map(did).collect();
        let expected = if has_to_come_back {
            ["fwd=uri-miss;detail=not-admitted", "fwd=uri-miss;stored", "hit"]
        } else {
            ["fwd=uri-miss;stored", "hit", "hit"]
        };
        assert!(told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected)), "{told:?}");
        assert_eq!(town.stored("/new").metadata().unwrap().len(), 68_000);
    }
}

#[test]
fn an_error_that_says_that_it_is_fresh_is_stored_and_any_other_is_not() {
    let town = Town::forward(|asked| match asked.line.contains("/fresh") {
        true => Reply::Keep(response("410 Gone", &["Cache-Control: max-age=60"], b"gone")),
        false => Reply::Keep(response("410 Gone", &["ETag: \"1\""], b"gone")),
    });
    for (path, requests) in [("/fresh", [1, 1]), ("/plain", [2, 3])] {
        for count in requests {
            let answer = town.get(path);
            assert_eq!((answer.status(), answer.text()), ("410 Gone", "gone"));
            assert_eq!(town.origin.asked().len(), count, "{path}");
        }
    }
    let stored = town.bodies().len();
    // Nor is what no origin was asked for.
    assert_eq!(ask(town.cache.address, "GET /file HTTP/1.1", &[]).status(), "400 Bad Request");
    assert_eq!((stored, town.bodies().len()), (1, 1));
}
