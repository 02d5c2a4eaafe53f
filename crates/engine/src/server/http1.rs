//! One HTTP/1.1 connection of the server side, from its first request to its end.
//!
//! An exchange is, in this order: 1. the head arrives, 2. the content is lent to the service, 3. the service
//! answers, 4. the answer goes out, 5. the content comes back and what is left of it is read away, 6. the
//! connection turns to the next exchange or ends.
//!
//! A connection that waits for a request has only room for that: what is rare is in a box of its own.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use http1::{Connection, Event, Fault, Framing, RequestHead, Version, turn};
use message::{Body, Failure, HearInterim, Method, Request, Response, Service, StatusCode};
use net::drain::{Drain, DrainGuard, Draining};
use net::stream::{ReadHalf, Stream, WriteHalf, lingering_close};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::field;

use crate::clock;
use crate::deadline::{Deadline, Expired};
use crate::intake::{Intake, IntakeFault};
use crate::outlet::{Broken, Outlet};
use crate::record::{Asked, AskedFields, Ending, ExchangeRecord, Observer};
use crate::server::answer;
use crate::server::clients::Visit;
use crate::server::early::{Early, call};
use crate::server::refusals::Refusal;
use crate::server::request_body::{Loan, Returned, Shortfall, lend};
use crate::server::terms::{Patience, Server, TUNNEL_IDLE};
use crate::server::tunnel;

/// A connection that has come.
pub(super) struct Arrived {
    pub(super) read: ReadHalf,
    pub(super) write: WriteHalf,
    /// What has been read of it already.
    pub(super) inbox: BytesMut,
    /// Who is at its other end.
    pub(super) peer: SocketAddr,
}

impl Arrived {
    pub(super) fn new((stream, peer): (Stream, SocketAddr)) -> Self {
        let (read, write) = stream.split();
        Self { read, write, inbox: BytesMut::new(), peer }
    }
}

/// One connection.
pub(super) struct Talk<S, O> {
    server: Arc<Server<S, O>>,
    peer: SocketAddr,
    outlet: Outlet,
    deadline: Deadline,
    drain: Drain,
    draining: Draining,
    /// Of the exchange that is under way.
    account: Account,
    /// What is to be said before an answer; made when it is first needed.
    early: Option<Arc<Early>>,
    // Below are those that count it, dropped after what closes it.
    visit: Visit,
    /// Its place among those that are served; before it has one, it waits.
    place: Option<OwnedSemaphorePermit>,
    _guard: DrainGuard,
}

/// What comes after an exchange.
enum After {
    /// Another one, on the same connection.
    Next(Box<Intake>),
    /// Nothing: both sides know it.
    Close,
    /// Nothing, and the client may still be sending: it is given time to read the answer.
    Linger(Box<Intake>),
}

/// What an exchange does with what has come: it answers a request, or takes a detour.
type Course = Result<Request, Box<Detour>>;

/// What is rare in an exchange.
enum Detour {
    /// The request has content, which is lent to whoever answers.
    Content { framing: Framing, expects_continue: bool, request: Request },
    /// The request asks for a tunnel.
    Tunnel(Request),
    /// The request comes `wait` too early for its client's share.
    Delay { wait: Duration, expects_continue: bool },
    /// What came is no request, or not wanted: this is the last answer.
    Refusal(Response),
    /// There is nobody to answer.
    End,
}

/// Why no request came.
#[derive(Clone, Copy)]
enum NoRequest {
    /// What came is none.
    Faulty(Fault),
    /// Some of a head came, and the rest not in time.
    Slow,
    /// Nothing to answer: the client left, the connection idled too long, or the server stops.
    Over,
}

impl<S: Service, O: Observer> Talk<S, O> {
    /// Serves a connection to its end, as soon as there is a place for it.
    ///
    /// All that lives as long as the connection is put where it stays before anything waits: a future keeps
    /// room for what it was given even when that has moved on.
    pub(super) fn serve(
        server: Arc<Server<S, O>>,
        Arrived { read, write, inbox, peer }: Arrived,
        visit: Visit,
        place: Option<OwnedSemaphorePermit>,
        drain: Drain,
    ) -> impl Future<Output = ()> + Send {
        let Connection { inbound, outbound } = Connection::server(server.limits.clone());
        let mut intake = Box::new(Intake { inbox, ..Intake::new(read, inbound) });
        let outlet = Outlet::new(write, outbound, server.patience.send_pace());
        let (deadline, draining, guard) = (Deadline::new(), drain.draining(), drain.guard());
        let mut talk = Self {
            server,
            peer,
            outlet,
            deadline,
            drain,
            draining,
            account: Account::default(),
            early: None,
            visit,
            place,
            _guard: guard,
        };
        async move {
            if !talk.has_place().await {
                return;
            }
            let after = loop {
                match talk.exchange(intake).await {
                    After::Next(back) => intake = back,
                    after => break after,
                }
            };
            if let After::Linger(intake) = after {
                let Patience { linger_bytes, discard, .. } = talk.server.patience;
                let write = talk.outlet.into_half();
                Box::pin(lingering_close(intake.half, write, linger_bytes, discard)).await;
            }
        }
    }

