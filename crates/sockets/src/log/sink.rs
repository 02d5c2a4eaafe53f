//! Where lines of a log are gathered, and the thread that writes them.
//!
//! A thread that serves never waits here. It puts its line into one of a few buffers; the writer exchanges each
//! for an empty one, and only for that moment it is not to be had, so the next one is taken. Where a line
//! finds no room, because what is written to is too slow, the line is dropped and counted.
//!
//! The writer sleeps while there is nothing; from the first line on it lets more gather for [`GATHER`] and then
//! writes each buffer with one call.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write, stdout};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::Notify;

/// How many threads can put lines down at the same time without one of them trying twice.
const SHARDS: usize = 16;

/// Most bytes that wait in one shard, give or take one line. In all of them it is 16 MiB.
const SHARD_BYTES_MAX: usize = 1 << 20;

/// With so many bytes in a shard, they are written without waiting for more.
const SHARD_BYTES_FULL: usize = 64 * 1024;

/// For how long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(100);

/// How long the end of the program waits for the last lines.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard output.
    Stdout,
    /// Behind what is in this file, which is made if it is not there.
    File(PathBuf),
}

/// Opens what lines are written to: at the start, and each time they are to go to a new file.
type Open = Box<dyn FnMut() -> io::Result<Box<dyn Write + Send>> + Send>;

/// Takes lines.
pub(crate) struct Sink {
    shared: Arc<Shared>,
    writer: Thread,
    /// Ends when the writer does.
    written: Mutex<Receiver<()>>,
}

struct Shared {
    /// What the lines go to, for people.
    name: String,
    shards: [Shard; SHARDS],
    /// There is a line that the writer was not told of before it began to collect.
    waiting: AtomicBool,
    reopen: AtomicBool,
    closing: AtomicBool,
    /// Lines lost since that was last asked.
    lost: AtomicU64,
    /// Told when lines are lost.
    losing: Arc<Notify>,
}

/// Each on cache lines of its own: threads that have nothing to do with each other share none.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Vec<u8>>);

impl Sink {
    /// Begins to write to `place`; `losing` is told when lines are lost.
    ///
    /// # Errors
    /// What the system says if it can't be written to.
    pub(crate) fn open(place: Place, losing: Arc<Notify>) -> io::Result<Self> {
        Self::start(place.to_string(), Box::new(move || place.open()), losing)
    }

    fn start(name: String, mut open: Open, losing: Arc<Notify>) -> io::Result<Self> {
        let out = open()?;
        let shared = Arc::new(Shared {
            name,
            shards: Default::default(),
            waiting: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            losing,
        });
        let (end, written) = sync_channel(0);
        let writer =
            Writer { shared: Arc::clone(&shared), open, out, is_failing: false, is_torn: false, _end: end };
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(|| writer.run())?;
        Ok(Self { shared, writer: thread.thread().clone(), written: Mutex::new(written) })
    }

    /// Has a line written, with its end; or drops it if there is no room. Never waits.
    pub(crate) fn put(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let shared = &self.shared;
        let Some(mut lines) = shared.room() else { return shared.lose(1) };
        let before = lines.len();
        write(&mut lines);
        let is_full = before < SHARD_BYTES_FULL && lines.len() >= SHARD_BYTES_FULL;
        drop(lines);
        // Almost always it has been told already, and this is one load.
        let is_first =
            !shared.waiting.load(Ordering::Relaxed) && !shared.waiting.swap(true, Ordering::AcqRel);
        if is_first || is_full {
            self.writer.unpark();
        }
    }

    /// Opens the place anew behind the lines so far: its file has another name by now (logrotate).
    pub(crate) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.writer.unpark();
    }

    /// How many lines were lost since this was last asked.
    pub(crate) fn take_lost(&self) -> u64 {
        self.shared.lost.swap(0, Ordering::Relaxed)
    }

    /// What the lines go to, for people.
    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    /// Writes what there is, within [`CLOSE_WAIT`]. Nothing may be put down after that.
    pub(crate) fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.writer.unpark();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        // An error is what is waited for: the writer has ended. Else it is stuck, and is left to it.
        if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = written.recv_timeout(CLOSE_WAIT) {
            let left = self.shared.shards.iter().filter_map(|shard| shard.0.try_lock().ok());
            let left: u64 = left.map(|lines| count(&lines)).sum();
            self.shared.lose(left);
        }
    }
}

