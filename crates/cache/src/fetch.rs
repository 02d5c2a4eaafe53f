//! A fetch for all who wait for it, from the request to the stored response:
//!
//! 1. ask the origin, with the stored response's validators if there is one to be validated;
//! 2. a 304 updates what is stored;
//! 3. what may not be stored goes to the first asker as it comes, and to nobody else;
//! 4. what is small and here already is stored, and goes to all from memory;
//! 5. anything else is written to a file as it arrives, and all read that.
//!
//! It does not end when the one who caused it leaves: from then on it is a task of its own.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use message::field::etag::EntityTag;
use message::field::range::ByteRange;
use message::header::{CONTENT_RANGE, IF_RANGE, RANGE};
use message::{
    Body, BodyStream, Failure, FailureKind, Fields, HeaderValue, HearInterim, Method, Request, Response,
    Segment, Service, Source, Spans, StatusCode, Target,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::body::course::{Parts, Received, Told};
use crate::body::filling::{Beginning, Filling, First};
use crate::body::gather::{Gathered, Wait, bytes_of, gather};
use crate::collapse::{Arrival, Content, Lead, Outcome};
use crate::config::Config;
use crate::key::CacheKey;
use crate::policy::combining::{Version, part_of};
use crate::policy::reuse::Trouble;
use crate::policy::storing::Exchange;
use crate::policy::validation::{is_about, make_conditional, make_unconditional, named, offer_tags};
use crate::route::outbound;
use crate::store::Store;
use crate::store::entry::{Entry, SMALL_MAX};
use crate::store::fault::Unstored;
use crate::store::sheet::Sheet;
use crate::stored::StoredResponse;
use message::forward;

/// How long the rest of a small body is waited for before it is treated as a large one.
const SMALL_WAIT: Duration = Duration::from_millis(20);

/// A response that is for the first asker alone.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The response, its body as it comes from the origin.
    pub response: Response,
    /// Why it is not stored, in a word.
    pub why: &'static str,
}

/// All that a fetch needs.
pub(crate) struct Fetch<U> {
    /// Who is asked.
    pub upstream: Arc<U>,
    /// Where responses go.
    pub store: Arc<Store>,
    /// How the cache was set up.
    pub config: Arc<Config>,
    /// The method of the request that caused it; the origin is asked by GET.
    pub method: Method,
    /// What is asked for.
    pub target: Target,
    /// The `Host` that is told, if it is not the target's own.
    pub host: Option<HeaderValue>,
    /// The fields of the request that caused it, as the client sent them.
    pub fields: Fields,
    /// How much is asked for.
    pub extent: Extent,
    /// What is to be validated.
    pub stored: Option<Arc<Entry>>,
    /// What else is there, of which the origin may say that it is the answer (RFC 9111 §4.3.1): for other
    /// requests where nothing that is stored matches, else what matches, too.
    pub others: Vec<Arc<Entry>>,
    /// Whether who asks would rather have a stale response than an error (RFC 5861 §4).
    pub prefers_stale: bool,
    /// When the request came, by wall and by tokio's clock: all other times follow from these.
    pub received: (SystemTime, Instant),
    /// Who sent it.
    pub peer: Option<std::net::SocketAddr>,
    /// Who hears what the origin says before its answer: him who caused it, and nobody who joins.
    pub interims: Option<Arc<dyn HearInterim>>,
}

/// How much a fetch asks for.
#[derive(Clone, Debug)]
pub(crate) enum Extent {
    /// All, whatever the client has of it, or wants.
    Whole,
    /// What the client asks for, under his own conditions.
    AsAsked,
    /// The first of the ranges that he asks for, or the only one.
    Range {
        /// The value of `Range`.
        value: HeaderValue,
        /// Whether it is the only one, so that the answer is one to the client's own request.
        is_only: bool,
    },
}

/// What is stored of a head, and what of it is not.
type Head = (StoredResponse, Fields);

impl<U: Service> Fetch<U> {
    /// Does it all, and tells those who wait what becomes of it.
    pub(crate) async fn run(self: Arc<Self>, lead: Lead, first: oneshot::Sender<Passed>) {
        let received = match self.ask(self.stored.as_deref(), &self.others).await {
            Err(failure) => return lead.tell(Outcome::Failed(failure)),
            Ok(received) => received,
        };
        let status = received.response.status;
        if status == StatusCode::NOT_MODIFIED && (self.stored.is_some() || !self.others.is_empty()) {
            return Box::pin(self.not_modified(received, lead, first)).await;
        }
        if let (true, Some(trouble)) = (self.prefers_stale, Trouble::of_status(status)) {
            return lead.tell(Outcome::Erred(trouble));
        }
        self.take(received, lead, first).await;
    }