    /// Waits for a place if there is none; false if there will be none.
    async fn has_place(&mut self) -> bool {
        if self.place.is_none() {
            self.place = Box::pin(self.server.place()).await;
        }
        self.place.is_some()
    }

    async fn exchange(&mut self, mut intake: Box<Intake>) -> After {
        let arrived = self.arrival(&mut intake).await;
        let request = match self.course(arrived) {
            Ok(straight) => straight,
            // Whole: what a match takes apart keeps its room while the match waits.
            course => return Box::pin(self.detour(intake, course)).await,
        };
        let (answer, _) = {
            let Self { server, outlet, early, .. } = self;
            call(pin!(server.service.call(request)), outlet, early.as_deref(), None).await
        };
        if self.respond(answer).await.is_err() { After::Close } else { self.turn(intake) }
    }

    /// What to do with what has come: to answer it, unless it asks for a detour.
    fn course(&mut self, arrived: Result<(RequestHead, Framing), NoRequest>) -> Course {
        let (head, framing) = arrived.map_err(|reason| self.without_request(reason))?;
        let expects_continue = head.expects_continue;
        let request = self.admit(head);
        if !self.visit.is_welcome() {
            return Err(Box::new(Detour::Refusal(answer::to_crowding())));
        }
        if let Err(wait) = self.server.clients.ask(self.peer.ip(), Instant::now) {
            return Err(Box::new(Detour::Delay { wait, expects_continue }));
        }
        match framing {
            // RFC 9110 §9.3.6: content of a CONNECT means nothing; what has come behind it is the tunnel's.
            _ if request.method == Method::CONNECT => Err(Box::new(Detour::Tunnel(request))),
            Framing::Empty => Ok(request),
            _ => Err(Box::new(Detour::Content { framing, expects_continue, request })),
        }
    }

    fn without_request(&mut self, reason: NoRequest) -> Box<Detour> {
        let response = match reason {
            NoRequest::Over => return Box::new(Detour::End),
            NoRequest::Faulty(fault) => answer::to_fault(fault),
            NoRequest::Slow => answer::to_slow_request(),
        };
        self.account = self.opened(None);
        Box::new(Detour::Refusal(response))
    }

    async fn detour(&mut self, intake: Box<Intake>, course: Course) -> After {
        let Err(detour) = course else { return After::Close };
        match *detour {
            Detour::End => After::Close,
            Detour::Refusal(response) => self.refuse(intake, response).await,
            Detour::Delay { wait, expects_continue } => self.put_off(intake, expects_continue, wait).await,
            Detour::Tunnel(request) => self.exchange_for_tunnel(intake, request).await,
            Detour::Content { framing, expects_continue, request } => {
                self.exchange_with_content(intake, framing, expects_continue, request).await
            }
        }
    }

