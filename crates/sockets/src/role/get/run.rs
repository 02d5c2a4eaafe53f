//! A run: several files side by side, until all are there, or somebody interrupts.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::pending;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use download::{
    Fetched, FileFault, FileName, GetFault, Names, Order, Output, Progress, get, head, name_from_server,
    survey,
};
use engine::clock;
use indicatif::MultiProgress;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::args::get::GetArgs;
use crate::exit::Exit;
use crate::role::control;
use crate::role::get::job::Jobs;
use crate::role::get::list::Line;
use crate::role::get::metalink;
use crate::role::get::mirroring::Mirroring;
use crate::role::get::plan::Planned;
use crate::role::get::report::Report;
use crate::role::get::shown::{Loudness, Shown, screen};
use crate::role::get::ways::{Ways, dialer};
use crate::signal::Stop;

/// Exit status after Ctrl-C: 128 and the signal's number, as shells have it.
const INTERRUPTED: u8 = 130;

/// Exit status when `--max-time` is over: that of the network.
const TOO_LATE: u8 = 4;

/// With how many numbers a name that a server gives is tried.
const COLLISIONS_MAX: u32 = 100;

/// Downloads everything; the status of the first that fails, in their order, is the program's.
///
/// # Errors
/// What went wrong, with the exit status of its kind.
pub(crate) fn run(args: &GetArgs) -> Result<(), Exit> {
    let ways = Ways::new(args.proxy.as_ref(), &dialer(args), |name| std::env::var(name).ok())?;
    let loudness = Loudness { quiet: args.quiet || args.json, verbose: args.verbose };
    control()?.block_on(async {
        let stop = Stop::listen();
        let mut stop =
            stop.map_err(|error| Exit::failed(format_args!("can't listen for signals: {error}")))?;
        tokio::select! {
            outcome = get_all(args, ways, loudness) => outcome,
            () = stop.next() => Err(Exit::with_status(INTERRUPTED, "interrupted")),
            exit = too_late(args.max_time) => Err(exit),
        }
    })
}

async fn too_late(limit: Option<Duration>) -> Exit {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
    Exit::with_status(TOO_LATE, format_args!("not done within {:?} (--max-time)", limit.unwrap_or_default()))
}

/// Each file has a task of its own, and as many run as there may.
async fn get_all(args: &GetArgs, ways: Ways, loudness: Loudness) -> Result<(), Exit> {
    let of_metalink = match &args.metalink {
        Some(place) => metalink::read(place, &ways).await?,
        None => Vec::new(),
    };
    let mut jobs = Jobs::of(args, of_metalink)?;
    if let Some(place) = &args.checksums {
        metalink::check_by_list(place, &mut jobs.lines, &ways).await?;
    }
    let screen = screen(loudness);
    let tree = match args.recursive {
        true => Some(Mirroring::begin(&mut jobs, &ways, loudness, &screen).await?),
        false => None,
    };
    let run = Arc::new(Run { jobs, ways, screen, loudness, named: Mutex::default() });
    let failures = run_all(&run).await;
    let deletes = run.jobs.args.delete && !run.jobs.args.print_plan;
    let dir = deletes.then_some(&*run.jobs.args.dir);
    let missing = match tree {
        Some(tree) => tree.end(dir.filter(|_| failures.is_empty()), loudness)?,
        None => Vec::new(),
    };
    let failed = failures.into_iter().map(|fault| Exit::with_status(fault.exit_status(), fault));
    let mut exits = missing.into_iter().chain(failed);
    let Some(first) = exits.next() else { return Ok(()) };
    for exit in exits {
        // The first one's status is the program's.
        let _ = exit.report();
    }
    Err(first)
}

/// Gets everything; gives what went wrong, in the order of the lines.
async fn run_all(run: &Arc<Run>) -> Vec<GetFault> {
    let mut tasks = JoinSet::new();
    let mut failures = Vec::new();
    for number in 0..run.jobs.lines.len() {
        while tasks.len() >= run.jobs.args.jobs.get() {
            failures.extend(tasks.join_next().await.and_then(Result::ok).flatten());
        }
        let run = Arc::clone(run);
        tasks.spawn(async move {
            let line = run.jobs.lines.get(number)?;
            run.get(line).await.err().map(|fault| (number, fault))
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        failures.extend(outcome.ok().flatten());
    }
    failures.sort_by_key(|(number, _)| *number);
    failures.into_iter().map(|(_, fault)| fault).collect()
}

/// What all files of a run share.
struct Run {
    jobs: Jobs,
    ways: Ways,
    screen: MultiProgress,
    loudness: Loudness,
    /// The names that servers have given, by directory.
    named: Mutex<HashMap<PathBuf, Names>>,
}

impl Run {
    async fn get(&self, line: &Line) -> Result<(), GetFault> {
        let shown = Shown::new(self.loudness, &self.screen, &line.url);
        if self.jobs.args.head {
            return self.head(self.jobs.order(line), &shown).await;
        }
        if self.jobs.args.print_plan {
            return self.print_plan(line, &shown).await;
        }
        if self.jobs.args.json {
            let report = Report::new(&line.url);
            let outcome = self.fetch(line, &report).await;
            report.conclude(&outcome);
            return outcome.map(drop);
        }
        let outcome = self.fetch(line, &shown).await;
        shown.conclude(outcome.as_ref().ok());
        outcome.map(drop)
    }

    async fn fetch(&self, line: &Line, progress: &impl Progress) -> Result<Fetched, GetFault> {
        let order = self.jobs.order(line);
        if !self.jobs.args.content_disposition || line.output.is_some() {
            return get(&self.ways, order, clock::now(), progress).await;
        }
        match name_from_server(&self.ways, order, clock::now(), progress).await? {
            Some(name) => self.fetch_as(line, &name, progress).await,
            None => get(&self.ways, self.jobs.order(line), clock::now(), progress).await,
        }
    }

    /// Saves under a name that nobody here has chosen: if something else has it, it gets a number.
    async fn fetch_as(
        &self,
        line: &Line,
        name: &FileName,
        progress: &impl Progress,
    ) -> Result<Fetched, GetFault> {
        let dir = self.jobs.dir(line);
        let mut left = COLLISIONS_MAX;
        loop {
            let free = {
                let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
                named.entry(dir.clone()).or_default().claim(name)
            };
            let output = Output::Beneath(dir.clone(), vec![free]);
            let order = Order { output, ..self.jobs.order(line) };
            match get(&self.ways, order, clock::now(), progress).await {
                Err(GetFault::File(FileFault::Exists { .. })) if left > 0 => left -= 1,
                outcome => return outcome,
            }
        }
    }

    async fn print_plan(&self, line: &Line, progress: &impl Progress) -> Result<(), GetFault> {
        let survey = survey(&self.ways, self.jobs.order(line), clock::now(), progress).await?;
        let text = Planned { jobs: &self.jobs, line, survey: &survey }.to_string();
        // Where nobody reads there is nobody to tell.
        let _ = stdout().write_all(text.as_bytes());
        Ok(())
    }

    async fn head(&self, order: Order, progress: &impl Progress) -> Result<(), GetFault> {
        let head = head(&self.ways, order, clock::now(), progress).await?;
        let mut text = format!("HTTP/1.1 {}\n", head.status);
        for (name, value) in head.fields.iter() {
            // Writing to memory does not fail.
            let _ = writeln!(text, "{name}: {}", value.as_bytes().escape_ascii());
        }
        // Where nobody reads there is nobody to tell.
        let _ = stdout().write_all(text.as_bytes());
        Ok(())
    }
}
