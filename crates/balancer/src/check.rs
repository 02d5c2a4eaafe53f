//! Who has a file: a HEAD, whose answer is remembered.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use message::field::digest::{DigestAlgorithm, ReprDigest, WANT_REPR_DIGEST};
use message::{HeaderValue, Method, PathAndQuery, Request, Response, Service, StatusCode, Target, header};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::balancer::{Asker, Balancer};
use crate::holdings::{Facts, Has, Holding, Holdings};
use crate::member::Member;
use crate::replica::Replica;

/// How long a server may take to say whether it has a file. Who does not say is taken to have it.
const CHECK_TIME: Duration = Duration::from_secs(1);

/// How many servers the first client of a file is asked about, one after the other.
const CHECKS_PER_CLIENT: usize = 3;

/// How many servers are asked for a list of those that have a file: the best ones.
const MIRRORS_MAX: usize = 20;

/// Who is chosen for a client, and what is known of what it wants.
pub(crate) struct Choice {
    pub(crate) member: Arc<Member>,
    pub(crate) holding: Option<Arc<Holding>>,
}

/// A server and what it has.
pub(crate) struct Found {
    pub(crate) member: Arc<Member>,
    pub(crate) share: f64,
    pub(crate) facts: Facts,
}

impl<S: Service + Clone> Balancer<S> {
    /// Somebody who has what is at `path`, as far as it is known.
    ///
    /// The first client of a path waits until the one that is chosen for it has said that it has it. Those after it go
    /// by what is known, and what is not is asked behind their backs. If nobody has it anybody is chosen: who
    /// says so then is right, also if it has come meanwhile.
    pub(crate) async fn choose(&self, asker: &Asker<'_>) -> Option<Choice> {
        let (path, now) = (asker.path, asker.now);
        let Some(holdings) = self.holdings() else {
            return self.pick(asker, None).map(|member| Choice { member, holding: None });
        };
        let holding = holdings.get(path.path());
        let member = self.pick(asker, holding.as_deref())?;
        if let Some(held) = &holding {
            if held.of(member.id, now, holdings.ttl()).is_none() {
                self.check_later(holdings, &member, path, now);
            }
            return Some(Choice { member, holding });
        }
        holdings.begin(path.path(), now);
        Some(self.choose_first(holdings, member, asker).await)
    }

    async fn choose_first(&self, holdings: &Holdings, mut member: Arc<Member>, asker: &Asker<'_>) -> Choice {
        let (path, now) = (asker.path, asker.now);
        for _ in 0..CHECKS_PER_CLIENT {
            // Many paths that nobody has asked for are no reason to ask many servers at once.
            let Some(_permit) = self.check_permit() else { break };
            if !lacks(self.check(holdings, &member, path, now).await) {
                break;
            }
            let held = holdings.get(path.path());
            let Some(next) = self.pick(asker, held.as_deref()) else { break };
            if next.id == member.id {
                break;
            }
            member = next;
        }
        Choice { member, holding: holdings.get(path.path()) }
    }

    fn check_later(&self, holdings: &Holdings, member: &Arc<Member>, path: &PathAndQuery, now: SystemTime) {
        let Some(permit) = self.check_permit() else { return };
        // Nobody else asks meanwhile.
        holdings.note(path.path(), member.id, Has::Unclear, now);
        let (balancer, member, path) = (self.clone(), Arc::clone(member), path.clone());
        tokio::spawn(async move {
            let _permit: OwnedSemaphorePermit = permit;
            if let Some(holdings) = balancer.holdings() {
                balancer.check(holdings, &member, &path, now).await;
            }
        });
    }

