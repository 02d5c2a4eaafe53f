//! A download from beginning to end.
//!
//! 1. Find the place for it, and refuse at once what can't go well.
//! 2. Ask, and follow redirects, until there is a 200.
//! 3. Take the content in, into a part.
//! 4. Make the part the file.
//!
//! Where 2 or 3 fails with something that may pass, they are done again from the start: from the
//! order's own URL, so that a balancer is asked anew and may choose another server.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use message::service::Service;

use crate::clock::Clock;
use crate::fault::GetFault;
use crate::fetch::Fetch;
use crate::order::Order;
use crate::progress::Progress;
use crate::redirect::Redirect;
use crate::retry::Retries;
use crate::sink::Destination;
use crate::url::Url;

/// What a download came to.
#[derive(Debug)]
pub struct Fetched {
    /// The file; `None` if the bytes went to a writer, device or pipe.
    pub path: Option<PathBuf>,
    /// Its length in bytes.
    pub bytes: u64,
    /// Where it came from in the end.
    pub final_url: Url,
    /// The redirects that led there, in order.
    pub redirects: Vec<Redirect>,
    /// From the call to the file in its place, pauses and failed tries included.
    pub elapsed: Duration,
    /// Which try succeeded, from 1.
    pub attempt: u32,
}

/// Gets what `order` says through `upstream`, which takes requests with absolute targets.
///
/// `now` is the wall time at the call; it stamps the requests, and dates in `Retry-After` are judged
/// by it. Dropping the future gives the download up and removes what is unfinished. It runs on a
/// tokio runtime with its time driver; see [`Order`] for the limits of everything.
///
/// # Errors
/// Why there is no file. What was there under its name before is untouched then.
pub async fn get<S: Service, P: Progress>(
    upstream: &S,
    order: Order,
    now: SystemTime,
    progress: &P,
) -> Result<Fetched, GetFault> {
    let mut destination = Destination::open(order.output, &order.url, order.force)?;
    let mut retries = Retries::new(order.tries, order.retry_after_max);
    let fetch = Fetch {
        upstream,
        progress,
        clock: Clock::new(now),
        start: order.balancer.map_or_else(|| order.url.clone(), |balancer| order.url.at(&balancer)),
        redirects_max: order.redirects_max,
        answer_within: order.answer_within,
        stall: order.stall,
    };
    let mut attempt: u32 = 1;
    loop {
        let fault = match try_once(&fetch, &mut destination, attempt).await {
            Ok(fetched) => {
                progress.done();
                return Ok(fetched);
            }
            Err(fault) => fault,
        };
        if !destination.can_start_over() {
            return Err(fault);
        }
        let Some(pause) = retries.pause_after(&fault, jitter()) else { return Err(fault) };
        tracing::debug!(%fault, ?pause, attempt, "trying again");
        progress.again(&fault, pause);
        tokio::time::sleep(pause).await;
        attempt = attempt.saturating_add(1);
    }
}

/// Steps 2 to 4.
async fn try_once<S: Service, P: Progress>(
    fetch: &Fetch<'_, S, P>,
    destination: &mut Destination,
    attempt: u32,
) -> Result<Fetched, GetFault> {
    let path = destination.path();
    let found = fetch.find().await?;
    let mut sink = destination.sink()?;
    let bytes = fetch.receive(&found.url, found.content, &mut sink).await?;
    sink.land().await?;
    let elapsed = fetch.clock.elapsed();
    Ok(Fetched { path, bytes, final_url: found.url, redirects: found.redirects, elapsed, attempt })
}

/// A number that differs from process to process and call to call. Nothing depends on it being hard
/// to guess.
fn jitter() -> u64 {
    RandomState::new().hash_one(())
}