    /// Takes a response that was not asked for by a fetch, but may be stored.
    pub(crate) async fn adopt(
        self: Arc<Self>,
        received: Received,
        lead: Lead,
        first: oneshot::Sender<Passed>,
    ) {
        self.take(received, lead, first).await;
    }

    fn now(&self) -> SystemTime {
        self.received.0 + self.received.1.elapsed()
    }

    async fn ask(&self, stored: Option<&Entry>, others: &[Arc<Entry>]) -> Result<Received, Failure> {
        let mut fields = outbound(&self.fields, &self.config.pseudonym, self.host.as_ref());
        match stored {
            Some(entry) => make_conditional(&mut fields, &entry.response),
            None => match &self.extent {
                Extent::Whole => {
                    make_unconditional(&mut fields);
                    offer_tags(&mut fields, others.iter().map(|entry| &entry.response));
                }
                Extent::AsAsked => {}
                Extent::Range { value, .. } => fields.set(RANGE, value.clone()),
            },
        }
        self.send(fields).await
    }

    async fn send(&self, fields: Fields) -> Result<Received, Failure> {
        let requested_at = self.now();
        let request = Request {
            method: Method::GET,
            target: self.target.clone(),
            fields,
            body: Body::Empty,
            peer: self.peer,
            interims: forward::interims(self.interims.clone(), &self.config.pseudonym),
            received_at: requested_at,
        };
        let mut response = self.upstream.call(request).await?;
        let received_at = self.now();
        forward::inbound(&mut response.fields, &self.config.pseudonym, received_at);
        Ok(Received { response, requested_at, received_at })
    }

    /// RFC 9111 §4.3.3, §4.3.4: what is stored is updated and used.
    async fn not_modified(self: &Arc<Self>, told: Received, lead: Lead, first: oneshot::Sender<Passed>) {
        let asked_about =
            self.stored.as_ref().filter(|entry| is_about(&told.response.fields, &entry.response));
        let mut named = named(&told.response.fields, &self.others, |other| &other.response);
        let current = asked_about.or_else(|| (!named.is_empty()).then(|| named.remove(0)));
        match current.and_then(|entry| Some((entry, self.update(lead.key(), entry, &told)?))) {
            Some((entry, (response, withheld))) => {
                let updated = self.store.refresh(lead.key(), entry, response).await;
                if self.stored.is_some() {
                    self.update_twins(lead.key(), &named, &told).await;
                }
                lead.tell(Outcome::Validated(updated, withheld));
            }
            // §4.3.4: a 304 about something else selects nothing that is stored here; and what may not be
            // stored any more must not be used for others. Asked without a condition, there is a whole
            // answer.
            None => match self.ask(None, &[]).await {
                Err(failure) => lead.tell(Outcome::Failed(failure)),
                Ok(received) => self.take(received, lead, first).await,
            },
        }
    }

    /// RFC 9111 §4.3.4: all that could have been chosen and have the strong tag of the 304 are updated.
    async fn update_twins(&self, key: &CacheKey, named: &[&Arc<Entry>], told: &Received) {
        if EntityTag::of(&told.response.fields).is_none_or(|etag| etag.is_weak()) {
            return;
        }
        for twin in named {
            if let Some((response, _)) = self.update(key, twin, told) {
                self.store.refresh(key, twin, response).await;
            }
        }
    }

    /// The head of the stored response after a 304, and what of it is for those alone who waited for it;
    /// `None` if the 304 says that the response may not be stored any more.
    fn update(&self, key: &CacheKey, entry: &Entry, told: &Received) -> Option<(StoredResponse, Fields)> {
        entry.response.freshened(&self.exchange(key, told), &self.config.rules).ok()
    }