    async fn exchange_with_content(
        &mut self,
        intake: Box<Intake>,
        framing: Framing,
        expects_continue: bool,
        mut request: Request,
    ) -> After {
        let (body, Loan { mut back, wanted }) = lend(intake, framing, self.server.patience.content_pace());
        request.body = body;
        let (mut answer, told) = {
            let Self { server, outlet, early, .. } = self;
            let wanted = expects_continue.then_some(wanted);
            call(pin!(server.service.call(request)), outlet, early.as_deref(), wanted).await
        };
        let returned = back.try_recv().ok();
        // RFC 9110 §10.1.1: a client that gets a final answer instead of 100 (Continue) may send its content
        // or not. What follows can't be told apart then, unless the content has come already.
        if expects_continue
            && !told
            && !returned.as_ref().is_some_and(|returned| returned.intake.inbound.is_complete())
        {
            self.outlet.outbound.close_after();
        }
        if let Some(Returned { intake, shortfall }) = &returned {
            if matches!(shortfall, Some(Shortfall::Slow)) {
                self.server.refusals.note(Refusal::Slowness, self.peer);
            }
            // RFC 9112 §9.3: where it is known by now that this answer is the last, it says so.
            if !intake.inbound.is_persistent() || shortfall.is_some() || !self.may_discard(intake) {
                self.outlet.outbound.close_after();
            }
            // The service could only say that it had no whole request. Why, is known here.
            answer =
                answer.or_else(|failure| shortfall.as_ref().and_then(answer_to_shortfall).ok_or(failure));
        }
        if self.respond(answer).await.is_err() {
            return After::Close;
        }
        let returned = match returned {
            Some(returned) => returned,
            None => match self.deadline.within(self.server.patience.discard, back).await {
                Ok(Ok(returned)) => returned,
                // Somebody still holds the content: nothing that comes can be a request.
                Ok(Err(_)) | Err(Expired) => return After::Close,
            },
        };
        self.read_away(returned.intake).await
    }

    /// Asks the service whether there may be a tunnel, and opens it then (RFC 9110 §9.3.6).
    async fn exchange_for_tunnel(&mut self, intake: Box<Intake>, request: Request) -> After {
        let there = request.target.authority().cloned();
        let answer = self.server.service.call(request).await;
        let opened = match (answer, there) {
            (Ok(response), Some(there)) if response.status.is_success() => {
                tunnel::open(self.server.tunnels.as_ref(), &there).await.map(|stream| (response, stream))
            }
            (answer, _) => Err(answer),
        };
        let (response, stream) = match opened {
            Ok(opened) => opened,
            Err(answer) => {
                self.outlet.outbound.close_after();
                let sent = self.respond(answer).await;
                return if sent.is_err() { After::Close } else { After::Linger(intake) };
            }
        };
        self.through(intake, response, stream).await;
        After::Close
    }

    /// Sends the head that opens a tunnel and carries bytes both ways until it ends.
    async fn through(&mut self, intake: Box<Intake>, response: Response, far: Stream) {
        self.server.observer.answering(&response);
        self.account.status = response.status;
        let date = clock::date(self.account.received_at);
        let Response { status, fields, .. } = response;
        self.outlet.head(|outbound, out| outbound.response(status, &fields, Some(0), &date, out));
        let sent = match self.outlet.flush(false).await {
            Ok(()) => {
                let Intake { half, inbox, .. } = *intake;
                let near = (half, self.outlet.half());
                let idle = self.server.tunnels.as_ref().map_or(TUNNEL_IDLE, |tunnels| tunnels.idle);
                tunnel::carry(near, inbox, far, idle, &mut self.deadline).await.map_err(Broken::Connection)
            }
            Err(broken) => Err(broken),
        };
        self.conclude(&sent);
    }

    /// Waits for a request's head: until something of it comes as long as the connection may idle and the
    /// server goes on, from then on as long as a head may take.
    async fn arrival(&mut self, intake: &mut Intake) -> Result<(RequestHead, Framing), NoRequest> {
        let Self { server, deadline, draining, visit, .. } = self;
        let patience = &server.patience;
        // Who may have no connection, may not keep one for long by saying nothing.
        let idle = if visit.is_welcome() { patience.idle } else { patience.discard.min(patience.idle) };
        let mut waits_for_rest = None;
        poll_fn(|cx| {
            if let Poll::Ready(event) = intake.poll_event(cx) {
                return Poll::Ready(request_in(event));
            }
            let begun = !intake.inbound.is_between_messages();
            if waits_for_rest.replace(begun) != Some(begun) {
                deadline.set(if begun { patience.head } else { idle });
            }
            if deadline.poll_expired(cx).is_ready() {
                return Poll::Ready(Err(if begun { NoRequest::Slow } else { NoRequest::Over }));
            }
            // What has come by then, even if this process has not heard of it yet, is answered.
            if !begun && Pin::new(&mut *draining).poll(cx).is_ready() && intake.half.is_quiet() {
                return Poll::Ready(Err(NoRequest::Over));
            }
            Poll::Pending
        })
        .await
    }