    /// Those that have what is at `path`, the best first; `Err` if nobody is there, or nobody has it.
    pub(crate) async fn find(&self, asker: &Asker<'_>) -> Result<Vec<Found>, StatusCode> {
        let (path, now) = (asker.path, asker.now);
        let best: Vec<_> = self.best(asker).into_iter().take(MIRRORS_MAX).collect();
        if best.is_empty() {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let mut asked = JoinSet::new();
        for (member, _) in &best {
            let (balancer, member, path) = (self.clone(), Arc::clone(member), path.clone());
            asked.spawn(async move { balancer.ask(&member, &path, now).await });
        }
        let answers: Vec<(u64, Has)> = asked.join_all().await;
        let has = |member: &Member| answers.iter().find(|(id, _)| *id == member.id).map(|(_, has)| *has);
        let mut found: Vec<_> = best
            .into_iter()
            .filter_map(|(member, share)| match has(&member)? {
                Has::It(facts) => Some(Found { member, share, facts }),
                Has::Unclear => Some(Found { member, share, facts: Facts::default() }),
                Has::Nothing | Has::Another(_) => None,
            })
            .collect();
        // Who is known to have it comes before who may have it.
        found.sort_by_key(|found| found.facts.length.is_none());
        if found.is_empty() { Err(StatusCode::NOT_FOUND) } else { Ok(found) }
    }

    /// What the server has, by what is known or by asking it.
    async fn ask(&self, member: &Member, path: &PathAndQuery, now: SystemTime) -> (u64, Has) {
        let Some(holdings) = self.holdings() else { return (member.id, Has::Unclear) };
        let held = holdings.get(path.path());
        let known = held.and_then(|held| held.of(member.id, now, holdings.ttl()));
        match known.filter(|has| *has != Has::Unclear) {
            Some(has) => (member.id, has),
            None => (member.id, self.check(holdings, member, path, now).await),
        }
    }

    /// Asks the server what it has, and the reference server what there should be; and remembers it.
    async fn check(&self, holdings: &Holdings, member: &Member, path: &PathAndQuery, now: SystemTime) -> Has {
        let (has, reference) =
            tokio::join!(self.head(&member.replica, path, now), self.reference(holdings, path, now));
        let has = match (has, reference) {
            (Has::It(facts), Some(right)) if !facts.agrees(&right) => {
                self.alarm(member, path.path(), facts, right, now);
                Has::Another(facts)
            }
            (has, _) => has,
        };
        holdings.note(path.path(), member.id, has, now);
        has
    }

    /// What the reference server has, if there is one and it has it.
    async fn reference(&self, holdings: &Holdings, path: &PathAndQuery, now: SystemTime) -> Option<Facts> {
        let reference = self.config().reference()?;
        let held = holdings.get(path.path());
        if let Some(facts) = held.and_then(|held| held.reference(now, holdings.ttl())) {
            return Some(facts);
        }
        let Has::It(facts) = self.head(reference, path, now).await else { return None };
        holdings.note_reference(path.path(), facts, now);
        Some(facts)
    }

    async fn head(&self, replica: &Replica, path: &PathAndQuery, now: SystemTime) -> Has {
        let target = Target::Absolute(replica.scheme(), replica.authority().clone(), path.clone());
        let mut request = Request::get(target, now);
        request.method = Method::HEAD;
        request.fields.set(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        request.fields.set(WANT_REPR_DIGEST, HeaderValue::from_static("sha-256=1"));
        match timeout(CHECK_TIME, self.upstream().call(request)).await {
            Ok(Ok(response)) => has(&response),
            _ => Has::Unclear,
        }
    }
}

/// What a HEAD says.
fn has(response: &Response) -> Has {
    match response.status {
        StatusCode::OK => {
            let length = response.fields.text(&header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
            let digests = ReprDigest::of(&response.fields);
            let digest = digests.get(DigestAlgorithm::Sha256).and_then(|digest| digest.try_into().ok());
            Has::It(Facts { length, digest })
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Has::Nothing,
        // It is there, and not for everybody, or under another name.
        status if status.is_redirection() => Has::It(Facts::default()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Has::It(Facts::default()),
        _ => Has::Unclear,
    }
}

/// Whether clients are not to be sent there for it.
pub(crate) fn lacks(has: Has) -> bool {
    matches!(has, Has::Nothing | Has::Another(_))
}
