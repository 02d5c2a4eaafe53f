//! The cache as a service: one request, down once and back once.
//!
//! 1. `route`: where it goes, and under which key its answer is stored;
//! 2. `policy::handling`: whether it is for the cache at all; else it is forwarded;
//! 3. the store is looked up, and `policy::reuse` judges the variant that matches;
//! 4. what may be used as it is answers;
//! 5. else the origin is asked, by one `fetch` for all who ask for the same (`collapse`);
//! 6. `Cache-Status` (RFC 9211) says what was done.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use message::field::cache_control::{CacheControl, Qualified};
use message::field::cache_status::{CacheStatus, Fwd};
use message::field::range::Ranges;
use message::forward;
use message::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE};
use message::{
    Body, Failure, Fields, HeaderValue, HearInterim, Method, Request, Response, Service, StatusCode, Target,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::alongside::Alongside;
use crate::answer::{answer, answer_growing, holds, set_age};
use crate::begun::{Alone, Begun};
use crate::body::growing::Lost;
use crate::collapse::{Arrival, Content, Flights, Joined, Outcome, Ticket};
use crate::config::Config;
use crate::fetch::{Extent, Fetch, Passed};
use crate::key::CacheKey;
use crate::policy::handling::Bypass;
use crate::policy::reuse::{Reuse, Trouble, directives, may_share, reuse};
use crate::policy::validation::can_be_meant;
use crate::route::{Route, outbound, route};
use crate::store::Store;
use crate::store::entry::{Entry, Variants};
use crate::store::fault::OpenFault;
use crate::store::selection::{Fate, Selection};
use crate::store::tally::Statistics;
use crate::stored::{StoredResponse, select};

mod background;
mod bypass;
mod completion;
mod head;
mod offline;
mod trouble;

/// How often a request is judged again because what is stored has changed meanwhile.
const TRIES: usize = 4;

/// A shared cache in front of `upstream`.
#[derive(Debug)]
pub struct Cache<U> {
    upstream: Arc<U>,
    store: Arc<Store>,
    flights: Arc<Flights>,
    config: Arc<Config>,
}

/// A request that may be answered from the cache.
struct Asked {
    key: CacheKey,
    target: Target,
    host: Option<HeaderValue>,
    method: Method,
    fields: Fields,
    directives: CacheControl,
    peer: Option<std::net::SocketAddr>,
    interims: Option<Arc<dyn HearInterim>>,
    received: (SystemTime, Instant),
}

/// What is to be done for a request.
enum Plan {
    /// Answer with what is stored.
    Serve(Arc<Entry>, Standing),
    /// Ask the origin.
    Ask(Ask),
}

/// Whether what is served is to be brought up to date behind the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Stale,
}

/// Why and for what the origin is asked.
struct Ask {
    why: Fwd,
    detail: Option<&'static str>,
    /// What is to be validated.
    stored: Option<Arc<Entry>>,
    /// What matches the request, and may have to do in the place of an error.
    spare: Option<Arc<Entry>>,
    /// What else is stored that a 304 may name: for other requests, where nothing matches; else what
    /// matches, too.
    others: Vec<Arc<Entry>>,
}

impl Asked {
    fn new(request: Request, route: Route) -> Self {
        Self {
            key: route.key,
            target: route.target,
            host: route.host,
            method: request.method,
            directives: directives(&request.fields),
            fields: request.fields,
            peer: request.peer,
            interims: request.interims,
            received: (request.received_at, Instant::now()),
        }
    }

    fn now(&self) -> SystemTime {
        self.received.0 + self.received.1.elapsed()
    }

    /// The request again, as it came.
    fn request(&self) -> Request {
        Request {
            method: self.method.clone(),
            target: self.target.clone(),
            fields: self.fields.clone(),
            body: Body::Empty,
            peer: self.peer,
            interims: self.interims.clone(),
            received_at: self.now(),
        }
    }
}

impl Ask {
    fn anew(why: Fwd, detail: Option<&'static str>) -> Self {
        Self { why, detail, stored: None, spare: None, others: Vec::new() }
    }
}

impl<U: Service> Service for Cache<U> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send {
        self.begin(request)
    }
}

impl<U: Service> Cache<U> {
    /// Opens the store in the configured directory, and answers from it and from `upstream`, which takes
    /// absolute targets.
    ///
    /// # Errors
    /// What of the store can't be used, and what to do about it.
    pub fn open(config: Config, upstream: U) -> Result<Self, OpenFault> {
        Ok(Self {
            upstream: Arc::new(upstream),
            store: Arc::new(Store::open(&config)?),
            flights: Arc::default(),
            config: Arc::new(config),
        })
    }

