//! `sockets get` is killed at moments that nobody chose, and run again until it succeeds: the file is the right
//! one, and what was there is not fetched again.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lab::noise;
use rustix::process::Signal;

use crate::support::origin::Origin;
use crate::support::paced::paced;
use crate::support::place::{directory, tree};
use crate::support::process::{Process, sockets};

/// How often it is killed; `SOCKETS_TEST_KILLS=1000` for the long run.
const KILLS: u64 = 24;

/// Downloads at the same time.
const LANES: u64 = 8;

const LENGTH: usize = 6 * 1024 * 1024;

/// A server of 1.6 MiB/s per connection.
fn slow(content: &Arc<Vec<u8>>) -> Origin {
    paced(content, 32 * 1024, Duration::from_millis(20))
}

/// Runs it again and again, and kills it, until it has succeeded and there have been enough kills.
fn lane(seed: u64, kills: u64) {
    let content = Arc::new(noise(LENGTH));
    let servers = [slow(&content), slow(&content)];
    let home = directory(&[]);
    let (mut dice, mut killed, mut finished) = (seed, 0, 0);
    while killed < kills || finished == 0 {
        dice = dice * 48_271 % 0x7fff_ffff;
        let urls = servers.each_ref().map(|server| server.url("/x"));
        let args = ["get", "-q", "--per-server", "1", &urls[0], "--mirror", &urls[1]];
        let process = Process::start(sockets(&args).current_dir(home.path()));
        if killed < kills {
            thread::sleep(Duration::from_millis(dice % 1800));
            process.signal(Signal::KILL);
        }
        let ended = process.end();
        match ended.status {
            0 => {
                assert_eq!(tree(home.path()), ["x"]);
                assert!(fs::read(home.path().join("x")).unwrap() == *content, "other content");
                fs::remove_file(home.path().join("x")).unwrap();
                finished += 1;
            }
            status => {
                assert_eq!(status, -9, "{ended:?}");
                assert!(!home.path().join("x").exists() || killed < kills, "a file that is not whole");
                if let Ok(there) = fs::read(home.path().join("x")) {
                    // Killed between the rename and its end.
                    assert!(there == *content, "other content");
                    fs::remove_file(home.path().join("x")).unwrap();
                }
                killed += 1;
            }
        }
    }
}

#[test]
fn killed_at_any_moment_it_ends_in_the_right_file() {
    let kills = std::env::var("SOCKETS_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    thread::scope(|scope| {
        for seed in 1..=LANES {
            scope.spawn(move || lane(seed * 7919, kills.div_ceil(LANES)));
        }
    });
}

#[test]
fn an_interrupt_keeps_what_has_come_and_says_how_to_go_on() {
    let content = Arc::new(noise(LENGTH));
    let (server, home) = (slow(&content), directory(&[]));
    let args = ["get", "--per-server", "1", &server.url("/x")];
    let process = Process::start(sockets(&args).current_dir(home.path()));
    let part = home.path().join("x.part");
    let some = || fs::metadata(&part).is_ok_and(|part| part.len() > 200_000).then_some(());
    crate::support::until("some of it is there", some);
    process.signal(Signal::INT);
    let ended = process.end();
    assert_eq!(ended.status, 130, "{ended:?}");
    assert_eq!(tree(home.path()), ["x.part", "x.part.sockets"]);
    let command =
        ended.stderr.split("to go on: sockets ").nth(1).unwrap_or_else(|| panic!("{}", ended.stderr));
    let words: Vec<&str> = command.lines().next().unwrap().split(' ').collect();
    let before = server.asked().len();
    let ended = Process::start(sockets(&words).current_dir(home.path())).end();
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(fs::read(home.path().join("x")).unwrap() == *content);
    let first = server.asked()[before].field("range").unwrap_or_default().to_owned();
    assert!(first.starts_with("bytes=") && !first.starts_with("bytes=0-"), "it is gone on with: {first:?}");
}
