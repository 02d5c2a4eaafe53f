//! Sources that may have the same file, which nobody could tell when they were asked.
//!
//! A server makes a digest of a long file when it is first asked for one, and tells it from then on; copies of a
//! file on several servers have tags of their own each. So whoever was left out since nothing said that its file
//! is the same is looked at again, a few times, while the download goes on without it.

use std::time::Duration;

use message::field::digest::ReprDigest;
use message::service::Service;
use message::version::{Difference, Version};
use tokio::time::sleep;

use crate::answer::Misbehaviour;
use crate::digest::of_dictionary;
use crate::fault::GetFault;
use crate::fetch::Found;
use crate::plan::source::SourceId;
use crate::progress::Progress;
use crate::transfer::Transfer;
use crate::url::Url;
use crate::work::Work;

/// How often they are looked at again.
const LOOKS_MAX: u32 = 6;

/// Before the first look; each further one comes after twice that.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// Whether a source that failed so may have the same file nevertheless.
pub(crate) fn is_doubtful(fault: &GetFault) -> bool {
    let how = match fault {
        GetFault::Misbehaved { how, .. } => *how,
        _ => return false,
    };
    matches!(how, Misbehaviour::OtherVersion(Difference::Unknown | Difference::Validator))
}

/// Looks at them again until each of them has said by a digest what it has.
pub(crate) async fn reconsider<S: Service, P: Progress>(work: &Work<'_, S, P>) {
    look_again(work).await;
    work.lock().reconsiders = false;
}

async fn look_again<S: Service, P: Progress>(work: &Work<'_, S, P>) {
    let mut pause = FIRST_LOOK;
    for _ in 0..LOOKS_MAX {
        sleep(pause).await;
        pause = pause.saturating_mul(2);
        let ours = work.lock().final_url.clone();
        let Ok(found) = work.fetch.head(&ours).await else { continue };
        if !work.lock().learn_digest(&found.told()) {
            continue;
        }
        let doubtful = work.lock().doubtful();
        let mut left = doubtful.len();
        for (id, url) in doubtful {
            if let Ok(found) = work.fetch.head(&url).await
                && work.lock().reinstate(id, &found)
            {
                left = left.saturating_sub(1);
                work.news.notify_one();
            }
        }
        if left == 0 {
            return;
        }
    }
}

impl Transfer {
    /// The source of what is fetched has said this of it; whether that has a digest.
    fn learn_digest(&mut self, told: &Version) -> bool {
        let Some(ours) = &mut self.version else { return false };
        if ours.same_as(told).is_err() {
            return false;
        }
        ours.digest = told.digest.clone();
        if self.expected.is_empty() && !self.sink.is_in_order() && self.plan.fixed().is_none() {
            self.expected = of_dictionary(&told.digest);
        }
        told.digest != ReprDigest::default()
    }

    /// Who they are, and where they are asked.
    fn doubtful(&self) -> Vec<(SourceId, Url)> {
        let doubtful = self.places.iter().filter(|(_, place)| place.doubtful);
        doubtful.map(|(id, place)| (id, place.start.clone())).collect()
    }

    /// What one of them has said now; whether it is settled, one way or the other.
    fn reinstate(&mut self, id: SourceId, found: &Found) -> bool {
        let theirs = found.told();
        let Some(ours) = &self.version else { return true };
        let judgement = ours.same_as(&theirs);
        let settled = !matches!(judgement, Err(Difference::Unknown | Difference::Validator));
        if let Some(place) = self.places.get_mut(id).filter(|_| settled) {
            place.doubtful = false;
            if judgement.is_ok() {
                place.version = Some(theirs);
                self.plan.reinstate(id);
            }
        }
        settled
    }
}
