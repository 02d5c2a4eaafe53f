//! A download from beginning to end.
//!
//! 1. Find the place for it, and what another run has left there.
//! 2. Do what the plan says, until everything is there: ask sources, for all or for pieces.
//! 3. Check it against every digest that is known.
//! 4. Make the part the file.
//!
//! Where 3 finds something wrong, the source that brought it is sought, and 2 goes on without it.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use message::field::range::Ranges;
use message::service::Service;
use message::{Fields, StatusCode};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::crew::Crew;
use crate::described::describe;
use crate::disposition::file_name;
use crate::existing::{Fate, decide};
use crate::fault::GetFault;
use crate::fetch::Fetch;
use crate::ledger::{Ledger, NOTE_EVERY, boot_id};
use crate::mosaic::Mosaic;
use crate::name::FileName;
use crate::order::{Existing, Order, Output};
use crate::places::Places;
use crate::plan::planner::{Plan, Step};
use crate::progress::{Event, Progress};
use crate::reconsider::{is_doubtful, reconsider};
use crate::redirect::Redirect;
use crate::retry::lapse;
use crate::sink::Sink;
use crate::transfer::Transfer;
use crate::url::Url;
use crate::verify::{Verdict, verify};
use crate::work::{Outcome, Work};

/// How many versions of a file that changes while it is fetched are begun with.
const VERSIONS_MAX: u32 = 5;

/// How long the ends of answers are waited for when everything is there.
const CLOSING: Duration = Duration::from_millis(500);

/// What a download came to.
#[derive(Debug)]
pub struct Fetched {
    /// The file; `None` if the bytes went to a writer, device or pipe.
    pub path: Option<PathBuf>,
    /// Its length in bytes.
    pub bytes: u64,
    /// Where the answer came from that said what it is.
    pub final_url: Url,
    /// The redirects that led there, in order.
    pub redirects: Vec<Redirect>,
    /// From the call to the file in its place, pauses and failed tries included.
    pub elapsed: Duration,
    /// How many bytes had been got by an earlier run.
    pub kept: u64,
    /// Who sent how much.
    pub shares: Vec<Share>,
    /// Sources whose bytes did not match the checksum.
    pub corrupt: Vec<Url>,
    /// How often a source had to be asked again, and once more; 0 if the file was there already.
    pub attempt: u32,
}

/// What one source has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Where from.
    pub source: Url,
    /// How many bytes of content.
    pub bytes: u64,
}

/// Gets what `order` says through `upstream`, which takes requests with absolute targets.
///
/// `now` is the wall time at the call; it stamps the requests, and dates in `Retry-After` are judged
/// by it. Dropping the future gives the download up: what can be gone on with is kept, anything else is
/// removed. It runs on a tokio runtime with its time driver; see [`Order`] for the limits of everything.
///
/// # Errors
/// Why there is no file. What was there under its name before is untouched then.
pub async fn get<S: Service, P: Progress>(
    upstream: &S,
    mut order: Order,
    now: SystemTime,
    progress: &P,
) -> Result<Fetched, GetFault> {
    let clock = Clock::new(now);
    let fetch = fetch_of(upstream, &order, clock, progress);
    let start = order.start();
    let replace = order.existing == Existing::Replace;
    let Order { output, .. } = &mut order;
    let mut sink =
        Sink::open(std::mem::replace(output, Output::Directory(PathBuf::new())), &order.url, replace)?;
    if let (Existing::Refuse | Existing::Newer, Some(_), Some(fault)) =
        (order.existing, &order.range, sink.occupied())
    {
        // Whether it is that range of the file nobody can say.
        return Err(fault.into());
    }
    if let Fate::Leave(bytes) = decide(&fetch, &mut sink, &start, order.existing, &order.checksums).await? {
        return Ok(left(sink.path(), bytes, start, clock.elapsed()));
    }
    let range = match &order.range {
        Some(ranges) => Some(measured(&fetch, &start, ranges, order.size_max).await?),
        None => None,
    };
    let (stall, retry_after_max, throttle) = (order.stall, order.retry_after_max, order.throttle.clone());
    let transfer = begin(order, start, range, sink, progress)?;
    let kept = transfer.plan.spans().total();
    let work = Work { fetch, transfer: Mutex::new(transfer), stall, throttle, news: Notify::new() };
    let attempt = run(&work, retry_after_max).await?;
    let (length, version, path) = {
        let transfer = work.lock();
        (transfer.length(), transfer.validators(), transfer.sink.path())
    };
    let sink = std::mem::replace(&mut work.lock().sink, Sink::Landed);
    sink.land(length, &version).await?;
    progress.on(Event::Done);
    let transfer = work.lock();
    Ok(Fetched {
        path,
        bytes: length,
        final_url: transfer.final_url.clone(),
        redirects: transfer.redirects.clone(),
        elapsed: clock.elapsed(),
        kept,
        shares: shares(&transfer.places),
        corrupt: corrupt(&transfer.places),
        attempt,
    })
}

