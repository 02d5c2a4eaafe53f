//! The program as a process: started, listened to, signalled, and never left behind.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::PATIENCE;

/// The binary with `args`. What is set for it in the environment of the tests, or for proxies, is not handed on.
pub(crate) fn sockets<A: AsRef<OsStr>>(args: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockets"));
    command.args(args);
    for (name, _) in std::env::vars() {
        if name.starts_with("SOCKETS_") || name.to_uppercase().ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
}

/// How Chromium runs for a test: without a window, and without a word to anybody but the test.
pub(crate) const HEADLESS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Process::start(command).end()
}

/// How a process ended, and all that it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; of one that a signal ended, the signal's number below zero.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn stdout_text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// A running process. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stderr: Lines,
    stdout: Option<JoinHandle<Vec<u8>>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = Lines::of(child.stderr.take().unwrap());
        let mut pipe = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        });
        Self { child, stderr, stdout: Some(stdout) }
    }

    /// Waits for a line on stderr that contains `text`.
    pub(crate) fn says(&self, text: &str) -> String {
        self.stderr.until(text, |lines| lines.iter().find(|line| line.contains(text)).cloned())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let stderr = self.stderr.to_the_end();
        // Who has closed its stderr has ended: nobody else has it.
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let status = status.code().unwrap_or_else(|| -status.signal().unwrap());
        Ended { status, stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A role that serves.
pub(crate) struct Role {
    pub(crate) process: Process,
    /// Its first listener; one on all addresses is reached by this machine's own.
    pub(crate) address: SocketAddr,
}

impl Role {
    /// Starts a role on a free port of 127.0.0.1, and waits until it is ready.
    pub(crate) fn start<A: AsRef<OsStr>>(role: &str, args: &[A]) -> Self {
        let mut command = sockets(&[role, "--port", "0", "--bind", "127.0.0.1"]);
        Self::of(command.args(args))
    }

    /// Starts a command that is a role, and waits until it is ready: until it says where it listens.
    pub(crate) fn of(command: &mut Command) -> Self {
        let process = Process::start(command);
        let line = process.says(" at http://");
        let (_, url) = line.split_once(" at http://").unwrap();
        let place = url.trim_end_matches('/');
        let address = match place.strip_prefix("localhost:") {
            Some(port) => (Ipv4Addr::LOCALHOST, port.parse().unwrap()).into(),
            None => place.parse().unwrap_or_else(|_| panic!("no address in {line:?}")),
        };
        Self { process, address }
    }

    /// The URL of `path`, which begins with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The lines that somebody writes, as they come.
struct Lines(Arc<(Mutex<Said>, Condvar)>);

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Said::default()), Condvar::new()));
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            let (said, news) = &*writer;
            for line in BufReader::new(stream).split(b'\n') {
                let line = String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
                said.lock().unwrap().lines.push(line);
                news.notify_all();
            }
            said.lock().unwrap().ended = true;
            news.notify_all();
        });
        Self(shared)
    }

    /// Waits until `find` finds something in the lines so far.
    fn until<T>(&self, what: &str, mut find: impl FnMut(&[String]) -> Option<T>) -> T {
        let (said, news) = &*self.0;
        let mut found = None;
        let waiting = |said: &mut Said| {
            found = find(&said.lines);
            found.is_none() && !said.ended
        };
        let (said, _) = news.wait_timeout_while(said.lock().unwrap(), PATIENCE, waiting).unwrap();
        let lines = said.lines.join("\n");
        drop(said);
        found.unwrap_or_else(|| panic!("{what:?} was not said, but:\n{lines}"))
    }

    fn to_the_end(&self) -> String {
        let (said, news) = &*self.0;
        let (said, waited) =
            news.wait_timeout_while(said.lock().unwrap(), PATIENCE, |said| !said.ended).unwrap();
        let text = said.lines.join("\n");
        drop(said);
        assert!(!waited.timed_out(), "it does not end, and has said:\n{text}");
        text
    }
}
