//! The first minutes with the server: where it can be reached, and what happens when its port is taken.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::place::directory;
use crate::support::process::{Process, run, sockets};
use crate::support::wire::ask;
use crate::support::{PATIENCE, until};

/// The port of the server if nobody asks for another.
const PORT: u16 = 8000;

/// A program whose stderr is a terminal. It is killed when it is dropped.
struct AtTerminal {
    child: Child,
    pieces: Receiver<String>,
    text: String,
}

impl AtTerminal {
    fn start(args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = sockets(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(terminal);
        let child = command.spawn().unwrap();
        // Or this process would keep the terminal open itself.
        drop(command);
        let (send, pieces) = channel();
        let mut master = File::from(master);
        thread::spawn(move || {
            let mut block = [0; 4096];
            // The end of a terminal that nobody has open any more is an error.
            while let Ok(count) = master.read(&mut block) {
                let piece = String::from_utf8_lossy(&block[..count]).into_owned();
                if count == 0 || send.send(piece).is_err() {
                    return;
                }
            }
        });
        Self { child, pieces, text: String::new() }
    }

    /// Waits for a line that contains `text`, and gives what is behind it there.
    fn says(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let whole = self.text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some((_, behind)) = whole.lines().find_map(|line| line.split_once(text)) {
                return behind.trim_end().to_owned();
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.text.push_str(&piece),
                Err(_) => panic!("{text:?} was not said, but:\n{}", self.text),
            }
        }
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody else at the server's port.
fn at_the_usual_port() -> TcpListener {
    until("the usual port is ours", || TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).ok())
}

#[test]
fn where_the_usual_port_is_taken_a_person_gets_the_next() {
    let _taken = at_the_usual_port();
    let home = directory(&[("index.html", b"hello")]);
    let mut server = AtTerminal::start(&["server", home.path().to_str().unwrap(), "--bind", "127.0.0.1"]);
    let told = server.says("port 8000 is taken (by ");
    let url = server.says(" at http://127.0.0.1:");
    let port: u16 = url.trim_end_matches('/').parse().unwrap();
    assert!((PORT + 1..PORT + 20).contains(&port), "{port}");
    assert!(told.ends_with(&format!("): it is {port} instead")), "{told}");
    assert_eq!(ask((Ipv4Addr::LOCALHOST, port).into(), "GET / HTTP/1.1", &[]).text(), "hello");
}

#[test]
fn a_program_that_starts_it_gets_the_usual_port_or_none() {
    let _taken = at_the_usual_port();
    let home = directory(&[]);
    let ended = run(&mut sockets(&["server", home.path().to_str().unwrap(), "--bind", "127.0.0.1"]));
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.starts_with("sockets: 127.0.0.1:8000 is taken (by "), "{}", ended.stderr);
}

#[test]
fn a_port_that_was_asked_for_is_that_one_or_none() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = directory(&[]);
    let args = ["server", home.path().to_str().unwrap(), "--bind", "127.0.0.1", "--port", &port];
    AtTerminal::start(&args).says(&format!("sockets: 127.0.0.1:{port} is taken (by "));
}

#[test]
fn it_says_what_it_serves_and_where_others_reach_it() {
    let home = directory(&[("index.html", b"hello")]);
    let mut command = sockets(&["server", ".", "--port", "0"]);
    let server = Process::start(command.current_dir(home.path()));
    let line = server.says(" at http://localhost:");
    let served =
        format!("sockets: serving {} at http://localhost:", home.path().canonicalize().unwrap().display());
    let port: u16 = line.strip_prefix(&served).unwrap().trim_end_matches('/').parse().unwrap();
    // The address with which this machine goes to others, if it has one: nothing is sent.
    let outward = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    if outward.connect(("192.0.2.1", 9)).is_ok() {
        let own = outward.local_addr().unwrap().ip();
        server.says(&format!("sockets:   for others in your network: http://{own}:{port}/"));
        assert_eq!(ask((own, port).into(), "GET / HTTP/1.1", &[]).text(), "hello");
    }
}

#[test]
fn a_code_for_phones_is_drawn_if_it_is_wanted() {
    let home = directory(&[]);
    let args = ["server", home.path().to_str().unwrap(), "--bind", "127.0.0.1", "--port", "0"];
    let plain = Process::start(&mut sockets(&args));
    plain.says(" at http://127.0.0.1:");
    let drawn = Process::start(sockets(&args).arg("--qr"));
    // The marks in two of its corners.
    assert!(drawn.says("█▀▀▀▀▀█").matches("█▀▀▀▀▀█").count() >= 2);
    plain.signal(rustix::process::Signal::TERM);
    assert!(!plain.end().stderr.contains('█'));
    let mut coloured = AtTerminal::start(&[&args[..], &["--qr"]].concat());
    assert!(coloured.says("\u{1b}[30;107m").ends_with("\u{1b}[0m"));
}
