//! What happens, as JSON: an object per line, for programs.
//!
//! ```text
//! {"event":"start","url":"http://a/x","total":1000,"kept":0}
//! {"event":"again","url":"http://a/x","message":"...","pause":0.3}
//! {"event":"dropped","url":"http://a/x","source":"http://b/x","message":"..."}
//! {"event":"progress","url":"http://a/x","bytes":500}
//! {"event":"done","url":"http://a/x","path":"x","bytes":1000,"kept":0,"seconds":0.1,"sources":[{"url":"http://a/x","bytes":1000}]}
//! {"event":"failed","url":"http://a/x","message":"...","exit":4}
//! ```

use std::io::{Write, stdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use download::{Event, Fetched, GetFault, Progress, Url};
use tokio::time::Instant;

use crate::log::escape::json;

/// How often `progress` is said.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// One file's events.
pub(super) struct Report {
    url: String,
    bytes: AtomicU64,
    said: Mutex<Option<Instant>>,
}

/// An object on its way.
struct Object(Vec<u8>);

impl Object {
    fn new(event: &str, url: &str) -> Self {
        Self(b"{\"event\":".to_vec()).raw_text(event).text("url", url)
    }

    fn raw_text(mut self, text: &str) -> Self {
        json(text.as_bytes(), &mut self.0);
        self
    }

    fn key(mut self, key: &str) -> Self {
        self.0.push(b',');
        json(key.as_bytes(), &mut self.0);
        self.0.push(b':');
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.key(key).raw_text(value)
    }

    fn number(self, key: &str, value: u64) -> Self {
        self.raw(key, &value.to_string())
    }

    fn seconds(self, key: &str, value: Duration) -> Self {
        self.raw(key, &format!("{:.3}", value.as_secs_f64()))
    }

    fn raw(self, key: &str, value: &str) -> Self {
        let mut object = self.key(key);
        object.0.extend_from_slice(value.as_bytes());
        object
    }

    fn print(mut self) {
        self.0.extend_from_slice(b"}\n");
        // Where nobody reads there is nobody to tell.
        let _ = stdout().lock().write_all(&self.0);
    }
}

impl Report {
    pub(super) fn new(url: &Url) -> Self {
        Self { url: url.to_string(), bytes: AtomicU64::new(0), said: Mutex::default() }
    }

    fn object(&self, event: &str) -> Object {
        Object::new(event, &self.url)
    }

    fn progress(&self, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *said.get_or_insert(now);
        if now.saturating_duration_since(since) >= PROGRESS_EVERY {
            *said = Some(now);
            self.object("progress").number("bytes", bytes).print();
        }
    }

    /// The last event.
    pub(super) fn conclude(&self, outcome: &Result<Fetched, GetFault>) {
        match outcome {
            Ok(fetched) => self.done(fetched).print(),
            Err(fault) => {
                let object = self.object("failed").text("message", &fault.to_string());
                object.number("exit", fault.exit_status().into()).print();
            }
        }
    }

    fn done(&self, fetched: &Fetched) -> Object {
        let mut object = self.object("done");
        if let Some(path) = &fetched.path {
            object = object.text("path", &path.to_string_lossy());
        }
        let share = |share: &download::Share| {
            let mut text = b"{\"url\":".to_vec();
            json(share.source.to_string().as_bytes(), &mut text);
            format!("{},\"bytes\":{}}}", String::from_utf8_lossy(&text), share.bytes)
        };
        let shares: Vec<String> = fetched.shares.iter().map(share).collect();
        let object = object.number("bytes", fetched.bytes).number("kept", fetched.kept);
        let object =
            object.seconds("seconds", fetched.elapsed).text("final_url", &fetched.final_url.to_string());
        object.raw("sources", &format!("[{}]", shares.join(",")))
    }
}

impl Progress for Report {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { total, kept } => {
                self.bytes.store(kept, Ordering::Relaxed);
                let object = self.object("start").number("kept", kept);
                let object = total.into_iter().fold(object, |object, total| object.number("total", total));
                object.print();
            }
            Event::Advanced { bytes, .. } => self.progress(bytes),
            Event::Redirected(redirect) => {
                let object = self.object("redirected").text("from", &redirect.from.to_string());
                object.text("to", &redirect.to.to_string()).print();
            }
            Event::Again { fault, pause } => {
                self.object("again").text("message", &fault.to_string()).seconds("pause", pause).print();
            }
            Event::Dropped { source, fault } => {
                let object = self.object("dropped").text("source", &source.to_string());
                object.text("message", &fault.to_string()).print();
            }
            Event::Found { source } => self.object("found").text("source", &source.to_string()).print(),
            Event::Kept { bytes, total } => {
                self.object("kept").number("bytes", bytes).number("total", total).print();
            }
            Event::Verifying => self.object("verifying").print(),
            Event::Asking { .. } | Event::Answered { .. } | Event::Done => {}
        }
    }
}
