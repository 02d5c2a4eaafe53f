//! What the owner of a cache has done with what is stored: while it runs, and when it does not.

use std::fs;
use std::os::unix::fs::FileExt;

use lab::noise;

use crate::cache::town::{Town, WAYS, Way, did, is_full, ok, version};
use crate::support::process::{Ended, run, sockets};
use crate::support::wire::Head;

const FRESH: &str = "Cache-Control: max-age=600";

/// Answers with a tag that is the first directory.
fn tagged(asked: &Head) -> crate::support::origin::Reply {
    let path = asked.line.split(' ').nth(1).unwrap().to_owned();
    let tag = path.split('/').nth(1).unwrap();
    if asked.field("if-none-match").is_some() {
        return version(asked, "\"v1\"", b"");
    }
    ok(&[FRESH, "ETag: \"v1\"", &format!("Surrogate-Key: {tag} all")], path.as_bytes())
}

fn owner(town: &Town, args: &[&str]) -> Ended {
    let dir = town.dir.path().to_str().unwrap();
    let ended = run(&mut sockets(&[args, &["--dir", dir]].concat()));
    assert_eq!(ended.status, 0, "{args:?}: {}", ended.stderr);
    ended
}

fn hits(town: &Town, paths: &[&str]) -> Vec<bool> {
    paths.iter().map(|path| did(&town.get(path)).starts_with("hit")).collect()
}

const PATHS: [&str; 4] = ["/a/1", "/a/2", "/ab", "/b/1"];

#[test]
fn a_running_cache_is_purged_by_url_prefix_and_tag() {
    for way in WAYS {
        let town = Town::new(way, &[], tagged);
        let origin = town.origin.url("");
        let cases: [(&[&str], [bool; 4]); 5] = [
            (&["purge", &format!("{origin}/a/1")], [false, true, true, true]),
            (&["purge", "--prefix", &format!("{origin}/a")], [false, false, false, true]),
            (&["purge", "--tag", "a", "--tag", "b"], [false, false, true, false]),
            (&["purge", "--all"], [false; 4]),
            (&["cache", "rm", &format!("{origin}/ab"), &format!("{origin}/b/1")], [true, true, false, false]),
        ];
        for (args, expected) in cases {
            hits(&town, &PATHS);
            assert_eq!(hits(&town, &PATHS), [true; 4]);
            let ended = owner(&town, args);
            let count = expected.iter().filter(|is_hit| !**is_hit).count();
            assert_eq!(ended.stdout_text(), format!("{count} purged\n"), "{way:?} {args:?}");
            assert_eq!(hits(&town, &PATHS), expected, "{way:?} {args:?}");
        }
    }
}

#[test]
fn what_is_purged_softly_is_validated() {
    let town = Town::forward(tagged);
    hits(&town, &PATHS);
    assert_eq!(owner(&town, &["purge", "--tag", "a", "--soft"]).stdout_text(), "2 purged\n");
    let answer = town.get("/a/1");
    assert!(
        did(&answer).contains("fwd=stale") && did(&answer).contains("fwd-status=304"),
        "{}",
        did(&answer)
    );
    assert_eq!(answer.text(), "/a/1");
    assert_eq!(hits(&town, &PATHS), [true, false, true, true]);
}

