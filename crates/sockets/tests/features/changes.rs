//! Files that change while they are sent: each answer is of one version, whole or visibly cut, and never padded.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::geteuid;

use crate::features::{get, settled};
use crate::support::place::{Site, directory};
use crate::support::process::{Role, sockets};
use crate::support::wire::{Head, Wire, ask, request};

/// More than sockets and their buffers hold, so that a transfer goes on only while the client reads.
const BIG: usize = 32 << 20;

fn site() -> (Site, PathBuf) {
    let site = Site::of(&[("big", &vec![b'a'; BIG])]);
    let path = site.files.path().join("big");
    (site, path)
}

/// A transfer of the big file that has begun, and can't end before it is read.
fn begun(role: &Role, fields: &[&str]) -> (Wire, Head) {
    let mut wire = Wire::to(role.address);
    wire.send(request(role.address, "GET /big HTTP/1.1", fields));
    let head = wire.head().unwrap();
    wire.arrives(100_000);
    (wire, head)
}

/// All of the old version comes, and then, on the same connection, what is there now.
fn comes_whole(mut wire: Wire, head: &Head) -> Wire {
    assert_eq!(head.field("content-length"), Some(&*BIG.to_string()));
    let body = wire.content(head);
    assert!(body.len() == BIG && body.iter().all(|byte| *byte == b'a'));
    wire
}

/// With what was opened before that and with what is opened for it: young files are not kept open.
fn young_and_settled(test: impl Fn(&Site, PathBuf)) {
    for wait in [false, true] {
        let (site, path) = site();
        if wait {
            settled(&site, "/big");
        }
        test(&site, path);
    }
}

#[test]
fn a_file_that_is_replaced_is_sent_to_its_end_and_the_new_one_after_it() {
    young_and_settled(|site, path| {
        let (wire, head) = begun(&site.role, &[]);
        fs::write(path.with_extension("new"), "another").unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
        assert_eq!(get(site, "/big", &[]).text(), "another");
        assert_eq!(comes_whole(wire, &head).ask("GET /big HTTP/1.1", &[]).text(), "another");
    });
}

#[test]
fn a_file_that_is_deleted_is_sent_to_its_end_and_not_there_after_it() {
    young_and_settled(|site, path| {
        let (wire, head) = begun(&site.role, &[]);
        fs::remove_file(path).unwrap();
        assert_eq!(get(site, "/big", &[]).status(), "404 Not Found");
        assert_eq!(comes_whole(wire, &head).ask("GET /big HTTP/1.1", &[]).status(), "404 Not Found");
    });
}

/// What the kernel holds in the connection's buffers can't be taken back; but no mix of two versions looks
/// like a whole one.
#[test]
fn a_file_that_is_written_over_ends_the_connection_and_never_looks_whole() {
    young_and_settled(|site, path| {
        let (mut wire, _) = begun(&site.role, &["Connection: close"]);
        fs::write(path, vec![b'b'; BIG]).unwrap();
        let body = wire.rest();
        assert!(body.len() < BIG || body.iter().all(|byte| *byte == b'a'), "{} bytes of both", body.len());
    });
}

#[test]
fn what_is_appended_to_a_file_is_for_the_next_request() {
    young_and_settled(|site, path| {
        let (wire, head) = begun(&site.role, &[]);
        File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        let tail = get(site, "/big", &["Range: bytes=-5"]);
        assert_eq!(
            (tail.text(), tail.field("content-range")),
            ("amore", &*format!("bytes {}-{}/{}", BIG - 1, BIG + 3, BIG + 4))
        );
        let mut wire = comes_whole(wire, &head);
        assert_eq!(wire.ask("HEAD /big HTTP/1.1", &[]).field("content-length"), (BIG + 4).to_string());
    });
}

/// Of what is in the kernel's hands already, a page may be emptied: so it is by the missing rest that a client knows.
#[test]
fn a_file_that_is_cut_short_ends_the_connection_within_a_part_as_well() {
    for range in ["Range: bytes=1-", "Range: bytes=0-9, 1000-"] {
        let (site, path) = site();
        let (mut wire, head) = begun(&site.role, &[range]);
        assert_eq!(head.status(), "206 Partial Content");
        let length: usize = head.field("content-length").unwrap().parse().unwrap();
        File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
        let came = wire.rest();
        assert!(came.len() < length, "{} bytes of a file that is 1000 bytes long by now", came.len());
        let again = get(&site, "/big", &["Range: bytes=990-"]);
        assert_eq!((again.field("content-range"), again.body.len()), ("bytes 990-999/1000", 10));
    }
}

/// Whoever runs the tests as root may read everything; then the server is run by nobody.
#[test]
fn a_file_that_becomes_unreadable_is_sent_to_its_end_and_then_forbidden() {
    const NOBODY: u32 = 65_534;
    let home = directory(&[("big", &vec![b'a'; BIG]), ("other", b"x")]);
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]);
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
        if sockets(&["--version"]).uid(NOBODY).gid(NOBODY).output().is_err() {
            println!("not tried: the binary is where only root can run it");
            return;
        }
    }
    let role = Role::of(command.arg(home.path()));
    let (wire, head) = begun(&role, &[]);
    fs::set_permissions(home.path().join("big"), Permissions::from_mode(0o000)).unwrap();
    let mut wire = comes_whole(wire, &head);
    assert_eq!(wire.ask("GET /big HTTP/1.1", &[]).status(), "403 Forbidden");
    assert_eq!(ask(role.address, "GET /other HTTP/1.1", &[]).text(), "x", "the others are served on");
}

/// A publisher that never rests, and readers that must not notice: small files, which are kept in memory, and
/// larger ones, which are kept open.
#[test]
fn a_file_that_is_replaced_all_the_time_is_always_one_of_its_versions() {
    let versions = [vec![b'a'; 30_000], vec![b'b'; 300_000], vec![b'c'; 29_999]];
    let site = Site::of(&[("file", &versions[0])]);
    let (path, stopped) = (site.files.path().join("file"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in versions.iter().cycle() {
                fs::write(path.with_extension("new"), version).unwrap();
                fs::rename(path.with_extension("new"), &path).unwrap();
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let mut wire = Wire::to(site.role.address);
        for _ in 0..500 {
            let answer = wire.ask("GET /file HTTP/1.1", &[]);
            assert_eq!(answer.status(), "200 OK");
            assert!(versions.contains(&answer.body), "{} bytes", answer.body.len());
        }
        stopped.store(true, Ordering::Relaxed);
    });
}

/// Whoever copies over a file shows everybody all that lies between: that is what they may get, too, but no byte
/// of something else.
#[test]
fn a_file_that_is_written_in_place_is_never_padded() {
    let versions = [vec![b'a'; 30_000], vec![b'b'; 300_000]];
    let site = Site::of(&[("file", &versions[0])]);
    let (path, stopped) = (site.files.path().join("file"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in versions.iter().cycle() {
                fs::write(&path, version).unwrap();
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        for _ in 0..300 {
            let mut wire = Wire::to(site.role.address);
            wire.send(request(site.role.address, "GET /file HTTP/1.1", &["Connection: close"]));
            // It may be cut: then the connection ends before its length is reached.
            let Some(head) = wire.head() else { continue };
            if head.status() == "503 Service Unavailable" {
                continue;
            }
            assert_eq!(head.status(), "200 OK");
            let length: usize = head.field("content-length").unwrap().parse().unwrap();
            let body = wire.rest();
            assert!(body.len() <= length && body.iter().all(|byte| b"ab".contains(byte)));
        }
        stopped.store(true, Ordering::Relaxed);
    });
}