/// What a server says of a file.
#[derive(Debug)]
pub struct Head {
    /// Where it was said.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub fields: Fields,
}

/// Asks for the head of what `order` says, with HEAD, and gives that of the final answer.
///
/// # Errors
/// Why there is none, or a status that is not 200.
pub async fn head<S: Service, P: Progress>(
    upstream: &S,
    order: Order,
    now: SystemTime,
    progress: &P,
) -> Result<Head, GetFault> {
    let start = order.start();
    let found = fetch_of(upstream, &order, Clock::new(now), progress).head(&start).await?;
    Ok(Head { url: found.url, status: found.response.status, fields: found.response.fields })
}

/// The name that the server gives what `order` says, in `Content-Disposition` (RFC 6266): always one safe component.
/// `None` if it gives none. A server that does not answer HEAD is asked with GET.
///
/// # Errors
/// Why there is no answer, or a status that is not 200.
pub async fn name_from_server<S: Service, P: Progress>(
    upstream: &S,
    order: Order,
    now: SystemTime,
    progress: &P,
) -> Result<Option<FileName>, GetFault> {
    let (start, fetch) = (order.start(), fetch_of(upstream, &order, Clock::new(now), progress));
    let found = match fetch.head(&start).await {
        Err(GetFault::Status { .. }) => fetch.find(&start, None).await?,
        found => found?,
    };
    Ok(file_name(&found.response.fields))
}

/// How the requests of `order` are made.
pub(crate) fn fetch_of<'a, S, P>(
    upstream: &'a S,
    order: &Order,
    clock: Clock,
    progress: &'a P,
) -> Fetch<'a, S, P> {
    Fetch {
        upstream,
        progress,
        clock,
        redirects_max: order.redirects_max,
        answer_within: order.answer_within,
        takes_codings: order.compressed,
        fields: order.fields.clone(),
        own: (order.url.clone(), order.own_fields.clone()),
    }
}

/// What a file that was there already comes to.
fn left(path: Option<PathBuf>, bytes: u64, final_url: Url, elapsed: Duration) -> Fetched {
    let (redirects, shares, corrupt) = (Vec::new(), Vec::new(), Vec::new());
    Fetched { path, bytes, final_url, redirects, elapsed, kept: bytes, shares, corrupt, attempt: 0 }
}

/// Which bytes of the file the first of `ranges` is.
async fn measured<S: Service, P: Progress>(
    fetch: &Fetch<'_, S, P>,
    start: &Url,
    ranges: &Ranges,
    size_max: Option<u64>,
) -> Result<Range<u64>, GetFault> {
    let found = fetch.head(start).await?;
    let (length, url) = (found.told().length, found.url);
    let Some(length) = length else { return Err(GetFault::NoLength { url }) };
    let Some(range) = ranges.resolve(length).first().copied() else {
        return Err(GetFault::OutOfRange { url, length });
    };
    match size_max {
        Some(limit) if range.length() > limit => Err(GetFault::TooLarge { url, limit }),
        _ => Ok(range.first()..range.last().saturating_add(1)),
    }
}

