//! Progress for people: a bar on a terminal, a line at the end elsewhere, nothing if quiet.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use download::{Event, Fetched, Progress, Url};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use message::Fields;
use tokio::time::Instant;

/// How often the lines on a terminal are drawn anew, in Hz.
const DRAWS_PER_SECOND: u8 = 10;

/// How often a line is said where no bar is seen.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// How often it is counted who delivers, and who does: whoever has delivered something within that time.
const COUNT_EVERY: Duration = Duration::from_millis(200);
const DELIVERS_WITHIN: Duration = Duration::from_secs(1);

/// What is shown, for all files of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loudness {
    pub(super) quiet: bool,
    pub(super) verbose: bool,
}

/// Where all of a run's bars are drawn, if anywhere.
pub(super) fn screen(loudness: Loudness) -> MultiProgress {
    let visible = !loudness.quiet && stderr().is_terminal();
    MultiProgress::with_draw_target(if visible {
        ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    })
}

/// One file's progress for a person.
pub(super) struct Shown {
    loudness: Loudness,
    screen: MultiProgress,
    bar: ProgressBar,
    said: Mutex<Said>,
    deliver: Mutex<Deliver>,
}

/// Who delivers at present.
#[derive(Debug, Default)]
struct Deliver {
    last: Vec<(Url, Instant)>,
    looked: Option<Instant>,
}

impl Deliver {
    /// `source` has delivered something; gives how many sources do, now and then.
    fn note(&mut self, source: &Url, now: Instant) -> Option<usize> {
        match self.last.iter_mut().find(|(other, _)| other == source) {
            Some((_, at)) => *at = now,
            None => self.last.push((source.clone(), now)),
        }
        if now.duration_since(*self.looked.get_or_insert(now)) < COUNT_EVERY {
            return None;
        }
        self.looked = Some(now);
        self.last.retain(|(_, at)| now.duration_since(*at) < DELIVERS_WITHIN);
        Some(self.last.len())
    }
}

/// What has been said of a file where there is no bar.
#[derive(Debug, Default)]
struct Said {
    at: Option<Instant>,
    bytes: u64,
    total: Option<u64>,
}

impl Shown {
    pub(super) fn new(loudness: Loudness, screen: &MultiProgress, url: &Url) -> Self {
        let bar =
            if screen.is_hidden() { ProgressBar::hidden() } else { screen.add(ProgressBar::no_length()) };
        bar.set_message(url.to_string());
        Self { loudness, screen: screen.clone(), bar, said: Mutex::default(), deliver: Mutex::default() }
    }

    /// Says a line, beside the bars.
    pub(super) fn say(&self, text: &str) {
        if !self.loudness.quiet {
            self.screen.suspend(|| {
                let _ = writeln!(stderr(), "{text}");
            });
        }
    }

    fn say_head(&self, mark: char, first: &str, fields: &Fields) {
        if self.loudness.verbose {
            self.say(&format!("{mark} {first}"));
            for (name, value) in fields.iter() {
                let value = if value.is_sensitive() {
                    "(not shown)".into()
                } else {
                    value.as_bytes().escape_ascii().to_string()
                };
                self.say(&format!("{mark} {name}: {value}"));
            }
        }
    }

    fn start(&self, total: Option<u64>, kept: u64) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        (said.bytes, said.total) = (kept, total);
        drop(said);
        if self.bar.is_hidden() {
            return;
        }
        self.bar.reset();
        let template = match total {
            Some(total) => {
                self.bar.set_length(total);
                "{wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} {prefix}"
            }
            None => "{spinner} {bytes} {binary_bytes_per_sec} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_position(kept);
    }

