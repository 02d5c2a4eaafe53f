//! What is on the disk: it outlives the process, and nothing that was changed by hand is ever served.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use lab::noise;

use crate::cache::town::{Town, WAYS, Way, did, is_full, ok, version};
use crate::support::process::{run, sockets};
use crate::support::until;

#[test]
fn what_was_stored_is_there_after_a_restart() {
    for way in WAYS {
        for fields in [&["ETag: \"v1\"", "Cache-Control: max-age=60"][..], &["ETag: \"v1\""]] {
            let is_fresh = fields.len() == 2;
            let bodies = [("/empty", Vec::new()), ("/small", noise(1000)), ("/large", noise(3 << 20))];
            let served = bodies.clone();
            let town = Town::new(way, &[], move |asked| {
                let path = asked.line.split(' ').nth(1).unwrap();
                let body = &served.iter().find(|(name, _)| *name == path).unwrap().1;
                if asked.field("if-none-match").is_some() {
                    version(asked, "\"v1\"", body)
                } else {
                    ok(fields, body)
                }
            });
            for (path, _) in &bodies {
                town.get(path);
            }
            let town = town.restarted().restarted();
            for (count, (path, body)) in bodies.iter().enumerate() {
                let answer = town.get(path);
                assert!(answer.body == *body, "{way:?} {path}: other bytes came");
                let (expected, requests) =
                    if is_fresh { ("hit", 0) } else { ("fwd=stale;fwd-status=304", count + 1) };
                assert!(did(&answer).starts_with(expected), "{way:?} {path}: {}", did(&answer));
                assert_eq!(town.origin.asked().len(), 3 + requests, "{way:?} {path}");
            }
            let after = &town.origin.asked()[3..];
            assert!(after.iter().all(|asked| asked.field("if-none-match") == Some("\"v1\"")), "{after:?}");
        }
    }
}

