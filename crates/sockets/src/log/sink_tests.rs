use std::sync::mpsc::{Sender, channel};

use super::*;

/// How long anything is waited for. What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A shared memory that is written to as far as it is allowed.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says when it is written to, and goes on when it is told.
struct Gate {
    reached: Sender<()>,
    go: Receiver<()>,
    memory: Memory,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.reached.send(());
        let _ = self.go.recv_timeout(PATIENCE);
        self.memory.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk with so much room left.
struct Disk {
    room: Arc<AtomicUsize>,
    memory: Memory,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.load(Ordering::SeqCst).min(bytes.len());
        if room == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        self.room.fetch_sub(room, Ordering::SeqCst);
        self.memory.write(&bytes[..room])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer without a thread, to be stepped by the test.
fn writer(out: impl Write + Send + 'static) -> Writer {
    let shared = Shared {
        name: "the test".to_owned(),
        shards: Default::default(),
        waiting: AtomicBool::new(false),
        reopen: AtomicBool::new(false),
        closing: AtomicBool::new(false),
        lost: AtomicU64::new(0),
        losing: Arc::default(),
    };
    let open = || Err(ErrorKind::NotFound.into());
    let (out, end) = (Box::new(out), sync_channel(0).0);
    Writer {
        shared: Arc::new(shared),
        open: Box::new(open),
        out,
        is_failing: false,
        is_torn: false,
        _end: end,
    }
}

fn put(sink: &Sink, text: &str) {
    sink.put(|line| line.extend_from_slice(text.as_bytes()));
}

#[test]
fn what_was_put_down_is_written_by_the_end_each_line_once() {
    const THREADS: usize = 20;
    const LINES: usize = 2000;
    let memory = Memory::default();
    let out = memory.clone();
    let open = move || Ok::<Box<dyn Write + Send>, _>(Box::new(out.clone()));
    let sink = Sink::start("the test".to_owned(), Box::new(open), Arc::default()).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let sink = &sink;
            scope.spawn(move || (0..LINES).for_each(|line| put(sink, &format!("{thread} {line}\n"))));
        }
    });
    sink.close();
    let text = memory.text();
    let mut lines: Vec<&str> = text.lines().collect();
    let lost = usize::try_from(sink.take_lost()).unwrap();
    assert_eq!((lines.len(), lost), (THREADS * LINES, 0));
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), THREADS * LINES);
}

#[test]
fn while_the_place_takes_nothing_lines_are_dropped_and_counted_and_nobody_waits() {
    let ((reached, is_reached), (let_go, go)) = (channel(), channel());
    let memory = Memory::default();
    let mut gate = Some(Gate { reached, go, memory: memory.clone() });
    let open = move || Ok::<Box<dyn Write + Send>, _>(Box::new(gate.take().unwrap()));
    let losing = Arc::new(Notify::new());
    let sink = Sink::start("the test".to_owned(), Box::new(open), Arc::clone(&losing)).unwrap();
    put(&sink, "first\n");
    is_reached.recv_timeout(PATIENCE).unwrap();
    // From here on the writer is stuck.
    let line = "x".repeat(64 * 1024 - 1) + "\n";
    let room = SHARDS * SHARD_BYTES_MAX / line.len();
    (0..room + 7).for_each(|_| put(&sink, &line));
    assert_eq!(sink.take_lost(), 7);
    assert_eq!(sink.take_lost(), 0, "told once");
    drop(let_go);
    sink.close();
    assert_eq!(memory.text().lines().count(), 1 + room);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_of_lost_lines() {
    let mut writer = writer(Disk { room: Arc::default(), memory: Memory::default() });
    writer.write(b"a\nb\n");
    writer.shared.losing.notified().await;
    assert_eq!(writer.shared.lost.load(Ordering::Relaxed), 2);
}

#[test]
fn after_a_full_disk_the_first_line_is_a_whole_one() {
    let (room, memory) = (Arc::new(AtomicUsize::new(6)), Memory::default());
    let mut writer = writer(Disk { room: Arc::clone(&room), memory: memory.clone() });
    writer.write(b"one\ntwo\nthree\n");
    assert!(writer.is_failing && writer.is_torn);
    assert_eq!(writer.shared.lost.load(Ordering::Relaxed), 2, "half of two, and three");
    writer.write(b"four\n");
    assert_eq!(writer.shared.lost.load(Ordering::Relaxed), 3);
    room.store(1000, Ordering::SeqCst);
    writer.write(b"five\n");
    writer.write(b"six\n");
    assert!(!writer.is_failing);
    assert_eq!(memory.text(), "one\ntw\nfive\nsix\n");
}

#[test]
fn a_place_that_can_not_be_opened_anew_is_kept() {
    let memory = Memory::default();
    let mut writer = writer(memory.clone());
    writer.reopen();
    writer.write(b"still\n");
    assert_eq!(memory.text(), "still\n");
}

#[test]
fn a_burst_leaves_no_large_buffer_behind() {
    let mut writer = writer(Memory::default());
    let mut lines = Vec::new();
    let shared = Arc::clone(&writer.shared);
    shared.shards[3].0.lock().unwrap().resize(SHARD_BYTES_MAX, b'\n');
    writer.collect(&mut lines);
    assert!(lines.is_empty() && lines.capacity() <= 2 * SHARD_BYTES_FULL);
}
