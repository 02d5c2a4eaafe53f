//! One probe: a whole GET, timed to its last byte.

use std::time::{Duration, SystemTime};

use message::{
    Body, Failure, FailureKind, HeaderValue, PathAndQuery, Request, Response, Service, StatusCode, Target,
    header,
};
use tokio::time::{Instant, timeout};

use crate::health::Reason;
use crate::replica::Replica;
use crate::score::Sample;

/// How much content a probe reads, in bytes. More is refused, not cut off: only a whole transfer tells
/// that the file is right, and a larger one every few seconds would be a load of its own.
pub const PROBE_BYTES_MAX: u64 = 64 << 20;

/// Gets `path` from `replica` through `upstream`, wholly, within `limit`.
///
/// An empty file is whole, too; it times the round trip only.
///
/// # Errors
/// Anything but a whole `200`: no response, another status (redirects are not followed), content that
/// breaks off, is too long, or is not there in time.
pub async fn probe(
    upstream: &impl Service,
    replica: &Replica,
    path: &PathAndQuery,
    now: SystemTime,
    limit: Duration,
) -> Result<Sample, Reason> {
    let target = Target::Absolute(replica.scheme(), replica.authority().clone(), path.clone());
    let mut request = Request::get(target, now);
    // The same bytes from everybody: a coding that one replica offers would change length and time.
    request.fields.set(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let started = Instant::now();
    let transfer = async { read(upstream.call(request).await.map_err(Reason::Failed)?).await };
    let length = timeout(limit, transfer).await.unwrap_or(Err(Reason::TimedOut(limit)))?;
    Ok(Sample { took: started.elapsed(), length })
}

/// Reads the answer to its end; the length of its content.
async fn read(response: Response) -> Result<u64, Reason> {
    if response.status != StatusCode::OK {
        return Err(Reason::Status(response.status));
    }
    let length = response.body.length();
    if length.is_some_and(|length| length > PROBE_BYTES_MAX) {
        return Err(Reason::TooLong { max: PROBE_BYTES_MAX });
    }
    let read = count(response.body).await?;
    if length.is_some_and(|length| length != read) {
        // The wire finds this before us; a `Service` that is no wire may not.
        let detail = "the content has not the length that was said";
        return Err(Reason::Failed(Failure::new(FailureKind::HttpResponseIncomplete, detail)));
    }
    Ok(read)
}

async fn count(body: Body) -> Result<u64, Reason> {
    let mut stream = body.into_stream();
    let mut read = 0_u64;
    while let Some(segment) = stream.next().await {
        read = read.saturating_add(segment.map_err(Reason::Failed)?.len());
        if read > PROBE_BYTES_MAX {
            return Err(Reason::TooLong { max: PROBE_BYTES_MAX });
        }
    }
    Ok(read)
}
