//! What a download would do, found out with HEAD alone.

use std::time::SystemTime;

use message::service::Service;
use message::version::Version;

use crate::answer::Misbehaviour;
use crate::clock::Clock;
use crate::digest::{Digest, of_dictionary};
use crate::fault::GetFault;
use crate::fetch::Found;
use crate::get::fetch_of;
use crate::link::{Link, Relation};
use crate::order::Order;
use crate::places::PLACES_MAX;
use crate::progress::Progress;
use crate::url::Url;

/// What is known of a file before any of it is fetched.
#[derive(Debug)]
pub struct Survey {
    /// Its length in bytes, if that is told.
    pub length: Option<u64>,
    /// The digests that it will be checked by: the caller's, else those that are told.
    pub digests: Vec<Digest>,
    /// Whether pieces of it can be told from those of another version, so that it can be gone on with and come
    /// from several places.
    pub is_divisible: bool,
    /// A metalink that is pointed to.
    pub metalink: Option<Url>,
    /// Every place of it that is known: first that which says what it is.
    pub sources: Vec<Surveyed>,
}

/// A place, and why nothing is fetched from there, if that is so.
#[derive(Debug)]
pub struct Surveyed {
    /// Where it is, in the end.
    pub url: Url,
    /// Why it is left out.
    pub fault: Option<GetFault>,
}

/// Asks every place that `order` names, or that is pointed to, what it has.
///
/// # Errors
/// Why the first one does not say it.
pub async fn survey<S: Service, P: Progress>(
    upstream: &S,
    order: Order,
    now: SystemTime,
    progress: &P,
) -> Result<Survey, GetFault> {
    let (start, fetch) = (order.start(), fetch_of(upstream, &order, Clock::new(now), progress));
    let first = fetch.head(&start).await?;
    let ours = first.told();
    let checked = !order.checksums.is_empty();
    let mut places: Vec<Url> = order.mirrors;
    places.extend(
        first.links.iter().filter(|link| link.relation != Relation::DescribedBy).map(|link| link.url.clone()),
    );
    let mut sources = vec![Surveyed { url: first.url.clone(), fault: None }];
    for place in places {
        let known = place == start || sources.iter().any(|source| source.url == place);
        if known || sources.len() >= PLACES_MAX {
            continue;
        }
        let fault = match fetch.head(&place).await {
            Ok(found) => differs(&ours, &found, checked),
            Err(fault) => Some(fault),
        };
        sources.push(Surveyed { url: place, fault });
    }
    let metalink = |link: &&Link| link.relation == Relation::DescribedBy;
    Ok(Survey {
        length: ours.length,
        is_divisible: checked || ours.if_range().is_some(),
        metalink: first.links.iter().find(metalink).map(|link| link.url.clone()),
        digests: if checked { order.checksums } else { of_dictionary(&ours.digest) },
        sources,
    })
}

/// Why what was found is not certainly the same. Where a checksum tells in the end, only its length can differ.
fn differs(ours: &Version, found: &Found, checked: bool) -> Option<GetFault> {
    let theirs = found.told();
    if checked && (ours.length == theirs.length || ours.length.is_none() || theirs.length.is_none()) {
        return None;
    }
    let difference = ours.same_as(&theirs).err()?;
    Some(GetFault::Misbehaved { url: found.url.clone(), how: Misbehaviour::OtherVersion(difference) })
}
