//! `sockets get`: from arguments to files.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Duration;

use download::{Event, Fetched, GetFault, Order, Output, Progress, Url, get};
use engine::{Pool, Route, clock};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::args::get::GetArgs;
use crate::exit::Exit;
use crate::role::{control, pool};
use crate::signal::Stop;

/// Exit status after Ctrl-C: 128 and the signal's number, as shells have it.
const INTERRUPTED: u8 = 130;

/// How often the line on a terminal is drawn anew, in Hz.
const DRAWS_PER_SECOND: u8 = 10;

/// Downloads one URL after the other; the first failure's status is the program's.
///
/// # Errors
/// What went wrong last, with the exit status of its kind.
pub(crate) fn run(args: &GetArgs) -> Result<(), Exit> {
    if args.output.is_some() && args.urls.len() > 1 {
        return Err(Exit::usage("-o takes one URL; for several files name a directory with --dir"));
    }
    control()?.block_on(async {
        let mut stop = Stop::listen()
            .map_err(|error| Exit::failed(format_args!("can't listen for signals: {error}")))?;
        tokio::select! {
            outcome = get_all(args) => outcome,
            () = stop.next() => Err(Exit::with_status(INTERRUPTED, "interrupted")),
        }
    })
}

async fn get_all(args: &GetArgs) -> Result<(), Exit> {
    let pool = pool(args.proxy.clone().map_or(Route::Direct, Route::Proxy));
    let mut first_failure = None;
    for url in &args.urls {
        if let Err(fault) = get_one(args, &pool, url).await {
            let exit = Exit::with_status(fault.exit_status(), fault);
            match first_failure {
                None => first_failure = Some(exit),
                Some(_) => drop(exit.report()),
            }
        }
    }
    first_failure.map_or(Ok(()), Err)
}

async fn get_one(args: &GetArgs, pool: &Pool, url: &Url) -> Result<(), GetFault> {
    let order = Order {
        balancer: args.balancer.clone(),
        force: args.force,
        tries: args.tries,
        stall: args.stall,
        mirrors: args.mirror.clone(),
        checksums: args.checksum.clone(),
        connections: args.connections,
        per_source: args.per_server,
        ..Order::new(url.clone(), output(args))
    };
    let shown = Shown::new(args.quiet, url);
    let outcome = get(pool, order, clock::now(), &shown).await;
    shown.conclude(outcome.as_ref().ok());
    outcome.map(drop)
}

fn output(args: &GetArgs) -> Output {
    match &args.output {
        None => Output::Directory(args.dir.clone()),
        Some(path) if path.as_os_str() == "-" => Output::Writer(Box::new(stdout())),
        Some(path) => Output::File(path.clone()),
    }
}

/// Progress for a person: a line with a bar on a terminal, a line at the end elsewhere, nothing if quiet.
struct Shown {
    quiet: bool,
    bar: ProgressBar,
}

impl Shown {
    fn new(quiet: bool, url: &Url) -> Self {
        let bar =
            if quiet || !stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let target = indicatif::ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        if !bar.is_hidden() {
            bar.set_draw_target(target);
        }
        bar.set_message(url.to_string());
        Self { quiet, bar }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| {
                let _ = writeln!(stderr(), "{text}");
            });
        }
    }

    fn start(&self, total: Option<u64>, kept: u64) {
        self.bar.reset();
        let template = match total {
            Some(total) => {
                self.bar.set_length(total);
                "{wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}"
            }
            None => "{spinner} {bytes} {binary_bytes_per_sec} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_position(kept);
    }

    fn conclude(&self, fetched: Option<&Fetched>) {
        self.bar.finish_and_clear();
        let Some(fetched) = fetched else { return };
        let Some(path) = &fetched.path else { return };
        let (size, rate) = (HumanBytes(fetched.bytes), HumanBytes(rate(fetched.bytes, fetched.elapsed)));
        let time = Duration::from_millis(u64::try_from(fetched.elapsed.as_millis()).unwrap_or(u64::MAX));
        self.say(&format!("{}: {size} in {time:?} ({rate}/s) from {}", path.display(), fetched.final_url));
    }
}

impl Progress for Shown {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { total, kept } => self.start(total, kept),
            Event::Advanced { bytes, .. } => self.bar.inc(bytes),
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
            Event::Found { .. } | Event::Verifying | Event::Done => {}
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