    fn exchange<'a>(&'a self, key: &'a CacheKey, received: &'a Received) -> Exchange<'a> {
        Exchange {
            method: &self.method,
            key,
            request: &self.fields,
            status: received.response.status,
            response: &received.response.fields,
            requested_at: received.requested_at,
            received_at: received.received_at,
        }
    }

    /// Takes a response that is not a 304 about what is stored.
    async fn take(self: &Arc<Self>, received: Received, lead: Lead, first: oneshot::Sender<Passed>) {
        let part = self.as_part(&received.response);
        let exchange = self.exchange(lead.key(), &received);
        let stored = match part {
            None => StoredResponse::of(&exchange, &self.config.rules),
            // RFC 9111 §3.3: a part is stored as if it were a 200 of which not all has come.
            Some(_) => {
                let mut response = exchange.response.clone();
                response.remove(&CONTENT_RANGE);
                let whole = Exchange { status: StatusCode::OK, response: &response, ..exchange };
                StoredResponse::of(&whole, &self.config.rules)
            }
        };
        let head = match stored {
            Ok(head) => head,
            Err(refusal) => {
                if refusal.is_lasting() {
                    lead.note_apart();
                }
                self.drop_gone(&lead, received.response.status).await;
                return self.pass(&lead, first, received.response, refusal.word());
            }
        };
        // What goes on from here is large: who forwards only has no room for it.
        Box::pin(self.keep(head, received.response, part, lead, first)).await;
    }

    /// Keeps a response that may be stored.
    async fn keep(
        self: &Arc<Self>,
        head: Head,
        response: Response,
        part: Option<(ByteRange, u64)>,
        lead: Lead,
        first: oneshot::Sender<Passed>,
    ) {
        let Response { status, fields, body } = response;
        let mut body = body.into_stream();
        let arrived = gather_small(&mut body).await;
        if let (Some(Ok(())), true) = (&arrived.end, arrived.len() <= SMALL_MAX && part.is_none())
            && body.length().is_none_or(|length| length == arrived.len())
        {
            return self.keep_small(head, arrived, lead).await;
        }
        let sheet = match self.store.admit(lead.key(), body.length(), || lead.closes_for_one()) {
            Ok(()) => self.store.begin(body.length()).await,
            Err(unadmitted) => Err(unadmitted),
        };
        match sheet {
            Ok(sheet) => self.keep_growing(head, sheet, (arrived, body), part, lead).await,
            Err(unstored) => {
                let body = Body::from_source(body.length(), Resumed::new(arrived, body));
                self.pass(&lead, first, Response { status, fields, body }, unstored.word());
            }
        }
    }

    /// Which part of what a 206 is, if it is one that can be completed.
    fn as_part(&self, response: &Response) -> Option<(ByteRange, u64)> {
        let is_one = response.status == StatusCode::PARTIAL_CONTENT
            && matches!(self.extent, Extent::Range { .. })
            && Version::of(&response.fields).is_some();
        if is_one { part_of(&response.fields, response.body.length()) } else { None }
    }

    /// Gives a response to the first asker, if he is there still and it is one to what he asked for, and sends
    /// all others away.
    fn pass(&self, lead: &Lead, first: oneshot::Sender<Passed>, response: Response, why: &'static str) {
        if !matches!(self.extent, Extent::Range { is_only: false, .. }) {
            drop(first.send(Passed { response, why }));
        }
        lead.tell(Outcome::Apart);
    }

    /// What the origin says is not there any more is not kept for another validation. Any other answer,
    /// an error above all, says nothing about what is stored (RFC 9111 §4.3.3).
    async fn drop_gone(&self, lead: &Lead, status: StatusCode) {
        if let (Some(entry), StatusCode::NOT_FOUND | StatusCode::GONE) = (&self.stored, status) {
            self.store.discard(lead.key().clone(), entry).await;
        }
    }

    /// Content that is here: stored first, so that who has the answer finds the file.
    async fn keep_small(&self, (head, withheld): Head, arrived: Gathered, lead: Lead) {
        let content = match bytes_of(arrived.segments) {
            Ok(content) => content,
            Err(error) => {
                let detail = format!("the content could not be read: {error}");
                let failure = Failure::new(FailureKind::HttpResponseIncomplete, detail);
                return lead.tell(Outcome::Failed(failure));
            }
        };
        let length = content.len().try_into().ok();
        let put = match self.store.admit(lead.key(), length, || lead.closes_for_one()) {
            Ok(()) => {
                self.store.put(lead.key().clone(), content.clone(), head.clone(), lead.may_store()).await
            }
            Err(unadmitted) => Err(unadmitted),
        };
        if let Err(unstored) = &put {
            report(&lead, unstored);
        }
        let unstored = put.err().map(|unstored| unstored.word());
        let arrival = Arrival { response: head, withheld, content: Content::Whole(content), unstored };
        lead.tell(Outcome::Arrived(Arc::new(arrival)));
    }

    /// Content that is arriving: all of it, or a part.
    async fn keep_growing(
        self: &Arc<Self>,
        (head, withheld): Head,
        sheet: Sheet,
        (arrived, body): (Gathered, BodyStream),
        part: Option<(ByteRange, u64)>,
        lead: Lead,
    ) {
        let (start, end, length) = match part {
            Some((range, complete)) => (range.first(), Some(range.last().saturating_add(1)), Some(complete)),
            None => (0, body.length(), body.length()),
        };
        let first = First { body, arrived, start, end };
        // Without If-Range only an origin that gives no ranges answers a request for one with a 200.
        let is_refused =
            part.is_none() && matches!(self.extent, Extent::Range { .. }) && !self.fields.contains(&IF_RANGE);
        let beginning = Beginning { length, is_rangeable: !is_refused, ..self.beginning(head, sheet) };
        self.fill(lead, withheld, beginning, Some(first)).await;
    }

    /// Completes a stored part, as far as anybody wants it (RFC 9111 §3.4).
    pub(crate) async fn complete(self: Arc<Self>, entry: Arc<Entry>, lead: Lead) {
        // If it is gone by now, the lead goes, too, and those who wait look again.
        let Ok(Some(draft)) = self.store.withdraw(lead.key().clone(), &entry).await else { return };
        let beginning = Beginning {
            length: Some(entry.size()),
            present: entry.present.clone().unwrap_or_default(),
            ..self.beginning(entry.response.clone(), Sheet::Made(draft))
        };
        self.fill(lead, Fields::new(), beginning, None).await;
    }

    fn beginning(&self, head: StoredResponse, sheet: Sheet) -> Beginning {
        Beginning {
            head,
            store: Arc::clone(&self.store),
            sheet,
            length: None,
            present: Spans::default(),
            is_rangeable: true,
            finish_under: self.config.finish_under,
        }
    }

    async fn fill(
        self: &Arc<Self>,
        lead: Lead,
        withheld: Fields,
        beginning: Beginning,
        first: Option<First>,
    ) {
        let response = beginning.head.clone();
        let (mut filling, growing) = Filling::new(Arc::clone(self), lead, beginning);
        first.into_iter().for_each(|first| filling.begin(first));
        let arrival = Arrival { response, withheld, content: Content::Growing(growing), unstored: None };
        filling.lead().tell(Outcome::Arrived(Arc::new(arrival)));
        filling.run().await;
    }
}