    /// Where nobody sees a bar, a line every few seconds.
    fn advance(&self, source: &Url, bytes: u64) {
        self.bar.inc(bytes);
        if !self.bar.is_hidden() {
            let mut deliver = self.deliver.lock().unwrap_or_else(PoisonError::into_inner);
            match deliver.note(source, Instant::now()) {
                Some(count) if count > 1 => self.bar.set_prefix(format!("{count} sources")),
                Some(_) => self.bar.set_prefix(""),
                None => {}
            }
        }
        if !self.bar.is_hidden() || self.loudness.quiet {
            return;
        }
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.bytes = said.bytes.saturating_add(bytes);
        if now.duration_since(*said.at.get_or_insert(now)) >= SAY_EVERY {
            said.at = Some(now);
            let total = said.total.map_or_else(String::new, |total| format!(" of {}", HumanBytes(total)));
            self.say(&format!("{}: {}{total}", self.bar.message(), HumanBytes(said.bytes)));
        }
    }

    /// The last line, or lines.
    pub(super) fn conclude(&self, fetched: Option<&Fetched>) {
        self.bar.finish_and_clear();
        let Some(fetched) = fetched else { return };
        let Some(path) = &fetched.path else { return };
        let size = HumanBytes(fetched.bytes);
        if fetched.attempt == 0 {
            return self.say(&format!("{}: {size}, there already", path.display()));
        }
        let arrived = fetched.bytes.saturating_sub(fetched.kept);
        let rate = HumanBytes(rate(arrived, fetched.elapsed));
        let time = Duration::from_millis(u64::try_from(fetched.elapsed.as_millis()).unwrap_or(u64::MAX));
        let kept = if fetched.kept > 0 {
            format!(", {} from before", HumanBytes(fetched.kept))
        } else {
            String::new()
        };
        match &*fetched.shares {
            [] | [_] => {
                let from = &fetched.final_url;
                self.say(&format!("{}: {size} in {time:?} ({rate}/s) from {from}{kept}", path.display()));
            }
            shares => {
                let count = shares.len();
                self.say(&format!(
                    "{}: {size} in {time:?} ({rate}/s) from {count} sources{kept}",
                    path.display()
                ));
                for share in shares {
                    self.say(&format!("  {} from {}", HumanBytes(share.bytes), share.source));
                }
            }
        }
    }
}

impl Progress for Shown {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { total, kept } => self.start(total, kept),
            Event::Advanced { source, bytes } => self.advance(source, bytes),
            Event::Redirected(redirect) => {
                self.say(&format!("sockets: {} sends us to {}", redirect.from, redirect.to));
            }
            Event::Again { fault, pause } => {
                self.say(&format!("sockets: {fault}; again in {:.1} s", pause.as_secs_f32()));
            }
            Event::Dropped { fault, .. } => self.say(&format!("sockets: {fault}; going on without it")),
            Event::Kept { bytes, total } => {
                let (bytes, total) = (HumanBytes(bytes), HumanBytes(total));
                self.say(&format!("sockets: {bytes} of {total} are kept; to go on: {}", command_line()));
            }
            Event::Asking { method, url, fields } => self.say_head('>', &format!("{method} {url}"), fields),
            Event::Answered { status, fields, .. } => self.say_head('<', &status.to_string(), fields),
            Event::Verifying => self.bar.set_prefix("checking"),
            Event::Found { source } if self.loudness.verbose => self.say(&format!("* also at {source}")),
            Event::Found { .. } | Event::Done => {}
        }
    }
}

/// The command that was given, as a shell takes it.
fn command_line() -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&b))
    };
    let quoted = |word: String| {
        if plain(&word) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    let words = std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned()));
    std::iter::once("sockets".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Bytes per second.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let millis = elapsed.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / millis).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_delivers_is_counted_now_and_then_and_who_has_stopped_is_not() {
        let (begin, mut deliver) = (Instant::now(), Deliver::default());
        let [one, two] = ["a/x", "b/x"].map(|url| Url::parse(url).unwrap());
        let mut note = |url: &Url, millis| deliver.note(url, begin + Duration::from_millis(millis));
        assert_eq!(note(&one, 0), None);
        assert_eq!(note(&two, 100), None);
        assert_eq!(note(&one, 200), Some(2));
        assert_eq!(note(&one, 300), None);
        assert_eq!(note(&one, 1200), Some(1), "the other has been silent for more than a second");
        assert_eq!(note(&two, 1500), Some(2));
    }
}