/// The rest of step 1.
fn begin(
    order: Order,
    start: Url,
    range: Option<Range<u64>>,
    mut sink: Sink,
    progress: &impl Progress,
) -> Result<Transfer, GetFault> {
    let terms = order.terms(sink.is_in_order() || order.compressed);
    let ours = |url: &Url| *url == order.url || order.mirrors.contains(url) || !order.checksums.is_empty();
    let journal = sink.reopen()?;
    if range.is_some() && journal.is_some() {
        return Err(sink.unfinished().into());
    }
    let journal = journal.filter(|journal| ours(&journal.url));
    let mut version = journal.as_ref().map(|journal| journal.version.clone());
    let final_url = journal.as_ref().map_or_else(|| start.clone(), |journal| journal.final_url.clone());
    let spans = journal.map(|journal| journal.certain(boot_id())).unwrap_or_default();
    if spans.is_empty() {
        version = None;
    }
    let wanted = version.as_ref().and_then(|version| version.length).map(|length| 0..length);
    if let Some(wanted) = &wanted {
        progress.on(Event::Started { total: Some(wanted.end), kept: spans.total() });
    }
    let length = wanted.as_ref().map(|wanted| wanted.end);
    let mosaic = order.pieces.clone().zip(length).and_then(|(pieces, length)| Mosaic::new(pieces, length));
    let mut plan = match range {
        Some(range) => {
            progress.on(Event::Started { total: Some(range.end.saturating_sub(range.start)), kept: 0 });
            sink.begin_range(&range)?;
            Plan::of_range(terms, range)
        }
        None => Plan::new(terms, wanted, spans.clone()),
    };
    let mut places = Places::default();
    for (rank, url) in (0..).zip(std::iter::once(start).chain(order.mirrors)) {
        if places.add(url) {
            plan.add_source(rank);
        }
    }
    Ok(Transfer {
        url: order.url,
        plan,
        places,
        sink,
        ledger: Ledger::new(spans),
        version,
        final_url,
        redirects: Vec::new(),
        expected: order.checksums.clone(),
        checksums: order.checksums,
        pieces: order.pieces,
        mosaic,
        suspects: Vec::new(),
        described: None,
        takes_codings: order.compressed,
        in_doubt: false,
        reconsiders: false,
        size_max: order.size_max,
    })
}

/// Steps 2 and 3. Gives how often somebody had to be asked again, and once more.
async fn run<S: Service, P: Progress>(
    work: &Work<'_, S, P>,
    retry_after_max: Duration,
) -> Result<u32, GetFault> {
    let (mut crew, mut readers) = (Crew::new(), Crew::new());
    let (mut attempt, mut versions) = (1_u32, 1_u32);
    loop {
        inquire(work, &mut readers);
        let now = work.fetch.clock.elapsed();
        let step = work.lock().plan.next(now);
        match step {
            Step::Ask { task, source, range } => crew.add(work.run(task, source, range)),
            Step::Wait(until) => {
                let pause = until.saturating_sub(now).min(NOTE_EVERY);
                tokio::select! {
                    outcome = crew.next() => if end_of(work, outcome, retry_after_max)? {
                        attempt = attempt.saturating_add(1);
                    },
                    () = readers.next() => {}
                    () = work.news.notified() => {}
                    () = sleep(pause) => {}
                }
                keep_books(work).await;
            }
            Step::Done => {
                close(work, &mut crew, retry_after_max).await?;
                match verify(work).await? {
                    Verdict::Good => return Ok(attempt),
                    Verdict::FetchAgain => {}
                }
            }
            Step::Stuck => {
                versions = versions.saturating_add(1);
                turn_to_other_version(work, versions)?;
            }
        }
    }
}

/// What is looked after beside the download: a metalink of it, and sources that may have the same file.
fn inquire<'a, S: Service, P: Progress>(work: &'a Work<'_, S, P>, readers: &mut Crew<'a, ()>) {
    let (described, in_doubt) = {
        let mut transfer = work.lock();
        let in_doubt = !transfer.reconsiders && std::mem::take(&mut transfer.in_doubt);
        transfer.reconsiders |= in_doubt;
        (transfer.described.take(), in_doubt)
    };
    if let Some(url) = described {
        readers.add(describe(work, url));
    }
    if in_doubt {
        readers.add(reconsider(work));
    }
}

