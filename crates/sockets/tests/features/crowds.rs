//! Many at once: slow readers beside quick ones, more clients than descriptors, and what that costs.

use std::fs::{self, File};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::place::{Site, directory};
use crate::support::process::{Process, Role, sockets};
use crate::support::wire::{Wire, ask, request};

/// More than sockets and their buffers hold, so that a transfer goes on only while the client reads.
const BIG: usize = 64 << 20;

/// Lets this process have as many descriptors as it may, and makes sure that these are enough.
fn descriptors(needed: u64) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    assert!(maximum.is_none_or(|maximum| maximum >= needed), "{needed} descriptors are needed: ulimit -Hn");
}

/// What the kernel says of a process in that file of /proc, in the line that begins so.
fn kernel_says(process: &Process, file: &str, line: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/{file}", process.id())).unwrap();
    let found = text.lines().find_map(|other| other.strip_prefix(line));
    found.unwrap_or_else(|| panic!("no {line:?} in {text}")).trim().to_owned()
}

/// Resident memory, in KiB.
fn memory_kib(process: &Process) -> u64 {
    kernel_says(process, "status", "VmRSS:").trim_end_matches(" kB").trim().parse().unwrap()
}

/// Processor time that was used so far, in ticks of a hundredth of a second.
fn ticks(process: &Process) -> u64 {
    let stat = kernel_says(process, "stat", "");
    // Behind the name, which is in parentheses: proc(5).
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn three_hundred_slow_readers_cost_little_and_keep_nobody_waiting() {
    const READERS: usize = 300;
    descriptors(1000);
    let site = Site::of(&[("small", b"small"), ("page.html", &[b'p'; 50_000])]);
    File::create(site.files.path().join("big")).unwrap().set_len(BIG as u64).unwrap();
    let role = &site.role;
    let quick = |wire: &mut Wire| {
        assert_eq!(wire.ask("GET /small HTTP/1.1", &[]).text(), "small");
        assert_eq!(wire.ask("GET /page.html HTTP/1.1", &[]).body.len(), 50_000);
    };
    let mut kept = Wire::to(role.address);
    quick(&mut kept);
    let before = memory_kib(&role.process);
    let mut slow: Vec<_> = (0..READERS)
        .map(|_| {
            let mut wire = Wire::to(role.address);
            wire.send(request(role.address, "GET /big HTTP/1.1", &[]));
            let head = wire.head().unwrap();
            (wire, head)
        })
        .collect();
    for _ in 0..100 {
        quick(&mut kept);
        quick(&mut Wire::to(role.address));
    }
    let grown = memory_kib(&role.process).saturating_sub(before);
    assert!(grown <= READERS as u64 * 16, "{grown} KiB for {READERS} slow readers");
    // Each of them is still served: to the end, whoever reads on.
    for (wire, _) in &mut slow {
        assert!(wire.exactly(10_000).iter().all(|byte| *byte == 0));
    }
    let (mut wire, _) = slow.pop().unwrap();
    assert_eq!(wire.exactly(BIG - 10_000).len(), BIG - 10_000);
    quick(&mut wire);
}

/// The server of a directory, whose process may have only so many descriptors, softly or at all.
fn limited(limit: &str, home: &tempfile::TempDir) -> Role {
    let binary = sockets(&["server", "--port", "0", "--bind", "127.0.0.1"]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]);
    command.arg(binary.get_program()).args(binary.get_args());
    for (name, _) in binary.get_envs() {
        command.env_remove(name);
    }
    Role::of(command.arg(home.path()))
}

/// How long each of the many files is: long enough to be kept open while it is sent.
const LENGTH: usize = 100_000;

/// What is in the file for that client.
fn content(client: usize) -> Vec<u8> {
    vec![u8::try_from(client % 251).unwrap(); LENGTH]
}

#[test]
fn six_hundred_clients_of_256_descriptors_are_all_served_and_nothing_spins() {
    const CLIENTS: usize = 600;
    descriptors(1000);
    let home = directory(&[]);
    // Each asks for a file of its own.
    for client in 0..CLIENTS {
        fs::write(home.path().join(client.to_string()), content(client)).unwrap();
    }
    let role = limited("ulimit -n 256", &home);
    let wires: Vec<Wire> = (0..CLIENTS).map(|_| Wire::to(role.address)).collect();
    let before = ticks(&role.process);
    thread::sleep(Duration::from_millis(500));
    let used = ticks(&role.process) - before;
    assert!(used < 25, "{used} of 50 ticks went by on nothing but waiting");
    thread::scope(|scope| {
        for (client, mut wire) in wires.into_iter().enumerate() {
            let address = role.address;
            scope.spawn(move || {
                wire.send(request(address, &format!("GET /{client} HTTP/1.1"), &["Connection: close"]));
                let answer = wire.answer();
                assert_eq!(answer.status(), "200 OK");
                assert!(answer.body == content(client), "client {client}");
            });
        }
    });
    for client in [0, CLIENTS - 1] {
        let answer = ask(role.address, &format!("GET /{client} HTTP/1.1"), &[]);
        assert!(answer.body == content(client));
    }
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one_at_start() {
    let home = directory(&[("x", b"x")]);
    let role = limited("ulimit -S -n 70 && ulimit -H -n 700", &home);
    let limits = kernel_says(&role.process, "limits", "Max open files");
    let limits: Vec<&str> = limits.split_whitespace().collect();
    assert_eq!(limits[..2], ["700", "700"]);
}

/// What was served before leaves nothing behind: neither memory nor descriptors grow with the number of requests.
#[test]
fn nothing_grows_with_the_number_of_past_requests() {
    let site = Site::with(&[("small", b"small")], &["--list", "--compress"]);
    for number in 0..200 {
        fs::write(site.files.path().join(format!("{number}.bin")), vec![0; 70_000]).unwrap();
    }
    let role = &site.role;
    let round = || {
        for number in 0..200 {
            let mut wire = Wire::to(role.address);
            assert_eq!(wire.ask(&format!("GET /{number}.bin HTTP/1.1"), &[]).status(), "200 OK");
            let missing = format!("GET /missing-{number} HTTP/1.1");
            assert_eq!(wire.ask(&missing, &[]).status(), "404 Not Found");
            assert_eq!(wire.ask("GET /?format=json HTTP/1.1", &[]).status(), "200 OK");
        }
    };
    let open = || fs::read_dir(format!("/proc/{}/fd", role.process.id())).unwrap().count();
    round();
    let (memory, files) = (memory_kib(&role.process), open());
    for _ in 0..5 {
        round();
    }
    let grown = memory_kib(&role.process).saturating_sub(memory);
    assert!(grown < 4096, "{grown} KiB more after 3000 more requests");
    // So many files are kept open between requests, and no more.
    assert!(open() <= files.max(128) + 64, "{files} files were open, and now {}", open());
}