impl Shared {
    /// A buffer with room that is to be had at once: the thread's own, or the next.
    fn room(&self) -> Option<MutexGuard<'_, Vec<u8>>> {
        let own = own_number() % SHARDS;
        self.shards.iter().cycle().skip(own).take(SHARDS).find_map(|shard| {
            let lines = match shard.0.try_lock() {
                Ok(lines) => lines,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            };
            (lines.len() < SHARD_BYTES_MAX).then_some(lines)
        })
    }

    fn lose(&self, lines: u64) {
        if lines > 0 {
            self.lost.fetch_add(lines, Ordering::Relaxed);
            self.losing.notify_one();
        }
    }
}

/// A number for this thread: the threads of this process are counted as they come here.
fn own_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    OWN.with(|own| *own)
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    open: Open,
    out: Box<dyn Write + Send>,
    /// The last write failed, and that was said.
    is_failing: bool,
    /// The last thing that was written is part of a line.
    is_torn: bool,
    _end: SyncSender<()>,
}

impl Writer {
    fn run(mut self) {
        let mut lines = Vec::new();
        loop {
            // Asked first: what was put down before is collected after.
            let closing = self.shared.closing.load(Ordering::Acquire);
            self.collect(&mut lines);
            if self.shared.reopen.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
            if closing {
                return;
            }
            self.rest();
        }
    }

    /// Sleeps until there is something to do, and then a little longer, so that more is done at once.
    fn rest(&self) {
        let is_called =
            || self.shared.reopen.load(Ordering::Acquire) || self.shared.closing.load(Ordering::Acquire);
        while !self.shared.waiting.load(Ordering::Acquire) {
            if is_called() {
                return;
            }
            thread::park();
        }
        if !is_called() {
            thread::park_timeout(GATHER);
        }
    }

    /// Writes what is in the shards. `lines` is empty before and after, and lends its memory.
    fn collect(&mut self, lines: &mut Vec<u8>) {
        // Before the shards: a line that comes into one behind this calls again.
        self.shared.waiting.store(false, Ordering::Release);
        let shared = Arc::clone(&self.shared);
        for shard in &shared.shards {
            std::mem::swap(&mut *shard.0.lock().unwrap_or_else(PoisonError::into_inner), lines);
            if !lines.is_empty() {
                self.write(lines);
                lines.clear();
                // What a burst needed is not kept for ever.
                lines.shrink_to(2 * SHARD_BYTES_FULL);
            }
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let torn: &[u8] = if self.is_torn { b"\n" } else { b"" };
        let outcome = write_all(&mut self.out, torn).and_then(|()| write_all(&mut self.out, lines));
        match outcome {
            Ok(()) => self.succeed(),
            Err((written, error)) => self.fail(lines, written, &error),
        }
    }

    fn succeed(&mut self) {
        self.is_torn = false;
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("the access log is written to {} again", self.shared.name);
        }
    }

    /// Counts the lines that are lost, and says why, once until a write succeeds.
    fn fail(&mut self, lines: &[u8], written: usize, error: &io::Error) {
        let (before, lost) = lines.split_at_checked(written).unwrap_or((lines, b""));
        if let Some(last) = before.last() {
            self.is_torn = *last != b'\n';
        }
        self.shared.lose(count(lost));
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(
                "the access log can't be written to {}: {error}; lines are lost until it can",
                self.shared.name
            );
        }
    }

    fn reopen(&mut self) {
        match (self.open)() {
            Ok(out) => {
                self.out = out;
                self.is_torn = false;
            }
            Err(error) => {
                tracing::warn!(
                    "{} can't be opened anew: {error}; the access log goes where it went",
                    self.shared.name
                );
            }
        }
    }
}

/// Writes all of it; or says how much it could, and what stopped it.
fn write_all(out: &mut dyn Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// How many lines end in there.
fn count(lines: &[u8]) -> u64 {
    u64::try_from(lines.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
}

impl Place {
    fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        match self {
            // Not through the standard library's own buffer, which looks for the ends of lines.
            Self::Stdout => Ok(Box::new(File::from(stdout().as_fd().try_clone_to_owned()?))),
            Self::File(path) => Ok(Box::new(OpenOptions::new().append(true).create(true).open(path)?)),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