    /// Waits until everything that was stored is on the disk; to be called when no more requests come.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Bytes of disk that bodies take, with those that are just being written.
    #[must_use]
    pub fn disk_used(&self) -> u64 {
        self.store.used()
    }

    /// Purges what is selected, and what is being fetched of it; gives how many stored responses that were.
    /// When it returns, none of them answers any more, or none without being validated.
    pub async fn purge(&self, selection: Selection, fate: Fate, now: SystemTime) -> usize {
        // In this order: a fetch either sees that it is too late, or what it stored is purged.
        self.flights.make_all_obsolete(|key| selection.may_hold(key));
        self.store.purge(selection, fate, now).await
    }

    /// The key of what a request asks for, if there is a way for it.
    #[must_use]
    pub(crate) fn key_of(&self, request: &Request) -> Option<CacheKey> {
        route(self.config.sites.as_deref(), request).ok().map(|route| route.key)
    }

    /// What is stored.
    #[must_use]
    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// How the store is, and what has happened in it since it was opened.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.store.statistics()
    }

    /// How many fetches are on their way.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.flights.len()
    }

    /// What is said of a request that went forward.
    fn status(&self, key: &CacheKey, why: Fwd, detail: Option<&str>) -> CacheStatus {
        let status = self.with_key(CacheStatus::forwarded(self.config.pseudonym.as_str(), why), key);
        detail.into_iter().fold(status, CacheStatus::detail)
    }

    /// What is said of a request that went nowhere.
    fn own_status(&self, detail: &str) -> CacheStatus {
        CacheStatus::neither(self.config.pseudonym.as_str()).detail(detail)
    }

    fn with_key(&self, status: CacheStatus, key: &CacheKey) -> CacheStatus {
        if self.config.tells_key { status.key(key.as_str()) } else { status }
    }

    /// Sends a request on as it is, with its body, and gives the response as it comes.
    async fn forward(
        &self,
        request: Request,
        target: Target,
        host: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let received = (request.received_at, Instant::now());
        let mut fields = outbound(&request.fields, &self.config.pseudonym, host);
        if let Some(response) = forward::count_forwards(&request.method, &mut fields) {
            return Ok(response);
        }
        let interims = forward::interims(request.interims, &self.config.pseudonym);
        let mut response = self.upstream.call(Request { target, fields, interims, ..request }).await?;
        let now = received.0 + received.1.elapsed();
        forward::inbound(&mut response.fields, &self.config.pseudonym, now);
        Ok(response)
    }

    fn begin(&self, request: Request) -> Alone<'_> {
        let route = match route(self.config.sites.as_deref(), &request) {
            Ok(route) => route,
            Err(mut refusal) => {
                self.own_status("no-way").append_to(&mut refusal.fields);
                return Begun::answered(Ok(*refusal));
            }
        };
        if let Err(failure) = forward::check_loop(&request.fields, &self.config.pseudonym) {
            return Begun::answered(Err(self.own_status("loop").on(failure)));
        }
        match Bypass::of(&request.method, &request.fields, &request.body) {
            Some(_) if self.config.is_offline => Begun::answered(Ok(self.not_here())),
            Some(bypass) => Begun::waits(self.bypass(request, route, bypass)),
            None => {
                let asked = Asked::new(request, route);
                match self.answer_at_once(&asked) {
                    Some(response) => Begun::answered(Ok(response)),
                    None => Begun::waits(async move { self.serve(&asked).await }),
                }
            }
        }
    }

    /// The answer out of what is in memory and may be used as it is.
    fn answer_at_once(&self, asked: &Asked) -> Option<Response> {
        if self.config.is_offline {
            return None;
        }
        let variants = self.store.resident(&asked.key)?;
        match self.judge(asked, &variants) {
            Plan::Serve(entry, standing) if holds(&asked.method, &asked.fields, &entry) => {
                self.answer_stored(asked, &entry, standing, &variants).ok()?
            }
            _ => None,
        }
    }

    /// The answer out of a stored response; `None` if somebody changed or deleted its file.
    fn answer_stored(
        &self,
        asked: &Asked,
        entry: &Arc<Entry>,
        standing: Standing,
        judged: &Variants,
    ) -> io::Result<Option<Response>> {
        let Some(body) = self.store.content(entry, asked.now())? else { return Ok(None) };
        if standing == Standing::Stale {
            self.refresh(asked, entry, judged);
        }
        Ok(Some(self.hit(asked, entry, body)))
    }

    async fn serve(&self, asked: &Asked) -> Result<Response, Failure> {
        for _ in 0..TRIES {
            let variants = self.store.lookup(&asked.key).await;
            match self.judge(asked, &variants) {
                plan if self.config.is_offline => {
                    if let Some(response) = self.answer_offline(asked, plan).await {
                        return Ok(response);
                    }
                }
                Plan::Serve(entry, _) if !holds(&asked.method, &asked.fields, &entry) => {
                    if let Some(outcome) = self.complete(asked, &Ask::anew(Fwd::Partial, None), entry).await {
                        return outcome;
                    }
                }
                Plan::Serve(entry, standing) => {
                    match self.answer_stored(asked, &entry, standing, &variants) {
                        Ok(Some(response)) => return Ok(response),
                        Ok(None) => self.store.discard(asked.key.clone(), &entry).await,
                        Err(_) => {
                            return self.pass(asked, &Ask::anew(Fwd::Bypass, Some("store-failed"))).await;
                        }
                    }
                }
                Plan::Ask(Ask { stored: Some(entry), .. }) if !self.store.is_there(&entry) => {
                    self.store.discard(asked.key.clone(), &entry).await;
                }
                Plan::Ask(ask) => {
                    if let Some(outcome) = self.ask(asked, &ask, &variants).await {
                        return outcome;
                    }
                }
            }
        }
        self.pass(asked, &Ask::anew(Fwd::Bypass, Some("busy"))).await
    }

    fn judge(&self, asked: &Asked, variants: &Variants) -> Plan {
        let Some(entry) = select(variants, &asked.fields, |entry| &entry.response) else {
            let why = if variants.is_empty() { Fwd::UriMiss } else { Fwd::VaryMiss };
            let can_be_meant =
                |stored: &StoredResponse| stored.can_be_validated() && can_be_meant(stored, &asked.fields);
            let others = variants.iter().filter(|entry| can_be_meant(&entry.response)).cloned().collect();
            return Plan::Ask(Ask { others, ..Ask::anew(why, None) });
        };
        let spare = || Some(Arc::clone(entry));
        match reuse(&entry.response, &asked.directives, asked.now(), &self.config.rules) {
            Reuse::Serve => Plan::Serve(Arc::clone(entry), Standing::Good),
            Reuse::ServeStale => Plan::Serve(Arc::clone(entry), Standing::Stale),
            Reuse::Forward(reason) => {
                Plan::Ask(Ask { spare: spare(), ..Ask::anew(reason.fwd(), reason.word()) })
            }
            Reuse::Validate(reason) => {
                let stored = Some(Arc::clone(entry));
                let others = matching(variants, asked).filter(|other| !Arc::ptr_eq(other, entry)).cloned();
                let others = others.collect();
                Plan::Ask(Ask { stored, others, spare: spare(), ..Ask::anew(reason.fwd(), reason.word()) })
            }
        }
    }

    fn hit(&self, asked: &Asked, entry: &Entry, body: Body) -> Response {
        let (stored, now) = (&entry.response, asked.now());
        let age = stored.freshness.age(now);
        let fields = entry.head(age.as_secs(), |fields| {
            let mut fields = fields.clone();
            set_age(&mut fields, age);
            let status = self.with_key(CacheStatus::hit(self.config.pseudonym.as_str()), &asked.key);
            status.ttl(stored.freshness.ttl(now)).append_to(&mut fields);
            fields
        });
        answer(&asked.method, &asked.fields, stored, fields, body)
    }

    /// Asks the origin, alone or with others; `None` if what is stored is to be judged again.
    async fn ask(&self, asked: &Asked, ask: &Ask, judged: &Variants) -> Option<Result<Response, Failure>> {
        if asked.directives.only_if_cached {
            return Some(Ok(self.not_cached()));
        }
        if let Some(detail) = goes_past(asked, ask) {
            let ask = Ask { spare: ask.spare.clone(), ..Ask::anew(ask.why, Some(detail)) };
            return Some(self.pass(asked, &ask).await);
        }
        let id = ask.stored.as_ref().map(|entry| entry.id);
        if goes_alone(asked, ask) || self.flights.goes_apart(&asked.key) {
            return self.lead(asked, ask, self.flights.apart(&asked.key, id)).await;
        }
        let suits = |arrival: &Arrival| may_share(&arrival.response, &asked.fields, &asked.directives);
        let is_needed = || match self.store.resident(&asked.key) {
            Some(now) => is_same(&now, judged),
            None => true,
        };
        match self.flights.join(&asked.key, id, suits, is_needed) {
            Joined::Follows(mut ticket) => match ticket.follow().await {
                Outcome::Arrived(arrival) if !suits(&arrival) => {
                    self.lead(asked, ask, self.flights.apart(&asked.key, id)).await
                }
                // A 304 that was for another request may say nothing of this one.
                Outcome::Validated(entry, _) if !entry.response.selecting.matches(&asked.fields) => {
                    self.lead(asked, ask, self.flights.apart(&asked.key, id)).await
                }
                Outcome::Apart => self.lead(asked, ask, self.flights.apart(&asked.key, id)).await,
                outcome => self.conclude(asked, ask, outcome, ticket, IsCollapsed::Yes).await,
            },
            Joined::Ends(ticket) => {
                ticket.over().await;
                None
            }
            joined => self.lead(asked, ask, joined).await,
        }
    }

    /// Fetches, and takes the answer.
    async fn lead(&self, asked: &Asked, ask: &Ask, joined: Joined) -> Option<Result<Response, Failure>> {
        let Joined::Leads(mut ticket, lead) = joined else { return None };
        let (first, passed) = oneshot::channel();
        let fetch = self.fetch(asked, ask.stored.clone());
        let is_whole = matches!(fetch.extent, Extent::Whole);
        let others = if is_whole { self.there(&ask.others) } else { Vec::new() };
        let prefers_stale = self.may_stand_in(asked, ask).is_some();
        let run = Arc::new(Fetch { others, prefers_stale, ..fetch }).run(lead, first);
        match Alongside::new(run).until(ticket.lead()).await {
            Outcome::Apart => {
                // What came may be no answer to this request, but it says that it is to go alone.
                let Ok(Passed { mut response, why }) = passed.await else {
                    return Some(self.pass(asked, ask).await);
                };
                let status = self.status(&asked.key, ask.why, Some(ask.detail.unwrap_or(why)));
                status.append_to(&mut response.fields);
                Some(Ok(response))
            }
            outcome => self.conclude(asked, ask, outcome, ticket, IsCollapsed::No).await,
        }
    }

    /// What is to be done to have the answer to a request, and to validate `stored` if there is such.
    fn fetch(&self, asked: &Asked, stored: Option<Arc<Entry>>) -> Fetch<U> {
        Fetch {
            upstream: Arc::clone(&self.upstream),
            store: Arc::clone(&self.store),
            config: Arc::clone(&self.config),
            method: Method::GET,
            target: asked.target.clone(),
            host: asked.host.clone(),
            fields: asked.fields.clone(),
            extent: if stored.is_some() { Extent::Whole } else { extent(&asked.fields) },
            stored,
            others: Vec::new(),
            prefers_stale: false,
            received: asked.received,
            peer: asked.peer,
            interims: asked.interims.clone(),
        }
    }

    /// The answer out of what a fetch came to.
    async fn conclude(
        &self,
        asked: &Asked,
        ask: &Ask,
        outcome: Outcome,
        ticket: Ticket,
        is_collapsed: IsCollapsed,
    ) -> Option<Result<Response, Failure>> {
        let mut status = self.status(&asked.key, ask.why, ask.detail);
        if is_collapsed == IsCollapsed::Yes {
            status = status.collapsed();
        }
        match outcome {
            Outcome::Validated(entry, _) if !holds(&asked.method, &asked.fields, &entry) => {
                drop(ticket);
                Box::pin(self.complete(asked, &Ask::anew(Fwd::Partial, ask.detail), entry)).await
            }
            Outcome::Validated(entry, withheld) => {
                let body = self.store.content(&entry, asked.now()).ok()??;
                let status = status.fwd_status(StatusCode::NOT_MODIFIED);
                let stored = &entry.response;
                let mut fields = stored.fields.clone();
                set_age(&mut fields, stored.freshness.age(asked.now()));
                add_all(&mut fields, &withheld);
                status.ttl(stored.freshness.ttl(asked.now())).append_to(&mut fields);
                Some(Ok(answer(&asked.method, &asked.fields, stored, fields, body)))
            }
            Outcome::Arrived(arrival) => {
                let stored = &arrival.response;
                let mut fields = stored.fields.clone();
                match is_collapsed {
                    IsCollapsed::Yes => set_age(&mut fields, stored.freshness.age(asked.now())),
                    IsCollapsed::No => add_all(&mut fields, &arrival.withheld),
                }
                let status = match arrival.unstored {
                    None => status.stored(),
                    Some(why) => status.detail(why),
                };
                status.append_to(&mut fields);
                match &arrival.content {
                    Content::Whole(bytes) => {
                        let body = Body::from(bytes.clone());
                        Some(Ok(answer(&asked.method, &asked.fields, stored, fields, body)))
                    }
                    Content::Growing(growing) => {
                        match answer_growing(&asked.method, &asked.fields, stored, fields, growing).await {
                            Ok(response) => response.map(Ok),
                            Err(Lost::Changed) => None,
                            Err(Lost::Failed(failure)) => Some(Err(failure)),
                        }
                    }
                }
            }
            Outcome::Failed(failure) => {
                let instead = self.instead(asked, ask, Trouble::of_failure(failure.kind()));
                Some(instead.ok_or_else(|| status.on(failure)))
            }
            Outcome::Erred(trouble) => self.instead(asked, ask, Some(trouble)).map(Ok),
            Outcome::Pending | Outcome::Apart | Outcome::Dropped => None,
        }
    }

    /// Sends the request on as it is, past the store.
    async fn pass(&self, asked: &Asked, ask: &Ask) -> Result<Response, Failure> {
        let status = self.status(&asked.key, ask.why, ask.detail);
        let requested_at = asked.now();
        match self.forward(asked.request(), asked.target.clone(), asked.host.as_ref()).await {
            Err(failure) => {
                let instead = self.instead(asked, ask, Trouble::of_failure(failure.kind()));
                instead.ok_or_else(|| status.on(failure))
            }
            Ok(mut response) => {
                if let Some(stale) = self.instead(asked, ask, Trouble::of_status(response.status)) {
                    return Ok(stale);
                }
                if asked.method == Method::HEAD {
                    self.learn(asked, ask, &response, requested_at).await;
                }
                status.append_to(&mut response.fields);
                Ok(response)
            }
        }
    }

    /// RFC 9111 §5.2.1.7: the client wants nothing that has to be fetched.
    fn not_cached(&self) -> Response {
        let text = "This is not in the cache, and the request says only-if-cached.\n";
        let mut response = Response::text(StatusCode::GATEWAY_TIMEOUT, text);
        self.own_status("only-if-cached").append_to(&mut response.fields);
        response
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsCollapsed {
    Yes,
    No,
}

/// Why a request goes past the store, with what it asks for.
fn goes_past(asked: &Asked, ask: &Ask) -> Option<&'static str> {
    if asked.method == Method::HEAD {
        // What HEAD brings holds no content to store; and it is over before a GET would be.
        Some("head")
    } else if asked.directives.no_store {
        Some("request-no-store")
    } else if ask.stored.is_none() && asked.fields.contains(&RANGE) && has_condition(&asked.fields) {
        // What comes may be a 304 about what only the client has: no part of anything.
        Some("range")
    } else {
        None
    }
}