/// Everything is there: answers that are about to end may still say that something was wrong.
async fn close<S: Service, P: Progress>(
    work: &Work<'_, S, P>,
    crew: &mut Crew<'_, Outcome>,
    retry_after_max: Duration,
) -> Result<(), GetFault> {
    while !crew.is_empty() && work.lock().plan.is_closing() {
        let Ok(outcome) = timeout(CLOSING, crew.next()).await else { break };
        end_of(work, outcome, retry_after_max)?;
    }
    Ok(())
}

/// What becomes of a source whose work has ended; whether it is asked again.
fn end_of<S: Service, P: Progress>(
    work: &Work<'_, S, P>,
    outcome: Outcome,
    retry_after_max: Duration,
) -> Result<bool, GetFault> {
    let Outcome { task, source, result } = outcome;
    let mut transfer = work.lock();
    let Err(lost) = result else {
        transfer.plan.finished(task);
        return Ok(false);
    };
    let fault = lost.fault;
    let given_up = !transfer.plan.is_divisible() && !transfer.sink.can_begin();
    if matches!(fault, GetFault::File(_) | GetFault::TooLarge { .. }) || given_up {
        return Err(fault);
    }
    let now = work.fetch.clock.elapsed();
    let lapse = lapse(&fault, retry_after_max);
    let pause = transfer.plan.failed(task, lapse, lost.tainted.as_ref(), jitter(), now);
    tracing::debug!(%fault, ?pause, "a source has failed");
    let others = transfer.plan.has_source();
    let doubtful = is_doubtful(&fault) && transfer.plan.fixed().is_none();
    transfer.in_doubt |= doubtful;
    if let Some(place) = transfer.places.get_mut(source) {
        place.doubtful |= doubtful;
        match pause {
            Some(pause) => work.fetch.progress.on(Event::Again { fault: &fault, pause }),
            None if others => work.fetch.progress.on(Event::Dropped { source: &place.start, fault: &fault }),
            None => {}
        }
        // Whoever sent us there is asked anew, and may choose another server.
        place.at = None;
        place.fault = Some(fault);
    }
    Ok(pause.is_some())
}

/// Nobody has the version any more that has been begun with.
fn turn_to_other_version<S: Service, P: Progress>(
    work: &Work<'_, S, P>,
    versions: u32,
) -> Result<(), GetFault> {
    let mut transfer = work.lock();
    let fault = transfer.places.take_fault();
    let can_begin = transfer.sink.can_begin();
    if can_begin && transfer.plan.turn_to_other_version() {
        if versions > VERSIONS_MAX {
            return Err(GetFault::KeepsChanging { url: transfer.url.clone(), versions: VERSIONS_MAX });
        }
        transfer.places.forget_versions();
        transfer.version = None;
        return Ok(());
    }
    Err(fault.unwrap_or_else(|| GetFault::NoSource { url: transfer.url.clone() }))
}

/// Once in a while: who is far behind, and the journal.
async fn keep_books<S: Service, P: Progress>(work: &Work<'_, S, P>) {
    let now = work.fetch.clock.elapsed();
    let mut books = {
        let mut transfer = work.lock();
        if !transfer.ledger.is_due(now) {
            return;
        }
        transfer.plan.look(now);
        transfer.note();
        std::mem::take(&mut transfer.ledger)
    };
    let (there, file) = {
        let transfer = work.lock();
        (transfer.plan.spans().clone(), transfer.sink.reader().and_then(Result::ok))
    };
    books.keep_up(&there, || file, now).await;
    work.lock().ledger = books;
}

fn shares(places: &Places) -> Vec<Share> {
    let sent = places.iter().filter(|(_, place)| place.sent > 0);
    sent.map(|(_, place)| Share {
        source: place.at.as_ref().unwrap_or(&place.start).clone(),
        bytes: place.sent,
    })
    .collect()
}

fn corrupt(places: &Places) -> Vec<Url> {
    places.iter().filter(|(_, place)| place.corrupt).map(|(_, place)| place.start.clone()).collect()
}

/// A number that differs from process to process and call to call. Nothing depends on it being hard
/// to guess.
fn jitter() -> u64 {
    RandomState::new().hash_one(())
}