impl<U: Service> Parts for Fetch<U> {
    async fn part(&self, start: u64, last: Option<u64>, if_range: HeaderValue) -> Result<Received, Failure> {
        let mut fields = outbound(&self.fields, &self.config.pseudonym, self.host.as_ref());
        make_unconditional(&mut fields);
        let last = last.map(|last| last.to_string()).unwrap_or_default();
        if let Ok(range) = HeaderValue::try_from(format!("bytes={start}-{last}")) {
            fields.set(RANGE, range);
        }
        fields.set(IF_RANGE, if_range);
        self.send(fields).await
    }

    fn freshened(&self, key: &CacheKey, stored: &StoredResponse, told: &Told) -> Option<StoredResponse> {
        let exchange = Exchange {
            method: &Method::GET,
            key,
            request: &self.fields,
            status: StatusCode::OK,
            response: &told.fields,
            requested_at: told.requested_at,
            received_at: told.received_at,
        };
        stored.freshened(&exchange, &self.config.rules).ok().map(|(head, _)| head)
    }
}

fn report(lead: &Lead, unstored: &Unstored) {
    tracing::debug!(key = %lead.key(), %unstored, "not stored");
}

/// What of a small body comes at once, or nearly so; of a large one its beginning.
async fn gather_small(body: &mut BodyStream) -> Gathered {
    let mut all = gather(body, SMALL_MAX.saturating_add(1), Wait::No).await;
    if body.length().is_none_or(|length| length > SMALL_MAX) {
        return all;
    }
    let until = Instant::now() + SMALL_WAIT;
    while all.end.is_none() && all.len() <= SMALL_MAX {
        // Nothing is lost when time is up: what is gathered is given back at once.
        let Ok(more) = timeout_at(until, gather(body, SMALL_MAX, Wait::Yes)).await else { break };
        all.segments.extend(more.segments);
        all.end = more.end;
    }
    all
}

/// A body of which a part was gathered.
struct Resumed {
    first: VecDeque<Segment>,
    end: Option<Result<(), Failure>>,
    rest: BodyStream,
}

impl Resumed {
    fn new(arrived: Gathered, rest: BodyStream) -> Self {
        Self { first: arrived.segments.into(), end: arrived.end, rest }
    }
}

impl Source for Resumed {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        if let Some(segment) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(segment)));
        }
        match &self.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(failure)) => Poll::Ready(Some(Err(failure.clone()))),
            None => self.rest.poll_next(cx),
        }
    }

    fn trailers(mut self: Pin<&mut Self>) -> Option<Fields> {
        self.rest.trailers()
    }
}