    /// Sends an answer. Its head is written here and now, so that the wait has no room for it.
    fn respond(
        &mut self,
        answer: Result<Response, Failure>,
    ) -> impl Future<Output = Result<(), Broken>> + Send {
        let response = answer.unwrap_or_else(|failure| answer::to_failure(&failure, self.server.unreachable));
        self.server.observer.answering(&response);
        self.account.status = response.status;
        if self.drain.is_draining() {
            self.outlet.outbound.close_after();
        }
        let Response { status, fields, body } = response;
        let (date, length) = (clock::date(self.account.received_at), body.length());
        let framing =
            self.outlet.head(|outbound, out| outbound.response(status, &fields, length, &date, out));
        async move {
            let sent = self.outlet.send(framing, body).await;
            self.conclude(&sent);
            sent
        }
    }

    /// Answers what is not understood, or not wanted. Nothing after it is: this answer is the last.
    async fn refuse(&mut self, intake: Box<Intake>, response: Response) -> After {
        self.outlet.outbound.close_after();
        if self.respond(Ok(response)).await.is_err() { After::Close } else { After::Linger(intake) }
    }

    /// Answers a request that comes `wait` too early. The connection goes on.
    async fn put_off(&mut self, intake: Box<Intake>, expects_continue: bool, wait: Duration) -> After {
        self.server.refusals.note(Refusal::Request, self.peer);
        // RFC 9110 §10.1.1: without 100 (Continue) the content may come or not.
        if expects_continue || !self.may_discard(&intake) {
            self.outlet.outbound.close_after();
        }
        let sent = self.respond(Ok(answer::to_haste(wait))).await;
        if sent.is_err() { After::Close } else { self.read_away(intake).await }
    }

    /// What is asked, as yet without content; its account is opened.
    fn admit(&mut self, head: RequestHead) -> Request {
        self.outlet.outbound.answer_to(&head);
        self.account = self.opened(Some(&head));
        let (peer, received_at) = (Some(self.peer), self.account.received_at);
        let interims = self.hearer(head.version);
        let RequestHead { method, target, fields, .. } = head;
        Request { method, target, fields, body: Body::Empty, peer, interims, received_at }
    }

    /// Who hears what is to be said before the answer to a request of that version: to HTTP/1.0 nothing is
    /// (RFC 9110 §15.2).
    fn hearer(&mut self, version: Version) -> Option<Arc<dyn HearInterim>> {
        if !self.server.forwards_interims || version != Version::Http11 {
            return None;
        }
        let early = self.early.get_or_insert_default();
        match Arc::get_mut(early) {
            Some(early) => early.clear(),
            // Who still has it would speak of the exchange before.
            None => *early = Arc::default(),
        }
        Some(Arc::clone(early) as Arc<dyn HearInterim>)
    }

    /// Whether what is left of the content is no more than is read away, as far as that is known.
    fn may_discard(&self, intake: &Intake) -> bool {
        let most = u64::try_from(self.server.patience.discard_bytes).unwrap_or(u64::MAX);
        intake.inbound.content_left().is_none_or(|left| left <= most)
    }

    /// Reads away what is left of the content, within limits (RFC 9112 §9.3), and turns.
    async fn read_away(&mut self, mut intake: Box<Intake>) -> After {
        let mut left = self.server.patience.discard_bytes;
        self.deadline.set(self.server.patience.discard);
        while self.outlet.outbound.is_persistent() && !intake.inbound.is_complete() {
            match self.deadline.guard(intake.event()).await {
                Ok(Ok(Event::Data(bytes))) if bytes.len() <= left => left -= bytes.len(),
                Ok(Ok(Event::End(_))) => {}
                Ok(Err(IntakeFault::Closed | IntakeFault::Connection(_))) => return After::Close,
                Ok(_) | Err(Expired) => return After::Linger(intake),
            }
        }
        self.turn(intake)
    }

    /// Goes on to the next exchange, or says how to close.
    fn turn(&mut self, mut intake: Box<Intake>) -> After {
        if turn(&mut intake.inbound, &mut self.outlet.outbound) {
            return After::Next(intake);
        }
        // RFC 9112 §9.6: a close by us alone would reset a client that sends on, and that may lose it
        // the answer; unless it has said itself that it sends no more.
        let says_last = intake.inbound.is_complete() && !intake.inbound.is_persistent();
        if says_last && intake.inbox.is_empty() { After::Close } else { After::Linger(intake) }
    }

    /// The account of an exchange that begins with that head, or with none.
    fn opened(&self, head: Option<&RequestHead>) -> Account {
        Account {
            asked: head.map(|head| self.asked(head)),
            received_at: clock::now(),
            begun: self.server.observer.hears_exchanges().then(Instant::now),
            sent_before: self.outlet.sent(),
            content_before: self.outlet.content_sent(),
            status: StatusCode::OK,
        }
    }

