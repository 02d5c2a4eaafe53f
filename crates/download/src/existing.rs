//! A file that is there already: whether it is what would be got, and what becomes of it.

use std::fs::{File, Metadata};
use std::time::{Duration, SystemTime};

use message::field::date::HttpDate;
use message::precondition::Validators;
use message::service::Service;
use message::{Fields, header};

use crate::digest::Digest;
use crate::fault::GetFault;
use crate::fetch::{Fetch, Found};
use crate::mark;
use crate::order::Existing;
use crate::progress::Progress;
use crate::sink::Sink;
use crate::url::Url;

/// What becomes of it.
#[derive(Debug)]
pub(crate) enum Fate {
    /// There is none, or it is replaced.
    Get,
    /// It is left as it is, so many bytes long, and is what was wanted.
    Leave(u64),
}

/// How a server's file is, compared with the one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Same,
    Newer,
    Older,
    Unknown,
}

/// Decides by what is there, and asks the server where that does not tell.
///
/// # Errors
/// It is there, is something else, and was not to be replaced.
pub(crate) async fn decide<S: Service, P: Progress>(
    fetch: &Fetch<'_, S, P>,
    sink: &mut Sink,
    start: &Url,
    existing: Existing,
    checksums: &[Digest],
) -> Result<Fate, GetFault> {
    let Some(fault) = sink.occupied() else { return Ok(Fate::Get) };
    let Some((file, metadata)) = sink.occupant().filter(|_| existing != Existing::Replace) else {
        return Err(fault.into());
    };
    if existing == Existing::Keep || has_all(checksums, &file, metadata.len()) {
        return Ok(Fate::Leave(metadata.len()));
    }
    let comparison = match fetch.head(start).await {
        Ok(Found { response, .. }) if checksums.is_empty() => {
            by_tag(&file, &metadata, &response.fields).unwrap_or_else(|| compare(&metadata, &response.fields))
        }
        Ok(_) => Comparison::Newer,
        Err(fault) if existing == Existing::Newer => return Err(fault),
        Err(_) => Comparison::Unknown,
    };
    match (comparison, existing) {
        (Comparison::Same, _) | (Comparison::Older, Existing::Newer) => Ok(Fate::Leave(metadata.len())),
        (_, Existing::Newer) => {
            sink.allow_replacing();
            Ok(Fate::Get)
        }
        _ => Err(fault.into()),
    }
}

fn has_all(checksums: &[Digest], file: &File, length: u64) -> bool {
    let has = |digest: &Digest| digest.is_of(file, 0, length).unwrap_or(false);
    !checksums.is_empty() && checksums.iter().all(has)
}

/// By entity tag, if the file's is known: that of another version is newer, whatever times say.
fn by_tag(file: &File, metadata: &Metadata, fields: &Fields) -> Option<Comparison> {
    let theirs = Validators::of(fields).etag.filter(|etag| !etag.is_weak())?;
    let ours = mark::read(file, metadata)?;
    Some(if ours.strong_eq(&theirs) { Comparison::Same } else { Comparison::Newer })
}

/// By length and time. A file of ours has the server's time, which is in whole seconds: one that somebody has
/// just made has not, even where its second is the same.
fn compare(metadata: &Metadata, fields: &Fields) -> Comparison {
    let length = fields.text(&header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let theirs = HttpDate::of(fields, &header::LAST_MODIFIED).map(HttpDate::to_system_time);
    let exactly = metadata.modified().ok();
    let ours = exactly.and_then(whole_seconds);
    match (theirs, ours) {
        (Some(theirs), Some(_)) if Some(theirs) == exactly && length.is_none_or(|l| l == metadata.len()) => {
            if length.is_some() {
                Comparison::Same
            } else {
                Comparison::Unknown
            }
        }
        (Some(theirs), Some(ours)) if theirs < ours => Comparison::Older,
        (Some(_), Some(_)) => Comparison::Newer,
        _ => Comparison::Unknown,
    }
}

fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs()))
}
