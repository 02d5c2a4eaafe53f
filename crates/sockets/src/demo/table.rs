//! What the demo prints: one line per step, each with what really happened.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Steps that have been shown, and how many of them held.
pub(super) struct Table {
    begun: Instant,
    held: usize,
    failed: usize,
}

impl Table {
    #[expect(clippy::disallowed_methods, reason = "shown to the person only; no judgement depends on it")]
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), held: 0, failed: 0 }
    }

    /// A heading above the steps of one role.
    pub(super) fn heading(&self, title: &str) {
        print(&format!("\n{title}\n"));
    }

    /// A remark between the steps.
    pub(super) fn remark(&self, text: &str) {
        print(&format!("  {text}\n"));
    }

    /// One step: what was done, and what came of it or what was wrong with it.
    pub(super) fn step(&mut self, what: &str, outcome: Result<String, String>) {
        let (mark, text) = match outcome {
            Ok(text) => {
                self.held += 1;
                ("ok  ", text)
            }
            Err(text) => {
                self.failed += 1;
                ("FAIL", text)
            }
        };
        print(&format!("  {mark} {what:<42} {text}\n"));
    }

    /// The last line; whether all steps held.
    pub(super) fn conclude(&self) -> bool {
        let elapsed =
            Duration::from_millis(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        print(&format!("\n{} steps held, {} failed, in {elapsed:?}\n", self.held, self.failed));
        self.failed == 0
    }
}

/// A demo whose output nobody reads any more goes on to its end.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