/// How much to ask for on behalf of a request with those fields, where nothing is stored.
fn extent(fields: &Fields) -> Extent {
    if has_condition(fields) {
        return Extent::AsAsked;
    }
    match Ranges::parse(fields) {
        None => Extent::Whole,
        Some(ranges) => Extent::Range { value: ranges.first_alone(), is_only: ranges.count() == 1 },
    }
}

/// Whether a client asks whether what he has is current still.
fn has_condition(fields: &Fields) -> bool {
    fields.contains(&IF_NONE_MATCH) || fields.contains(&IF_MODIFIED_SINCE)
}

/// Whether a request's answer is of no use for others, or theirs for it.
fn goes_alone(asked: &Asked, ask: &Ask) -> bool {
    match &ask.stored {
        // The client's own conditions go along: what comes may be a 304 about what only he has.
        None => has_condition(&asked.fields),
        // RFC 9111 §5.2.2.4: each use needs a validation of its own; and so does each such request.
        Some(entry) => {
            entry.response.freshness.needs_validation() || asked.directives.no_cache != Qualified::No
        }
    }
}

fn add_all(fields: &mut Fields, more: &Fields) {
    for (name, value) in more.iter() {
        fields.append(name.clone(), value.clone());
    }
}

/// Those of `variants` that match a request (RFC 9111 §4.1).
fn matching<'a>(variants: &'a Variants, asked: &'a Asked) -> impl Iterator<Item = &'a Arc<Entry>> {
    variants.iter().filter(|entry| entry.response.selecting.matches(&asked.fields))
}

fn is_same(one: &Variants, other: &Variants) -> bool {
    one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| Arc::ptr_eq(one, other))
}