#[test]
fn the_purge_method_is_for_those_who_are_allowed_it() {
    let town = Town::new(Way::Reverse, &["--purge-from", "127.0.0.1"], tagged);
    for (path, fields, expected) in [
        ("/a/1", &[][..], [false, true, true, true]),
        ("/a*", &[], [false, false, false, true]),
        ("/whatever", &["Cache-Tag: a, b"], [false, false, true, false]),
        ("/*", &["Soft-Purge: 1"], [false; 4]),
    ] {
        hits(&town, &PATHS);
        assert_eq!(hits(&town, &PATHS), [true; 4]);
        let asked = town.origin.asked().len();
        let answer = town.ask("PURGE", path, fields);
        assert_eq!(answer.status(), "200 OK");
        let count = expected.iter().filter(|is_hit| !**is_hit).count();
        assert_eq!(answer.text(), format!("{count} purged\n"), "{path} {fields:?}");
        assert_eq!(town.origin.asked().len(), asked, "the origin is not told");
        assert_eq!(hits(&town, &PATHS), expected, "{path} {fields:?}");
    }
    let other = Town::new(Way::Reverse, &["--purge-from", "192.0.2.0/24"], tagged);
    hits(&other, &PATHS);
    assert_eq!(other.ask("PURGE", "/*", &[]).status(), "403 Forbidden");
    let nobodys = Town::new(Way::Reverse, &[], |asked| ok(&[FRESH], asked.line.as_bytes()));
    assert_eq!(nobodys.ask("PURGE", "/a", &[]).text(), "PURGE /a HTTP/1.1", "a method like any other");
    for town in [&other, &nobodys] {
        let forged =
            town.ask("GET", "/a/1", &["Sockets-Steward: 0", "Sockets-Errand: purge", "Sockets-Prefix: "]);
        assert!(!forged.text().contains("purged"));
    }
}

#[test]
fn what_is_stored_is_listed_counted_and_purged_also_when_the_cache_does_not_run() {
    let town = Town::forward(tagged);
    hits(&town, &PATHS);
    let origin = town.origin.url("");
    let running = owner(&town, &["cache", "ls", &format!("{origin}/a")]);
    let lines: Vec<Vec<&str>> =
        running.stdout_text().lines().map(|line| line.split('\t').collect()).collect();
    let urls: Vec<&str> = lines.iter().map(|line| line[4]).collect();
    assert_eq!(urls, ["/a/1", "/a/2", "/ab"].map(|path| format!("{origin}{path}")));
    assert_eq!((lines[0][0], lines[0][3]), ("4", "200"));
    assert!(lines[0][2].parse::<u32>().unwrap() > 500, "{lines:?}");
    assert!(owner(&town, &["cache", "stats"]).stdout_text().contains("4\tresponses\n"));

    let dir = town.dir.path().to_str().unwrap().to_owned();
    let stopped = town.stopped();
    let again = run(&mut sockets(&["cache", "ls", &format!("{origin}/a"), "--dir", &dir]));
    assert_eq!(again.stdout_text().lines().count(), 3, "{}", again.stderr);
    let purged = run(&mut sockets(&["purge", "--tag", "a", "--dir", &dir]));
    assert_eq!(purged.stdout_text(), "2 purged\n", "{}", purged.stderr);
    assert!(!stopped.stored("/a/1").exists() && stopped.stored("/ab").exists());
    let town = stopped.started();
    assert_eq!(hits(&town, &PATHS), [false, false, true, true]);
}

#[test]
fn a_check_finds_what_is_not_as_it_was_written() {
    let body = noise(300_000);
    let served = body.clone();
    let town = Town::forward(move |_| ok(&[FRESH], &served));
    for path in ["/sound", "/rotten", "/changed"] {
        town.get(path);
    }
    // A bit turns over; and somebody edits.
    let before = fs::metadata(town.stored("/rotten")).unwrap();
    let file = fs::OpenOptions::new().write(true).open(town.stored("/rotten")).unwrap();
    file.write_all_at(&[!body[200_000]], 200_000).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    fs::write(town.stored("/changed"), b"something else").unwrap();
    let said = owner(&town, &["cache", "verify"]);
    let told = |what: &str, path: &str| {
        let line = format!("{what}\t{}", town.origin.url(path));
        assert!(said.stdout_text().contains(&line), "{}", said.stdout_text());
    };
    told("damaged", "/rotten");
    told("changed", "/changed");
    assert!(
        said.stdout_text().ends_with("1 sound, 2 thrown out, 0 unreadable now\n"),
        "{}",
        said.stdout_text()
    );
    assert_eq!(hits(&town, &["/sound", "/rotten", "/changed"]), [true, false, false]);
    assert!(town.origin.asked().iter().all(is_full));
    assert!(owner(&town, &["cache", "verify"]).stdout_text().starts_with("3 sound, 0 thrown out"));
}

#[test]
fn where_there_is_no_cache_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let ended = run(&mut sockets(&["purge", "--all", "--dir", dir.path().to_str().unwrap()]));
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("there is no cache here"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "and none is made");
}