    fn asked(&self, head: &RequestHead) -> Asked {
        let wants_fields = self.server.observer.wants_fields();
        Asked {
            method: head.method.clone(),
            target: head.target.clone(),
            version: match head.version {
                Version::Http10 => http::Version::HTTP_10,
                Version::Http11 => http::Version::HTTP_11,
            },
            fields: wants_fields.then(|| Box::new(AskedFields::of(&head.fields))),
        }
    }

    /// Closes the account, and tells of it.
    fn conclude(&mut self, sent: &Result<(), Broken>) {
        let account = std::mem::take(&mut self.account);
        if sent.as_ref().is_err_and(Broken::is_slowness) {
            self.server.refusals.note(Refusal::Slowness, self.peer);
        }
        let ending = match sent {
            Ok(()) => Ending::Whole,
            Err(Broken::Connection(_)) => Ending::ClientGone,
            Err(Broken::Content(_) | Broken::Framing(_) | Broken::File(_) | Broken::Overwritten) => {
                Ending::Aborted
            }
        };
        let target = || account.asked.as_ref().map(|asked| field::display(&asked.target));
        if let Err(Broken::Content(failure)) = sent {
            tracing::warn!(target = target(), "response broken off: {failure}");
        } else if let Err(Broken::File(fault)) = sent {
            tracing::warn!(target = target(), "response broken off: {fault}");
        } else if let Err(Broken::Overwritten) = sent {
            tracing::warn!(
                target = target(),
                "response broken off: the file was written over while it was sent"
            );
        } else if let Err(Broken::Framing(fault)) = sent {
            tracing::error!(target = target(), "response broken off, a fault of ours: {fault}");
        }
        let Some(begun) = account.begun else { return };
        self.server.observer.exchange(&ExchangeRecord {
            peer: self.peer,
            asked: account.asked,
            received_at: account.received_at,
            status: account.status,
            sent: self.outlet.sent() - account.sent_before,
            content: self.outlet.content_sent().saturating_sub(account.content_before),
            elapsed: begun.elapsed(),
            ending,
        });
    }
}

fn request_in(event: Result<Event, IntakeFault>) -> Result<(RequestHead, Framing), NoRequest> {
    match event {
        Ok(Event::Request(head, framing)) => Ok((head, framing)),
        Err(IntakeFault::Protocol(fault)) => Err(NoRequest::Faulty(fault)),
        // Between requests no other event comes.
        Ok(_) | Err(IntakeFault::Closed | IntakeFault::Connection(_)) => Err(NoRequest::Over),
    }
}

/// What to say to a client that did not send the whole of its request; nothing if it has left.
fn answer_to_shortfall(shortfall: &Shortfall) -> Option<Response> {
    match shortfall {
        Shortfall::Faulty(fault) => Some(answer::to_fault(*fault)),
        Shortfall::Slow => Some(answer::to_slow_request()),
        Shortfall::Gone => None,
    }
}

/// What is remembered of an exchange while it lasts.
struct Account {
    asked: Option<Asked>,
    received_at: SystemTime,
    /// When it began, if it is to be told of.
    begun: Option<Instant>,
    sent_before: u64,
    content_before: u64,
    status: StatusCode,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            asked: None,
            received_at: SystemTime::UNIX_EPOCH,
            begun: None,
            sent_before: 0,
            content_before: 0,
            status: StatusCode::OK,
        }
    }
}

#[cfg(test)]
mod tests {
    use lab::Answers;

    use super::*;
    use crate::record::Unobserved;
    use crate::server::clients::Clients;

    /// What a connection takes as long as it lasts, were its service to take nothing. What is beside it (the
    /// system's handle, the runtime's, a timer) is about as much again.
    #[test]
    fn a_connection_has_no_room_for_what_is_rare() {
        fn size_of_output<I, F: Future>(_: impl FnOnce(I) -> F) -> usize {
            size_of::<F>()
        }
        let peer = SocketAddr::from(([192, 0, 2, 1], 1));
        let size =
            size_of_output(|(server, stream, drain): (Arc<Server<Answers, Unobserved>>, Stream, Drain)| {
                let visit = Clients::default().arrive(peer.ip()).unwrap();
                Talk::serve(server, Arrived::new((stream, peer)), visit, None, drain)
            });
        assert!(size <= 1536, "{size} bytes");
        assert!(size_of::<Intake>() <= 384, "{} bytes", size_of::<Intake>());
    }
}