/// Something that is done to a body, and what it is called.
type Tampering = (&'static str, fn(&Path));

/// What somebody may do to a body.
const TAMPERINGS: [Tampering; 8] = [
    ("deleted", |path| fs::remove_file(path).unwrap()),
    ("cut", |path| {
        let length = fs::metadata(path).unwrap().len();
        OpenOptions::new().write(true).open(path).unwrap().set_len(length / 2).unwrap();
    }),
    ("emptied", |path| fs::write(path, b"").unwrap()),
    ("edited", |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[0] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("appended to", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, [&bytes[..], b"more"].concat()).unwrap();
    }),
    ("replaced", |path| {
        let bytes = vec![b'x'; fs::read(path).unwrap().len()];
        let other = path.with_extension("other");
        fs::write(&other, bytes).unwrap();
        fs::rename(other, path).unwrap();
    }),
    ("made a directory", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("made a link", |path| {
        fs::remove_file(path).unwrap();
        symlink("/etc/passwd", path).unwrap();
    }),
];

/// A write that follows has another time than that of the file.
fn after_its_time(path: &Path) {
    let (written, probe) = (fs::metadata(path).unwrap(), path.with_extension("probe"));
    until("the clock of the file system has gone on", || {
        fs::write(&probe, b"").unwrap();
        let now = fs::metadata(&probe).unwrap();
        ((now.mtime(), now.mtime_nsec()) != (written.mtime(), written.mtime_nsec())).then_some(())
    });
    fs::remove_file(probe).unwrap();
}

fn tampered(body: &[u8], name: &str, tamper: fn(&Path), is_stopped: bool) {
    let served = body.to_vec();
    let fields = ["ETag: \"v1\"", "Cache-Control: max-age=60"];
    let town = Town::new(Way::Forward, &[], move |_| ok(&fields, &served));
    town.get("/file.bin");
    assert!(did(&town.get("/file.bin")).starts_with("hit"));
    let town = if is_stopped {
        let stopped = town.stopped();
        after_its_time(&stopped.stored("/file.bin"));
        tamper(&stopped.stored("/file.bin"));
        stopped.started()
    } else {
        after_its_time(&town.stored("/file.bin"));
        // So often that it is known to be there, and would not be looked at if nothing happened.
        for _ in 0..4 {
            assert!(did(&town.get("/file.bin")).starts_with("hit"));
        }
        tamper(&town.stored("/file.bin"));
        town
    };
    let answer = town.get("/file.bin");
    assert!(answer.body == body, "{name}, stopped {is_stopped}: other bytes came");
    let asked = town.origin.asked();
    assert_eq!(asked.len(), 2, "{name}, stopped {is_stopped}: {}", did(&answer));
    assert!(is_full(&asked[1]), "{name}: what is wrong is not validated: {:?}", asked[1]);
    let again = town.get("/file.bin");
    assert!(again.body == body && did(&again).starts_with("hit"), "{name}: {}", did(&again));
}

#[test]
fn a_body_that_somebody_changed_is_never_served() {
    for body in [noise(1000), noise(300_000)] {
        for (name, tamper) in TAMPERINGS {
            for is_stopped in [false, true] {
                tampered(&body, name, tamper, is_stopped);
            }
        }
    }
    assert!(
        fs::read_to_string("/etc/passwd").unwrap().contains("root"),
        "a link was followed and written through"
    );
}

#[test]
fn a_range_of_a_body_that_somebody_changed_is_not_served_either() {
    let body = noise(300_000);
    let served = body.clone();
    let town = Town::forward(move |_| ok(&["ETag: \"v1\"", "Cache-Control: max-age=60"], &served));
    town.get("/file.bin");
    after_its_time(&town.stored("/file.bin"));
    TAMPERINGS[3].1(&town.stored("/file.bin"));
    let answer = town.ask("GET", "/file.bin", &["Range: bytes=0-9"]);
    let expected = if answer.status().starts_with("206") { &body[..10] } else { &body[..] };
    assert!(answer.body == expected, "other bytes came: {:?}", answer.head);
}

#[test]
fn a_directory_has_one_cache_at_a_time() {
    let town = Town::forward(|_| ok(&["Cache-Control: max-age=60"], b"content"));
    town.get("/file");
    let dir = town.dir.path().to_str().unwrap();
    let ended = run(&mut sockets(&["cache", "--port", "0", "--dir", dir]));
    assert!(ended.status > 0, "{ended:?}");
    assert_eq!(ended.stderr.trim().lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(dir) && ended.stderr.contains("another cache"), "{}", ended.stderr);
    assert!(did(&town.get("/file")).starts_with("hit"), "the first one goes on");
    assert!(did(&town.restarted().get("/file")).starts_with("hit"), "nothing is lost by it");
}

#[test]
fn a_directory_that_is_not_there_is_made() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("not/there/yet");
    let cache = crate::support::process::Role::start("cache", &["--dir", dir.to_str().unwrap()]);
    assert!(dir.is_dir());
    drop(cache);
    let file = place.path().join("file");
    fs::write(&file, b"").unwrap();
    let ended = run(&mut sockets(&["cache", "--port", "0", "--dir", file.to_str().unwrap()]));
    assert!(ended.status > 0 && ended.stderr.contains(file.to_str().unwrap()), "{ended:?}");
    assert_eq!(ended.stderr.trim().lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn an_index_that_cannot_be_read_costs_hits_and_nothing_else() {
    let town = Town::forward(|asked| version(asked, "\"v1\"", b"content"));
    town.get("/file");
    let stopped = town.stopped();
    fs::write(stopped.dir.path().join(".sockets/index.redb"), b"this is no index").unwrap();
    let town = stopped.started();
    for expected in ["fwd=uri-miss;stored", "fwd=stale;fwd-status=304"] {
        let answer = town.get("/file");
        assert_eq!(answer.text(), "content");
        assert!(did(&answer).starts_with(expected), "{}", did(&answer));
    }
}
